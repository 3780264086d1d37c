"""Storms of failures: lines of one block that differ in times, sizes and file names alone are folded together.

    ts=...16.310Z ... org_id=team-047 msg="compaction failed" err="...: mmap, size 509488: cannot allocate memory"
    ts=...16.311Z ... org_id=team-403 msg="compaction failed" err="...: mmap, size 18328: cannot allocate memory"

An ingester at its limit writes thousands of such lines a second. Without times, sizes, ULIDs and numbers of
files a block holds a few different lines, each many times. What such a line means was found when it was first met
(:mod:`analyzer.logs.repeats`); here the lines of a block are told apart in one pass, and those met before are
counted without being taken up one by one. Where nearly all are, the next block is looked at before it is scanned:
each error of a line costs the scan a call. A test holds the digest equal to that of the slow way.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

from analyzer import lazy
from analyzer.clock import parse_stamp
from analyzer.facts import Stamp
from analyzer.logs import repeats
from analyzer.logs.fold import Spot
from analyzer.logs.framing_types import Peeled
from analyzer.logs.leaf import WRITER_PREFIXES
from analyzer.logs.observation import Observation
from analyzer.logs.operations import OPENS
from analyzer.logs.repeats import ULID_LENGTH, Recalled, equal_names, key_of
from analyzer.logs.scan import Line, Scanner

Place = Callable[[Observation, str], Spot | None]

FEWEST_MATCHES = 100  # in the rest of a block, for it to be worth a look
MAX_KINDS = 4096
DENSE = 10  # of so many lines all but one must be folded, for a block to be looked at before it is scanned
# What stands for a time, a size and the start of a name; a block that holds these bytes itself is left alone.
_STAMP, _SIZE, _NAME = b"\x01", b"\x02", b"\x03"
# In UTC, so that times can be compared as text.
_STAMPS = lazy.pattern(rb"(20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)(?=Z)")
_SIZES, _ANY_SIZE = lazy.pattern(repeats.SIZE.encode()), lazy.pattern(repeats.ANY_SIZE.encode())
_NAMES, _NOISE = lazy.pattern(repeats.NAME.encode()), lazy.pattern(repeats.NOISE.encode())
_WRITER = lazy.pattern(repeats.WRITER.encode())
_WRITER_PREFIXES = tuple(prefix.encode() for prefix in WRITER_PREFIXES)
_LIST = b" errors: "
_INTEGERS = Decoder(list[int])


class Said(Struct):
    """What lines of one or several kinds say, the same but for times, sizes and names. ``copied``: each line is a
    failure, or a copy of one, by itself. ``shares`` are those that are not yet folded, ``lowest`` the
    earliest times folded so far, by where they belong."""

    recalled: Recalled
    framing: str
    copied: bool
    shares: dict[tuple[int, bool], Share] = field(default_factory=dict)
    lowest: dict[tuple[int, bool], bytes] = field(default_factory=dict)


class Kind(Struct):
    """Lines that differ in times, sizes and names alone. ``stamps``, ``sizes`` and ``names`` are how many of each
    stand in a line, ``stamp`` is the place of the record's own time. ``inner`` is what its key is made of,
    ``counted`` are the counted patterns that match in it."""

    said: Said
    inner: str
    counted: list[int]
    stamps: int
    stamp: int
    sizes: int
    names: int


class Share(Struct):
    """The lines of a run that say the same: their times and sizes, the names of each, the number and the text
    of the last. ``spot`` is where they belong, if they may be copies."""

    said: Said
    spot: Spot | None
    stamps: list[bytes] = field(default_factory=list)
    sizes: list[bytes] = field(default_factory=list)
    names: list[list[bytes]] = field(default_factory=list)
    number: int = 0
    raw: bytes = b""

    def failure(self, paths: bool) -> Observation:
        """What the lines say, with the sizes and the names of all, and with their paths if these are wanted; good
        until the next."""
        recalled = self.said.recalled
        failure = recalled.failure
        failure.sizes = Counter(_numbers(self.sizes))
        for size, times in recalled.staying.items():
            failure.sizes[size] += times * len(self.stamps)
        if self.names:
            lines = (line if len(line) == 1 else sorted(set(line)) for line in self.names)
            once = dict.fromkeys(name for line in lines for name in line if len(name) == ULID_LENGTH)
            failure.ulids = [ulid.decode() for ulid in once]
            if recalled.path is not None:
                named = ([name.decode() for name in line] for line in self.names) if paths else ()
                failure.paths = list(dict.fromkeys(map(recalled.path.filled, named)))
        return failure

    def span(self) -> tuple[list[Stamp], Stamp | None]:
        """The times that a span must be widened to, and that of the last line."""
        stamps, said = self.stamps, self.said
        last = stamps[-1]
        if len(stamps) == 1:
            return [], _parsed(last)
        low, high = min(stamps), max(stamps)
        span = [high] if high != last else []
        where = _where(self.spot)
        lowest = said.lowest.get(where)
        if lowest is None or low < lowest:
            span.append(low)
            said.lowest[where] = low
        return [stamp for stamp in map(_parsed, span) if stamp is not None], _parsed(last)


class Skimmed(Struct):
    """What was taken of a block that was not scanned: ``lines`` of them, up to ``offset``, and the counted patterns
    in them. ``on``: the line there is to be scanned alone, and the rest to be looked at again."""

    counted: list[int]
    lines: int
    offset: int
    on: bool


class _View(Struct):
    """The rest of a block as lines; ``offset`` and the fields behind it stand at the line ``at``. ``unscanned`` is
    the block's buffer where nothing is known of its matches."""

    first: int  # number of the first line
    lines: list[bytes]
    skeletons: list[bytes]
    stamps: list[bytes]
    sizes: list[bytes]
    names: list[bytes]
    unscanned: bytes | None
    offset: int  # in the buffer
    at: int = 0
    stamp: int = 0
    size: int = 0
    name: int = 0

    def holds(self, number: int) -> bool:
        """Whether a line is one of the view's, at its place or behind it."""
        return self.first + self.at <= number < self.first + len(self.lines)


