"""The same log twice: ``kubectl logs`` beside the node's own file, a copy, an archive packed twice.

A log read twice would make two lives of one, and two failing lives where there was one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from analyzer.bundle.model import Place
from analyzer.facts import Stamp
from analyzer.logs.model import FailureGroup, LogDigest, Segment

MOST_NOTES = 5  # copies that are named one by one
MOST_ALIKE = 32  # logs that share a moment and are compared; more are those of many processes
EXACT = 3  # digits after the second from which on two processes do not share a moment

Key = tuple[object, ...]
Name = tuple[str, str]  # a digest's key


def without_copies(logs: Sequence[LogDigest], places: dict[Name, Place]) -> tuple[list[LogDigest], list[str]]:
    """The logs in their order without those whose every life another log tells, and what was left out in
    words. What a copy's place tells is added to ``places`` of the one that stays.
    """
    kept: set[Name] = set()
    by_key: dict[Key, list[LogDigest]] = {}
    notes: list[str] = []
    for log in sorted(
        logs, key=lambda log: (-log.lines, -_told(places[log.key]), len(log.member), log.member)
    ):
        keys = list(_keys(log))
        candidates = {id(other): other for key in keys for other in by_key.get(key, ())}.values()
        whole = next((other for other in candidates if _is_copy(log, other, places)), None)
        if whole is not None:
            places[whole.key] = _fill(places[whole.key], places[log.key])
            notes.append(f"{log.member} holds the same lines as {whole.member}: they are counted once")
            continue
        kept.add(log.key)
        for key in keys:
            alike = by_key.setdefault(key, [])
            if len(alike) < MOST_ALIKE:
                alike.append(log)
    if len(notes) > MOST_NOTES:
        notes = [f"{len(notes)} logs are copies and counted once, such as: {notes[0]}"]
    return [log for log in logs if log.key in kept], notes


def _keys(log: LogDigest) -> Iterator[Key]:
    """Moments that a copy shares: starts, last failures, or the stretch of time."""
    found = False
    for segment in log.segments:
        if segment.start is not None and segment.start.stamp is not None:
            found = True
            yield ("start", segment.start.stamp.ns)
        for group in segment.failures:
            if group.last is not None:  # the first may stand before a tail begins
                found = True
                yield ("failure", group.operation, group.errno, group.last.ns)
    if not found and log.first is not None and log.last is not None:
        yield ("stretch", log.first.ns, log.last.ns)


def _is_copy(log: LogDigest, other: LogDigest, places: dict[Name, Place]) -> bool:
    """Whether ``other`` tells all that ``log`` does, of the same process as far as their places tell."""
    if log.member == other.member:
        return False  # two sources of one member
    one, two = places[log.key], places[other.key]
    told = (
        (one.host, two.host),
        (one.node, two.node),
        (one.namespace, two.namespace),
        (one.pod, two.pod),
        (one.container, two.container),
    )
    if any(a and b and a != b for a, b in told):
        return False
    if log.segments and all(_is_told(segment, other.segments) for segment in log.segments):
        return True
    return _is_excerpt(log, other)


def _is_excerpt(log: LogDigest, other: LogDigest) -> bool:
    """Whether a log holds but some lines of another (``grep level=error``), of several of its lives perhaps: each
    start, event and failure of it stands there, at the same exact moment, and at least one does."""
    starts, events, failures = _moments(other)
    some = False
    for segment in log.segments:
        if segment.start is not None and (
            segment.start.stamp is None or segment.start.stamp.ns not in starts
        ):
            return False
        for event in segment.events:
            if (
                event.stamp is None
                or event.stamp.digits < EXACT
                or (event.kind, event.stamp.ns) not in events
            ):
                return False
        for group in segment.failures:
            whole = failures.get((group.errno, group.tenant))
            if whole is None or not whole.holds(group):
                return False
            some = True
    return some


class _Whole(Struct):
    """The failures of one errno and tenant in all lives of a log."""

    lines: int = 0
    first: int = 1 << 63
    lasts: set[int] = field(default_factory=set)
    sizes: set[int] = field(default_factory=set)

    def holds(self, group: FailureGroup) -> bool:
        """Whether all that is known of a group's lines is of these."""
        if group.first is None or group.last is None or group.last.digits < EXACT:
            return False
        within = self.first <= group.first.ns and group.last.ns in self.lasts
        return within and group.lines <= self.lines and self.sizes.issuperset(group.sizes)


def _moments(
    log: LogDigest,
) -> tuple[set[int], set[tuple[str, int]], dict[tuple[str | None, str | None], _Whole]]:
    """When each start, event and failure of a log was."""
    starts: set[int] = set()
    events: set[tuple[str, int]] = set()
    failures: dict[tuple[str | None, str | None], _Whole] = {}
    for segment in log.segments:
        if segment.start is not None and segment.start.stamp is not None:
            starts.add(segment.start.stamp.ns)
        events.update((event.kind, event.stamp.ns) for event in segment.events if event.stamp is not None)
        for group in segment.failures:
            whole = failures.setdefault((group.errno, group.tenant), _Whole())
            whole.lines += group.lines
            whole.sizes.update(group.sizes)
            if group.first is not None and group.last is not None:
                whole.first = min(whole.first, group.first.ns)
                whole.lasts.add(group.last.ns)
    return starts, events, failures


def _is_told(segment: Segment, others: Iterable[Segment]) -> bool:
    return any(same(segment, other) for other in others)


def same(segment: Segment, other: Segment) -> bool:
    """Whether both are of one life, and ``other`` holds the failures of ``segment``."""
    if segment.first is None or other.first is None or segment.last is None or other.last is None:
        return False
    exact = segment.first.digits >= EXACT
    if segment.start is not None:
        if other.start is None or not equal(segment.start.stamp, other.start.stamp):
            return False
        if segment.start.fields.get("product") != other.start.fields.get("product"):
            return False
        exact = segment.start.stamp is not None and segment.start.stamp.digits >= EXACT
    if not exact and (segment.lines, segment.first.ns, segment.last.ns) != (
        other.lines,
        other.first.ns,
        other.last.ns,
    ):
        return False
    if segment.first.ns < other.first.ns or segment.last.ns > other.last.ns:
        return False
    failures = {(g.operation, g.errno, g.tenant, g.last.ns if g.last else None) for g in segment.failures}
    if not failures and segment.start is None and not equal(segment.last, other.last):
        return False
    return failures <= {
        (g.operation, g.errno, g.tenant, g.last.ns if g.last else None) for g in other.failures
    }


def equal(one: Stamp | None, two: Stamp | None) -> bool:
    return one is not None and two is not None and one.ns == two.ns


def _told(place: Place) -> int:
    """How much a place tells."""
    told = (place.host, place.namespace, place.pod, place.container, place.container_id, place.restart)
    return sum(value is not None for value in told) - place.previous


def _fill(own: Place, other: Place) -> Place:
    """What a copy's place tells beyond that of the log itself."""
    return replace(
        own,
        host=own.host or other.host,
        node=own.node or other.node,
        namespace=own.namespace or other.namespace,
        pod=own.pod or other.pod,
        container=own.container or other.container,
        container_id=own.container_id or other.container_id,
    )
