"""The count of a maps file's lines: ``wc -l /proc/PID/maps``, ``maps_count.txt``, loops of them.

    16002 /proc/20656/maps
    212 /proc/1/maps
    16214 total

>>> from analyzer.snapshots.parsers import member_of, sample
>>> sample(PARSER, "maps_count.txt", __doc__)["lines"].value
212
>>> [(s.pid, s.values["lines"].value) for s in PARSER.read(member_of("x/1/map_count", b"16002\\n"))]
[(1, 16002)]

A count of lines may hold ``[vsyscall]``, which the kernel does not count. Where a text repeats the
count over time (a loop with a date before each), see the ``series`` parser.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import (
    SnapshotParser,
    first_line,
    lines,
    of_several,
    present,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_NAMED = lazy.pattern(r"\s*(\d{1,9})\s+(?:\S*/)?proc/(\d{1,10}|self)/(?:task/\d+/)?(?:s|numa_)?maps\s*")
_COLON = lazy.pattern(r"(?:\S*/)?proc/(\d{1,10})/maps\s*[:=]\s*(\d{1,9})\s*")
_BARE = lazy.pattern(r"\s*(?:(?:maps|mappings|map_count|count|lines)\s*[:=]\s*)?(\d{1,9})\s*", re.IGNORECASE)
_LIMIT = 10_000  # processes of one text


def looks_like_counts(path: str, head: bytes) -> bool:
    """Rows of ``N /proc/PID/maps``."""
    line = first_line(head).decode("utf-8", "replace")
    return _NAMED.fullmatch(line) is not None or _COLON.fullmatch(line) is not None


def _confirm(path: str, head: bytes) -> bool:
    line = first_line(head).decode("utf-8", "replace")
    return looks_like_counts(path, head) or _BARE.fullmatch(line) is not None


def read_line_count(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``lines`` per process named; a bare number is of the path's process."""
    found: list[Snapshot] = []
    bare_count: int | None = None
    for number, line in lines(member):
        named = _NAMED.fullmatch(line)
        colon = None if named else _COLON.fullmatch(line)
        bare = None if named or colon else _BARE.fullmatch(line)
        if named is not None:
            count, pid = int(named[1]), int(named[2]) if named[2].isdigit() else None
        elif colon is not None:
            count, pid = int(colon[2]), int(colon[1])
        elif bare is not None:
            count, pid = int(bare[1]), None
            if bare_count is not None and count != bare_count:
                return [unreadable(member, "line_count", "lines", of_several("the counts"))]
            if found:
                continue
            bare_count = count
        else:
            continue
        values: dict[str, Fact[int]] = {"lines": present(count, member, number, line)}
        if count == 0:  # wc of an empty or refused file: no count at all
            found.append(unreadable(member, "line_count", "lines", "0 lines: the file was empty or refused"))
        else:
            found.append(snapshot(member, "line_count", values))
        if pid is not None:
            found[-1].pid = pid
        if len(found) >= _LIMIT:
            break
    return found or [unreadable(member, "line_count", "lines", "no count in it")]


PARSER = SnapshotParser(
    kind="line_count",
    main="lines",
    markers=("maps_count", "map_count", "maps_wc", "wc_l_maps", "*maps*count*", "wc_*maps*", "*maps_lines*"),
    confirm=_confirm,
    parse=read_line_count,
    strong=looks_like_counts,
)
