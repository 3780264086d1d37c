"""Stretches of one process's log that stand in it twice: rotated files that repeat the last lines of the one
before, a log that was put behind itself.

    cortex.log.1   start A, failure A, start B
    cortex.log               failure A, start B, failure B

Read as they stand they would make three lives of two, and count the failure of A for B. What is dropped is told
by a longer stretch, known by the exact times of its starts and failures; nothing else is.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Sequence

from msgspec.structs import replace

from analyzer.bundle.model import Place
from analyzer.case.copies import EXACT, MOST_ALIKE, MOST_NOTES, equal, same
from analyzer.facts import Stamp
from analyzer.logs.model import Event, FailureGroup, LogDigest, Segment

Logs = Sequence[tuple[LogDigest, Place]]


def told_again(logs: Logs) -> set[int]:
    """The ids of the segments that another one tells as a whole."""
    alike: dict[Hashable, list[tuple[LogDigest, Segment]]] = {}
    found: set[int] = set()
    segments = [(log, segment) for log, _ in logs for segment in log.segments]
    for log, segment in sorted(segments, key=lambda pair: -pair[1].lines):
        keys = list(_keys(segment))
        others = {id(other): (of, other) for key in keys for of, other in alike.get(key, ())}
        if any(_is_told(log, segment, of, other) for of, other in others.values()):
            found.add(id(segment))
            continue
        for key in keys:
            held = alike.setdefault(key, [])
            if len(held) < MOST_ALIKE:
                held.append((log, segment))
    return found


def notes(logs: Logs, again: Container[int]) -> list[str]:
    """What was left out, in words."""
    told = [
        f"{log.member}: lines {segment.first_line} to {segment.last_line} stand in this process's logs twice: they are counted once"
        for log, _ in logs
        for segment in log.segments
        if id(segment) in again
    ]
    return told if len(told) <= MOST_NOTES else [f"{told[0]} (and {len(told) - 1} more)"]


def _keys(segment: Segment) -> Iterator[Hashable]:
    if segment.start is not None and segment.start.stamp is not None:
        yield "start", segment.start.stamp.ns
    for group in segment.failures:
        if group.last is not None:
            yield group.operation, group.errno, group.last.ns
    if segment.last is not None:
        yield "last", segment.last.ns


def _is_told(log: LogDigest, segment: Segment, of: LogDigest, other: Segment) -> bool:
    if segment.start is None:
        # Of one file, a quiet stretch may be of a second process that wrote at the same moment.
        return (log is not of or bool(segment.failures)) and same(segment, other)
    start, begun = segment.start, other.start
    if begun is None or not _exact(start.stamp) or not equal(start.stamp, begun.stamp):
        return False
    if start.fields.get("product") != begun.fields.get("product"):
        return False
    if segment.last is None or other.last is None or segment.last > other.last:
        return False
    return all(any(_covers(whole, group) for whole in other.failures) for group in segment.failures)


def _covers(whole: FailureGroup, part: FailureGroup) -> bool:
    if not _alike(whole, part):
        return False
    if whole.first is None or whole.last is None or part.first is None or part.last is None:
        return False
    return whole.first <= part.first and part.last <= whole.last and part.lines <= whole.lines


def _exact(stamp: Stamp | None) -> bool:
    return stamp is not None and stamp.digits >= EXACT


def overlapping(segment: Segment, last: Stamp | None) -> bool:
    """Whether a stretch that goes on with a life does not begin after the life's last line so far."""
    return segment.first is not None and last is not None and _exact(last) and segment.first <= last


def repeated_event(event: Event, events: Sequence[Event]) -> bool:
    """Whether a life has an event already."""
    return _exact(event.stamp) and any(
        event.kind == held.kind
        and event.evidence.text == held.evidence.text
        and equal(event.stamp, held.stamp)
        for held in events
    )


def not_repeated(
    group: FailureGroup, segment: Segment, failures: Sequence[FailureGroup]
) -> FailureGroup | None:
    """What of a group of a segment a life does not have already: none where no line of it is later than the
    life's, and without the lines that stand in both, as far as their times are known."""
    if segment.first is None or not _exact(group.last):
        return group
    texts = {evidence.text for evidence in group.evidence}
    for held in failures:
        if not _alike(held, group) or held.first is None or held.last is None or held.last < segment.first:
            continue
        if _covers(held, group) and equal(held.last, group.last) and held.evidence[-1].text in texts:
            return None
        if held.first > segment.first:
            return _without(group, held.lines)
        again = [
            e for e in held.evidence if e.time is not None and e.time >= segment.first and e.text in texts
        ]
        return _without(group, len(again))
    return group


def _without(group: FailureGroup, lines: int) -> FailureGroup:
    lines = min(lines, group.lines - 1)
    single = group.members == group.count == group.lines and not group.sizes
    failures = group.count - lines if single else group.count
    return replace(
        group, lines=group.lines - lines, count=failures, members=failures if single else group.members
    )


def _alike(one: FailureGroup, two: FailureGroup) -> bool:
    return (one.operation, one.errno, one.tenant) == (two.operation, two.errno, two.tenant)
