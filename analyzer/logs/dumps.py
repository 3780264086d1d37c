"""Raw Go dumps within a log: thousands of lines that are one record.

    fatal error: runtime: out of memory
                                                <- blank
    runtime stack:
    runtime.throw({0x20bdbf9?, 0x2030?})
            runtime/panic.go:1047 +0x5d fp=0x7fdbb6ffcc88 sp=0x7fdbb6ffcc58 pc=0x43c35d
    ...
    goroutine 1 [semacquire]:

The first lines are followed one by one; from there on a dump costs nothing: it lasts until the next
line of a logger that matters, and its goroutines are counted by the scan. Lines of other goroutines'
loggers may stand among the first lines; they end a dump only when several follow each other. What stands
on the container's other stream is no part of it.
"""

from __future__ import annotations

from msgspec import Struct, field

from analyzer.facts import Stamp
from analyzer.logs import godump
from analyzer.logs.framing_types import Peeled

FOLLOWED = 1200  # lines; the failing stack stands first
LINE_KEPT = 1000  # characters
HEADS_THAT_END = 8  # lines of a logger in a row

STARTS = tuple(start.decode("ascii") for start in godump.STARTS)
_LAST_WORDS = ("panic: ", "fatal error: ", "SIG", "unexpected fault", "runtime: ", "runtime/cgo: ")


def opens(payload: str) -> bool:
    """Whether a raw dump begins with this line."""
    return payload.startswith(STARTS)


class Dump(Struct):
    """A dump while it is read. ``hints`` and ``stream`` tell whose it is, ``goroutines`` is the scan's count when it
    began, ``stamp`` the time of the last line before it, ``previous`` the life-cycle step before it."""

    first_line: int
    hints: tuple[tuple[str, str], ...]
    stamp: Stamp | None
    goroutines: int
    previous: str | None
    stream: str = ""
    lines: list[str] = field(default_factory=list)
    total: int = 0
    heads: int = 0  # lines of a logger since the last line of the dump
    strange: int = 0  # lines of the other stream among its own
    stacks: bool = False  # a goroutine's stack was seen
    last_line: int = 0

    @property
    def followed(self) -> bool:
        """Whether its lines are still read one by one."""
        return len(self.lines) + self.strange < FOLLOWED

    def add(self, payload: str, number: int) -> None:
        """One more line of the dump."""
        self.total += 1
        self.heads = 0
        self.last_line = number
        if self.followed:
            self.lines.append(payload[:LINE_KEPT])
        self.stacks = self.stacks or payload.startswith(("goroutine ", "runtime stack:"))

    def is_next(self, payload: str) -> bool:
        """Whether a line that opens a dump opens another one: this one has its stacks already."""
        return self.stacks and payload.startswith(_LAST_WORDS) and not payload.startswith("SIG")

    def belongs(self, peeled: Peeled) -> bool:
        """Whether a line is of the same source."""
        return peeled.hints == self.hints
