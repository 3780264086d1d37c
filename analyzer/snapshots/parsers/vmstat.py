"""``/proc/vmstat``: the kernel's counters, pages and events.

    nr_free_pages 4700219
    nr_zone_inactive_anon 30874
    pgfault 2410
    oom_kill 2

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/vmstat", __doc__)["oom_kill"].value
2
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, to_int, unreadable
from analyzer.snapshots.model import Snapshot

_START = lazy.pattern(rb"nr_free_pages \d+\n")


def read_vmstat(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with every counter by its own name."""
    values: dict[str, Fact[int]] = {}
    for number, line in lines(member):
        words = line.split()
        value = to_int(words[1]) if len(words) == 2 else None
        if value is not None and len(values) < 1000:
            values.setdefault(words[0], present(value, member, number, line))
    if not values:
        return [unreadable(member, "vmstat", "oom_kill", "empty or garbled")]
    return [snapshot(member, "vmstat", values)]


PARSER = SnapshotParser(
    kind="vmstat",
    main="oom_kill",
    markers=("proc/vmstat", "vmstat"),
    confirm=lambda path, head: _START.search(head[:400]) is not None,
    parse=read_vmstat,
    strong=lambda path, head: _START.match(head) is not None,
)
