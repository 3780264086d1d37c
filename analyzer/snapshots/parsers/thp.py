"""``/sys/kernel/mm/transparent_hugepage/enabled``: the choice stands in brackets.

    always [madvise] never

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "sys/kernel/mm/transparent_hugepage/enabled", __doc__)["enabled"].value
'madvise'
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_CHOICE = lazy.pattern(r"\[(\w+)\]")


def read_thp(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``enabled``, ``defrag`` ...; several lines name them (``enabled: always [madvise]``)."""
    main = "defrag" if "defrag" in member.path.rsplit("/", 1)[-1] else "enabled"
    values: dict[str, Fact[str]] = {}
    for number, line in enumerate(text(member, 4096).split("\n"), 1):
        match = _CHOICE.search(line)
        if match is not None:
            name, colon, _ = line.partition(":")
            values.setdefault(name.strip() if colon else main, present(match[1], member, number, line))
    if not values:
        return [unreadable(member, "thp", main, "no choice in brackets")]
    return [snapshot(member, "thp", values)]


PARSER = SnapshotParser(
    kind="thp",
    main="enabled",
    markers=(
        "transparent_hugepage/enabled",
        "transparent_hugepage/defrag",
        "thp",
        "thp_enabled",
        "*hugepage_enabled",
    ),
    confirm=lambda path, head: (
        len(head) < 1000 and _CHOICE.search(head.decode("utf-8", "replace")) is not None
    ),
    parse=read_thp,
)
