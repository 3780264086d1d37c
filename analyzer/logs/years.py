"""The year of stamps that were written without one, given after the whole bundle was read.

    Nov 22 21:36:00 node1 cortex[4321]: level=info ...      syslog and the journal's short form

Until then such stamps stand in a placeholder year; see :func:`analyzer.clock.settle_year`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from analyzer.clock import settle_year
from analyzer.facts import Evidence, Stamp
from analyzer.logs.fold import MINUTE
from analyzer.logs.model import Event, FailureGroup, KernelLog, LogDigest, Segment


def settle_log(digest: LogDigest, reference: Stamp) -> None:
    """Give every stamp of ``digest`` its year, by the bundle's clock ``reference``. In place."""
    digest.first, digest.last = _in_order(_settle(digest.first, reference), _settle(digest.last, reference))
    for segment in digest.segments:
        _settle_segment(segment, reference)
    if digest.kernel is not None:
        settle_kernel(digest.kernel, reference)


def settle_kernel(log: KernelLog, reference: Stamp) -> None:
    """The same for a kernel log."""
    log.first, log.last = _in_order(_settle(log.first, reference), _settle(log.last, reference))
    log.events = [
        replace(event, stamp=_settle(event.stamp, reference), evidence=_evidence(event.evidence, reference))
        for event in log.events
    ]


def _settle(stamp: Stamp | None, reference: Stamp) -> Stamp | None:
    return None if stamp is None else settle_year(stamp, reference)


def _in_order(first: Stamp | None, last: Stamp | None) -> tuple[Stamp | None, Stamp | None]:
    """A range over New Year was the wrong way round while both ends stood in one year."""
    if first is not None and last is not None and last < first:
        return last, first
    return first, last


def _evidence(evidence: Evidence, reference: Stamp) -> Evidence:
    settled = _settle(evidence.time, reference)
    return evidence if settled is evidence.time else replace(evidence, time=settled)


def _event(event: Event, reference: Stamp) -> Event:
    return replace(
        event, stamp=_settle(event.stamp, reference), evidence=_evidence(event.evidence, reference)
    )


def _settle_segment(segment: Segment, reference: Stamp) -> None:
    yearless = segment.first is not None and segment.first.assumed == "year"
    segment.events = [_event(event, reference) for event in segment.events]
    segment.start = _event(segment.start, reference) if segment.start is not None else None
    for group in segment.failures:
        _settle_group(group, reference)
    segment.first, segment.last = _in_order(
        _settle(segment.first, reference), _settle(segment.last, reference)
    )
    if segment.last_record is not None:
        segment.last_record = _evidence(segment.last_record, reference)
    if yearless:
        for name, minutes in segment.per_minute.items():
            segment.per_minute[name] = Counter(
                {_minute(minute, reference): lines for minute, lines in minutes.items()}
            )


def _settle_group(group: FailureGroup, reference: Stamp) -> None:
    group.first, group.last = _in_order(_settle(group.first, reference), _settle(group.last, reference))
    group.evidence = [_evidence(evidence, reference) for evidence in group.evidence]


def _minute(minute: int, reference: Stamp) -> int:
    """The minute of a placeholder year in its own; one that has its year already stays."""
    stamp = Stamp(minute * MINUTE, None, 0, "year")
    return settle_year(stamp, reference).ns // MINUTE if stamp.datetime().year == 2000 else minute
