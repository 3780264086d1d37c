"""``/proc/PID/maps``: one line a mapping.

    7f25c8000000-7f25c8021000 rw-p 00000000 00:00 0
    7f25ce4d1000-7f25ce4d2000 r--s 00000000 fe:00 3089  /data/tsdb/team-1/01M82K54DEY807G2PMY2JMGVJN/index
    7f25ce4d2000-7f25ce4d3000 r--s 00000000 fe:00 3090  /data/tsdb/team-1/01M82K54DEY807G2PMY2JMGVJN/chunks/000001
    ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]

>>> from analyzer.snapshots.parsers import sample
>>> maps = sample(PARSER, "proc/26753/maps", __doc__)["maps"].value
>>> maps.lines, maps.count, maps.vsyscall, maps.total_bytes
(4, 3, True, 143360)
>>> dict(maps.by_kind), maps.block_count, dict(maps.by_tenant)
({'anonymous': 1, 'index': 1, 'chunks_segment': 1}, 1, {'team-1': 2})

``[vsyscall]`` is listed and not counted: ``count`` is the kernel's ``map_count``. An empty file is a
zombie's, a finished process's or a refused one: unreadable, never a count of 0.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import (
    SnapshotParser,
    byte_blocks,
    evidence,
    is_refused_or_empty,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.mapping_rows import columns_of
from analyzer.snapshots.model import MIXED, MapColumns, MapsSummary, Snapshot
from analyzer.snapshots.paths import basename

_WIDE_BYTES = 24 << 20  # beyond this (some 200,000 lines) numpy pays for its import
_ROW = lazy.pattern(
    rb"^[0-9a-f]{8,16}-[0-9a-f]{8,16} [-r][-w][-x][sp] [0-9a-f]{8,16} [0-9a-f]{2,3}:[0-9a-f]{2,5} \d+", re.M
)
_DETAIL = lazy.pattern(rb"^(?:Size|Rss): ", re.M)


def looks_like_maps(path: str, head: bytes) -> bool:
    """Rows of addresses, without the rows of smaps between them."""
    row = _ROW.search(head[:2048])
    return row is not None and _DETAIL.search(head) is None and b"[rollup]" not in head[:200]


def _confirm(path: str, head: bytes) -> bool:
    if is_refused_or_empty(head):
        name = basename(path).lower()
        return "smaps" not in name and "numa" not in name
    return looks_like_maps(path, head)


def read_maps(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``maps``."""
    if not member.head.strip():
        why = "empty: the process had ended (zombie) or reading it was refused"
        return [unreadable(member, "maps", "maps", why)]
    tally = Tally()
    add, finish = tally.add_block, tally.finish
    columns = MapColumns() if detail else None
    last = b""
    skipped = 0
    small = member.size is not None and member.size <= _WIDE_BYTES
    held: list[bytes] | None = None if small else []
    size = 0
    for block in byte_blocks(member):
        last = block
        size += len(block)
        if columns is not None:
            _extend(columns, block)
        if held is not None:
            held.append(block)
            if size <= _WIDE_BYTES:
                continue
            from analyzer.snapshots.mapping_wide import WideTally

            wide = WideTally(tally)
            add, finish = wide.add_block, wide.finish
            skipped += sum(map(add, held))
            held = None
        else:
            skipped += add(block)
    for block in held or ():
        skipped += add(block)
    if tally.processes > 1:
        return [several(member, "maps", tally.processes)]
    return [summarise(member, "maps", finish(is_complete(last)), last, columns, skipped)]


def several(member: Member, kind: str, processes: int) -> Snapshot:
    """A text in which several processes' mappings follow each other: their sum is no process's count."""
    return unreadable(member, kind, "maps", f"{MIXED}the mappings of {processes} processes")


def is_complete(last: bytes) -> bool:
    """Whether the text ends as a whole capture does: with a newline, or a mapping's closing bracket."""
    return last.endswith((b"\n", b"[vsyscall]", b"[vdso]", b"[stack]", b"[vectors]"))


def summarise(
    member: Member,
    kind: str,
    summary: MapsSummary,
    last: bytes,
    columns: MapColumns | None = None,
    skipped: int = 0,
) -> Snapshot:
    """The snapshot of a finished summary; without a single mapping it is unreadable, never 0.

    ``skipped`` lines are no mappings: a prompt before them, say. The last line is the one that is cited.
    """
    refused = refusal(bytes(member.head))
    if not summary.lines:
        return unreadable(member, kind, "maps", refused or "no mapping in it")
    summary.permission_denied = refused is not None
    summary.columns = columns
    quoted = last.rstrip(b"\n").rsplit(b"\n", 1)[-1][:400].decode("utf-8", "replace")
    where = evidence(member, summary.lines + skipped, quoted)
    values: dict[str, Fact[MapsSummary]] = {"maps": Present(summary, where)}
    return snapshot(member, kind, values)


def _extend(columns: MapColumns, block: bytes) -> None:
    more = columns_of(block.split(b"\n"))
    for name in MapColumns.__struct_fields__:
        getattr(columns, name).extend(getattr(more, name))


PARSER = SnapshotParser(
    kind="maps",
    main="maps",
    markers=("proc/*/maps", "maps", "*maps"),
    confirm=_confirm,
    parse=read_maps,
    strong=looks_like_maps,
)
