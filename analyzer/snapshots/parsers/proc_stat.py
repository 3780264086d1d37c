"""``/proc/stat``: the host's counters. Its ``btime`` is the boot time, in seconds since the epoch.

    cpu  2255 34 2290 22625563 6290 127 456 0 0 0
    intr 114930548 113199788 3 0 5 263 0 4
    ctxt 1990473
    btime 1795382806
    processes 2915
    procs_running 1

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/stat", __doc__)["btime"].value
1795382806
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, to_int, unreadable
from analyzer.snapshots.model import Snapshot

_KEPT = ("btime", "processes", "procs_running", "procs_blocked")


def _is_proc_stat(path: str, head: bytes) -> bool:
    return (head.startswith(b"cpu ") and b"\ncpu0 " in head) or head.startswith((b"cpu  ", b"btime "))


def read_proc_stat(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``btime`` (seconds) and the counts of processes."""
    values: dict[str, Fact[int]] = {}
    for number, line in lines(member):
        words = line.split()
        value = to_int(words[1]) if len(words) == 2 and words[0] in _KEPT else None
        if value is not None:
            values[words[0]] = present(value, member, number, line)
    if not values:
        return [unreadable(member, "proc_stat", "btime", "no btime in it")]
    return [snapshot(member, "proc_stat", values)]


PARSER = SnapshotParser(
    kind="proc_stat",
    main="btime",
    markers=("proc/stat", "btime", "proc_stat"),
    confirm=_is_proc_stat,
    parse=read_proc_stat,
)
