"""``capture_errors.txt``: what a collector could not read, one path and reason a line.

    /proc/29520/smaps_rollup: [Errno 3] No such process: '/proc/29520/smaps_rollup'
    /sys/fs/cgroup/a2/memory.reclaim: [Errno 22] Invalid argument

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "capture_errors.txt", __doc__)["errors"].value[1]
'/sys/fs/cgroup/a2/memory.reclaim: [Errno 22] Invalid argument'
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, lines, quote, snapshot
from analyzer.snapshots.model import Snapshot

_MOST = 10_000


def read_errors(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``errors``; an empty file says that there were none."""
    errors: list[str] = []
    for _, line in lines(member):
        if line.strip() and len(errors) < _MOST:
            errors.append(quote(line))
    quoted = errors[0] if errors else ""
    return [snapshot(member, "capture", {"errors": Present(tuple(errors), evidence(member, 1, quoted))})]


PARSER = SnapshotParser(
    kind="capture_errors",
    main="errors",
    markers=("capture_errors", "capture_errors.txt", "collect_errors", "collection_errors"),
    confirm=lambda path, head: b"\0" not in head,
    parse=read_errors,
)
