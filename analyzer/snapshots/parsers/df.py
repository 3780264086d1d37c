"""``df`` and ``df -i``, in all their columns and units.

    Filesystem              1K-blocks     Used Available Use% Mounted on
    tmpfs                    24684092        0  24684092   0% /dev/shm
    /dev/mapper/vg0-a-very-long-name-that-wraps
                            264212084 31650276  74740636  30% /data dir
    proc                            0        0         0    - /proc

>>> from analyzer.snapshots.parsers import member_of, sample
>>> for mount in sample(PARSER, "sos_commands/filesys/df_-al", __doc__)["mounts"].value:
...     print(mount.path, mount.size, mount.available, mount.line)
/dev/shm 25276510208 25276510208 2
/data dir 270553174016 76534411264 4
/proc 0 0 5
>>> text = b"Filesystem Inodes IUsed IFree IUse% Mounted on\\n/dev/vda 16777216 726620 16050596 5% /\\n"
>>> PARSER.read(member_of("df_-i", text))[0].values["mounts"].value[0].inodes
True

Numbers with a suffix (``-h``) are rounded. ``-`` is not told: None. Headings of other languages are
read by the unit they hold.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    first_line,
    line_of,
    lines,
    refusal,
    snapshot,
    to_bytes,
    unreadable,
)
from analyzer.snapshots.model import Mount, Snapshot
from analyzer.snapshots.paths import basename

_UNIT = lazy.pattern(r"(\d+)?([kKMGTBb]?)i?[bB]?-\S+|([0-9]+)-\S+")
_ROW = lazy.pattern(
    r"(\S.*?)?\s+(-|[\d.,]+\S?\S?)\s+(-|[\d.,]+\S?\S?)\s+(-|-?[\d.,]+\S?\S?)\s+(-|\d+%)\s+(/.*)"
)
_FULL = lazy.pattern(
    r"(\S.*?)\s+(-|[\d.,]+\S?\S?)\s+(-|[\d.,]+\S?\S?)\s+(-|-?[\d.,]+\S?\S?)\s+(-|\d+%)\s+(/.*)"
)
_HEADING = lazy.pattern(
    r"(?:Filesystem|Dateisystem|Sys\. de fichiers|S\.ficheros|File system|Sist\. Arq\.|Bestandssysteem"
    r"|Файл\.система|文件系统|ファイルシス|Filesystem)\s.*"
)
_INODES = lazy.pattern(r"[iI]-?[nN][oO]|アイノード")
_FACTORS = {"": 1, "B": 1, "b": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MOST = 5000


def _is_df(path: str, head: bytes) -> bool:
    rows = [row for row in head[:4096].decode("utf-8", "replace").split("\n") if row.strip()]
    rows = [row for row in rows if not row.startswith("df:")]
    if not rows or _HEADING.fullmatch(rows[0]) is None or re.search(r"\s(?:Type|Typ)\s+Opt", rows[0]):
        return False
    return "%" in rows[0] or "Mounted on" in rows[0]


def read_df(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``mounts``, in bytes or inodes."""
    inodes, unit, has_type = False, 1 << 10, False
    mounts: list[Mount] = []
    before = ""
    for number, line in lines(member):
        if _HEADING.fullmatch(line) is not None:
            inodes = _INODES.search(line) is not None
            has_type = re.search(r"\s(?:Type|Typ|Tipo)\s", line) is not None
            unit = 1 if inodes else _unit_of(line, member.path)
            continue
        row = _FULL.fullmatch(line) or (_ROW.fullmatch(" " + line.strip()) if before else None)
        if row is None:
            before = line.strip() if line and not line[0].isspace() and " " not in line.strip() else ""
            continue
        device = (row[1] or before).strip()
        before = ""
        if has_type:
            device = device.rsplit(None, 1)[0]
        sizes = [None if word == "-" else to_bytes(word, unit) for word in row.group(2, 3, 4)]
        at = line_of(member, number)
        mounts.append(Mount(device, row[6].strip(), sizes[0], sizes[1], sizes[2], at, inodes))
        if len(mounts) >= _MOST:
            break
    if not mounts:
        return [unreadable(member, "df", "mounts", refusal(bytes(member.head)) or "no mount in it")]
    quoted = f"{mounts[-1].device} … {mounts[-1].path}"
    return [snapshot(member, "df", {"mounts": Present(tuple(mounts), evidence(member, None, quoted))})]


def _unit_of(heading: str, path: str) -> int:
    """Bytes of a block, after the heading (``1K-blocks``, ``1M-blocks``, ``1B-blocks``, ``512-blocks``)."""
    for word in heading.split():
        match = _UNIT.fullmatch(word)
        if match is None:
            continue
        if match[3]:
            return int(match[3][:12])
        if match[1] or match[2]:
            return int((match[1] or "1")[:6]) * _FACTORS.get(match[2], 1024)
    name = basename(path).lower()
    return 1 << 20 if re.search(r"df[_ ]-\w*m", name) else 1 << 10


PARSER = SnapshotParser(
    kind="df",
    main="mounts",
    markers=("df", "df_*", "df-*", "*_df", "disk_free"),
    confirm=lambda path, head: (
        _is_df(path, head) or (refusal(head) is not None and first_line(head)[:3] == b"df:")
    ),
    parse=read_df,
    strong=_is_df,
)
