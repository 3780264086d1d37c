"""``/proc/PID/comm``: the command's name, at most 15 bytes.

    prometheus

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/26753/comm", __doc__)["comm"].value
'prometheus'
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, present, refusal, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot


def read_comm(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``comm``."""
    name = text(member, 256).rstrip("\n")
    why = refusal(bytes(member.head))
    if why is not None or not name:
        return [unreadable(member, "comm", "comm", why or "empty")]
    return [snapshot(member, "comm", {"comm": present(name, member, 1, name)})]


PARSER = SnapshotParser(
    kind="comm",
    main="comm",
    markers=("proc/*/comm", "comm"),
    confirm=lambda path, head: len(head) <= 200 and head.count(b"\n") <= 1,
    parse=read_comm,
)
