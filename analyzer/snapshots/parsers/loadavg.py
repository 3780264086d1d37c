"""``/proc/loadavg``.

    4.13 3.26 1.55 5/119 26884

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/loadavg", __doc__)
>>> facts["load1"].value, facts["tasks"].value, facts["last_pid"].value
(4.13, 119, 26884)
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_LINE = lazy.pattern(r"(\d{1,7}\.\d\d) (\d{1,7}\.\d\d) (\d{1,7}\.\d\d) (\d{1,9})/(\d{1,9}) (\d{1,10})\s*")


def read_loadavg(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: loads over 1, 5 and 15 minutes, running tasks, tasks, the newest pid."""
    line = text(member, 256)
    match = _LINE.fullmatch(line)
    if match is None:
        return [unreadable(member, "loadavg", "text", "empty or garbled")]
    values: dict[str, Fact[Any]] = {"text": present(line.strip(), member, 1, line)}
    for name, group in (("load1", 1), ("load5", 2), ("load15", 3)):
        values[name] = present(float(match[group]), member, 1, line)
    for name, group in (("running", 4), ("tasks", 5), ("last_pid", 6)):
        values[name] = present(int(match[group]), member, 1, line)
    return [snapshot(member, "loadavg", values)]


PARSER = SnapshotParser(
    kind="loadavg",
    main="text",
    markers=("proc/loadavg", "loadavg"),
    confirm=lambda path, head: _LINE.fullmatch(head[:256].decode("utf-8", "replace")) is not None,
    parse=read_loadavg,
    strong=lambda path, head: (
        len(head) < 128 and _LINE.fullmatch(head.decode("utf-8", "replace")) is not None
    ),
)
