"""Failures that repeat, at other times, with other sizes and other blocks, are interpreted once.

    ts=...16.31Z ... msg="TSDB blocks compaction for user has failed" user=t1 err="2 errors: mmap, size 31301: cannot ..."
    ts=...17.02Z ... msg="TSDB blocks compaction for user has failed" user=t1 err="2 errors: mmap, size 9027: cannot ..."
    ts=...17.31Z ... msg="compaction failed" err="open /data/tsdb/t1/01G0P1FM80185GR38E1W8124GK/index: too many open files"

An ingester at its limit writes hundreds of such lines a second. What they mean does not depend on the
time, nor on the sizes (but for two that stay in the text), nor on the order of a list's members, nor on
which blocks and numbered files they name. Lines that are equal without these share one meaning within a
life, and only their numbers and names are read anew.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from analyzer import lazy
from analyzer.clock import parse_stamp
from analyzer.facts import Stamp
from analyzer.logs import meaning
from analyzer.logs.errors import innermost
from analyzer.logs.leaf import HEAD_CHUNK_BYTES, WRITER_PREFIXES
from analyzer.logs.model import Level, Record
from analyzer.logs.observation import Observation, shortened
from analyzer.logs.writers import Hints

MAX_SHAPES = 4096
MAX_TEXT = 65_536
MAX_NUMBERS = 1000

# Two sizes tell what the file is, and stay in the text: an empty file, a new head chunk file.
_STAYING = frozenset((0, HEAD_CHUNK_BYTES))
# In bytes, storms use these expressions too.
SIZE = r"mmap, size (?!0:|134217728:)([0-9]{1,18}): "
ANY_SIZE = r"mmap, size ([0-9]{1,18})"
# A ("corrupted") block, or a numbered file of one, of the head or of the WAL; and what stands before it.
NAME = r"(/|k )(0[0-9A-HJKMNP-TV-Z]{25}|(?<=/)[0-9]{8}|(?<=/)[0-9]{6})(?=[/:\s\"\\,;\]]|$)"
ULID_LENGTH = 26
# A mapping of the index of a block that is being written; bounded, for a hostile text may repeat its start.
WRITER = rf"(?:{'|'.join(WRITER_PREFIXES)})[^:]{{0,100}}+(?::(?! )[^:]{{0,100}}+){{0,4}}: mmap"
NOISE = r'(?:duration|traceID|trace_id)(?:=|\\?":\\?")[^\s"\\]*'

_SIZE, _ANY_SIZE, _NAME = lazy.pattern(SIZE), lazy.pattern(ANY_SIZE), lazy.pattern(NAME)
_WRITER, _NOISE = lazy.pattern(WRITER), lazy.pattern(NOISE)
_TIME_MARKS = ((" ts=2", " "), ('"ts":"2', '"'), (" time=2", " "), ('"time":"2', '"'))

Shape = tuple[object, ...]


class Context:
    """What :func:`meaning.interpret` may ask beyond the record, and what it asked and was told."""

    def __init__(self, member: str, step: Callable[[str | None], str | None]) -> None:
        self.member = member
        self.asked: list[tuple[str | None, str | None]] = []
        self._step = step

    def previous_step(self, tenant: str | None) -> str | None:
        """See :class:`meaning.Context`."""
        step = self._step(tenant)
        self.asked.append((tenant, step))
        return step

    def still(self, asked: tuple[tuple[str | None, str | None], ...]) -> bool:
        """Whether the same questions would be answered the same now."""
        return all(self._step(tenant) == step for tenant, step in asked)


class Path(Struct, frozen=True):
    """The path that a failure names, where names stand in it: what stands between them, and which of the
    line's names is its first."""

    parts: tuple[str, ...]
    first: int

    def filled(self, names: list[str]) -> str:
        """The path of a line with these names."""
        between = zip(self.parts[:-1], names[self.first :], strict=False)
        return "".join(part + name for part, name in between) + self.parts[-1]


class Recalled(Struct):
    """What a line means that is like one before. ``staying`` are those of its sizes that are the same in all
    such lines, ``times`` is how often it states its own time, ``names`` is how many blocks and numbered files it
    names; ``alone``: its meaning hangs on nothing but its text. ``inner`` is what :func:`key_of` makes a key of,
    with its numbers and names. ``is_record``: a logger's fields were read in it. ``path`` is set where names stand
    in the failure's path. ``events`` are the kinds of the events that it states too."""

    failure: Observation
    stamp: Stamp | None
    level: Level
    staying: Counter[int]
    times: int
    names: int
    alone: bool
    inner: str
    is_record: bool
    path: Path | None
    events: tuple[str, ...]


class _Text(Struct):
    """A payload taken apart: ``shape`` is what stays without time, numbers and names. ``times`` is how often it
    states its time, ``stamp`` the first."""

    shape: Shape
    times: int
    stamp: str
    sizes: list[str]
    names: list[str]


class _Known(Struct, frozen=True):
    failure: Observation
    level: Level
    asked: tuple[tuple[str | None, str | None], ...]
    inner: str
    staying: Counter[int]
    is_record: bool
    path: Path | None
    events: tuple[str, ...]


