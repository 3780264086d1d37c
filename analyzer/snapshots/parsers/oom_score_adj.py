"""``/proc/PID/oom_score_adj`` and ``oom_score``: -1000 makes a process that the kernel never kills.

    -1000

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/26753/oom_score_adj", __doc__)["oom_score_adj"].value
-1000
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, to_int, unreadable
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import names_of, parts_of


def _confirm(path: str, head: bytes) -> bool:
    word = head.strip()
    return not word or (len(word) <= 6 and word.lstrip(b"-").isdigit())


def read_score(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``oom_score_adj`` or ``oom_score``, after the member's name."""
    name = "oom_score" if "oom_score" in names_of(parts_of(member.path)[-1]) else "oom_score_adj"
    line = text(member, 64)
    value = to_int(line)
    if value is None:
        return [unreadable(member, "oom_score_adj", name, "empty or garbled")]
    return [snapshot(member, "oom_score_adj", {name: present(value, member, 1, line)})]


PARSER = SnapshotParser(
    kind="oom_score_adj",
    main="oom_score_adj",
    markers=("proc/*/oom_score_adj", "proc/*/oom_score", "oom_score_adj", "oom_score"),
    confirm=_confirm,
    parse=read_score,
)
