"""Failures and events of one log are folded into its segments while it is read, with flat memory.

One failed start is logged up to three times (``unable to open TSDB``, ``error while opening existing
TSDBs``, ``module failed``): these are one failure and three lines. A failing compaction is a new failure
each time. What can grow with the log is bounded, and what passes a bound is counted and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import filterfalse
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from analyzer.facts import Evidence, Stamp
from analyzer.logs.model import Event, FailureGroup, Known, LogDigest, Record, Segment
from analyzer.logs.observation import Observation
from analyzer.logs.operations import OPENS
from analyzer.logs.sizes import keep_ends, wider

MAX_GROUPS = 10_000  # in a member; failures beyond are folded without their tenant
MAX_EVENTS_OF_KIND = 2_000  # in a segment
MAX_KEYS = 50_000  # failures of one start that copies are known by
MAX_FIRST = 1_000  # failures of a life without a banner that may be copies of another log's
MAX_HEADS = 1_000  # failures of one life that cut copies are known by
HEADS = (400, 200)  # characters of a text that is cut, wherever that is, that tell what it is a copy of
MAX_SIZES = 4096  # of a group
FEW_SIZES = 16  # that each group keeps, however many all groups have
MAX_ALL_SIZES = 200_000  # of a member
MAX_PATHS = 32
MAX_ULIDS = 10_000  # of a group
FEW_ULIDS = 16  # that each group keeps, however many all groups have
MAX_ALL_ULIDS = 200_000  # of a member
MAX_TENANTS = 100_000
QUOTE_LIMIT = 1000  # characters of a line that evidence quotes
EXHAUSTED = frozenset(("ENOMEM", "EAGAIN"))

GroupKey = tuple[str, str | None, str | None, str | None]


class Head(Struct):
    """A failure known by how its text begins: by the first ``reach`` characters. ``cut`` if no more of it is known,
    ``shared`` if one of another group begins the same. What it has added to its group."""

    group: FailureGroup
    reach: int
    cut: bool
    members: int
    sizes: Counter[int]
    shared: bool = False


class Life(Struct):
    """A segment while it is read. ``groups`` and ``keys`` find the group of a failure and of its
    copies; ``refused`` is set by the first ENOMEM, which ends the count of healthy blocks. ``first`` holds, by
    key, the failures of a life without a banner: it may go on where a rotated log ends, and copy what stands
    there."""

    segment: Segment
    groups: dict[GroupKey, FailureGroup] = field(default_factory=dict)
    keys: dict[str, FailureGroup] = field(default_factory=dict)
    most: dict[GroupKey, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    refused: bool = False
    first: dict[str, Observation] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)  # by the beginning of a long text

    @property
    def banner_cut(self) -> bool:
        """Whether further failures are to be kept in ``first``."""
        return self.segment.start is None and len(self.first) < MAX_FIRST

    def settle(self) -> None:
        """Keep in the segment by what copies of its failures in the log that follows are known, and which of
        its own may be copies of what stands in the log before."""
        places = {id(group): place for place, group in enumerate(self.segment.failures)}
        for key, group in self.keys.items():
            known = self.segment.known[key] = Known(places[id(group)])
            found = self.first.get(key)
            if found is not None:
                known.members, known.sizes, known.errnos = found.members, found.sizes, found.errnos
                known.sizes_dropped = found.sizes_dropped

    @property
    def blank(self) -> bool:
        """Whether nothing but unremarkable lines stand in it."""
        segment = self.segment
        return not (segment.events or segment.failures or segment.healthy or segment.start)


def quote(text: str) -> str:
    """What evidence shows of a line."""
    return text if len(text) <= QUOTE_LIMIT else text[:QUOTE_LIMIT] + " [...]"


class Spot(Struct, frozen=True):
    """Where a failure that may be a copy of another belongs; ``fresh``: it is none."""

    group: FailureGroup
    fresh: bool


class Span(Protocol):
    """What has a first and a last time: a digest, a segment, a group of failures."""

    first: Stamp | None
    last: Stamp | None
    undated: tuple[Stamp, Stamp] | None


def widen(span: Span, stamp: Stamp | None) -> None:
    """Widen a span to a time. Times without a year are taken in the order of reading: over New Year
    their order in the placeholder year is the wrong one. Beside times that have one they wait for theirs."""
    if stamp is None:
        return
    first, last = span.first, span.last
    if first is None or last is None:
        span.first = span.last = stamp
    elif stamp.assumed == "year" or last.assumed == "year":
        _widen_undated(span, stamp, first, last)
    elif stamp.ns < first.ns:
        span.first = stamp
    elif stamp.ns > last.ns:
        span.last = stamp


def _widen_undated(span: Span, stamp: Stamp, first: Stamp, last: Stamp) -> None:
    """The same where the time, or those of the span, have no year."""
    if stamp.assumed != "year":
        span.undated = (first, last)
        span.first = span.last = stamp
    elif last.assumed == "year":
        span.last = stamp
    else:
        span.undated = (span.undated[0] if span.undated else stamp, stamp)


def _key_of(found: Observation | FailureGroup) -> GroupKey:
    return found.operation, found.file_kind, found.errno, found.tenant


def _settled(life: Life, group: FailureGroup, found: Observation) -> bool:
    """Whether of the group's evidence a line like this can only become the last."""
    return len(group.evidence) == 3 and life.most[_key_of(group)] >= found.members


