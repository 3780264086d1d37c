"""``/proc/PID/statm``: sizes in pages.

    320434 10793 7762 5409 0 28963 0

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "proc/26753/statm", __doc__)["size_pages"].value
320434
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, is_refused_or_empty, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_NAMES = ("size_pages", "resident_pages", "shared_pages", "text_pages", "", "data_pages")


def _is_statm(path: str, head: bytes) -> bool:
    words = head[:200].split()
    return len(words) == 7 and all(word.isdigit() for word in words)


def read_statm(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot; a process without memory (zombie) has zeros, which are no sizes."""
    line = text(member, 256)
    words = line.split()
    if len(words) != 7 or not all(w.isascii() and w.isdigit() for w in words) or words[0] == "0":
        return [unreadable(member, "statm", "size_pages", "the process has no memory any more, or empty")]
    values: dict[str, Fact[int]] = {
        name: present(int(word), member, 1, line) for name, word in zip(_NAMES, words, strict=False) if name
    }
    return [snapshot(member, "statm", values)]


PARSER = SnapshotParser(
    kind="statm",
    main="size_pages",
    markers=("proc/*/statm", "statm"),
    confirm=lambda path, head: _is_statm(path, head) or is_refused_or_empty(head),
    parse=read_statm,
)
