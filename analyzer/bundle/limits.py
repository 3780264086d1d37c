"""The limits that keep hostile input bounded, and the account of what was expanded so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from analyzer.errors import AnalyzerError

MIB = 1 << 20
GIB = 1 << 30
_UNITS = {"K": 1 << 10, "M": MIB, "G": GIB, "T": 1 << 40}


class Limits(Struct, frozen=True):
    """Bounds on what one bundle may cost. Reaching one is always written to the coverage, by its name.

    ``max_ratio`` lies above what one deflate layer can reach (1032 : 1), so that only nested layers
    and formats without such a ceiling are ever refused by it, and only after ``ratio_free_bytes``.
    """

    max_depth: int = 6  # archives inside archives
    max_layers: int = 3  # compressions directly inside each other, as in x.gz.gz
    max_members: int = 1_000_000  # files, links and devices of the whole bundle
    max_spool_bytes: int = 2 * GIB  # temporary file for one zip that cannot be read in place
    max_total_bytes: int = 256 * GIB  # bytes that all expansions of a bundle may give together
    max_ratio: float = 1100.0  # bytes given for each byte of the bundle
    ratio_free_bytes: int = GIB  # expansions below this are never refused by ratio
    max_window_bytes: int = 192 * MIB  # memory that one xz, lzma or zstd stream may ask for
    max_parsed: int = 100_000  # logs, and snapshots, that are parsed: each is kept, in about 5 KiB

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names that ``--limit NAME=VALUE`` knows."""
        return cls.__struct_fields__

    def changed(self, texts: Iterable[str]) -> Limits:
        """These limits with those of ``NAME=VALUE`` in the place of their own.

        A value is a number above 0, bytes with K, M, G or T behind it where wanted (1024 each). Raises
        :class:`AnalyzerError` (status 2) for anything else.
        """
        values: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in self.names():
                raise AnalyzerError(f"--limit {text}: no such limit; known are {', '.join(self.names())}")
            values[name] = _value(name, value)
        return replace(self, **values)


def _value(name: str, text: str) -> int | float:
    """The number that a limit is set to."""
    unit = _UNITS.get(text[-1:].upper(), 1)
    digits = text[:-1] if unit > 1 else text
    plain = digits.isascii() and digits.replace("_", "").isdigit() and len(digits) < 19
    if not plain or not int(digits):
        raise AnalyzerError(
            f"--limit {name}={text}: the value must be a whole number above 0, such as 8 or 512M"
        )
    return int(digits) * unit


def option(name: str) -> str:
    """How a warning tells to raise a limit that was reached."""
    return f"(raise it with --limit {name}=VALUE)"


class Budget(Struct):
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
            self.stopped = f"more than {limits.max_total_bytes} bytes expanded {option('max_total_bytes')}"
        elif self.given > limits.ratio_free_bytes and self.given > limits.max_ratio * max(
            self.raw_bytes(), 1
        ):
            self.stopped = f"expands to more than {limits.max_ratio:.0f} times its size {option('max_ratio')}"


class Meter:
    """Bytes into and out of one expansion, and of those it lies in."""

    __slots__ = ("_budget", "_outer", "given", "taken")

    def __init__(self, budget: Budget, outer: Meter | None = None) -> None:
        self._budget = budget
        self._outer = outer
        self.taken = 0
        self.given = 0

    @property
    def window(self) -> int:
        """Bytes of memory that a decompressor may ask for."""
        return self._budget.limits.max_window_bytes

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
            return f"expands to more than {limits.max_ratio:.0f} times its size {option('max_ratio')}"
        return ""
