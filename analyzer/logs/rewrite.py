"""Changes to all evidence of a digest at once: where it stands, or when it was."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from analyzer.facts import Evidence
from analyzer.logs.model import Event, KernelLog, LogDigest, Segment

Change = Callable[[Evidence], Evidence]


def change_log(digest: LogDigest, change: Change) -> None:
    """Put every evidence of ``digest`` through ``change``, in place; events take its time as theirs."""
    for segment in digest.segments:
        change_segment(segment, change)
    if digest.kernel is not None:
        change_kernel(digest.kernel, change)


def change_segment(segment: Segment, change: Change) -> None:
    """The same for one segment."""
    segment.events = [_event(event, change) for event in segment.events]
    segment.start = _event(segment.start, change) if segment.start is not None else None
    segment.last_record = change(segment.last_record) if segment.last_record is not None else None
    for group in segment.failures:
        group.evidence = [change(evidence) for evidence in group.evidence]


def change_kernel(log: KernelLog, change: Change) -> None:
    """The same for a kernel log."""
    events = []
    for event in log.events:
        evidence = change(event.evidence)
        events.append(replace(event, stamp=evidence.time, evidence=evidence))
    log.events = events


def _event(event: Event, change: Change) -> Event:
    evidence = change(event.evidence)
    return replace(event, stamp=evidence.time, evidence=evidence)


def renumber(digest: LogDigest, number: Callable[[int], int]) -> None:
    """Lines were counted in the order of reading: give them their place in the member."""

    def change(evidence: Evidence) -> Evidence:
        return evidence if evidence.line is None else replace(evidence, line=number(evidence.line))

    change_log(digest, change)
    for segment in digest.segments:
        segment.first_line = number(segment.first_line)
        segment.last_line = number(segment.last_line)
        for group in segment.failures:
            group.first_line = number(group.first_line)
