"""``/proc/buddyinfo``: free blocks of 2^n pages by zone; fragmentation shows here.

    Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3
    Node 0, zone   Normal      1  19870  14600   1832   2821   1231    433    125     47     13      6

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/buddyinfo", __doc__)["free_pages"].value
269709
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, lines, snapshot, unreadable
from analyzer.snapshots.model import Snapshot

_ROW = lazy.pattern(r"Node (\d+), zone +(\w+)((?: +\d+)+) *")


def read_buddyinfo(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``free_pages`` of all zones."""
    pages, last, quoted = 0, 0, ""
    for number, line in lines(member):
        match = _ROW.fullmatch(line)
        if match is not None:
            pages += sum(int(count[:12]) << order for order, count in enumerate(match[3].split()[:16]))
            last, quoted = number, line
    if not last:
        return [unreadable(member, "buddyinfo", "free_pages", "empty or garbled")]
    return [snapshot(member, "buddyinfo", {"free_pages": Present(pages, evidence(member, last, quoted))})]


PARSER = SnapshotParser(
    kind="buddyinfo",
    main="free_pages",
    markers=("proc/buddyinfo", "buddyinfo"),
    confirm=lambda path, head: head.startswith(b"Node "),
    parse=read_buddyinfo,
    strong=lambda path, head: re.match(rb"Node \d+, zone +\w+ +\d+ +\d+ +\d+ ", head) is not None,
)
