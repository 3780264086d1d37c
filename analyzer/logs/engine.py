"""The multi-pattern search of one block of bytes: Hyperscan, or plain Python where it has no wheel.

Both engines return the same two lists, the pattern ids and the end offsets of all matches, in the
order of the ends. A block is scanned whole (Hyperscan's stream mode crashes the interpreter), the
callback only appends (a nested scan would fail), and each thread has its own database.
"""

from __future__ import annotations

import importlib
import re
import threading
from functools import lru_cache
from typing import Any, Protocol


def _library() -> Any:
    """Hyperscan, None where it has no wheel for this machine: the slow engine answers the same."""
    try:
        return importlib.import_module("hyperscan")
    except ImportError:
        return None


Patterns = tuple[bytes, ...]  # literals, or regular expressions behind REGEX
REGEX = b"re:"


class Engine(Protocol):
    """Searches blocks for a fixed set of patterns; the id of a pattern is its place in the set."""

    def scan(self, block: bytes | memoryview) -> tuple[list[int], list[int]]:
        """(ids, ends) of all matches, by end offset. The lists are the caller's."""
        ...


def _expression(pattern: bytes) -> bytes:
    return pattern[len(REGEX) :] if pattern.startswith(REGEX) else re.escape(pattern)


class HyperscanEngine:
    """All patterns in one pass, about 0.3 ns a byte for thirty literals."""

    def __init__(self, patterns: Patterns) -> None:
        hyperscan = _library()
        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[_expression(pattern) for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=hyperscan.HS_FLAG_DOTALL,
        )

    def scan(self, block: bytes | memoryview) -> tuple[list[int], list[int]]:
        """See :meth:`Engine.scan`."""
        ids: list[int] = []
        ends: list[int] = []

        def on_match(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ids.append(pattern)
            ends.append(end)

        self._database.scan(block, on_match)
        return ids, ends


class PythonEngine:
    """One search per pattern: slow and obvious, the reference for the other."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = [re.compile(_expression(pattern), re.DOTALL) for pattern in patterns]

    def scan(self, block: bytes | memoryview) -> tuple[list[int], list[int]]:
        """See :meth:`Engine.scan`. Overlapping matches of one pattern are all found."""
        found: list[tuple[int, int]] = []
        for number, pattern in enumerate(self._patterns):
            match = pattern.search(block)
            while match:
                found.append((match.end(), number))
                match = pattern.search(block, match.start() + 1)
        found.sort()
        return [number for _, number in found], [end for end, _ in found]


@lru_cache(maxsize=32)
def _engine(patterns: Patterns, thread: int) -> Engine:
    return PythonEngine(patterns) if _library() is None else HyperscanEngine(patterns)


def engine_for(patterns: Patterns) -> Engine:
    """The engine for ``patterns``, compiled once per thread: two threads must not share a database."""
    return _engine(patterns, threading.get_ident())
