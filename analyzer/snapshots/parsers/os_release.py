"""``/etc/os-release``.

    PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
    ID=debian
    VERSION_ID="12"

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "etc/os-release", __doc__)
>>> facts["text"].value, facts["id"].value, facts["version_id"].value
('Debian GNU/Linux 12 (bookworm)', 'debian', '12')
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, unreadable
from analyzer.snapshots.model import Snapshot

_ROW = lazy.pattern(r"([A-Z_]+)=(\"?)(.*?)\2\s*")
_KEPT = {"PRETTY_NAME": "text", "ID": "id", "VERSION_ID": "version_id", "NAME": "name"}
_START = lazy.pattern(rb"^PRETTY_NAME=", re.MULTILINE)


def read_os_release(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: ``text`` is the distribution's name, ``id``, ``version_id``."""
    values: dict[str, Fact[str]] = {}
    for number, line in lines(member):
        match = _ROW.fullmatch(line)
        if match is not None and match[1] in _KEPT:
            values.setdefault(_KEPT[match[1]], present(match[3], member, number, line))
    if not values:
        return [unreadable(member, "os_release", "text", "empty or garbled")]
    return [snapshot(member, "os_release", values)]


PARSER = SnapshotParser(
    kind="os_release",
    main="text",
    markers=("os-release", "etc/os-release", "os_release"),
    confirm=lambda path, head: _START.search(head) is not None or head.startswith((b"NAME=", b"ID=")),
    parse=read_os_release,
    strong=lambda path, head: head.startswith((b"PRETTY_NAME=", b"NAME=")) and b"\nID=" in head,
)
