"""The limits that keep hostile input bounded, and the account of what was expanded so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one bundle may cost. Reaching one is always written to the coverage.

    ``max_ratio`` lies above what one deflate layer can reach (1032 : 1), so that only nested layers
    and formats without such a ceiling are ever refused by it, and only after ``ratio_free_bytes``.
    """

    max_depth: int = 6  # archives inside archives
    max_layers: int = 3  # compressions directly inside each other, as in x.gz.gz
    max_members: int = 1_000_000
    max_spool_bytes: int = 2 * GIB  # temporary file for one zip that cannot be read in place
    max_total_bytes: int = 256 * GIB  # bytes that all expansions of a bundle may give together
    max_ratio: float = 1100.0  # bytes given for each byte of the bundle
    ratio_free_bytes: int = GIB  # expansions below this are never refused by ratio


@dataclass(slots=True)
class Budget:
    """What a bundle's expansions gave so far; ``stopped`` says why no more is expanded, or is empty."""

    limits: Limits
    raw_bytes: Callable[[], int]  # bytes of the bundle itself that were taken so far
    given: int = 0
    stopped: str = ""

    def spend(self, size: int) -> None:
        """Counts ``size`` expanded bytes and stops the whole bundle when they are too many."""
        self.given += size
        limits = self.limits
        if self.given > limits.max_total_bytes:
            self.stopped = f"more than {limits.max_total_bytes} bytes expanded"
        elif self.given > limits.ratio_free_bytes and self.given > limits.max_ratio * max(
            self.raw_bytes(), 1
        ):
            self.stopped = f"expands to more than {limits.max_ratio:.0f} times its size"


class Meter:
    """Bytes into and out of one expansion, and of those it lies in."""

    __slots__ = ("_budget", "_outer", "given", "taken")

    def __init__(self, budget: Budget, outer: Meter | None = None) -> None:
        self._budget = budget
        self._outer = outer
        self.taken = 0
        self.given = 0

    def ratio(self) -> float:
        """Bytes given for each byte of the bundle itself, through all layers."""
        own = self.given / max(self.taken, 1)
        return own * (max(self._outer.ratio(), 1.0) if self._outer else 1.0)

    def count(self, taken: int, given: int) -> str:
        """Notes that ``taken`` bytes in all gave ``given`` more bytes; returns why to stop, or ""."""
        self.taken = taken
        self.given += given
        budget = self._budget
        budget.spend(given)
        if budget.stopped:
            return budget.stopped
        limits = budget.limits
        if self.given > limits.ratio_free_bytes and self.ratio() > limits.max_ratio:
            return f"expands to more than {limits.max_ratio:.0f} times its size"
        return ""
