"""Failures that repeat, at other times, with other sizes and other blocks, are interpreted once.

    ts=...16.31Z ... msg="TSDB blocks compaction for user has failed" user=t1 err="2 errors: mmap, size 31301: cannot ..."
    ts=...17.02Z ... msg="TSDB blocks compaction for user has failed" user=t1 err="2 errors: mmap, size 9027: cannot ..."

An ingester at its limit writes hundreds of such lines a second. What they mean does not depend on the
time, nor on the sizes (but for two that stay in the text), nor on the order of a list's members, nor on
which blocks they name. Lines that are equal without these share one meaning within a life, and only their
numbers are read anew.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from analyzer import lazy
from analyzer.clock import parse_stamp
from analyzer.facts import Stamp
from analyzer.logs import meaning
from analyzer.logs.errors import innermost
from analyzer.logs.leaf import HEAD_CHUNK_BYTES
from analyzer.logs.model import Level, Record
from analyzer.logs.observation import Observation
from analyzer.logs.records import record_error

MAX_SHAPES = 4096
MAX_TEXT = 65_536
MAX_NUMBERS = 1000

# Two sizes tell what the file is, and stay in the text: an empty file, a new head chunk file.
_STAYING = frozenset((0, HEAD_CHUNK_BYTES))
_SIZE = lazy.pattern(r"mmap, size (?!0:|134217728:)(\d{1,18}): ")
_ULID = lazy.pattern(r"corrupted block ([0-9A-HJKMNP-TV-Z]{26}): ")
_NOISE = lazy.pattern(r'(?:duration|traceID|trace_id)(?:=|":")[^\s"]*')
_TIME_MARKS = ((" ts=2", " "), ('"ts":"2', '"'), (" time=2", " "), ('"time":"2', '"'))

Shape = tuple[object, ...]
Hints = tuple[tuple[str, str], ...]


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


class Recalled(Struct):
    """What a line means that is like one before. ``staying`` are those of its sizes that are the same in all
    such lines, ``times`` is how often it states its own time; ``alone``: its meaning hangs on nothing but its
    text. ``inner`` is what :func:`key_of` makes a key of, with its numbers."""

    failure: Observation
    stamp: Stamp | None
    level: Level
    staying: Counter[int]
    times: int
    alone: bool
    inner: str


class _Text(Struct):
    """A payload taken apart: ``shape`` is what stays without time and numbers. ``times`` is how often it
    states its time, ``stamp`` the first."""

    shape: Shape
    times: int
    stamp: str
    sizes: list[str]
    ulids: list[str]


class _Known(Struct, frozen=True):
    failure: Observation
    level: Level
    asked: tuple[tuple[str | None, str | None], ...]
    inner: str
    staying: Counter[int]


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
        if not self._known or "mmap, size " not in payload or len(payload) > MAX_TEXT:
            return None
        text = _take_apart(payload, hints)
        self._last = (payload, text)
        known = self._known.get(text.shape)
        if known is None or not self._context.still(known.asked):
            return None
        failure = known.failure
        failure.sizes = Counter(map(int, text.sizes))
        if known.staying:
            failure.sizes.update(known.staying)
        if text.ulids:
            failure.ulids = set(text.ulids)
        failure.key = key_of(known.inner, text.sizes, text.ulids)
        stamp = parse_stamp(text.stamp) if text.stamp else framed
        return Recalled(failure, stamp, known.level, known.staying, text.times, not known.asked, known.inner)

    def interpret(self, record: Record, hints: Hints) -> meaning.Meaning | None:
        """What a record means, kept if it can stand for others like it."""
        self._context.asked.clear()
        found = meaning.interpret(record, self._context)
        failure = found.failure if found is not None else None
        if found is None or failure is None or record.cut or not failure.sizes or len(record.text) > MAX_TEXT:
            return found
        last = self._last
        text = last[1] if last is not None and last[0] is record.text else _take_apart(record.text, hints)
        sizes = Counter(map(int, text.sizes))
        staying = failure.sizes - sizes
        numbers_known = sizes + staying == failure.sizes and staying.keys() <= _STAYING
        if not numbers_known or failure.ulids != set(text.ulids) or len(text.sizes) > MAX_NUMBERS:
            return found  # what the patterns here do not find could not be put in anew
        inner = repr(_shape(innermost(record_error(record) or ""))[0])
        failure.key = key_of(inner, text.sizes, text.ulids)
        timed = record.stamp == parse_stamp(text.stamp) if text.stamp else True
        if timed and not found.events:
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            self._known[text.shape] = _Known(
                replace(failure), record.level, tuple(self._context.asked), inner, staying
            )
        return found


def key_of(inner: str, sizes: list[str], ulids: list[str]) -> str:
    """The key of a failure: the same for its copies, whose wrappers differ."""
    return f"{inner}{','.join(sizes)};{','.join(ulids)}"


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
    shape, sizes, ulids = _shape(text)
    return _Text((shape, hints), times, stamp, sizes, ulids)


def _shape(text: str) -> tuple[Shape, list[str], list[str]]:
    """(what stays, sizes, blocks) of a text. Of a flat list the members stand in any order."""
    texts = _SIZE.split(text)
    sizes = texts[1::2]
    text = "#".join(texts[::2])
    ulids: list[str] = []
    if "corrupted block " in text:
        ulids = _ULID.findall(text)
        text = _ULID.sub("#", text)
    if "add s" in text:  # an index writer is known by its second size, 4 bytes above the first
        numbers = [int(size) for size in sizes]
        return (text, *(after - before == 4 for before, after in itertools.pairwise(numbers))), sizes, ulids
    head, header, members = text.partition(" errors: ")
    if not header or "\\n" in text or "\n" in text or " errors: " in members:
        return (text,), sizes, ulids
    return (head, *sorted(Counter(members.split("; ")).items())), sizes, ulids
