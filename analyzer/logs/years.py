"""The year of stamps that were written without one, given after the whole bundle was read.

    Nov 22 21:36:00 node1 cortex[4321]: level=info ...      syslog and the journal's short form

Until then such stamps stand in a placeholder year. Where other lines of the same log have their year (the
records' own ``ts=``), it is theirs, see :func:`analyzer.clock.year_beside`; else it is that of the bundle's
clock, see :func:`analyzer.clock.settle_year`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from analyzer.clock import settle_year, year_beside
from analyzer.facts import NANOSECOND, Evidence, Stamp
from analyzer.logs.fold import Span
from analyzer.logs.model import KernelLog, LogDigest, Segment
from analyzer.logs.rewrite import Change, change_kernel, change_segment

MINUTE = 60 * NANOSECOND
QUARTER = 15  # minutes: zones are multiples of it
MOST_APART = 2  # minutes between a record's time and the time at which it was taken in
FARTHEST_ZONE = 14 * 60

Settle = Callable[[Stamp], Stamp]


def is_yearless(stamp: Stamp | None) -> bool:
    """Whether a time was written without its year."""
    return stamp is not None and stamp.assumed == "year"


def lacks_years(digest: LogDigest) -> bool:
    """Whether any time of ``digest`` was written without its year."""
    groups = (group for segment in digest.segments for group in segment.failures)
    spans: tuple[Span, ...] = (digest, *digest.segments, *groups)
    return any(span.undated is not None or is_yearless(span.last) for span in spans)


def has_years(digest: LogDigest) -> bool:
    """Whether times of ``digest`` were written with their year."""
    return digest.last is not None and not is_yearless(digest.last)


def settle_beside(digest: LogDigest) -> None:
    """Give every stamp of ``digest``, of which some have their year, that of the others. In place.

    Where lines with both kinds of time show the zone of those without a year, these become UTC.
    """
    first, last, zone = digest.first, digest.last, digest.undated_zone
    if first is None or last is None:
        return

    def settle(stamp: Stamp) -> Stamp:
        if zone is not None and stamp.assumed == "year":
            stamp = Stamp(stamp.ns - zone * MINUTE, zone, stamp.digits, stamp.assumed)
        return year_beside(stamp, first, last)

    _settle(digest, settle)


def zone_between(written: Stamp, known: Stamp | None) -> int | None:
    """Minutes by which ``written``, without a year or a zone, is ahead of UTC, if ``known`` is the same moment.

    None where both are not of one moment: zones differ by quarters of an hour, a line's two times by seconds.
    """
    if known is None or known.assumed:
        return None
    ahead = year_beside(written, known, known).ns - known.ns
    zone = round(ahead / (QUARTER * MINUTE)) * QUARTER
    near = abs(ahead - zone * MINUTE) <= MOST_APART * MINUTE
    return zone if near and abs(zone) <= FARTHEST_ZONE else None


def settle_log(digest: LogDigest, reference: Stamp) -> None:
    """Give every stamp of ``digest`` its year, by the bundle's clock ``reference``. In place."""
    _settle(digest, _by_clock(reference))


def _settle(digest: LogDigest, settle: Settle) -> None:
    _settle_span(digest, settle)
    for segment in digest.segments:
        _settle_segment(segment, settle)
    if digest.kernel is not None:
        change_kernel(digest.kernel, _change(settle))
        digest.kernel.first, digest.kernel.last = digest.first, digest.last


def settle_kernel(log: KernelLog, reference: Stamp) -> None:
    """The same for a kernel log."""
    settle = _by_clock(reference)
    ends = sorted(settle(stamp) for stamp in (log.first, log.last) if stamp is not None)
    log.first, log.last = (ends[0], ends[-1]) if ends else (None, None)
    change_kernel(log, _change(settle))


def _by_clock(reference: Stamp) -> Settle:
    return lambda stamp: settle_year(stamp, reference)


def _change(settle: Settle) -> Change:
    def change(evidence: Evidence) -> Evidence:
        if evidence.time is None or evidence.time.assumed != "year":
            return evidence
        return replace(evidence, time=settle(evidence.time))

    return change


def _settle_span(span: Span, settle: Settle) -> None:
    """Both ends in their years. A range over New Year was the wrong way round in the placeholder."""
    stamps = (span.first, span.last, *(span.undated or ()))
    ends = sorted(settle(stamp) for stamp in stamps if stamp is not None)
    span.first, span.last = (ends[0], ends[-1]) if ends else (None, None)
    span.undated = None


def _settle_segment(segment: Segment, settle: Settle) -> None:
    change_segment(segment, _change(settle))
    _settle_span(segment, settle)
    for group in segment.failures:
        _settle_span(group, settle)
