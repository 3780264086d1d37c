"""``capture.json`` of this project's collect script: who was captured, when, and what was missed.

    {
      "marker": "ingester-postmortem-capture",
      "format": 1,
      "host": "node-3",
      "started": "2026-11-23T00:08:03.32Z",
      "ended": "2026-11-23T00:08:05.89Z",
      "process": {"pid": 6145, "nspid": [6145, 1], "comm": "cortex", "start_ticks": 82459},
      "notes": ["the process did not end in 2 s"]
    }

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "capture.json", __doc__)
>>> facts["host"].value, facts["ended"].value.iso(), facts["errors"].value
('node-3', '2026-11-23T00:08:05.890Z', ('the process did not end in 2 s',))
"""

from __future__ import annotations

import json
from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import SnapshotParser, evidence, snapshot, unreadable, whole
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.moments import moment

_MARKER = b'"ingester-postmortem-capture"'


def read_capture(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: ``host``, ``started``, ``ended``, ``process``, ``lives``, ``errors`` (its notes)."""
    raw = whole(member, 4 << 20).decode("utf-8", "replace")
    loaded = json.loads(raw)
    if not isinstance(loaded, dict):
        return [unreadable(member, "capture", "errors", "no object")]
    rows = raw.split("\n")

    def where(key: str) -> Any:
        number = next((n for n, row in enumerate(rows, 1) if f'"{key}"' in row), 1)
        return evidence(member, number, rows[number - 1])

    values: dict[str, Fact[Any]] = {}
    for key in ("marker", "format", "version", "host", "process", "lives", "series", "options"):
        if loaded.get(key) is not None:
            values[key] = Present(loaded[key], where(key))
    for key in ("started", "ended"):
        stamp = moment(str(loaded.get(key) or ""))
        if stamp is not None:
            values[key] = Present(stamp, where(key))
    notes = loaded.get("notes")
    if isinstance(notes, list):
        values["errors"] = Present(tuple(str(note) for note in notes), where("notes"))
    return [snapshot(member, "capture", values)]


PARSER = SnapshotParser(
    kind="capture",
    main="errors",
    markers=("capture.json",),
    confirm=lambda path, head: head.lstrip()[:1] == b"{" and _MARKER in head,
    parse=read_capture,
)
