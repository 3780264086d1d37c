"""``/proc/slabinfo``: one ``vm_area_struct`` is one mapping, of any process of the host.

    slabinfo - version: 2.1
    # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit>
    vm_area_struct     17199  17199    192   21    1 : tunables    0    0    0 : slabdata    819    819      0

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/slabinfo", __doc__)
>>> facts["vm_area_struct"].value, facts["vm_area_struct_size"].value
(17199, 192)

A hint only: some 1,900 belong to an idle host, and the count falls when the process dies.
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import (
    SnapshotParser,
    is_refused_or_empty,
    lines,
    present,
    refusal,
    snapshot,
    to_int,
    unreadable,
)
from analyzer.snapshots.model import Snapshot


def _is_slabinfo(path: str, head: bytes) -> bool:
    return head.startswith((b"slabinfo - version", b"# name            <active_objs>"))


def read_slabinfo(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: active ``vm_area_struct`` objects, their size, and the bytes of all slabs."""
    values: dict[str, Fact[int]] = {}
    total, last, quoted = 0, 0, ""
    for number, line in lines(member):
        words = line.split()
        numbers = [to_int(word) for word in words[1:4]]
        if len(numbers) < 3 or None in numbers:
            continue
        active, objects, size = (n or 0 for n in numbers)
        total += objects * size
        last, quoted = number, line
        if words[0] in ("vm_area_struct", "vma_lock", "maple_node", "filp", "dentry"):
            values[words[0]] = present(active, member, number, line)
            values[f"{words[0]}_size"] = present(size, member, number, line)
    if not last:
        why = refusal(bytes(member.head)) or "empty: only root may read it"
        return [unreadable(member, "slabinfo", "vm_area_struct", why)]
    values["total_bytes"] = present(total, member, last, quoted)
    return [snapshot(member, "slabinfo", values)]


PARSER = SnapshotParser(
    kind="slabinfo",
    main="vm_area_struct",
    markers=("proc/slabinfo", "slabinfo"),
    confirm=lambda path, head: _is_slabinfo(path, head) or is_refused_or_empty(head),
    parse=read_slabinfo,
    strong=_is_slabinfo,
)
