"""``manifest.jsonl`` of this project's collect script: one row per member, with when it was taken.

    {"path": "proc/6145/maps", "command": "cat /proc/6145/maps", "started": "2026-11-23T00:08:05.38Z", "ended": "2026-11-23T00:08:05.44Z", "exit": 0, "bytes": 4322, "seconds": 0.06, "error": null}
    {"path": "host/dmesg", "command": "dmesg", "started": "2026-11-23T00:08:06.00Z", "ended": "2026-11-23T00:08:06.01Z", "exit": 1, "bytes": 0, "error": "dmesg: read kernel buffer failed"}

>>> from analyzer.snapshots.parsers import sample
>>> rows = sample(PARSER, "manifest.jsonl", __doc__)["rows"].value
>>> rows[0].path, rows[0].started.iso(), rows[1].error
('proc/6145/maps', '2026-11-23T00:08:05.380Z', 'dmesg: read kernel buffer failed')
"""

from __future__ import annotations

import json

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, line_of, lines, snapshot, unreadable
from analyzer.snapshots.model import ManifestRow, Snapshot
from analyzer.snapshots.moments import moment

_MOST = 100_000


def _row(line: str, number: int) -> ManifestRow | None:
    try:
        loaded = json.loads(line)
    except ValueError:
        return None
    if not isinstance(loaded, dict) or not isinstance(loaded.get("path"), str):
        return None
    code, size = loaded.get("exit"), loaded.get("bytes")
    return ManifestRow(
        path=loaded["path"],
        command=str(loaded.get("command") or ""),
        started=moment(str(loaded.get("started") or "")),
        ended=moment(str(loaded.get("ended") or "")),
        exit_code=code if isinstance(code, int) else None,
        size=size if isinstance(size, int) else None,
        error=str(loaded.get("error") or ""),
        line=number,
    )


def read_manifest(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``rows``."""
    rows: list[ManifestRow] = []
    for number, line in lines(member):
        row = _row(line, line_of(member, number))
        if row is not None and len(rows) < _MOST:
            rows.append(row)
    if not rows:
        return [unreadable(member, "manifest", "rows", "no row in it")]
    quoted = f"{len(rows)} members"
    return [snapshot(member, "manifest", {"rows": Present(tuple(rows), evidence(member, None, quoted))})]


PARSER = SnapshotParser(
    kind="manifest",
    main="rows",
    markers=("manifest.jsonl",),
    confirm=lambda path, head: head.lstrip()[:1] == b"{" and b'"path"' in head,
    parse=read_manifest,
)
