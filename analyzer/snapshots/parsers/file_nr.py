"""``/proc/sys/fs/file-nr``: files open on the host, free handles, and the limit (``fs.file-max``).

    16666	0	2466177

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/sys/fs/file-nr", __doc__)
>>> facts["allocated"].value, facts["max"].value
(16666, 2466177)
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot


def _is_file_nr(path: str, head: bytes) -> bool:
    words = head[:100].split()
    return len(words) == 3 and all(word.isdigit() for word in words)


def read_file_nr(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: ``allocated`` and ``max``."""
    line = text(member, 256)
    words = line.split()
    if len(words) != 3 or not line.endswith("\n") or not all(w.isascii() and w.isdigit() for w in words):
        return [unreadable(member, "file_nr", "allocated", "empty or cut")]
    values = {
        "allocated": present(int(words[0]), member, 1, line),
        "max": present(int(words[2]), member, 1, line),
    }
    return [snapshot(member, "file_nr", values)]


PARSER = SnapshotParser(
    kind="file_nr",
    main="allocated",
    markers=("proc/sys/fs/file-nr", "file-nr", "file_nr", "sys_fs_file_nr"),
    confirm=_is_file_nr,
    parse=read_file_nr,
)
