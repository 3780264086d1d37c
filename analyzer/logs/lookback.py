"""What stood before a line, looked up only when it is asked for, within the last 4 MiB.

An ambiguous failure is told by the tenant's previous life-cycle line (``write block``: a compaction;
``Replaying WAL``: a start); a Go dump and a log that just stops have the time of the last line before.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator

from analyzer.facts import Stamp
from analyzer.logs.engine import engine_for
from analyzer.logs.framing import Framings
from analyzer.logs.literals import HEALTHY, STEPS
from analyzer.logs.records import parse, record_message, record_tenant
from analyzer.logs.scan import Region, Scanner
from analyzer.logs.stamps import framing_stamp, payload_stamp

LINES = 400  # searched backwards for a time
BUDGET = 200_000  # lines looked at over a whole member, for either question
BLOCKS = 1024  # blocks of the scan that are searched backwards
REACH = 4096  # bytes of a line that are read
NEXT_PROCESS = "maxprocs: "  # printed before its banner

STEP_PATTERNS = (HEALTHY, *STEPS)

Hints = tuple[tuple[str, str], ...]
Row = tuple[int, str, Stamp | None]
"""How many lines above the first one, the payload, the time."""


class LookBack:
    """Answers for one member. ``spent`` says that the budget is used up: later answers are None."""

    def __init__(self, scanner: Scanner, framings: Framings) -> None:
        self._scanner = scanner
        self._framings = framings
        self._scanned: dict[int, tuple[bytes, int, list[int]]] = {}
        self._lines_left = BUDGET
        self._steps_left = BUDGET

    @property
    def spent(self) -> bool:
        """Whether a tenant's step could not be looked up any more."""
        return self._steps_left <= 0

    def worked(self, hints: Hints | None) -> bool:
        """Whether the process with these hints, any for None, wrote a life-cycle line."""
        return any(hints is None or self._framings.peel(line).hints == hints for line in self._steps(b""))

    def step(self, tenant: str | None) -> str | None:
        """The message of the last life-cycle line of ``tenant``, of any for None."""
        for line in self._steps(tenant.encode("utf-8", "replace") if tenant else b""):
            record = parse(self._framings.peel(line).payload, "", 0)
            message = record_message(record)
            if message and (not tenant or record_tenant(record) == tenant):
                return message
        return None

    def _steps(self, name: bytes) -> Iterator[bytes]:
        """The life-cycle lines that hold ``name``, newest first, as far as the budget goes."""
        for block, limit in itertools.islice(self._scanner.blocks(), BLOCKS):
            buffer, base, _ = block
            if name and buffer.find(name, base, limit) < 0:
                continue
            ends = self._ends_in(block)
            for index in range(bisect_right(ends, limit - base) - 1, -1, -1):
                if self._steps_left <= 0:
                    return
                self._steps_left -= 1
                end = base + ends[index]
                start = buffer.rfind(b"\n", max(0, end - REACH), end) + 1
                stop = buffer.find(b"\n", end, end + REACH)
                line = buffer[start : stop if stop >= 0 else end + REACH]
                if name in line:
                    yield line

    def _ends_in(self, block: Region) -> list[int]:
        """The ends behind its base of all life-cycle lines' literals in a block; each is searched once."""
        buffer, base, stop = block
        known = self._scanned.get(id(buffer))
        if known is None or known[0] is not buffer or known[1] != base:
            while len(self._scanned) >= BLOCKS:
                del self._scanned[next(iter(self._scanned))]
            _, ends = engine_for(STEP_PATTERNS).scan(memoryview(buffer)[base:stop])
            known = self._scanned[id(buffer)] = (buffer, base, ends)
        return known[2]

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
