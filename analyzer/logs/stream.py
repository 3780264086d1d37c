"""Counts the members of one huge line that is read in pieces, with flat memory.

    ... err="failed to open TSDB: /d/t1: 3000000 errors: mmap, size 31301: cannot allocate memory; mmap, size 16...
    ... err="failed to open TSDB: /d/t1: reloadBlocks: corrupted block 01G0P1FM80185GR38E1W8124GK: mmap, size 31...

The line is raw: still in its quotes and container. Nesting is not kept, only what can be counted.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec import Struct, field

from analyzer import lazy
from analyzer.logs.leaf import split_member
from analyzer.logs.sizes import Range, wider

MAX_SIZES = 4096
_CARRY_LIMIT = 65_536
_KEEP = 4096
_CACHE_LIMIT = 65_536

_HEADER = lazy.pattern(rb"(?<![0-9A-Za-z])(\d{1,9}+) errors: ")
_JOIN = lazy.pattern(rb"(?<![0-9A-Za-z])corrupted block [0-9A-HJKMNP-TV-Z]{26}+: ")
_NESTED = lazy.pattern(r"\A.*?(?<![0-9A-Za-z])\d{1,9}+ errors: ", re.DOTALL)
_QUOTE = lazy.pattern(rb'\\*+"')


class StreamCount(Struct):
    """What one long line holds. ``members`` are the leaves found, 0 where no list was; ``declared`` is N of
    its first "N errors:" header, None for a joined list, which has none. ``sizes`` are bytes and how often;
    past 4096 distinct ones new sizes are only counted in ``sizes_dropped``, and ``dropped`` is the smallest
    and the largest of them. ``errnos`` and ``kinds`` (file kinds) count leaves. ``complete`` is
    False when fewer members than declared were found, or the last one was cut."""

    members: int = 0
    declared: int | None = None
    complete: bool = True
    sizes: Counter[int] = field(default_factory=Counter)
    sizes_dropped: int = 0
    dropped: Range | None = None
    errnos: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)


class StreamCounter:
    """Feed the pieces of a line in order, then :meth:`finish`. Cost is linear, memory flat."""

    def __init__(self) -> None:
        self._count = StreamCount()
        self._carry = b""
        self._inside = False  # a header was seen, or a joined list's first member
        self._joined = False
        self._ended = False  # the quote that closes the value was seen
        self._known: dict[bytes, tuple[str | None, str | None, int | None]] = {}

    def feed(self, piece: bytes) -> None:
        """The next piece of the line; its borders may lie anywhere."""
        if self._ended:
            return
        data = self._carry + bytes(piece)
        if not self._inside:
            start = self._start(data)
            if start is None:
                self._carry = data[-_KEEP:]
                return
            self._inside = True
            data = data[start:]
        # A join is written as \n inside quotes, doubly escaped inside docker's JSON.
        if b"\\n" in data:
            data = data.replace(b"\\n", b"; ")
        quote = data.find(b'"')
        if quote >= 0:
            self._ended = True
            self._carry = data[: _QUOTE.search(data).start()]  # type: ignore[union-attr]
            self._split()
            return
        self._carry = data
        self._split()

    def _start(self, data: bytes) -> int | None:
        """Where the first member begins; a block that is named before any header begins a joined list."""
        header, join = _HEADER.search(data), _JOIN.search(data)
        if join is not None and (header is None or join.start() < header.start()):
            self._joined = True
            return join.start()
        if header is None:
            return None
        self._count.declared = int(header[1])
        return header.end()

    def _is_member(self, text: bytes) -> bool:
        """Whether a part of the list is a member: of a joined one, what goes on behind a line break is none."""
        return not self._joined or text.startswith(b"corrupted block ")

    def _split(self) -> None:
        *whole, rest = self._carry.split(b"; ")
        for text, times in Counter(whole).items():
            self._add(text, times)
        self._carry = rest
        if len(rest) > _CARRY_LIMIT:
            self._carry = rest[:_KEEP] + rest[-_KEEP:]

    def _add(self, text: bytes, times: int) -> None:
        count = self._count
        stripped = text.strip(b"\\ \r\n")
        if not stripped or not self._is_member(stripped):
            return
        count.members += times
        known = self._known.get(stripped)
        if known is None:
            known = self._leaf(stripped)
            if len(self._known) < _CACHE_LIMIT:
                self._known[stripped] = known
        errno, kind, size = known
        if errno is not None:
            count.errnos[errno] += times
        if kind is not None:
            count.kinds[kind] += times
        if size is None:
            return
        if size in count.sizes or len(count.sizes) < MAX_SIZES:
            count.sizes[size] += times
        else:
            count.sizes_dropped += times
            count.dropped = wider(count.dropped, size, size)

    @staticmethod
    def _leaf(text: bytes) -> tuple[str | None, str | None, int | None]:
        member = text.decode("utf-8", "replace")
        nested = _NESTED.match(member)
        if nested:
            member = member[nested.end() :]
        _, leaf = split_member(member, cut=True)
        if not leaf.complete:
            # Only the end of the line may be cut, yet an errno that could go on proves itself here.
            _, leaf = split_member(member)
        return leaf.errno, leaf.file_kind if leaf.kind == "mmap" else None, leaf.size

    def finish(self) -> StreamCount:
        """What was counted. The member behind the last separator counts; cut, it gives no number."""
        count = self._count
        rest = self._carry.strip(b"\\ \r\n;") if self._inside else b""
        self._carry = b""
        if rest and self._is_member(rest):
            _, leaf = split_member(rest.decode("utf-8", "replace"), cut=not self._ended)
            if leaf.complete:
                self._add(rest, 1)
            else:
                count.members += 1
                count.complete = False
        if count.declared is not None and count.members < count.declared:
            count.complete = False
        return count
