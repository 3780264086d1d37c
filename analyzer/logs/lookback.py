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
from analyzer.logs.scan import Region, Scanner
from analyzer.logs.stamps import framing_stamp, payload_stamp

LINES = 400  # searched backwards for a time, or for a process's own
BUDGET = 200_000  # lines looked at over a whole member, for either question
BLOCKS = 1024  # blocks of the scan that are searched backwards
REACH = 4096  # bytes of a line that are read
NEXT_PROCESS = "maxprocs: "  # printed before its banner

STEP_PATTERNS = (HEALTHY, *STEPS)

Hints = tuple[tuple[str, str], ...]
Row = tuple[int, str, Stamp | None]
"""How many lines above the first one, the payload, the time."""


class Searched(Struct):
    """A region of the log; ``ends`` are those of all life-cycle literals in it, behind its base."""

    buffer: bytes
    base: int
    stop: int
    ends: list[int] = field(default_factory=list)


class LookBack:
    """Answers for one member. ``spent`` says that the budget is used up: later answers are None."""

    def __init__(self, scanner: Scanner, framings: Framings) -> None:
        self._scanner = scanner
        self._framings = framings
        self._block = -1  # of the scanner, when these were searched
        self._searched: dict[tuple[int, int], Searched] = {}  # by buffer and base
        self._with_steps: list[Searched] = []  # those reached, newest first
        self._unreached: Iterator[Searched] = iter(())
        self._lines_left = BUDGET
        self._steps_left = BUDGET

    @property
    def spent(self) -> bool:
        """Whether a tenant's step could not be looked up any more."""
        return self._steps_left <= 0

    def worked(self, hints: Hints | None) -> bool:
        """Whether the process with these hints, any for None, wrote one of the last life-cycle lines."""
        last = itertools.islice(self._steps(b""), LINES)
        return any(hints is None or self._framings.peel(line).hints == hints for line in last)

    def step(self, tenant: str | None) -> str | None:
        """The message of the last life-cycle line of ``tenant``, of any for None."""
        name = tenant.encode("utf-8", "replace") if tenant else b""
        for line in self._steps(name):
            if self._steps_left <= 0:
                return None
            self._steps_left -= 1
            if name not in line:
                continue
            record = parse(self._framings.peel(line).payload, "", 0)
            message = record_message(record)
            if message and (not tenant or record_tenant(record) == tenant):
                return message
        return None

    def _steps(self, name: bytes) -> Iterator[bytes]:
        """The life-cycle lines of the blocks that hold ``name``, newest first."""
        current, limit = self._scanner.here()
        for found in self._stepped():
            buffer, base, ends = found.buffer, found.base, found.ends
            stop = limit if buffer is current else len(buffer)
            if name and buffer.find(name, base, stop) < 0:
                continue
            for index in range(bisect_right(ends, stop - base) - 1, -1, -1):
                end = base + ends[index]
                start = buffer.rfind(b"\n", max(0, end - REACH), end) + 1
                newline = buffer.find(b"\n", end, end + REACH)
                yield buffer[start : newline if newline >= 0 else end + REACH]

    def _stepped(self) -> Iterator[Searched]:
        """The blocks of the last 4 MiB that hold life-cycle lines, newest first. Each is searched once, when it is
        reached; a block in which every line asks does not look at the others again for each."""
        if self._block != self._scanner.block:
            self._block = self._scanner.block
            known, self._searched, self._with_steps = self._searched, {}, []
            regions = list(itertools.islice(self._scanner.blocks(), BLOCKS))
            for buffer, base, _ in regions:
                found = known.get((id(buffer), base))
                if found is not None and found.buffer is buffer:
                    self._searched[id(buffer), base] = found
            self._unreached = self._search(regions)
        yield from self._with_steps
        for (
            found
        ) in self._unreached:  # "yield from" would close it with this generator, before the next question
            yield found

    def _search(self, regions: list[Region]) -> Iterator[Searched]:
        for buffer, base, stop in regions:
            found = self._searched.setdefault((id(buffer), base), Searched(buffer, base, base))
            if found.stop < stop:  # it is new, or has grown since
                _, ends, _ = engine_for(STEP_PATTERNS).scan(memoryview(buffer)[found.stop : stop])
                found.ends += [end + found.stop - base for end in ends]
                found.stop = stop
            if found.ends:
                self._with_steps.append(found)
                yield found

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
