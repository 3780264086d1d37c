"""The year of stamps that were written without one, given after the whole bundle was read.

    Nov 22 21:36:00 node1 cortex[4321]: level=info ...      syslog and the journal's short form

Until then such stamps stand in a placeholder year; see :func:`analyzer.clock.settle_year`.
"""

from __future__ import annotations

from msgspec.structs import replace

from analyzer.clock import settle_year
from analyzer.facts import Evidence, Stamp
from analyzer.logs.model import KernelLog, LogDigest, Segment
from analyzer.logs.rewrite import Change, change_kernel, change_segment

Range = tuple[Stamp | None, Stamp | None]


def settle_log(digest: LogDigest, reference: Stamp) -> None:
    """Give every stamp of ``digest`` its year, by the bundle's clock ``reference``. In place."""
    digest.first, digest.last = _range(digest.first, digest.last, reference)
    for segment in digest.segments:
        _settle_segment(segment, reference)
    if digest.kernel is not None:
        settle_kernel(digest.kernel, reference)


def settle_kernel(log: KernelLog, reference: Stamp) -> None:
    """The same for a kernel log."""
    log.first, log.last = _range(log.first, log.last, reference)
    change_kernel(log, _change(reference))


def _change(reference: Stamp) -> Change:
    def change(evidence: Evidence) -> Evidence:
        if evidence.time is None or evidence.time.assumed != "year":
            return evidence
        return replace(evidence, time=settle_year(evidence.time, reference))

    return change


def _range(first: Stamp | None, last: Stamp | None, reference: Stamp) -> Range:
    """Both ends in their years. A range over New Year was the wrong way round in the placeholder."""
    ends = sorted(settle_year(stamp, reference) for stamp in (first, last) if stamp is not None)
    return (ends[0], ends[-1]) if ends else (None, None)


def _settle_segment(segment: Segment, reference: Stamp) -> None:
    change_segment(segment, _change(reference))
    segment.first, segment.last = _range(segment.first, segment.last, reference)
    for group in segment.failures:
        group.first, group.last = _range(group.first, group.last, reference)
