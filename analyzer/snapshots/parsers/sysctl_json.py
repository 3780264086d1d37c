"""``host-collectors/system/sysctl.json`` of troubleshoot.sh: the values that run, as one JSON object.

    {"kernel.pid_max": "4194304", "vm.max_map_count": "65530"}

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "host-collectors/system/sysctl.json", __doc__)["vm.max_map_count"].value
'65530'
"""

from __future__ import annotations

import json

from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import SnapshotParser, evidence, snapshot, unreadable, whole
from analyzer.snapshots.model import Snapshot


def _is_json(path: str, head: bytes) -> bool:
    return head.lstrip()[:1] == b"{" and (
        b'"vm.' in head or b'"kernel.' in head or b'"fs.' in head or b'"abi.' in head
    )


def read_json(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of scope "running"; the line of each key is where it first stands in the text."""
    raw = whole(member, 16 << 20)
    loaded = json.loads(raw)
    if not isinstance(loaded, dict):
        return [unreadable(member, "sysctl", "vm.max_map_count", "no object of keys")]
    rows = raw.decode("utf-8", "replace").split("\n")
    at = {row.split('"')[1]: number for number, row in enumerate(rows, 1) if row.count('"') >= 2}
    values: dict[str, Fact[str]] = {}
    for key, value in loaded.items():
        if isinstance(value, (str, int)):
            values[key] = Present(str(value), evidence(member, at.get(key, 1), f'"{key}": "{value}"'))
    return [snapshot(member, "sysctl", values)]


PARSER = SnapshotParser(
    kind="sysctl_json",
    main="vm.max_map_count",
    markers=("sysctl.json", "sysctl*.json", "host-collectors/system/sysctl*"),
    confirm=_is_json,
    parse=read_json,
)
