"""The ULIDs and tenants of "Found healthy block" lines, read by offset and many at once.

    ts=... caller=repair.go:57 level=info org_id=t1 msg="Found healthy block" mint=16... maxt=16... ulid=01G0P1FM80...
    {"caller":"repair.go:54","level":"info","maxt":"16...","msg":"Found healthy block","org_id":"t1",...,"ulid":"01G0P1FM80..."}

A start announces up to 32,000 blocks, in lines that one logger wrote: what one line shows of its form is
tried on all of a stretch and checked for all. Where the check fails, each line is searched by itself.
"""

from __future__ import annotations

import re
import struct
from collections import Counter

from analyzer import lazy
from analyzer.logs.engine import Mark

ULID_LENGTH = 26
LINE_REACH = 2048  # bytes around a match that are searched for its ULID and tenant
LONGEST_TENANT = 150

_ULID = lazy.pattern(rb'ulid[=":\\ ]+([0-9A-HJKMNP-TV-Z]{26})')
_LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_KEY = b"ulid"
_TENANT = lazy.pattern(rb'(?:org_id|user|tenant)(?:=|\\*": ?|: )\\*"?([^\s"\\,}]{1,150})')
_NO_TENANT = b' \t\n\r\x0b\x0c"\\,}'
_ORG_ID = b" org_id="
_TAILS = (struct.Struct("32s"), struct.Struct("160s"))  # for usual names, and for the longest
_MOST_TAILS = 4096


class BlockLines:
    """Reads the lines of one log. ``marks`` are the matches of "healthy block", behind ``base`` in ``buffer``."""

    def __init__(self) -> None:
        self._distance = 0  # from a match to the ULID, where it is the same in all lines
        self._shift = 0  # from "ulid" to the ULID
        self._names: dict[bytes, bytes] = {}  # by the tail that ends with one

    def ulids(self, buffer: bytes, base: int, marks: list[Mark]) -> tuple[list[Mark], list[bytes]]:
        """The ULIDs, and the matches that they belong to: one without a ULID in its line is left out."""
        if self._distance:
            # Quicker than a slice.
            read = struct.Struct(f"{base + self._distance}x{ULID_LENGTH}s").unpack_from
            try:
                found = [read(buffer, end)[0] for _, _, end in marks]
            except struct.error:  # the buffer ends before the ULID would
                found = []
            if found and _are_ulids(found):
                return marks, found
            self._distance = 0
        ends = _ends(base, marks)
        if self._shift:
            keys = [buffer.find(_ULID_KEY, end, end + LINE_REACH) for end in ends]
            start, stop = self._shift, self._shift + ULID_LENGTH
            found = [buffer[key + start : key + stop] for key in keys]
            if min(keys) >= 0 and _are_ulids(found) and _in_one_line(buffer, ends, keys):
                return marks, found
        return self._searched(buffer, ends, marks)

    def _searched(self, buffer: bytes, ends: list[int], marks: list[Mark]) -> tuple[list[Mark], list[bytes]]:
        kept: list[Mark] = []
        ulids: list[bytes] = []
        distances: set[int] = set()
        for end, mark in zip(ends, marks, strict=True):
            match = _ULID.search(buffer, end, end + LINE_REACH)
            if match is not None and b"\n" not in buffer[end : match.start()]:
                kept.append(mark)
                ulids.append(match[1])
                distances.add(match.start(1) - end)
                self._shift = match.start(1) - match.start()
        self._distance = distances.pop() if len(distances) == 1 else 0
        return kept, ulids

    def tenants(self, buffer: bytes, base: int, marks: list[Mark]) -> Counter[bytes]:
        """How many of the matches' lines name each tenant; one that names none is left out."""
        if not marks:
            return Counter()
        end = base + marks[0][2]
        first = _tenant_in_line(buffer, end)
        if first is None:
            found = None
        elif first.start() < end:
            found = self._before(buffer, base, marks, end - first.end(1))
        else:
            found = _behind(buffer, _ends(base, marks), buffer[first.start() : first.start(1)])
        if found is not None:
            return found
        matches = (_tenant_in_line(buffer, end) for end in _ends(base, marks))
        return Counter(match[1] for match in matches if match is not None)

    def _before(self, buffer: bytes, base: int, marks: list[Mark], behind: int) -> Counter[bytes] | None:
        """Tenants that ``org_id=`` names before the match, the name ``behind`` bytes before the match's end; None
        where one does not."""
        nearest = min(marks)[2]
        for tail in _TAILS:
            shift = base - behind - tail.size + 1  # to a tail that ends with the space behind the name
            if nearest + shift < 0:
                return None
            read = tail.unpack_from
            # Counted first: short tails hold no time, and are as few as the tenants.
            names = self._named(Counter([read(buffer, end + shift)[0] for _, _, end in marks]))
            if names is not None:
                return names
        return None

    def _named(self, tails: Counter[bytes]) -> Counter[bytes] | None:
        known = self._names
        if len(known) > _MOST_TAILS:
            known.clear()
        names: Counter[bytes] = Counter()
        for tail, times in tails.items():
            name = known.get(tail)
            if name is None:
                _, key, last = tail.rpartition(_ORG_ID)
                name = last[:-1]
                if not key or last[-1:] != b" " or not _is_name(name):
                    return None
                known[tail] = name
            names[name] += times
        return names


def _ends(base: int, marks: list[Mark]) -> list[int]:
    return [base + end for _, _, end in marks]


def _are_ulids(found: list[bytes]) -> bool:
    """What stands beside a ULID is no letter of one: a slice at the wrong place cannot pass."""
    joined = b"".join(found)
    return len(joined) == ULID_LENGTH * len(found) and not joined.translate(None, _LETTERS)


def _is_name(found: bytes) -> bool:
    """Whether it is what a search in its line would take for the whole name."""
    return 0 < len(found) <= LONGEST_TENANT and len(found.translate(None, _NO_TENANT)) == len(found)


def _in_one_line(buffer: bytes, starts: list[int], stops: list[int]) -> bool:
    """Whether no newline stands in any of the stretches."""
    return b"\n" not in b"".join([buffer[start:stop] for start, stop in zip(starts, stops, strict=True)])


def _tenant_in_line(buffer: bytes, end: int) -> re.Match[bytes] | None:
    start = buffer.rfind(b"\n", max(0, end - LINE_REACH), end) + 1
    stop = buffer.find(b"\n", end, end + LINE_REACH)
    return _TENANT.search(buffer, start, stop if stop >= 0 else end + LINE_REACH)


def _behind(buffer: bytes, ends: list[int], key: bytes) -> Counter[bytes] | None:
    """Tenants that ``key`` (``org_id":"``) names behind the match, None where one does not."""
    close = b'\\"' if key.endswith(b'\\"') else b'"' if key.endswith(b'"') else b" "
    starts = [buffer.find(key, end, end + LINE_REACH) for end in ends]
    if min(starts) < 0:
        return None
    size = len(key)
    stops = [buffer.find(close, start + size, start + size + LONGEST_TENANT + 2) for start in starts]
    if min(stops) < 0 or not _in_one_line(buffer, ends, stops):
        return None
    names = Counter([buffer[start + size : stop] for start, stop in zip(starts, stops, strict=True)])
    return names if all(map(_is_name, names)) else None
