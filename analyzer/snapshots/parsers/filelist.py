"""A listing of a data directory: ``find -printf``, ``find -ls``, ``ls -lR``, ``du -a``, plain ``find``.

    4096 /data/tsdb
    4096 /data/tsdb/team-1
    4096 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D
    4096 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D/chunks
    3974 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D/chunks/000001
    270 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D/meta.json
    9 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D/tombstones
    18687 /data/tsdb/team-1/01M82M24C66EYJY2QV1G5JWT4D/index
    4096 /data/tsdb/team-1/chunks_head
    134217728 /data/tsdb/team-1/chunks_head/000002
    4096 /data/tsdb/01M82KWFKB0000000000000000
    4096 /data/tsdb/01M82KWFKB0000000000000000/wal
    0 /data/tsdb/01M82KWFKB0000000000000000/wal/00000000

>>> from analyzer.snapshots.parsers import sample
>>> data = sample(PARSER, "sos_commands/filesys/find_data", __doc__)["data"].value
>>> data.root, sorted(data.tenants), data.tenants["01M82KWFKB0000000000000000"].phantom
('/data/tsdb', ['01M82KWFKB0000000000000000', 'team-1'], True)
>>> team = data.tenants["team-1"]
>>> [(b.index, b.segments, b.has_meta) for b in team.blocks.values()], team.head_sizes
([(18687, [3974], True)], [134217728])

One snapshot for each TSDB root found; a listing without a TSDB gives none. The case layer needs the
counts that a start would map: files of ``*.tmp-for-*`` and ``thanos/upload`` are kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    Body,
    SnapshotParser,
    byte_blocks,
    evidence,
    head_of,
    is_refused_or_empty,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.datadir import DataDirBuilder
from analyzer.snapshots.listing import (
    FIND_LS,
    LS_ROW,
    learn_columns,
    read_find,
    read_find_ls,
    read_ls,
)
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import basename

_TSDB = lazy.pattern(
    rb"[0-7][0-9A-HJKMNP-TV-Z]{25}|chunks_head|/wal\b|thanos\.shipper\.json|/chunks/\d{6}|\bwal$",
    re.MULTILINE,
)
_MAPS_ROW = lazy.pattern(rb"[0-9a-f]{6,16}[- ]")


def _sample_lines(head: bytes) -> list[str]:
    rows = head.decode("utf-8", "replace").split("\n")
    return [row for row in (rows[:-1] if len(rows) > 1 else rows) if row.strip()][:60]


def form_of(path: str, head: bytes) -> str:
    """ "ls", "find_ls", "find" or "" for what is no listing of files."""
    rows = _sample_lines(head)
    if not rows:
        return ""
    if sum(FIND_LS.fullmatch(row) is not None for row in rows) * 10 >= len(rows) * 8:
        return "find_ls"
    entries = [row for row in rows if LS_ROW.fullmatch(row)]
    if entries and any(row.endswith(":") for row in rows[:3]):
        return "ls"
    if entries and len(entries) >= len(rows) - 2:
        return "ls" if "ls" in basename(path).lower() else ""
    return "find" if learn_columns(rows) is not None else ""


def _strong(path: str, head: bytes) -> bool:
    """By content alone a listing must show a TSDB in it."""
    if b"=" in head[:300] or b"{" in head[:300] or b"/" not in head[:600]:
        return False
    if path.lower().endswith((".log", ".json", ".yaml", ".yml", ".csv")) or _TSDB.search(head) is None:
        return False
    if _MAPS_ROW.match(head) is not None:
        return False
    return form_of(path, head) != ""


def _confirm(path: str, head: bytes) -> bool:
    return is_refused_or_empty(head) or form_of(path, head) != ""


class _Texts:
    """The member's text in pieces of whole lines; whether its end was cut stays known."""

    def __init__(self, member: Member) -> None:
        self.chunks = Body(member)
        self.whole = True

    def __iter__(self) -> Iterator[str]:
        for block in byte_blocks(self.chunks):
            end = block.rfind(b"\n") + 1
            if end < len(block):
                self.whole = False
            if end:
                yield block[:end].decode("utf-8", "replace")


def read_listing(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``data`` for each TSDB root."""
    head = head_of(member)
    form = form_of(member.path, head)
    builder, texts = DataDirBuilder(), _Texts(member)
    count = 0
    if form == "ls":
        count = read_ls(texts, builder)
    elif form == "find_ls":
        count = read_find_ls(texts, builder)
    elif form == "find":
        allocated = re.match(r"du[._ -]", basename(member.path).lower()) is not None and not re.search(
            r"du[._ -]-?\w*b", basename(member.path).lower()
        )
        columns = learn_columns(_sample_lines(head), blocks=allocated)
        if columns is not None:
            count = read_find(texts, columns, builder)
    if not count:
        why = refusal(head) or ("empty" if not head.strip() else "no files in it")
        return [unreadable(member, "filelist", "data", why)]
    if not texts.whole or texts.chunks.cut:
        builder.complete = False
    found = []
    for data in builder.finish():
        quoted = f"{count} entries; {data.root}: {len(data.tenants)} TSDB"
        found.append(snapshot(member, "filelist", {"data": Present(data, evidence(member, None, quoted))}))
    return found


PARSER = SnapshotParser(
    kind="filelist",
    main="data",
    markers=(
        "find_*", "find-*", "ls_-*R*", "ls_*", "ls-*", "du_-a*", "du_*", "filelist", "file_list", "files",
        "listing", "*_listing", "*filelist*", "tsdb_files", "data_files", "find", "ls", "*_find", "*_ls",
    ),
    confirm=_confirm,
    parse=read_listing,
    strong=_strong,
)  # fmt: skip
