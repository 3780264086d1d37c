"""``pmap PID``, ``pmap -x``, ``-d``, ``-X``, ``-XX``: a heading that names the pid, a row per mapping, totals.

    26753:   /usr/bin/prometheus --config.file=/etc/prometheus/prometheus.yml
    Address           Kbytes     RSS   Dirty Mode  Mapping
    0000000000400000       8       8       0 r---- prometheus
    000000c000000000   12288    9236    9236 rw---   [ anon ]
    00007f259ef31000       4       4       0 r--s- index
    00007f259ef32000       4       4       0 r--s- 000001
    ffffffffff600000       4       0       0 --x--   [ anon ]
    ---------------- ------- ------- -------
    total kB           12312   12920    9236

>>> from analyzer.snapshots.parsers import sample
>>> maps = sample(PARSER, "sos_commands/process/pmap_-x", __doc__)["maps"].value
>>> maps.lines, maps.count, maps.total_bytes, dict(maps.by_kind)
(5, 4, 12599296, {'anonymous': 1, 'index': 1, 'chunks_segment': 1, 'file_other': 1})

Headings, rules and totals are not counted. pmap names files without their folders, so blocks and
tenants stay unknown; ``[vsyscall]`` shows only by its address. A file of 128 MiB named by six digits
is a head chunk file.
"""

from __future__ import annotations

import re

from msgspec import Struct

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    is_refused_or_empty,
    raw_lines,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.mapping_rows import VSYSCALL
from analyzer.snapshots.model import MapsSummary, Snapshot
from analyzer.snapshots.parsers.maps import several
from analyzer.snapshots.paths import pid_of

_HEADING = lazy.pattern(rb"(\d{1,10}):   ?(.*)")
_ROW = lazy.pattern(rb"([0-9a-f]{8,16})(?: +|\t)(\d{1,15})(K?) +(.*)")
_ROW_X = lazy.pattern(
    rb" *([0-9a-f]{8,16}) ([-r][-w][-x][-sp]) +[0-9a-f]+ +[0-9a-f]+:[0-9a-f]+ +\d+ +(\d{1,15}) (.*)"
)
_MODE = lazy.pattern(rb"(?:^|.* )([-r][-w][-x][-s][-R]?) +(.*)")
_HEAD_CHUNK = 128 << 20


class _Place(Struct):
    """Where one process's rows end, and whether its totals were seen."""

    last: int = 0
    footer: bool = False


def looks_like_pmap(path: str, head: bytes) -> bool:
    """``PID:   command``, then rows or the heading of their columns."""
    lines = head[:8192].split(b"\n")
    if _HEADING.fullmatch(lines[0]) is None:
        return False
    for line in lines[1:4]:
        if _ROW.match(line) or _ROW_X.match(line) or line.lstrip().startswith(b"Address"):
            return True
    return False


def read_pmap(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``maps`` for each process the text holds."""
    found: list[Snapshot] = []
    tally, pid, state, last, first = Tally(), pid_of(member.path), _Place(), b"", 1
    number = 0
    for number, line in enumerate(raw_lines(member), 1):
        heading = _HEADING.fullmatch(line) if line[:1].isdigit() else None
        if heading is not None:
            if tally.lines:
                found.append(_finish(member, tally, pid, state, last))
            tally, pid, state, first = Tally(), int(heading[1]), _Place(), number
        elif _add(tally, line):
            last, state.last = line, number
        elif b"total" in line[:12] or line.startswith((b"mapped:", b"   ")) or b"====" in line:
            state.footer = True
    if tally.lines:
        found.append(_finish(member, tally, pid, state, last))
    if not found:
        why = refusal(bytes(member.head)) or ("no mapping in it" if number > first else "empty")
        return [unreadable(member, "pmap", "maps", why, pid=pid)]
    return found


def _finish(member: Member, tally: Tally, pid: int | None, state: _Place, last: bytes) -> Snapshot:
    if tally.processes > 1:  # their headings are missing
        return several(member, "pmap", tally.processes)
    summary = tally.finish(complete=state.footer)
    summary.largest_hole = None
    quoted = last.decode("utf-8", "replace")
    fact: Fact[MapsSummary] = Present(summary, evidence(member, state.last, quoted))
    return snapshot(member, "pmap", {"maps": fact}, pid=pid)


def _add(tally: Tally, line: bytes) -> bool:
    """Count one row; False when the line is none."""
    match = _ROW_X.match(line)
    if match is not None:
        start, mode, size, rest = int(match[1], 16), match[2], int(match[3]) << 10, match[4]
        name = _last_word(rest)
    else:
        match = _ROW.match(line)
        if match is None:
            return False
        start, size = int(match[1], 16), int(match[2]) << 10
        parts = _MODE.match(match[4])
        mode, name = (parts[1], parts[2].strip()) if parts is not None else (b"", b"")
        device = re.match(rb"[0-9a-f]{16} [0-9a-f]{3}:[0-9a-f]{5} +(.*)", name)
        name = device[1] if device is not None else name
    _count(tally, start, size, mode, name.strip())
    return True


def _last_word(rest: bytes) -> bytes:
    """What follows the numbers of a -X row."""
    words = rest.split()
    while words and words[0].isdigit():
        words.pop(0)
    return b" ".join(w for w in words if not (len(w) == 2 and w.islower()))


def _count(tally: Tally, start: int, size: int, mode: bytes, name: bytes) -> None:
    executable = mode[2:3] == b"x"
    if start == VSYSCALL or name == b"[vsyscall]":
        tally.add(start, start + size, b"[vsyscall]")
    elif name in (b"[ anon ]", b"") or name.startswith(b"[anon"):
        tally.add(start, start + size, b"")
    elif name == b"[ stack ]":
        tally.add(start, start + size, b"[stack]")
    elif name.startswith(b"[") or b"/" in name:
        tally.add(start, start + size, name)
    elif name == b"index":
        tally.add_kind("index", start, size)
    elif len(name) == 6 and name.isdigit():
        tally.add_kind("head_chunk" if size == _HEAD_CHUNK else "chunks_segment", start, size)
    else:
        tally.add(start, start + size, name, start, executable)


def _confirm(path: str, head: bytes) -> bool:
    """The heading with the pid is missing for a process whose arguments cannot be read."""
    columns = head.startswith(b"Address  ") and b"Mapping" in head[:200]
    return columns or is_refused_or_empty(head) or looks_like_pmap(path, head) or _ROW.match(head) is not None


PARSER = SnapshotParser(
    kind="pmap",
    main="maps",
    markers=("pmap*", "*pmap", "pmap"),
    confirm=_confirm,
    parse=read_pmap,
    strong=looks_like_pmap,
)
