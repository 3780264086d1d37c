"""``/proc/PID/smaps_rollup``: the sums of smaps. It says nothing about the count of mappings.

    00400000-7ffc1dfa4000 ---p 00000000 00:00 0                              [rollup]
    Rss:               43172 kB
    Pss:               42179 kB
    Anonymous:         12124 kB
    Locked:                0 kB

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/26753/smaps_rollup", __doc__)
>>> facts["rss"].value, facts["locked"].value
(44208128, 0)
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.snapshots.base import (
    SnapshotParser,
    Table,
    is_refused_or_empty,
    lines,
    of_several,
    present,
    snapshot,
    to_int,
    unreadable,
)
from analyzer.snapshots.model import Snapshot


def _is_rollup(path: str, head: bytes) -> bool:
    return b"[rollup]" in head[:200]


def read_rollup(member: Member, detail: bool) -> list[Snapshot]:
    """Every row in bytes by its own name in lower case: rss, pss, anonymous, locked ..."""
    table = Table()
    for number, line in lines(member):
        if "[rollup]" in line:
            table.begin()
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) == 2 and words[1] == "kB" and len(table.values) < 64:
            size = to_int(words[0])
            if size is not None:
                table.add(name.strip().lower(), present(size << 10, member, number, line))
    if table.several:
        return [unreadable(member, "smaps_rollup", "rss", of_several("the sums"))]
    if not table.values:
        return [unreadable(member, "smaps_rollup", "rss", "empty or refused")]
    return [snapshot(member, "smaps_rollup", table.values)]


PARSER = SnapshotParser(
    kind="smaps_rollup",
    main="rss",
    markers=("proc/*/smaps_rollup", "smaps_rollup"),
    confirm=lambda path, head: is_refused_or_empty(head) or _is_rollup(path, head),
    parse=read_rollup,
    strong=_is_rollup,
)
