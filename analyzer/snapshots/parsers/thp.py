"""``/sys/kernel/mm/transparent_hugepage/enabled``: the choice stands in brackets.

    always [madvise] never

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "sys/kernel/mm/transparent_hugepage/enabled", __doc__)["enabled"].value
'madvise'
"""

from __future__ import annotations

import re

from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_CHOICE = re.compile(r"\[(\w+)\]")


def read_thp(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``enabled`` or ``defrag``."""
    line = text(member, 256)
    match = _CHOICE.search(line)
    name = "defrag" if "defrag" in member.path.rsplit("/", 1)[-1] else "enabled"
    if match is None:
        return [unreadable(member, "thp", name, "no choice in brackets")]
    return [snapshot(member, "thp", {name: present(match[1], member, 1, line)})]


PARSER = SnapshotParser(
    kind="thp",
    main="enabled",
    markers=("transparent_hugepage/enabled", "transparent_hugepage/defrag", "thp", "thp_enabled", "*hugepage_enabled"),
    confirm=lambda path, head: len(head) < 200 and _CHOICE.search(head.decode("utf-8", "replace")) is not None,
    parse=read_thp,
)
