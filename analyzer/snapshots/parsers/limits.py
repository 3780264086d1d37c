"""``/proc/PID/limits``: the limits that are in force for the process.

    Limit                     Soft Limit           Hard Limit           Units
    Max cpu time              unlimited            unlimited            seconds
    Max data size             104857600            unlimited            bytes
    Max processes             96365                96365                processes
    Max open files            20000                20000                files
    Max locked memory         8388608              8388608              bytes
    Max address space         unlimited            unlimited            bytes

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/26753/limits", __doc__)
>>> facts["address_space"].value, facts["data"].value, facts["nofile"].value
((inf, inf), (104857600, inf), (20000, 20000))
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import (
    SnapshotParser,
    Table,
    is_refused_or_empty,
    lines,
    of_several,
    present,
    refusal,
    snapshot,
    to_limit,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

NAMES = {
    "cpu time": "cpu",
    "file size": "fsize",
    "data size": "data",
    "stack size": "stack",
    "core file size": "core",
    "resident set": "rss",
    "processes": "nproc",
    "open files": "nofile",
    "locked memory": "memlock",
    "address space": "address_space",
    "file locks": "locks",
    "pending signals": "sigpending",
    "msgqueue size": "msgqueue",
    "nice priority": "nice",
    "realtime priority": "rtprio",
    "realtime timeout": "rttime",
}
_ROW = lazy.pattern(r"Max ([a-z ]+?)\s+(unlimited|\d+)\s+(unlimited|\d+)(?:\s+(\w*)\s*)?")


def looks_like_limits(path: str, head: bytes) -> bool:
    """The heading of the table, or its first row."""
    return re.match(rb"\s*Limit +Soft Limit +Hard Limit +Units", head) is not None


def read_limits(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: (soft, hard) by name."""
    table = Table()
    for number, line in lines(member):
        if line.lstrip().startswith("Limit "):
            table.begin()
        match = _ROW.fullmatch(line.strip())
        name = NAMES.get(match[1]) if match is not None else None
        if match is None or name is None or (not match[4] and name not in ("nice", "rtprio")):
            continue  # not a row, or one that was cut in its numbers
        soft, hard = to_limit(match[2]), to_limit(match[3])
        if soft is not None and hard is not None:
            table.add(name, present((soft, hard), member, number, line))
    if table.several:
        return [unreadable(member, "limits", "address_space", of_several("the limits"))]
    if not table.values:
        why = refusal(bytes(member.head)) or "empty or garbled"
        return [unreadable(member, "limits", "address_space", why)]
    return [snapshot(member, "limits", table.values)]


PARSER = SnapshotParser(
    kind="limits",
    main="address_space",
    markers=("proc/*/limits", "limits", "proc_limit", "*limits"),
    confirm=lambda path, head: (
        looks_like_limits(path, head) or ("proc" in path and is_refused_or_empty(head))
    ),
    parse=read_limits,
    strong=looks_like_limits,
)