class Storms:
    """Finds the storms of one log."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._kinds: dict[bytes, Kind] = {}
        self._said: dict[tuple[object, ...], Said] = {}
        self._block = -1  # of the scanner, that the view is of
        self._view: _View | None = None
        self._folded = 0  # lines of the view
        self._pending: list[Share] = []
        self.waiting = 0  # lines that are not yet folded

    @property
    def hot(self) -> bool:
        """Whether the next block may begin with lines of the storm of the last."""
        return self._view is not None

    def forget(self) -> None:
        """A new life has begun: its failures are told anew."""
        self._kinds.clear()
        self._said.clear()

    def take(self) -> list[Share]:
        """What was collected since the last time, in the order of the last lines; to be folded before another line
        is read."""
        shares, self._pending, self.waiting = self._pending, [], 0
        for share in shares:
            share.said.shares.clear()
        shares.sort(key=_number)
        return shares

    def skim(self, buffer: bytes, base: int, stop: int, place: Place) -> Skimmed:
        """Collect the lines at the start of a block, or of what is left of it, that are like lines known, though it
        was not scanned; none where too few lines are likely to be."""
        view = self._resumed(buffer, base)
        if view is None:
            last = self._view
            self._view = None
            if last is not None and self._folded * DENSE >= len(last.lines) * (DENSE - 1):
                view = self._taken_apart(buffer[base:stop], base, self._scanner.lines + 1, buffer)
            if view is None:
                return Skimmed([], 0, base, False)
            self._view, self._folded = view, 0
        begin = view.at
        counted: list[int] = []
        self._collect(view, place, counted)
        on = view.at < len(view.lines) and self._folded >= (view.at - self._folded) * DENSE
        if not on and view.at < len(view.lines):
            self._view = None
        return Skimmed(counted, view.at - begin, min(view.offset, stop), on)

    def _resumed(self, buffer: bytes, base: int) -> _View | None:
        """The view of a block that is being skimmed, at the line at ``base``."""
        view = self._view
        if view is None or view.unscanned is not buffer:
            return None
        while view.offset < base and view.at < len(view.lines):
            self._step(view)
        return view if view.offset == base and view.at < len(view.lines) else None

    def run(
        self, line: Line, peeled: Peeled, recalled: Recalled, settled: Callable[[], bool], place: Place
    ) -> None:
        """Collect the lines behind ``line`` that are like lines known; none of them is handed out any more.

        ``line`` was just read, ``peeled`` and ``recalled`` are what it is and means. It becomes known itself
        if ``settled`` says that further lines of its meaning may be folded together. ``place`` says where one
        belongs that may be a copy.
        """
        view = self._view
        skimmed = view is not None and view.unscanned is not None and view.holds(line.number)
        if self._block != self._scanner.block and not skimmed:
            self._block = self._scanner.block
            view = self._view = self._look(line)
            self._folded = 0
        if view is None:
            return
        index = line.number - view.first
        while view.at < index:
            self._step(view)
        skeleton = view.skeletons[index]
        if skeleton not in self._kinds:
            count = skeleton.count(_STAMP)
            stamps = view.stamps[view.stamp : view.stamp + count]
            kind = self._kind(line, recalled, peeled, stamps, skeleton) if settled() else None
            if kind is None:
                return
            if len(self._kinds) >= MAX_KINDS:
                self._kinds.clear()
            self._kinds[skeleton] = kind
        self._step(view)
        if not skimmed:
            self._collect(view, place)

    def _kind(
        self, line: Line, recalled: Recalled, peeled: Peeled, stamps: list[bytes], skeleton: bytes
    ) -> Kind | None:
        """The kind of a line; None where more may differ in it than its times, sizes and names, or where its time
        is not known for certain."""
        failure, sizes, names = recalled.failure, skeleton.count(_SIZE), skeleton.count(_NAME)
        if failure.file_kind == "go_heap" or not recalled.alone:
            return None
        if failure.sizes.total() != sizes + recalled.staying.total() or names != recalled.names:
            return None
        if len(stamps) > recalled.times + bool(peeled.stamp):
            return None
        places = [at for at, stamp in enumerate(stamps) if _parsed(stamp) == recalled.stamp]
        if len(places) != 1:
            return None
        _, counted = self._scanner.matches(line.raw)
        if counted.marks:
            return None
        same = _meaning(recalled, peeled.framing)
        said = self._said.get(same)
        if said is None:
            if len(self._said) >= MAX_KINDS:
                self._said.clear()
            said = self._said[same] = Said(recalled, peeled.framing, failure.operation in OPENS)
        return Kind(said, recalled.inner, counted.ids, len(stamps), places[0], sizes, names)

    def _look(self, line: Line) -> _View | None:
        """The rest of the block from ``line`` on, where it is worth it."""
        if self._scanner.waiting() < FEWEST_MATCHES:
            return None
        text, offset = self._scanner.ahead()
        return self._taken_apart(text, offset, line.number)

    @staticmethod
    def _taken_apart(text: bytes, offset: int, number: int, unscanned: bytes | None = None) -> _View | None:
        """Lines, the first with this offset and number, and what they are without times, sizes and names."""
        if _STAMP in text or _SIZE in text or _NAME in text:
            return None
        bare = _NOISE.sub(b"", text) if b"duration" in text or b"trace" in text else text
        parts = _STAMPS.split(bare)
        sized = _SIZES.split(_STAMP.join(parts[::2]))
        unsized = _SIZE.join(sized[::2])
        named = _NAMES.split(unsized) if b"/" in unsized or b"k 0" in unsized else [unsized]
        names = named[2::3]
        named[2::3] = [_NAME + b"#" * len(name) for name in names]
        skeletons, lines = b"".join(named).split(b"\n"), text.split(b"\n")
        if not lines[-1]:
            lines.pop()
            skeletons.pop()
        writers = _may_write(text)
        if writers:
            _mark_writers(skeletons, lines)
        if _LIST in text:
            skeletons = [
                _sorted(row) if _LIST in row and not (writers and _writes(raw)) else row
                for row, raw in zip(skeletons, lines, strict=True)
            ]
        if names:
            _mark_equal(skeletons, names)
        return _View(number, lines, skeletons, parts[1::2], sized[1::2], names, unscanned, offset)

    @staticmethod
    def _step(view: _View) -> None:
        """Go one line on, whatever it is."""
        skeleton = view.skeletons[view.at]
        view.stamp += skeleton.count(_STAMP)
        view.size += skeleton.count(_SIZE)
        view.name += skeleton.count(_NAME)
        view.offset += len(view.lines[view.at]) + 1
        view.at += 1

    def _collect(self, view: _View, place: Place, counted: list[int] | None = None) -> None:
        """The run of known lines from the view's place on. A line in which nothing matches is passed over, in a
        block that was scanned; of one that was not, what is counted in the lines goes to ``counted``."""
        scanner, known = self._scanner, self._kinds.get
        lines, skeletons, stamps, sizes, names = (
            view.lines,
            view.skeletons,
            view.stamps,
            view.sizes,
            view.names,
        )
        begin, offset, stamp, size, name = view.at, view.offset, view.stamp, view.size, view.name
        for at in range(begin, len(lines)):
            raw = lines[at]
            kind = known(skeletons[at])
            if kind is None:
                if counted is not None or scanner.matched(offset, offset + len(raw)):
                    break
                stamp += skeletons[at].count(_STAMP)
                size += skeletons[at].count(_SIZE)
                name += skeletons[at].count(_NAME)
                offset += len(raw) + 1
                continue
            said, spot = kind.said, None
            if said.copied:
                key = _key_of(kind.inner, sizes[size : size + kind.sizes], names[name : name + kind.names])
                spot = place(said.recalled.failure, key)
                if spot is None:
                    break
            where = _where(spot)
            share = said.shares.get(where)
            if share is None:
                share = said.shares[where] = Share(said, spot)
                self._pending.append(share)
            share.stamps.append(stamps[stamp + kind.stamp])
            share.sizes += sizes[size : size + kind.sizes]
            if kind.names:
                share.names.append(names[name : name + kind.names])
                name += kind.names
            share.number, share.raw = view.first + at, raw
            self._folded += 1
            self.waiting += 1
            if counted is not None:
                counted += kind.counted
            stamp += kind.stamps
            size += kind.sizes
            offset += len(raw) + 1
            view.at, view.offset, view.stamp, view.size, view.name = at + 1, offset, stamp, size, name
        if view.at > begin and counted is None:
            scanner.pass_to(view.offset)


def _where(spot: Spot | None) -> tuple[int, bool]:
    return (0, False) if spot is None else (id(spot.group), spot.fresh)


def _key_of(inner: str, sizes: list[bytes], names: list[bytes]) -> str:
    return key_of(inner, [b",".join(sizes).decode()], [b",".join(names).decode()])


def _numbers(texts: list[bytes]) -> list[int]:
    """Decimal numbers, read as one JSON list: that takes half the time of int."""
    try:
        return _INTEGERS.decode(b"[%b]" % b",".join(texts))
    except DecodeError:  # a number that begins with 0
        return list(map(int, texts))


def _parsed(stamp: bytes) -> Stamp | None:
    return parse_stamp(f"{stamp.decode()}Z")


def _meaning(recalled: Recalled, framing: str) -> tuple[object, ...]:
    """All that folding a line depends on, but its times, sizes and names: equal for kinds that may share a fold."""
    found = recalled.failure
    return (
        framing, recalled.level, recalled.is_record, tuple(sorted(recalled.staying.items())),
        recalled.events, recalled.path or tuple(found.paths), bool(recalled.names),
        found.operation, found.file_kind, found.errno, found.tenant, found.directory, found.era, found.members,
        found.declared, found.complete, found.fatal, found.corrupt, found.sizes_dropped,
        tuple(sorted(found.errnos.items())),
    )  # fmt: skip


def _number(share: Share) -> int:
    return share.number


def _may_write(text: bytes) -> bool:
    return any(prefix in text for prefix in _WRITER_PREFIXES)


def _writes(line: bytes) -> bool:
    return _may_write(line) and _WRITER.search(line) is not None


def _mark_writers(skeletons: list[bytes], lines: list[bytes]) -> None:
    """An index writer is known by its second size, 4 bytes above the first: there that stays in the line, and
    so does the order of the members."""
    for at, raw in enumerate(lines):
        if raw.count(b"mmap, size ") > 1 and _writes(raw):
            pairs = itertools.pairwise(map(int, _ANY_SIZE.findall(raw)))
            skeletons[at] += b"".join([b"+" if after - before == 4 else b"-" for before, after in pairs])


def _mark_equal(skeletons: list[bytes], names: list[bytes]) -> None:
    """Which of a line's names are the same stays in the line."""
    name = 0
    for at, skeleton in enumerate(skeletons):
        count = skeleton.count(_NAME)
        if count > 1 and (equal := equal_names(names[name : name + count])):
            skeletons[at] += repr(equal).encode()
        name += count


def _sorted(skeleton: bytes) -> bytes:
    """Of a list of errors the members stand in any order."""
    head, _, members = skeleton.partition(_LIST)
    return head + _LIST + _in_order(members)


@lru_cache(maxsize=8192)
def _in_order(members: bytes) -> bytes:
    return b"; ".join(sorted(members.split(b"; ")))
