"""The objects of a list in a JSON text of any length, one at a time.

    {"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod", ...}, {"kind": "Pod", ...}]}

Braces are matched by one regular expression that passes over strings, so only the object at hand is in
memory; a text without a list is one object. What stands after a cut is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer import lazy

ITEM_LIMIT = 4 << 20  # bytes of one object; a longer one is passed over
_HEAD = 64 << 10  # bytes in which the list begins
_LIST = lazy.pattern(
    rb'\s*+\[|\s*+\{(?:[^"\[\]]|"(?!items")(?:[^"\\]|\\.)*+")*+"items"\s*+:\s*+\[', re.DOTALL
)
# Up to the next brace that is not within a string, or to the end of what is whole.
_NEXT = lazy.pattern(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+([{}])?', re.DOTALL)


def items(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(number of the line it begins in, bytes) of each object."""
    return _Reader(iter(chunks)).objects()


class _Reader:
    """The bytes at hand, how far they are read, and the object that is open."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""
        self._at = 0  # read up to here
        self._begin = -1  # where the open object begins; -1 for none, or one that is too long
        self._depth = 0
        self._line = 1  # the number of the line at ``_counted``
        self._counted = 0
        while len(self._held) < _HEAD and self._more():
            pass
        match = _LIST.match(self._held)
        if match is not None:
            self._at = match.end()

    def _more(self) -> bool:
        """Take another chunk; False at the end."""
        for chunk in self._chunks:
            if chunk:
                self._held += chunk
                return True
        return False

    def _line_at(self, place: int) -> int:
        self._line += self._held.count(b"\n", self._counted, place)
        self._counted = place
        return self._line

    def _refill(self) -> bool:
        """Leave behind what is done with and take more; False at the end."""
        if self._begin >= 0 and len(self._held) - self._begin > ITEM_LIMIT:
            self._begin = -1
        keep = self._begin if self._begin >= 0 else self._at
        if len(self._held) - self._at > ITEM_LIMIT:  # a string without an end
            return False
        self._line_at(keep)
        self._held = self._held[keep:]
        self._at -= keep
        self._counted -= keep
        self._begin = min(self._begin, 0)
        return self._more()

    def objects(self) -> Iterator[tuple[int, bytes]]:
        """Each object that is whole."""
        while True:
            match = _NEXT.match(self._held, self._at)
            if match is None or match[1] is None:
                self._at = match.end() if match is not None else self._at
                if not self._refill():
                    return
                continue
            self._at = match.end()
            if match[1] == b"{":
                self._depth += 1
                if self._depth == 1:
                    self._begin = self._at - 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0 and self._begin >= 0:
                    yield self._line_at(self._begin), self._held[self._begin : self._at]
                    self._begin = -1