class Repeats:
    """Recalls failures of one life. A failure that it returns is good until the next call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[Shape, _Known] = {}
        self._last: tuple[str, _Text] | None = None

    def forget(self) -> None:
        """A new life has begun: its failures are told anew."""
        self._known.clear()

    def recall(self, payload: str, hints: Hints, framed: Stamp | None) -> Recalled | None:
        """What a line like one that was interpreted before means, else None."""
        if not self._known or len(payload) > MAX_TEXT:
            return None
        text = _take_apart(payload, hints)
        self._last = (payload, text)
        known = self._known.get(text.shape)
        stamp = parse_stamp(text.stamp) if text.stamp else framed
        if known is None or (text.stamp and stamp is None) or not self._context.still(known.asked):
            return None
        failure = known.failure
        failure.sizes = Counter(map(int, text.sizes))
        if known.staying:
            failure.sizes.update(known.staying)
        if text.names:
            failure.ulids = _ulids_among(text.names)
            if known.path is not None:
                failure.paths = [known.path.filled(text.names)]
        failure.key = key_of(known.inner, text.sizes, text.names)
        return Recalled(
            failure, stamp, known.level, known.staying, text.times, len(text.names), not known.asked,
            known.inner, known.is_record, known.path, known.events,
        )  # fmt: skip

    def interpret(self, record: Record, hints: Hints, framed: Stamp | None = None) -> meaning.Meaning | None:
        """What a record means, kept if it can stand for others like it. ``framed`` is the time that stands before
        its payload."""
        self._context.asked.clear()
        found = meaning.interpret(record, self._context)
        failure = found.failure if found is not None else None
        if found is None or failure is None or record.cut or len(record.text) > MAX_TEXT:
            return found
        last = self._last
        text = last[1] if last is not None and last[0] is record.text else _take_apart(record.text, hints)
        if max(len(text.sizes), len(text.names)) > MAX_NUMBERS:
            return found
        shape, sizes, names = _shape(innermost(meaning.failing_text(record)))
        inner = shortened(repr(shape))
        failure.key = key_of(inner, sizes, names)
        staying = failure.sizes - Counter(map(int, sizes))
        # What the patterns here do not find in the line, or find elsewhere in it, could not be put in anew.
        if (sizes, names) != (text.sizes, text.names) or not _numbers_known(failure, sizes, names, staying):
            return found
        path = _path_of(failure, names)
        varies = path is None and any(map(_NAME.search, failure.paths))
        timed = record.stamp == (parse_stamp(text.stamp) if text.stamp else framed)
        events = tuple(event.kind for event in found.events)
        if timed and not varies and "start" not in events:
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            self._known[text.shape] = _Known(
                replace(failure, sample=""), record.level, tuple(self._context.asked), inner, staying, bool(record.fields),
                path, events,
            )  # fmt: skip
        return found


def key_of(inner: str, sizes: list[str], names: list[str]) -> str:
    """The key of a failure: the same for its copies, whose wrappers differ."""
    numbers = f"{','.join(sizes)};{','.join(names)}"
    return f"{inner}{shortened(numbers)}"


def _ulids_among(names: Iterable[str]) -> list[str]:
    """The blocks among the names, as an observation lists them."""
    return sorted({name for name in names if len(name) == ULID_LENGTH})


def _numbers_known(failure: Observation, sizes: list[str], names: list[str], staying: Counter[int]) -> bool:
    """Whether the failure's numbers and names are those that were found in its text, and no others."""
    if Counter(map(int, sizes)) + staying != failure.sizes or not staying.keys() <= _STAYING:
        return False
    tenant, directory = failure.tenant, failure.directory or ""
    return failure.ulids == _ulids_among(names) and not any(
        name == tenant or name in directory for name in names
    )


def _path_of(failure: Observation, names: list[str]) -> Path | None:
    """The failure's one path, taken apart at the names in it; None where that cannot be done."""
    if failure.members != 1 or len(failure.paths) != 1:
        return None
    texts = _NAME.split(failure.paths[0])
    parts = [text + mark for text, mark in zip(texts[::3], [*texts[1::3], ""], strict=True)]
    inside = texts[2::3]
    for first in range(len(names) - len(inside) + 1) if inside else ():
        if names[first : first + len(inside)] == inside:
            return Path(tuple(parts), first)
    return None


def _take_apart(payload: str, hints: Hints) -> _Text:
    stamp, times = "", 0
    text = f" {payload}"
    for mark, end in _TIME_MARKS:
        start = text.find(mark)
        if start >= 0:
            begin = start + len(mark) - 1
            stop = text.find(end, begin)
            stop = len(text) if stop < 0 else stop
            stamp = stamp or text[begin:stop]
            times += 1
            text = text[:begin] + text[stop:]
    if "duration" in text or "trace" in text:
        text = _NOISE.sub("", text)
    shape, sizes, names = _shape(text)
    return _Text((shape, hints), times, stamp, sizes, names)


def _shape(text: str) -> tuple[Shape, list[str], list[str]]:
    """(what stays, sizes, names) of a text. Of a flat list the members stand in any order."""
    whole = text
    texts = _SIZE.split(text)
    sizes = texts[1::2]
    text = "#".join(texts[::2])
    parts = _NAME.split(text)
    names = parts[2::3]
    equal: tuple[int, ...] = ()
    if names:
        parts[2::3] = ["\0" * len(name) for name in names]
        text = "".join(parts)
        equal = equal_names(names)
    if any(prefix in whole for prefix in WRITER_PREFIXES) and _WRITER.search(whole):
        # Known by its second size, 4 bytes above the first; its members stay in their order.
        numbers = [int(size) for size in _ANY_SIZE.findall(whole)]
        pairs = (after - before == 4 for before, after in itertools.pairwise(numbers))
        return (text, equal, *pairs), sizes, names
    head, header, members = text.partition(" errors: ")
    if not header or "\\n" in text or "\n" in text or " errors: " in members:
        return (text, equal), sizes, names
    return (head, equal, *sorted(Counter(members.split("; ")).items())), sizes, names


def equal_names(names: Sequence[object]) -> tuple[int, ...]:
    """Which of a line's names are the same: for each the place where it stood first; empty if none are."""
    places: dict[object, int] = {}
    first = tuple(places.setdefault(name, place) for place, name in enumerate(names))
    return first if len(places) < len(names) else ()
