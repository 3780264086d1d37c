"""What stood before a line, looked up only when it is asked for, within the last 4 MiB.

An ambiguous failure is told by the tenant's previous life-cycle line (``write block``: a compaction;
``Replaying WAL``: a start); a Go dump and a log that just stops have the time of the last line before.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct, field

from analyzer.facts import Stamp
from analyzer.logs.engine import engine_for
from analyzer.logs.framing import Framings
from analyzer.logs.literals import HEALTHY, STEPS
from analyzer.logs.records import parse, record_message, record_tenant
from analyzer.logs.scan import Scanner
from analyzer.logs.stamps import framing_stamp, payload_stamp
from analyzer.logs.writers import Hints

LINES = 400  # searched backwards for a time, or for a process's own
BUDGET = 200_000  # lines looked at over a whole member, for either question
BLOCKS = 1024  # blocks of the scan that are searched backwards
PART = 64 << 10  # bytes that are searched at once
REACH = 4096  # bytes of a line that are read
NEXT_PROCESS = "maxprocs: "  # printed before its banner

STEP_PATTERNS = (HEALTHY, *STEPS)

Row = tuple[int, str, Stamp | None]
"""How many lines above the first one, the payload, the time."""


class Part(Struct):
    """Whole lines of the log; ``ends`` are those of the life-cycle literals before ``searched``."""

    buffer: bytes
    base: int
    stop: int
    searched: int
    ends: list[int] = field(default_factory=list)


class LookBack:
    """Answers for one member. ``spent`` says that the budget is used up: later answers are None."""

    def __init__(self, scanner: Scanner, framings: Framings) -> None:
        self._scanner = scanner
        self._framings = framings
        self._block = -1  # of the scanner, when these were cut
        self._known: dict[tuple[int, int], Part] = {}  # by buffer and base
        self._parts: list[Part] = []  # those that may hold steps, newest first
        self._lines_left = BUDGET
        self._steps_left = BUDGET
        self._others_left = BUDGET  # lines of other processes than the one that is asked for

    @property
    def spent(self) -> bool:
        """Whether a tenant's step could not be looked up any more."""
        return self._steps_left <= 0

    def worked(self, hints: Hints | None) -> bool:
        """Whether the process with these hints, any for None, wrote one of the last life-cycle lines."""
        last = itertools.islice(self._steps(b""), LINES)
        return any(hints is None or self._framings.peel(line).hints == hints for line in last)

    def step(self, tenant: str | None, hints: Hints | None = None) -> str | None:
        """The message of the last life-cycle line of ``tenant``, of any for None, that the process with these
        hints wrote, of any for None: of any too once looking past the lines of others has cost enough."""
        name = tenant.encode("utf-8", "replace") if tenant else b""
        for line in self._steps(name):
            if self._steps_left <= 0:
                return None
            self._steps_left -= 1
            if name not in line:
                continue
            peeled = self._framings.peel(line)
            if hints is not None and peeled.hints != hints and self._others_left > 0:
                self._others_left -= 1
                self._steps_left += 1
                continue
            record = parse(peeled.payload, "", 0)
            message = record_message(record)
            if message and (not tenant or record_tenant(record) == tenant):
                return message
        return None

    def _steps(self, name: bytes) -> Iterator[bytes]:
        """The life-cycle lines of the blocks that hold ``name``, newest first."""
        current, limit = self._scanner.here()
        for part in self._stepped():
            buffer, ends = part.buffer, part.ends
            stop = min(part.stop, limit) if buffer is current else part.stop
            if name and buffer.find(name, part.base, stop) < 0:
                continue
            for index in range(bisect_right(ends, stop) - 1, -1, -1):
                end = ends[index]
                start = buffer.rfind(b"\n", max(0, end - REACH), end) + 1
                newline = buffer.find(b"\n", end, end + REACH)
                yield buffer[start : newline if newline >= 0 else end + REACH]

    def _stepped(self) -> Iterator[Part]:
        """The parts of the last 4 MiB that hold life-cycle lines, newest first, without those behind the current
        line. Each is searched once, when it is reached: mostly one that is near holds the answer."""
        if self._block != self._scanner.block:
            self._cut()
        current, limit = self._scanner.here()
        for part in self._parts:
            buffer, base, stop = part.buffer, part.searched, part.stop
            if buffer is current and part.base >= limit:
                continue
            if base < stop:
                _, ends, _ = engine_for(STEP_PATTERNS).scan(memoryview(buffer)[base:stop])
                part.ends += [base + end for end in ends]
                part.searched = stop
            if part.ends:
                yield part

    def _cut(self) -> None:
        """Cut the blocks into parts: those known already, which may have grown, and new ones."""
        known, self._known, self._parts = self._known, {}, []
        self._block = self._scanner.block
        for buffer, base, stop in itertools.islice(self._scanner.blocks(), BLOCKS):
            for begin, end in _cuts(buffer, base, stop):
                part = known.get((id(buffer), begin))
                if part is None or part.buffer is not buffer:
                    part = Part(buffer, begin, end, begin)
                part.stop = end
                self._known[id(buffer), begin] = part
                if part.ends or part.searched < end:
                    self._parts.append(part)

    def rows(self, hints: Hints, several: bool) -> Iterator[Row]:
        """The lines before the current one, newest first; those of the source with these hints where
        ``several`` sources stand in the member."""
        before = itertools.islice(self._scanner.backwards(), min(LINES, self._lines_left))
        for above, raw in enumerate(before):
            self._lines_left -= 1
            peeled = self._framings.peel(raw[:REACH])
            if several and peeled.hints != hints:
                continue
            if NEXT_PROCESS in peeled.payload[:60]:
                continue
            yield above, peeled.payload, payload_stamp(peeled.payload) or framing_stamp(peeled.stamp)


def _cuts(buffer: bytes, base: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where the parts of a block begin and end, the last first. A block that grows keeps those it had."""
    for place in range(base + (stop - base - 1) // PART * PART, base, -PART):
        begin = buffer.find(b"\n", place, stop) + 1
        if 0 < begin < stop:  # else no line begins there
            yield begin, stop
            stop = begin
    yield base, stop
