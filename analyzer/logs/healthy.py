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
from collections.abc import Iterable

from analyzer import lazy

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


class BlockLines:
    """Reads the lines of one log. ``ends`` are offsets in ``buffer``, each behind a "healthy block"."""

    def __init__(self) -> None:
        # Reads a ULID where its distance to the match is the same in all lines.
        self._beside: struct.Struct | None = None
        self._shift = 0  # from "ulid" to the ULID

    def ulids(self, buffer: bytes, ends: list[int]) -> tuple[list[int], list[bytes]]:
        """The ULIDs, and the matches that they belong to: one without a ULID in its line is left out."""
        if self._beside is not None:
            read = self._beside.unpack_from  # quicker than a slice
            try:
                found = [read(buffer, end)[0] for end in ends]
            except struct.error:  # the buffer ends before the ULID would
                found = []
            if found and _are_ulids(found):
                return ends, found
            self._beside = None
        if self._shift:
            keys = [buffer.find(_ULID_KEY, end, end + LINE_REACH) for end in ends]
            start, stop = self._shift, self._shift + ULID_LENGTH
            found = [buffer[key + start : key + stop] for key in keys]
            if min(keys) >= 0 and _are_ulids(found) and _in_one_line(buffer, ends, keys):
                return ends, found
        return self._searched(buffer, ends)

    def _searched(self, buffer: bytes, ends: list[int]) -> tuple[list[int], list[bytes]]:
        kept: list[int] = []
        ulids: list[bytes] = []
        distances: set[int] = set()
        for end in ends:
            match = _ULID.search(buffer, end, end + LINE_REACH)
            if match is not None and b"\n" not in buffer[end : match.start()]:
                kept.append(end)
                ulids.append(match[1])
                distances.add(match.start(1) - end)
                self._shift = match.start(1) - match.start()
        self._beside = struct.Struct(f"{distances.pop()}x{ULID_LENGTH}s") if len(distances) == 1 else None
        return kept, ulids

    def tenants(self, buffer: bytes, ends: list[int]) -> Counter[bytes]:
        """How many of the matches' lines name each tenant; one that names none is left out."""
        first = _tenant_in_line(buffer, ends[0]) if ends else None
        if first is None:
            found = None
        elif first.start() < ends[0]:
            found = _before(buffer, ends, ends[0] - first.end(1))
        else:
            found = _behind(buffer, ends, buffer[first.start() : first.start(1)])
        if found is not None:
            return found
        matches = (_tenant_in_line(buffer, end) for end in ends)
        return Counter(match[1] for match in matches if match is not None)


def _are_ulids(found: list[bytes]) -> bool:
    """What stands beside a ULID is no letter of one: a slice at the wrong place cannot pass."""
    joined = b"".join(found)
    return len(joined) == ULID_LENGTH * len(found) and not joined.translate(None, _LETTERS)


def _are_names(found: Iterable[bytes]) -> bool:
    """Whether each is what a search in its line would take for the whole name."""
    return all(
        0 < len(name) <= LONGEST_TENANT and len(name.translate(None, _NO_TENANT)) == len(name)
        for name in found
    )


def _in_one_line(buffer: bytes, starts: list[int], stops: list[int]) -> bool:
    """Whether no newline stands in any of the stretches."""
    return b"\n" not in b"".join([buffer[start:stop] for start, stop in zip(starts, stops, strict=True)])


def _tenant_in_line(buffer: bytes, end: int) -> re.Match[bytes] | None:
    start = buffer.rfind(b"\n", max(0, end - LINE_REACH), end) + 1
    stop = buffer.find(b"\n", end, end + LINE_REACH)
    return _TENANT.search(buffer, start, stop if stop >= 0 else end + LINE_REACH)


def _before(buffer: bytes, ends: list[int], behind: int) -> Counter[bytes] | None:
    """Tenants that ``org_id=`` names before the match, the name ``behind`` bytes before the match's end; None where
    one does not."""
    nearest = min(ends)
    for tail in _TAILS:
        back = behind + tail.size - 1  # to a tail that ends with the space behind the name
        if nearest < back:
            return None
        read = tail.unpack_from
        # Counted first: short tails hold no time, and are as few as the tenants.
        names = _named(Counter([read(buffer, end - back)[0] for end in ends]))
        if names is not None:
            return names
    return None


def _named(tails: Counter[bytes]) -> Counter[bytes] | None:
    names: Counter[bytes] = Counter()
    for tail, times in tails.items():
        _, key, name = tail.rpartition(_ORG_ID)
        if not key or name[-1:] != b" ":
            return None
        names[name[:-1]] += times
    return names if _are_names(names) else None


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
    return names if _are_names(names) else None
