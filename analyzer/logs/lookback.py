"""What stood before a line, looked up only when it is asked for, within the last 4 MiB.

An ambiguous failure is told by the tenant's previous life-cycle line (``write block``: a compaction;
``Replaying WAL``: a start); a Go dump and a log that just stops have the time of the last line before.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

from analyzer.facts import Stamp
from analyzer.logs.framing import Framings
from analyzer.logs.patterns import PatternSet
from analyzer.logs.records import parse, record_message, record_tenant
from analyzer.logs.scan import HISTORY, Counted, Scanner
from analyzer.logs.stamps import framing_stamp, payload_stamp

LINES = 400  # searched backwards for a time
BUDGET = 200_000  # lines looked at over a whole member, for either question
STRETCHES = 1024  # stretches of counted lines that are remembered
REACH = 4096  # bytes of a line that are read
NEXT_PROCESS = "maxprocs: "  # printed before its banner

Hints = tuple[tuple[str, str], ...]
Row = tuple[int, str, Stamp | None]
"""How many lines above the first one, the payload, the time."""


class LookBack:
    """Answers for one member. ``spent`` says that the budget is used up: later answers are None."""

    def __init__(self, scanner: Scanner, framings: Framings, patterns: PatternSet) -> None:
        self._scanner = scanner
        self._framings = framings
        self._first = len(patterns.parsed)
        self._steps = range(self._first, min(patterns.levels, default=self._first))
        self._recent: deque[Counted] = deque()
        self._size = 0
        self._lines_left = BUDGET
        self._steps_left = BUDGET

    @property
    def spent(self) -> bool:
        """Whether a tenant's step could not be looked up any more."""
        return self._steps_left <= 0

    def remember(self, counted: Counted) -> None:
        """Keep where the life-cycle lines of the last 4 MiB stand."""
        if min(counted.ids) >= self._steps.stop:
            return
        if self._recent and self._recent[-1].buffer is counted.buffer:
            self._size -= len(counted.buffer)
        self._recent.append(counted)
        self._size += len(counted.buffer)
        while (self._size > HISTORY or len(self._recent) > STRETCHES) and len(self._recent) > 1:
            old = self._recent.popleft()
            if self._recent[0].buffer is not old.buffer:
                self._size -= len(old.buffer)

    def step(self, tenant: str | None) -> str | None:
        """The message of the last life-cycle line of ``tenant``, of any for None."""
        name = tenant.encode("utf-8", "replace") if tenant else b""
        for counted in reversed(self._recent):
            if name and counted.buffer.find(name, counted.base) < 0:
                continue
            for index in range(len(counted.ids) - 1, -1, -1):
                if counted.ids[index] not in self._steps:
                    continue
                if self._steps_left <= 0:
                    return None
                self._steps_left -= 1
                found = self._step_at(counted, counted.base + counted.ends[index], name, tenant)
                if found:
                    return found
        return None

    def _step_at(self, counted: Counted, end: int, name: bytes, tenant: str | None) -> str | None:
        buffer = counted.buffer
        start = buffer.rfind(b"\n", max(0, end - REACH), end) + 1
        stop = buffer.find(b"\n", end, end + REACH)
        line = buffer[start : stop if stop >= 0 else end + REACH]
        if name not in line:
            return None
        record = parse(self._framings.peel(line).payload, "", 0)
        if tenant and record_tenant(record) != tenant:
            return None
        return record_message(record) or None

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
