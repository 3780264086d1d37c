"""``free``, with any unit (``-b``, ``-k``, ``-m``, ``-g``, ``-h``).

                   total        used        free      shared  buff/cache   available
    Mem:        24684092     1035492    18799996        8856     5170236    23648600
    Swap:              0           0           0

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/memory/free", __doc__)
>>> facts["total"].value, facts["available"].value, facts["swap_total"].value
(25276510208, 24216166400, 0)

The unit is the name's (``free_-m``); kB without one. Rounded units give rounded values.
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, to_bytes, unreadable
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import basename

_HEADING = lazy.pattern(rb"\s+total +used +free +shared ")
_UNIT = lazy.pattern(r"free[_ ]*-+(?:\w*?)([bkmg])(?:[^a-z]|$)")


def _is_free(path: str, head: bytes) -> bool:
    return _HEADING.match(head) is not None and b"\nMem:" in head


def read_free(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot in bytes: total, used, free, shared, ``buff/cache``, available, ``swap_total`` ..."""
    match = _UNIT.search(basename(member.path).lower())
    unit = {"b": 1, "m": 1 << 20, "g": 1 << 30}.get(match[1] if match is not None else "", 1 << 10)
    values: dict[str, Fact[int]] = {}
    names: list[str] = []
    for number, line in lines(member):
        words = line.split()
        if not names:
            names = words
            continue
        prefix = {"Mem:": "", "Swap:": "swap_"}.get(words[0] if words else "")
        if prefix is None:
            continue
        for name, word in zip(names, words[1:], strict=False):
            size = to_bytes(word, unit)
            if size is not None:
                values.setdefault(prefix + name, present(size, member, number, line))
    if not values:
        return [unreadable(member, "free", "total", "empty or garbled")]
    return [snapshot(member, "free", values)]


PARSER = SnapshotParser(
    kind="free",
    main="total",
    markers=("free", "free_*", "*free"),
    confirm=_is_free,
    parse=read_free,
    strong=_is_free,
)
