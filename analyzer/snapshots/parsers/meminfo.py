"""``/proc/meminfo``: every row by its own name, in bytes; the ``HugePages_`` rows are counts.

    MemTotal:       24684092 kB
    MemAvailable:   23647100 kB
    CommitLimit:    12342044 kB
    Committed_AS:     410704 kB
    HugePages_Total:       0
    Hugepagesize:       2048 kB

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/meminfo", __doc__)
>>> facts["MemTotal"].value, facts["HugePages_Total"].value, facts["MemTotal"].evidence.where()
(25276510208, 0, 'proc/meminfo:1')
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, known
from analyzer.snapshots.base import (
    SnapshotParser,
    is_refused_or_empty,
    lines,
    present,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import MIXED, Snapshot

_ROW = lazy.pattern(r"([A-Za-z][\w()]{1,40}):\s+(\d{1,20})( kB)?\s*")


def looks_like_meminfo(path: str, head: bytes) -> bool:
    """``MemTotal:`` on the first or second line."""
    return b"MemTotal:" in head[:200] and re.match(rb"\s*(?:[^\n]*\n)?MemTotal: +\d+ kB", head) is not None


def read_meminfo(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with every row."""
    values: dict[str, Fact[Any]] = {}
    for number, line in lines(member):
        match = _ROW.fullmatch(line)
        if match is None or (match[3] is None and not match[1].startswith("HugePages_")):
            continue  # a row that was cut would give a wrong number
        size = int(match[2]) << 10 if match[3] else int(match[2])
        held = values.setdefault(match[1], present(size, member, number, line))
        if match[1] == "MemTotal" and known(held) != size:
            return [unreadable(member, "meminfo", "MemTotal", f"{MIXED}the memory of several hosts")]
        if number > 500:
            break
    if not values:
        return [unreadable(member, "meminfo", "MemTotal", refusal(bytes(member.head)) or "empty or garbled")]
    return [snapshot(member, "meminfo", values)]


PARSER = SnapshotParser(
    kind="meminfo",
    main="MemTotal",
    markers=("proc/meminfo", "meminfo", "*meminfo"),
    confirm=lambda path, head: looks_like_meminfo(path, head) or is_refused_or_empty(head),
    parse=read_meminfo,
    strong=looks_like_meminfo,
)
