"""``/proc/swaps``: swap areas, in kB.

    Filename				Type		Size		Used		Priority
    /dev/vdb                                partition	2097148		1024		-2

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/swaps", __doc__)
>>> facts["size"].value, facts["used"].value
(2147479552, 1048576)
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, head_of, lines, snapshot, unreadable
from analyzer.snapshots.model import Snapshot


def _is_swaps(path: str, head: bytes) -> bool:
    return head.startswith(b"Filename") and b"Type" in head[:80] and b"Priority" in head[:200]


def read_swaps(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with the ``size`` and ``used`` of all areas, in bytes; 0 where there is none."""
    size = used = 0
    last, quoted = 0, ""
    for number, line in lines(member):
        words = line.split()
        last, quoted = number, line
        if number == 1 or len(words) < 5 or not (words[-3].isdecimal() and words[-2].isdecimal()):
            continue
        size += int(words[-3][:20]) << 10
        used += int(words[-2][:20]) << 10
    if not _is_swaps(member.path, head_of(member)):
        return [unreadable(member, "swaps", "size", "empty")]
    where = evidence(member, last, quoted)
    return [snapshot(member, "swaps", {"size": Present(size, where), "used": Present(used, where)})]


PARSER = SnapshotParser(
    kind="swaps",
    main="size",
    markers=("proc/swaps", "swaps"),
    confirm=_is_swaps,
    parse=read_swaps,
    strong=_is_swaps,
)
