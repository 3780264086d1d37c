"""``hostname``.

    ingester-node-3

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "top/hostname", __doc__)["name"].value
'ingester-node-3'
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, present, refusal, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_NAME = lazy.pattern(r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,252})\s*")


def read_hostname(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``name``."""
    line = text(member, 512)
    match = _NAME.fullmatch(line)
    if match is None:
        return [unreadable(member, "hostname", "name", refusal(bytes(member.head)) or "empty or no name")]
    return [snapshot(member, "hostname", {"name": present(match[1], member, 1, line)})]


PARSER = SnapshotParser(
    kind="hostname",
    main="name",
    markers=("hostname", "etc/hostname", "hostname_-f", "hostname_f"),
    confirm=lambda path, head: (
        len(head) < 300
        and "proc/sys/" not in path
        and (head == b"(none)\n" or _NAME.fullmatch(head.decode("utf-8", "replace")) is not None)
    ),
    parse=read_hostname,
)
