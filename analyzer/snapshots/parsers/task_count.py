"""How many threads the process has: the number of entries of ``/proc/PID/task``.

    8

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/26753/task_count.txt", __doc__)["tasks"].value
8
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import (
    SnapshotParser,
    first_line,
    is_refused_or_empty,
    of_several,
    present,
    snapshot,
    text,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_NUMBER = lazy.pattern(r"\s*(\d{1,9})(?:\s+\S*task/?)?\s*")


def read_tasks(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``tasks``."""
    line, *more = text(member, 4096).strip("\n").split("\n")
    if any(other != line and _NUMBER.fullmatch(other) for other in more):
        return [unreadable(member, "task_count", "tasks", of_several("the threads"))]
    match = _NUMBER.fullmatch(line)
    if match is None or match[1] == "0":
        return [unreadable(member, "task_count", "tasks", "no count in it")]
    return [snapshot(member, "task_count", {"tasks": present(int(match[1]), member, 1, line)})]


PARSER = SnapshotParser(
    kind="task_count",
    main="tasks",
    markers=("task_count", "tasks_count", "thread_count", "threads_count"),
    confirm=lambda path, head: (
        is_refused_or_empty(head)
        or _NUMBER.fullmatch(first_line(head).decode("utf-8", "replace")) is not None
    ),
    parse=read_tasks,
)
