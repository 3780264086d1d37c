"""The scan of a log member: every byte searched, only the lines that matter handed out.

A member arrives in chunks. What was carried over plus the new chunk up to its first newline is
scanned as one small block, then the rest up to its last newline in place; so each block consists of
whole lines and no match is lost at a border. The scanner hands out, in the order of the log,

* :class:`Line`: a line with a match of a *parsed* pattern, the first line, and every line while
  :attr:`Scanner.follow` is set (inside a Go dump, between the pieces of a split line);
* :class:`Counted`: the matches of *counted* patterns and of the one *frequent* literal, with the
  buffer, so that frequent life-cycle lines are counted without a Python object for each. They come at
  the end of a block, or earlier when :meth:`Scanner.counted` asks for those that stand before the line
  just handed out.

:func:`reference` does the same slowly and obviously; the tests hold the two equal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Protocol

from msgspec import Struct, field

from analyzer.logs import holes
from analyzer.logs.engine import Engine, Mark, Patterns, engine_for, library

PIECE = 1 << 20  # a block beyond the processor's cache is slower to scan
LONG_LINE = 1 << 20  # a longer line is kept by head and tail
KEPT_TAIL = 64 * 1024
HISTORY = 4 << 20  # bytes kept for the look backwards
NEWLINE = 10
_STRINGZILLA = library("stringzilla")
_END = itemgetter(2)  # of a mark

Region = tuple[bytes, int, int]  # buffer, start, stop: lines without a copy
Skim = Callable[[bytes, int, int], tuple[int, int, bool]]
"""Takes lines from the start of a region as read: their number, the offset behind them, and whether to go on so
behind the line there."""


class LongLine(Protocol):
    """Counts a line over 1 MiB, piece by piece; the pieces do not overlap."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the line."""
        ...


class Line(Struct):
    """One physical line. ``number`` is 1-based, ``raw`` has no newline, ``ids`` are the parsed
    patterns that match in it. ``cut``: it was longer than 1 MiB, ``raw`` is its head and ``tail``
    its last 64 KiB, and ``long`` has counted all of it, if anything in it matched. ``size`` is its
    length in bytes."""

    number: int
    raw: bytes
    ids: tuple[int, ...]
    size: int
    cut: bool = False
    tail: bytes = b""
    long: LongLine | None = None


class Counted(Struct):
    """Matches of counted patterns in a stretch of lines: ``ids``, and their ends, in order, as
    offsets in ``buffer`` behind ``base``; ``marks`` are the matches of the frequent literal, so too."""

    buffer: bytes
    base: int
    ids: list[int]
    ends: list[int]
    marks: list[Mark]


class _Block(Struct):
    """A block of whole lines, ``buffer[base:stop]``, while it is handed out."""

    buffer: bytes
    base: int
    stop: int
    ids: list[int]
    ends: list[int]  # behind base
    marks: list[Mark]  # behind base
    wanted: list[int]  # indexes of the matches of parsed patterns
    done: int = 0  # matches before this index are in lines handed out
    given: int = 0  # counted matches before this index were handed out
    marks_given: int = 0  # and marks before this one
    before: int = 0  # index of the first match in the line handed out last
    read_to: int = 0  # newlines before this offset are in Scanner.lines


class _Long(Struct):
    """A line that has grown over LONG_LINE."""

    head: bytes
    size: int = 0
    ids: set[int] = field(default_factory=set)
    border: bytes = b""  # the end of the last piece, so that a match across the border is found
    tail: bytes = b""
    counter: LongLine | None = None


def count_newlines(buffer: bytes, start: int, stop: int) -> int:
    """The newlines between two offsets. ``bytes.count`` of Python 3.11 takes seven times as long."""
    if _STRINGZILLA is None:
        return buffer.count(b"\n", start, stop)
    lines: int = _STRINGZILLA.count(buffer, b"\n", start, stop)
    return lines


