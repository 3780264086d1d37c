"""``/proc/PID/smaps``: each mapping's line as in maps, then some 24 rows about it.

    7f25ce67e000-7f25ce680000 r--p 00031000 fe:00 338944                     /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
    Size:                  8 kB
    KernelPageSize:        4 kB
    Locked:                8 kB
    VmFlags: rd mr mw me lo ac
    ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
    Size:                  4 kB
    VmFlags: ex

>>> from analyzer.snapshots.parsers import sample
>>> maps = sample(PARSER, "proc/26753/smaps", __doc__)["maps"].value
>>> maps.lines, maps.count, maps.total_bytes, maps.locked, dict(maps.by_kind)
(2, 1, 8192, 1, {'library': 1})

Headers are counted, not lines divided: the rows per mapping differ between kernels. The rows are
never looked at one by one: each header is the line before a ``Size:`` row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, byte_blocks, is_refused_or_empty, unreadable
from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.mapping_rows import columns_of
from analyzer.snapshots.model import MapColumns, Snapshot
from analyzer.snapshots.parsers.maps import several, summarise

_HEADER_AND_SIZE = lazy.pattern(
    rb"^[0-9a-f]{8,16}-[0-9a-f]{8,16} [-r][-w][-x][-sp] [^\n]*\nSize: +\d+ kB", re.MULTILINE
)
_LOCKED = lazy.pattern(rb"^VmFlags:[ a-z?0-9]* lo(?: |$)", re.MULTILINE)
_SIZE = b"\nSize:"


def looks_like_smaps(path: str, head: bytes) -> bool:
    """A mapping's line followed by its size."""
    return b"\nSize:" in head and _HEADER_AND_SIZE.search(head) is not None


def read_smaps(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``maps``; ``locked`` counts the mappings with the flag ``lo``."""
    if not member.head.strip():
        why = "empty: the process had ended (zombie) or reading it was refused"
        return [unreadable(member, "smaps", "maps", why)]
    tally = Tally()
    columns = MapColumns() if detail else None
    locked = 0
    last = b""
    for rows, block in _headers(member):
        if rows:
            joined = b"\n".join(rows) + b"\n"
            tally.add_block(joined)
            last = joined
            if columns is not None:
                more = columns_of(rows)
                for name in MapColumns.__struct_fields__:
                    getattr(columns, name).extend(getattr(more, name))
        if b" lo" in block:
            locked += len(_LOCKED.findall(block))
        complete = block.endswith(b"\n")
    if tally.processes > 1:
        return [several(member, "smaps", tally.processes)]
    summary = tally.finish(complete)
    summary.locked = locked
    return [summarise(member, "smaps", summary, last, columns)]


def _headers(member: Member) -> Iterator[tuple[list[bytes], bytes]]:
    """Of each block of whole lines, the headers in it; a header may be the last line of the block before."""
    before = b""
    for block in byte_blocks(member):
        pieces = (b"\n" + before + b"\n" + block).split(_SIZE)
        rows = [piece[piece.rfind(b"\n") + 1 :] for piece in pieces[:-1]]
        tail = block[:-1].rfind(b"\n")
        before = block[tail + 1 :].rstrip(b"\n")
        yield rows, block


def _confirm(path: str, head: bytes) -> bool:
    return is_refused_or_empty(head) or looks_like_smaps(path, head)


PARSER = SnapshotParser(
    kind="smaps",
    main="maps",
    markers=("proc/*/smaps", "smaps", "*smaps"),
    confirm=_confirm,
    parse=read_smaps,
    strong=looks_like_smaps,
)
