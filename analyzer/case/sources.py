"""One log member in which several processes write becomes one log for each of them.

    [pod/ingester-0/ingester] ts=... msg="Cortex started"            kubectl logs --prefix -l app=ingester, stern,
    [pod/ingester-1/ingester] panic: ...: too many open files        compose, a journal of several units, Loki

A failure of one pod said of another would be a wrong verdict, confirmed. A member of one process stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter

from msgspec import Struct, field
from msgspec.structs import replace

from analyzer.logs.model import Event, FailureGroup, LogDigest, Segment
from analyzer.logs.writers import Hints, is_supervisor, source_of, spoken_of


class _Writer(Struct):
    """One process: what it is called, all that was stated of it, and what it wrote."""

    source: Hints
    stated: set[tuple[str, str]] = field(default_factory=set)
    placed: list[tuple[int, Segment]] = field(default_factory=list)  # by their place in the log

    @property
    def segments(self) -> list[Segment]:
        """What it wrote, in the log's order."""
        return [segment for _, segment in sorted(self.placed, key=itemgetter(0))]

    def take(self, placed: Iterable[tuple[int, Segment]]) -> None:
        """More that it wrote."""
        for place, segment in placed:
            self.placed.append((place, segment))
            self.stated.update(segment.hints)
            self.stated.update(source_of(segment.hints))
            self.stated.update(("name", value) for name, value in segment.hints if name == "identifier")

    @property
    def speaks(self) -> bool:
        """Whether it wrote more than unremarkable lines."""
        return any(
            segment.start is not None
            or segment.events
            or segment.failures
            or segment.healthy
            or segment.healthy_dropped
            or segment.tenants
            for _, segment in self.placed
        )


def apart(log: LogDigest) -> list[LogDigest]:
    """The log itself where one process wrote it; else one log for each process that says something."""
    writers = _writers(log)
    if len(writers) < 2:
        own = writers[0].segments if writers else log.segments
        return [log] if len(own) == len(log.segments) else [replace(log, segments=own)]
    speaking = [writer for writer in writers if writer.speaks]
    if not speaking:
        named = all("pod" in dict(writer.source) for writer in writers)
        return [_of(log, writer) for writer in writers] if named else [log]
    return [_of(log, writer) for writer in speaking]


def name_of(log: LogDigest) -> str:
    """What the framing calls the one process that a log is of; empty where it does not say."""
    if log.source:
        return log.source
    writers = _writers(log)
    return _label(writers[0].source) if len(writers) == 1 else ""


def unit_of(log: LogDigest) -> str | None:
    """The unit, or the name it logs under, of one of several processes of a host."""
    return log.hints.get("name") if log.source else None


def _writers(log: LogDigest) -> list[_Writer]:
    """The processes that wrote a member, without the programs that only run and watch them."""
    writers: dict[Hints, _Writer] = {}
    watching: list[tuple[int, Segment]] = []
    for place, segment in enumerate(log.segments):
        if is_supervisor(segment.hints):
            watching.append((place, segment))
            continue
        source = source_of(segment.hints)
        writers.setdefault(source, _Writer(source)).take([(place, segment)])
    for source in sorted(writers, key=len):
        into = _fuller(writers[source], writers.values())
        if into is not None:
            into.take(writers.pop(source).placed)
    for place, segment in watching:
        for source, said in _said_of(segment, list(writers)):
            writers[source].placed.append((place, said))
    return list(writers.values())


def _fuller(writer: _Writer, writers: Iterable[_Writer]) -> _Writer | None:
    """The only writer of which all that is stated of this one is stated too: lines that lost a label, or that
    a shipper did not mark, are its. Lines without any mark are not counted as another's that says nothing."""
    others = [other for other in writers if other is not writer]
    if not writer.source and any(other.speaks for other in others):
        others = [other for other in others if other.speaks]
    found = [other for other in others if other.stated.issuperset(writer.source)]
    return found[0] if len(found) == 1 else None


def _said_of(segment: Segment, sources: list[Hints]) -> Iterator[tuple[Hints, Segment]]:
    """What a supervisor says in a stretch of log of its own, by the one process that it can only speak of."""
    if len(sources) == 1 and not (segment.events or segment.failures):
        yield sources[0], segment
        return
    events: dict[Hints, list[Event]] = {}
    failures: dict[Hints, list[FailureGroup]] = {}
    for event in segment.events:
        named = spoken_of(event.evidence.text, sources)
        if len(named) == 1:
            events.setdefault(named[0], []).append(event)
    for group in segment.failures:
        named = spoken_of(group.evidence[0].text if group.evidence else "", sources)
        if len(named) == 1:
            failures.setdefault(named[0], []).append(group)
    for source in {**events, **failures}:
        own, lost = events.get(source, []), failures.get(source, [])
        whole = (own, lost) == (segment.events, segment.failures)
        yield source, segment if whole else replace(segment, events=own, failures=lost)


def _label(source: Hints) -> str:
    return "/".join(value for _, value in source)


def _of(log: LogDigest, writer: _Writer) -> LogDigest:
    """What one of its processes says in a log."""
    segments = writer.segments
    firsts = [segment.first for segment in segments if segment.first is not None]
    lasts = [segment.last for segment in segments if segment.last is not None]
    eras: Counter[str] = Counter()
    products: Counter[str] = Counter()
    for segment in segments:
        products.update(segment.products)
        for group in segment.failures:
            if group.era:
                eras[group.era] += group.lines
    products.pop("", None)
    return replace(
        log,
        source=_label(writer.source) or "unmarked",
        segments=segments,
        kernel=None,
        hints=dict(writer.stated) | dict(writer.source),
        records=sum(segment.records for segment in segments),
        lines=sum(segment.lines for segment in segments),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        eras=eras,
        products=products,
        warnings=[],
    )