class Scanner:
    """Scans one member. ``lines`` and ``size`` are exact once :meth:`scan` is exhausted.

    ``parsed`` and ``counted`` are literals (or expressions behind ``re:``) that match within a
    line; the ids in :class:`Line` count from 0 through ``parsed``, those in :class:`Counted` go on
    through ``counted``. ``frequent`` is a literal that every tenth line may hold. ``long_line`` makes
    the counter of a line over 1 MiB. While ``follow`` is set, each next line is handed out whether it
    matches or not. ``skim`` is asked before a block is scanned, and may take lines from its start as read.
    """

    def __init__(
        self,
        parsed: Patterns,
        counted: Patterns = (),
        frequent: bytes = b"",
        long_line: Callable[[], LongLine] | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.follow = False
        self.skim: Skim | None = None
        self.lines = 0
        self.size = 0
        self.cut_lines = 0
        self.block = 0  # counts the blocks
        self._parsed = len(parsed)
        self._overlap = max((len(pattern) for pattern in (*parsed, *counted)), default=1)
        self._engine = engine or engine_for((*parsed, *counted), frequent)
        self._long_line = long_line
        self._history: deque[Region] = deque()
        self._history_size = 0
        self._current: Region = (b"", 0, 0)
        self._open: _Block | None = None

    def matches(self, text: bytes) -> tuple[tuple[int, ...], Counted]:
        """The parsed and the counted patterns that match in ``text``: for lines joined from pieces."""
        ids, ends, marks = self._engine.scan(text)
        counted = [index for index, pattern in enumerate(ids) if pattern >= self._parsed]
        parsed = tuple(sorted({pattern for pattern in ids if pattern < self._parsed}))
        return parsed, Counted(text, 0, [ids[at] for at in counted], [ends[at] for at in counted], marks)

    def scan(self, chunks: Iterable[bytes | memoryview]) -> Iterator[Line | Counted]:
        """Hand out the lines and counts of a member, front to back."""
        carry: list[bytes] = []
        carried = 0
        long: _Long | None = None
        for piece in _pieces(chunks):
            self.size += len(piece)
            begin = 0
            if carried or long is not None:
                newline = piece.find(b"\n")
                rest = piece if newline < 0 else piece[:newline]
                if long is None and carried + len(rest) > LONG_LINE:
                    carry = [holes.shortened(b"".join(carry))]  # zero bytes make no long line
                    carried = len(carry[0])
                if long is None and carried + len(rest) > LONG_LINE:
                    long = self._extend(_Long(b""), b"".join(carry))
                    carried, carry = 0, []
                if long is not None:
                    self._extend(long, rest)
                elif newline < 0:
                    carried += len(rest)
                    carry.append(rest)
                if newline < 0:
                    continue
                begin = newline + 1
                if long is not None:
                    yield self._finish_long(long)
                    long = None
                else:
                    line = b"".join((*carry, piece[:begin]))
                    carried, carry = 0, []
                    yield from self._block(line, 0, len(line))
            last = piece.rfind(b"\n", begin) + 1
            if last > begin:
                yield from self._block(piece, begin, last)
                begin = last
            if begin < len(piece):
                carry = [piece[begin:]]
                carried = len(piece) - begin
        if long is not None:
            yield self._finish_long(long)
        elif carried:
            line = b"".join(carry)
            yield from self._block(line, 0, len(line))

    def backwards(self) -> Iterator[bytes]:
        """The raw lines before the one handed out last, newest first, through the last 4 MiB; after
        the scan, from the member's last line on."""
        for buffer, start, stop in (self._current, *reversed(self._history)):
            while stop > start:
                begin = buffer.rfind(b"\n", start, stop - 1) + 1 or start
                yield buffer[begin : stop - 1] if buffer[stop - 1] == NEWLINE else buffer[begin:stop]
                stop = begin

    def blocks(self) -> Iterator[Region]:
        """The blocks of the last 4 MiB, newest first: with the one whose lines are being handed out, and as
        they were when :attr:`block` had its present value."""
        if self._open is not None:
            yield self._open.buffer, self._open.base, self._open.stop
        yield from reversed(self._history)

    def here(self) -> tuple[bytes, int]:
        """The buffer of the line handed out last and its offset there; ``(b"", 0)`` between two blocks."""
        return self._current[0], self._current[2]

    def waiting(self) -> int:
        """How many matches of parsed patterns stand behind the line handed out last, in its block."""
        block = self._open
        return 0 if block is None else len(block.wanted) - bisect_left(block.wanted, block.done)

    def ahead(self) -> tuple[bytes, int]:
        """The block's bytes from the line handed out last on, and the offset where they begin."""
        block, start = self._open, self._current[2]
        return (b"", 0) if block is None else (block.buffer[start : block.stop], start)

    def matched(self, start: int, stop: int) -> bool:
        """Whether a parsed pattern matches between two offsets in the block that is being handed out."""
        block = self._open
        if block is None:
            return False
        first = bisect_right(block.ends, start - block.base, block.done)
        last = bisect_right(block.ends, stop - block.base, first)
        return any(pattern < self._parsed for pattern in block.ids[first:last])

    def pass_to(self, offset: int) -> None:
        """Take the lines before ``offset``, where one begins or the block ends, as handed out."""
        block = self._open
        if block is not None:
            offset = min(offset, block.stop)
            self._advance(block, offset)
            block.before = block.done = bisect_right(block.ends, offset - block.base, block.done)

    def counted(self) -> Counted | None:
        """The counted matches before the line handed out last, as far as they were not handed out."""
        block = self._open
        if block is None:
            return None
        marks = bisect_right(block.marks, self._current[2] - block.base, block.marks_given, key=_END)
        return self._give(block, block.before, marks)

    def skip(self) -> None:
        """Leave the counted matches in the line handed out last out: it is a piece of another."""
        block = self._open
        if block is not None:
            block.given = max(block.given, block.done)
            read_to = block.read_to - block.base
            block.marks_given = bisect_right(block.marks, read_to, block.marks_given, key=_END)

    def _block(self, buffer: bytes, base: int, stop: int) -> Iterator[Line | Counted]:
        """One block of whole lines: what is skimmed of it, and the rest scanned."""
        while base < stop:
            end = stop
            if self.skim is not None and self.lines and not self.follow:
                lines, passed, on = self.skim(buffer, base, stop)
                if lines:
                    self.lines += lines
                    self.block += 1
                    self._remember((buffer, base, passed))
                base = passed
                if on:
                    end = buffer.find(b"\n", base, stop) + 1 or stop
            if base < end:
                yield from self._scanned(buffer, base, end)
            base = end

    def _scanned(self, buffer: bytes, base: int, stop: int) -> Iterator[Line | Counted]:
        """Scan a block of whole lines and hand out what is in it."""
        whole = base == 0 and stop == len(buffer)
        ids, ends, marks = self._engine.scan(buffer if whole else memoryview(buffer)[base:stop])
        block = _Block(buffer, base, stop, ids, ends, marks, [], read_to=base)
        if not (ids or marks or self.follow) and self.lines:  # as most lines at a border are
            self.block += 1
            self._advance(block, stop)
            self._remember((buffer, base, stop))
            return
        if ids and min(ids) < self._parsed:
            block.wanted = [index for index, pattern in enumerate(ids) if pattern < self._parsed]
        self._open = block
        self.block += 1
        if self.lines == 0:
            yield self._line(block, base)
        next_wanted = 0
        while True:
            if self.follow and block.read_to < stop:
                yield self._line(block, block.read_to)
                continue
            next_wanted = bisect_left(block.wanted, block.done, next_wanted)
            if next_wanted == len(block.wanted):
                break
            end = base + ends[block.wanted[next_wanted]]
            start = buffer.rfind(b"\n", block.read_to, end - 1) + 1
            yield self._line(block, start or block.read_to)
        self._open = None
        rest = self._give(block, len(ids), len(marks))
        if rest is not None:
            yield rest
        self._advance(block, stop)
        self._current = (b"", 0, 0)
        self._remember((buffer, base, stop))

    def _line(self, block: _Block, start: int) -> Line:
        """The line that starts at ``start``, and the matches in it."""
        buffer, base, ids, ends = block.buffer, block.base, block.ids, block.ends
        self._advance(block, start)
        newline = buffer.find(b"\n", start, block.stop)
        end = block.stop if newline < 0 else newline
        block.before = bisect_right(ends, start - base, block.done)
        block.done = bisect_right(ends, end - base, block.before)
        found = sorted({hit for hit in ids[block.before : block.done] if hit < self._parsed})
        self.lines += 1
        block.read_to = min(end + 1, block.stop)
        self._current = (buffer, base, start)
        return Line(self.lines, buffer[start:end], tuple(found), end - start)

    def _give(self, block: _Block, to: int, to_mark: int) -> Counted | None:
        """The counted matches up to an index, and the marks up to one, once."""
        ids, ends = block.ids, block.ends
        first, block.given = block.given, max(block.given, to)
        if first or to < len(ids):
            ids, ends = ids[first:to], ends[first:to]
        if block.wanted:
            kept = [index for index, pattern in enumerate(ids) if pattern >= self._parsed]
            ids, ends = [ids[index] for index in kept], [ends[index] for index in kept]
        marks = block.marks
        first, block.marks_given = block.marks_given, max(block.marks_given, to_mark)
        if first or to_mark < len(marks):
            marks = marks[first:to_mark]
        return Counted(block.buffer, block.base, ids, ends, marks) if ids or marks else None

    def _advance(self, block: _Block, to: int) -> None:
        """Count the newlines up to ``to``; each byte is counted once."""
        if to <= block.read_to:
            return
        self.lines += count_newlines(block.buffer, block.read_to, to)
        if to == block.stop and block.buffer[to - 1] != NEWLINE:
            self.lines += 1  # the last line of the member lacks its newline
        block.read_to = to

    def _remember(self, region: Region) -> None:
        buffer, start, stop = region
        self._history_size += stop - start
        if self._history and self._history[-1][0] is buffer and self._history[-1][2] == start:
            start = self._history.pop()[1]
        self._history.append((buffer, start, stop))
        while self._history_size > HISTORY and len(self._history) > 1:
            _, start, stop = self._history.popleft()
            self._history_size -= stop - start

    def _extend(self, long: _Long, piece: bytes) -> _Long:
        """Scan the next piece of a long line together with the end of the one before."""
        block = long.border + piece
        ids, _, _ = self._engine.scan(block)
        long.ids.update(pattern for pattern in set(ids) if pattern < self._parsed)
        if long.counter is None and long.ids and self._long_line is not None:
            long.counter = self._long_line()
        if long.counter is not None:
            long.counter.feed(piece)
        long.size += len(piece)
        if len(long.head) < LONG_LINE:
            long.head += piece[: LONG_LINE - len(long.head)]
        long.border = block[-self._overlap :]
        long.tail = (long.tail + piece)[-KEPT_TAIL:]
        return long

    def _finish_long(self, long: _Long) -> Line:
        self.lines += 1
        self.cut_lines += 1
        self.block += 1
        self._current = (b"", 0, 0)
        self._remember((long.tail, 0, len(long.tail)))
        return Line(self.lines, long.head, tuple(sorted(long.ids)), long.size, True, long.tail, long.counter)


def _pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The chunks as bytes, none longer than PIECE."""
    for chunk in chunks:
        if len(chunk) > PIECE:
            view = memoryview(chunk)
            for start in range(0, len(view), PIECE):
                yield bytes(view[start : start + PIECE])
        elif isinstance(chunk, bytes):
            if chunk:
                yield chunk
        elif isinstance(chunk.obj, bytes) and len(chunk.obj) == len(chunk):
            yield chunk.obj  # the view of a whole: no copy
        elif chunk:
            yield bytes(chunk)


class Found(Struct):
    """What the reference finds: (line number, raw, parsed ids), the counts by counted id, and the number
    of the frequent literal."""

    lines: list[tuple[int, bytes, tuple[int, ...]]] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)
    marks: int = 0
    total: int = 0


def reference(data: bytes, parsed: Patterns, counted: Patterns, frequent: bytes = b"") -> Found:
    """The obvious way: split into lines, search each literal in each."""
    found = Found()
    rows = data.split(b"\n")
    if rows[-1] == b"":
        rows.pop()
    for number, row in enumerate(rows, 1):
        ids = tuple(index for index, literal in enumerate(parsed) if literal in row)
        if ids or number == 1:
            found.lines.append((number, row, ids))
        for index, literal in enumerate(counted, len(parsed)):
            start = row.find(literal)
            while start >= 0:
                found.counted[index] = found.counted.get(index, 0) + 1
                start = row.find(literal, start + 1)
        found.marks += row.count(frequent) if frequent else 0
    found.total = len(rows)
    return found
