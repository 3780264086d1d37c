"""A block's ``meta.json``.

    {
        "ulid": "01M82K54DEY807G2PMY2JMGVJN",
        "minTime": 1795377600000,
        "maxTime": 1795384800000,
        "stats": {"numSamples": 24000, "numSeries": 100, "numChunks": 200},
        "compaction": {"level": 1, "sources": ["01M82K54DEY807G2PMY2JMGVJN"]},
        "version": 1
    }

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "tsdb/team-1/01M82K54DEY807G2PMY2JMGVJN/meta.json", __doc__)
>>> facts["ulid"].value, facts["level"].value, facts["max_time"].value - facts["min_time"].value
('01M82K54DEY807G2PMY2JMGVJN', 1, 7200000)
"""

from __future__ import annotations

import json
from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, snapshot, unreadable, whole
from analyzer.snapshots.model import Snapshot


def _is_meta(path: str, head: bytes) -> bool:
    return head.lstrip()[:1] == b"{" and b'"ulid"' in head


def read_meta(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot; times in milliseconds since the epoch."""
    loaded = json.loads(whole(member, 4 << 20))
    if not isinstance(loaded, dict) or "ulid" not in loaded:
        return [unreadable(member, "block_meta", "ulid", "names no block")]
    stats, compaction = loaded.get("stats") or {}, loaded.get("compaction") or {}
    found = {
        "ulid": loaded.get("ulid"),
        "min_time": loaded.get("minTime"),
        "max_time": loaded.get("maxTime"),
        "series": stats.get("numSeries"),
        "samples": stats.get("numSamples"),
        "level": compaction.get("level"),
    }
    values: dict[str, Fact[Any]] = {
        name: present(value, member, None, f"{name} {value}")
        for name, value in found.items()
        if value is not None
    }
    return [snapshot(member, "block_meta", values)]


PARSER = SnapshotParser(
    kind="block_meta",
    main="ulid",
    markers=("meta.json", "*meta.json"),
    confirm=_is_meta,
    parse=read_meta,
)
