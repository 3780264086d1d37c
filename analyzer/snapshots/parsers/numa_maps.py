"""``/proc/PID/numa_maps``: one line a mapping, without ``[vsyscall]``, ends and sizes.

    00400000 default file=/usr/bin/prometheus mapped=2 active=1 N0=2 kernelpagesize_kB=4
    c000000000 default anon=2309 dirty=2309 active=0 N0=2309 kernelpagesize_kB=4
    7f25ce4d1000 default file=/data/01M82K54DEY807G2PMY2JMGVJN/index mapped=1 N0=1 kernelpagesize_kB=4
    7ffc1df83000 default stack anon=4 dirty=4 active=0 N0=4 kernelpagesize_kB=4

>>> from analyzer.snapshots.parsers import sample
>>> maps = sample(PARSER, "proc/26753/numa_maps", __doc__)["maps"].value
>>> maps.count, maps.total_bytes, maps.block_count, maps.by_kind["anonymous"]
(4, None, 1, 1)
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, byte_blocks, is_refused_or_empty, unreadable
from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers.maps import several, summarise

_ROW = lazy.pattern(
    rb"([0-9a-f]{6,16}) (?:default|bind|prefer|interleave|local|weighted)[^ \n]*(?: ([^\n]*))?"
)


def looks_like_numa_maps(path: str, head: bytes) -> bool:
    """An address, then a memory policy."""
    return any(_ROW.fullmatch(line) is not None for line in head[:1024].split(b"\n")[:2])


def read_numa_maps(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``maps``, which has no addresses and no sizes."""
    tally = Tally(has_addresses=False)
    last = b""
    for block in byte_blocks(member):
        last = block
        for row in block.split(b"\n"):
            match = _ROW.match(row)
            if match is not None:
                tally.add(0, 0, _path(match[2] or b""))
    if not tally.lines and not member.head.strip():
        return [unreadable(member, "numa_maps", "maps", "empty: the process had ended or had no memory")]
    if tally.processes > 1:
        return [several(member, "numa_maps", tally.processes)]
    summary = tally.finish(last.endswith(b"\n"))
    summary.highest_end = 0
    return [summarise(member, "numa_maps", summary, last)]


def _path(rest: bytes) -> bytes:
    """The mapped path as maps would name it. ``file=`` escapes blanks."""
    for word in rest.split(b" "):
        if word.startswith(b"file="):
            return word[5:].replace(b"\\040", b" ")
        if word in (b"heap", b"stack"):
            return b"[" + word + b"]"
    return b""


def _confirm(path: str, head: bytes) -> bool:
    return is_refused_or_empty(head) or looks_like_numa_maps(path, head)


PARSER = SnapshotParser(
    kind="numa_maps",
    main="maps",
    markers=("proc/*/numa_maps", "numa_maps", "*numa_maps"),
    confirm=_confirm,
    parse=read_numa_maps,
    strong=looks_like_numa_maps,
)