def _heads(found: Observation) -> list[str]:
    """How a long text begins, as much of it as may be compared with that of a text that was cut."""
    return [found.sample[:size] for size in HEADS if size <= len(found.sample)]


def _keep_heads(life: Life, found: Observation, group: FailureGroup, cut: bool) -> None:
    if len(life.heads) >= MAX_HEADS:
        return
    head = Head(group, len(found.sample), cut, found.members, Counter(found.sizes))
    for text in _heads(found):
        other = life.heads.setdefault(text, head)
        other.shared = other.shared or other.group is not group


def _head_of(life: Life, found: Observation, cut: bool) -> Head | None:
    """The failure of which this is a copy, as far as both are known, where one of the two was cut."""
    for text in _heads(found):
        head = life.heads.get(text)
        if head is None or head.shared or not (cut or head.cut):
            continue
        known = min(len(found.sample), head.reach)
        if len(text) == max(size for size in HEADS if size <= known):
            return head
    return None


class Folder:
    """Folds what the lines of one member mean into its digest."""

    def __init__(self, digest: LogDigest) -> None:
        self._digest = digest
        self._groups = 0
        self._sizes = 0
        self._ulids = 0
        self._said: set[str] = set()

    def warn(self, text: str) -> None:
        """Say something about this member once."""
        if text not in self._said:
            self._said.add(text)
            self._digest.warnings.append(text)

    def event(self, life: Life, event: Event) -> None:
        """Keep an event; of one kind in one segment the first 2000."""
        segment = life.segment
        life.kinds[event.kind] += 1
        if life.kinds[event.kind] <= MAX_EVENTS_OF_KIND:
            segment.events.append(event)
        else:
            self._warn_full(event.kind)

    def full(self, life: Life, kinds: Iterable[str]) -> bool:
        """Whether further events of these kinds are only counted in a life."""
        return all(life.kinds[kind] >= MAX_EVENTS_OF_KIND for kind in kinds)

    def count_events(self, life: Life, kinds: Iterable[str], lines: int = 1) -> None:
        """Count events of kinds of which no more are kept."""
        for kind in kinds:
            life.kinds[kind] += lines
            self._warn_full(kind)

    def _warn_full(self, kind: str) -> None:
        self.warn(f"more than {MAX_EVENTS_OF_KIND} events of kind {kind} in one life: the rest was not kept")

    def place(self, life: Life, found: Observation, key: str) -> Spot | None:
        """Where a failure with this key belongs, which is known from then on; None where folding it changes
        more than counts, times and the last evidence."""
        group = life.keys.get(key)
        fresh = group is None
        if group is None:
            group = life.groups.get(_key_of(found))
        if group is None or not _settled(life, group, found) or (fresh and life.banner_cut):
            return None
        if fresh and len(life.keys) < MAX_KEYS:
            life.keys[key] = group
        return Spot(group, fresh)

    def failure(
        self,
        life: Life,
        found: Observation,
        record: Record,
        lines: int = 1,
        span: Iterable[Stamp] = (),
        spot: Spot | None = None,
    ) -> None:
        """Fold a failing line into the group it belongs to; or ``lines`` of them that mean the same: then
        ``found.sizes`` are those of all, ``record`` is the last, and ``span`` their times. Where they may be
        copies, ``spot`` says where all of them belong."""
        segment = life.segment
        copies = spot is None and found.operation in OPENS and found.key
        known = spot.group if spot is not None else life.keys.get(found.key) if copies else None
        cut = record.cut or not found.complete
        if known is None and copies:
            known = self._of_the_same_head(life, found, cut)
        if known is not None:
            group, key = known, _key_of(known)
        else:
            key, group = self._group(life, found, record)
            if copies and len(life.keys) < MAX_KEYS:
                life.keys[found.key] = group
                if life.banner_cut:  # an observation is good until the next line
                    life.first[found.key] = replace(
                        found, sizes=Counter(found.sizes), errnos=Counter(found.errnos), paths=[], ulids=[]
                    )
            if copies:
                _keep_heads(life, found, group, cut)
        if known is None or (spot is not None and spot.fresh):
            group.count += lines
            group.members += found.members * lines
            self._merge(group, found, lines)
        group.lines += lines
        group.complete = group.complete and found.complete
        group.fatal = group.fatal or found.fatal
        group.corrupt = group.corrupt or found.corrupt
        if found.file_kind == "go_heap" and found.sizes:
            group.asked = max(group.asked or 0, *found.sizes)
        for stamp in (*span, record.stamp):
            widen(group, stamp)
        self._evidence(life, key, group, found.members, record)
        if found.errno in EXHAUSTED:
            life.refused = True
        if found.era:
            self._digest.eras[found.era] += lines
        if found.tenant and len(segment.tenants) < MAX_TENANTS:
            segment.tenants.add(found.tenant)

    def _of_the_same_head(self, life: Life, found: Observation, cut: bool) -> FailureGroup | None:
        """The group of the failure that a cut text, or one of which a cut text is known, is a copy of; with what
        this one tells more of it."""
        head = _head_of(life, found, cut)
        if head is None:
            return None
        group = head.group
        if (found.members, found.sizes.total()) > (
            head.members,
            head.sizes.total(),
        ):  # a cut member has no size
            group.members += found.members - head.members
            self._merge_sizes(group, found.sizes - head.sizes)
            head.members, head.sizes = found.members, Counter(found.sizes)
        if found.declared is not None:
            group.declared = max(group.declared or 0, found.declared)
        head.cut = head.cut and cut
        if len(life.keys) < MAX_KEYS:
            life.keys[found.key] = group
        return group

    def wants_paths(self, life: Life, found: Observation, spot: Spot | None) -> bool:
        """Whether the group of a failure keeps more paths than it has."""
        group = spot.group if spot is not None else life.groups.get(_key_of(found))
        return group is None or len(group.paths) < MAX_PATHS

    def knows(self, life: Life, found: Observation) -> bool:
        """Whether the life has the group of a failure, or of what it is a copy of."""
        return _key_of(found) in life.groups or found.key in life.keys

    def settled(self, life: Life, found: Observation, events: Iterable[str]) -> bool:
        """Whether further lines of the kind change nothing but the counts, the times and the last evidence of
        their group."""
        if (found.errno in EXHAUSTED and not life.refused) or not self.full(life, events):
            return False
        group = life.groups.get(_key_of(found))
        return group is not None and _settled(life, group, found)

    def _group(self, life: Life, found: Observation, record: Record) -> tuple[GroupKey, FailureGroup]:
        key = _key_of(found)
        group = life.groups.get(key)
        if group is None and self._groups >= MAX_GROUPS:
            self.warn(f"more than {MAX_GROUPS} groups of failures: the rest is not told apart by tenant")
            key = (found.operation, found.file_kind, found.errno, None)
            group = life.groups.get(key)
        if group is None:
            self._groups += 1
            group = FailureGroup(*key, directory=found.directory, era=found.era, sample=found.sample)
            group.first_line = record.line
            life.groups[key] = group
            life.segment.failures.append(group)
        return key, group

    def _merge(self, group: FailureGroup, found: Observation, lines: int) -> None:
        self._merge_sizes(group, found.sizes)
        if found.dropped is not None:
            self._drop(group, found.sizes_dropped * lines, *found.dropped)
        if len(found.errnos) > 1:
            for errno, times in found.errnos.items():
                group.errnos[errno] += times * lines
        if found.declared is not None:
            group.declared = max(group.declared or 0, found.declared)
        if found.paths:
            for path in found.paths:
                if len(group.paths) < MAX_PATHS and path not in group.paths:
                    group.paths.append(path)
        for ulid in found.ulids:
            if ulid in group.ulids:
                continue
            if len(group.ulids) >= (MAX_ULIDS if self._ulids < MAX_ALL_ULIDS else FEW_ULIDS):
                self.warn("failures name more blocks than are kept: not all are told apart")
                break
            self._ulids += 1
            group.ulids.add(ulid)
        group.directory = group.directory or found.directory
        group.era = group.era or found.era

    def _merge_sizes(self, group: FailureGroup, more: Counter[int]) -> None:
        """Count sizes in the group; of those it does not hold, as many as it has room for."""
        sizes = group.sizes
        held = more.keys() & sizes.keys()
        for size in held:
            sizes[size] += more[size]
        if len(sizes) >= self._most_sizes():
            dropped = more.total() - sum([more[size] for size in held])
            if dropped:
                self._drop(group, dropped, min(more), max(more))
            return
        for size in filterfalse(held.__contains__, more):
            if len(sizes) < self._most_sizes():
                self._sizes += 1
                sizes[size] = more[size]
            else:
                self._drop(group, more[size], size, size)

    def _drop(self, group: FailureGroup, times: int, low: int, high: int) -> None:
        """Sizes for which there is no room, from ``low`` to ``high``: their ends are kept, see :meth:`finish`."""
        group.sizes_dropped += times
        group.dropped = wider(group.dropped, low, high)
        self.warn(
            "failures state more distinct sizes than are kept: the smallest and the largest are of all, the "
            "median is of those kept"
        )

    def finish(self) -> None:
        """All of the log is read: each group takes the ends of its sizes that it has not kept."""
        for segment in self._digest.segments:
            for group in segment.failures:
                group.sizes_dropped -= keep_ends(group.sizes, group.dropped)
                group.dropped = None

    def _most_sizes(self) -> int:
        return MAX_SIZES if self._sizes < MAX_ALL_SIZES else FEW_SIZES

    def _evidence(self, life: Life, key: GroupKey, group: FailureGroup, members: int, record: Record) -> None:
        """The first line, the line with most members, and the last."""
        quoted = Evidence(record.member, record.line, quote(record.text), record.stamp)
        evidence = group.evidence
        most = life.most.get(key)
        if most is None or not evidence:
            life.most[key] = members
            evidence.append(quoted)
        elif members > most:
            life.most[key] = members
            group.evidence = [evidence[0], quoted]
        elif len(evidence) < 3:
            evidence.append(quoted)
        else:
            evidence[2] = quoted
