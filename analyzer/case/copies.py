"""The same log twice: ``kubectl logs`` beside the node's own file, a copy, an archive packed twice.

A log read twice would make two lives of one, and two failing lives where there was one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from analyzer.bundle.model import Place
from analyzer.facts import Stamp
from analyzer.logs.model import LogDigest, Segment

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
    return bool(log.segments) and all(_is_told(segment, other.segments) for segment in log.segments)


def _is_told(segment: Segment, others: Iterable[Segment]) -> bool:
    return any(_same(segment, other) for other in others)


def _same(segment: Segment, other: Segment) -> bool:
    """Whether both are of one life, and ``other`` holds the failures of ``segment``."""
    if segment.first is None or other.first is None or segment.last is None or other.last is None:
        return False
    exact = segment.first.digits >= EXACT
    if segment.start is not None:
        if other.start is None or not _equal(segment.start.stamp, other.start.stamp):
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
    if not failures and segment.start is None and not _equal(segment.last, other.last):
        return False
    return failures <= {
        (g.operation, g.errno, g.tenant, g.last.ns if g.last else None) for g in other.failures
    }


def _equal(one: Stamp | None, two: Stamp | None) -> bool:
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
