"""The product's configuration (Cortex, Mimir): what decides the blast radius and the need.

    target: ingester
    ingester:
      lifecycler:
        availability_zone: zone-a
        ring:
          replication_factor: 3
          zone_awareness_enabled: true
    blocks_storage:
      backend: s3
      s3:
        bucket_name: cortex-blocks
      tsdb:
        dir: /data/tsdb
        block_ranges_period: [2h]
        retention_period: 6h
        ship_interval: 1m

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/cortex/config.yaml", __doc__)
>>> [facts[n].value for n in ("replication_factor", "zone_awareness", "zone", "retention", "block_ranges")]
['3', 'true', 'zone-a', '6h', '2h']
>>> facts["data_dir"].value, facts["bucket"].value, facts["data_dir"].evidence.line
('/data/tsdb', 's3 cortex-blocks', 13)

Read by indentation, not as YAML: masked and cut files still tell what they hold. Values are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, unreadable
from analyzer.snapshots.model import Snapshot

_ROW = lazy.pattern(r"( *)(?:- )?([A-Za-z_][\w.-]*):(?:\s+(.*?))?\s*")
_ITEM = lazy.pattern(r"( *)- (.+?)\s*")
_KEYS = lazy.pattern(
    rb"^(?:blocks_storage|ingester|ingester_client|limits|storage|distributor|server|target|compactor"
    rb"|store_gateway|multitenancy_enabled|auth_enabled|tsdb|common|memberlist):",
    re.MULTILINE,
)
# Name of the fact, and the ends of the paths that state it, the best first.
_WANTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "replication_factor",
        ("ingester.lifecycler.ring.replication_factor", "ingester.ring.replication_factor"),
    ),
    (
        "zone_awareness",
        ("ingester.lifecycler.ring.zone_awareness_enabled", "ingester.ring.zone_awareness_enabled"),
    ),
    ("zone", ("lifecycler.availability_zone", "ingester.ring.instance_availability_zone")),
    ("retention", ("tsdb.retention_period",)),
    ("block_ranges", ("tsdb.block_ranges_period",)),
    ("data_dir", ("blocks_storage.tsdb.dir", "tsdb.dir", "storage.tsdb.path")),
    ("ship_interval", ("tsdb.ship_interval",)),
    ("opening_concurrency", ("tsdb.max_tsdb_opening_concurrency_on_startup",)),
    ("head_compaction_concurrency", ("tsdb.head_compaction_concurrency",)),
    ("close_idle_tsdb_timeout", ("tsdb.close_idle_tsdb_timeout",)),
    ("max_series_per_user", ("limits.max_series_per_user", "limits.max_global_series_per_user")),
    ("target", ("target",)),
    ("log_format", ("server.log_format",)),
)
_BUCKETS = (
    "s3.bucket_name",
    "gcs.bucket_name",
    "azure.container_name",
    "swift.container_name",
    "filesystem.dir",
)


def _is_config(path: str, head: bytes) -> bool:
    text = head[:1] not in (b"{", b"[", b"<") and b"kind: " not in head[:400]
    return text and len(_KEYS.findall(head)) >= 2


def _rows(member: Member) -> Iterator[tuple[str, str, int, str]]:
    """(dotted path, value, line, quoted) of each row that has a value."""
    stack: list[tuple[int, str]] = []
    for number, line in lines(member):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            item = _ITEM.fullmatch(line)
            if item is not None and stack:
                yield ".".join(key for _, key in stack), _plain(item[2]), number, line
            continue
        indent = len(row[1])
        while stack and stack[-1][0] >= indent:
            stack.pop()
        stack.append((indent, row[2]))
        value = _plain(row[3] or "")
        if value:
            yield ".".join(key for _, key in stack), value, number, line


def _plain(value: str) -> str:
    """A scalar or a list in one line as text: ``[2h, 12h]`` is ``2h,12h``."""
    value = re.sub(r"\s+#.*$", "", value).strip()
    if value.startswith("["):
        return ",".join(part.strip().strip("'\"") for part in value.strip("[]").split(",") if part.strip())
    return "" if value in ("|", ">", "{}", '""', "''", "null", "~") else value.strip("'\"")


def read_config(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with the facts of ``_WANTED`` that the file states, and ``bucket``."""
    values: dict[str, Fact[Any]] = {}
    ranks: dict[str, int] = {}
    backend = bucket = ""
    for path, value, number, line in _rows(member):
        for name, ends in _WANTED:
            for rank, end in enumerate(ends):
                if path == end or (end != "target" and path.endswith("." + end)):
                    held = values.get(name)
                    if name == "block_ranges" and held is not None and line.lstrip().startswith("- "):
                        value = f"{held.value},{value}"  # type: ignore[union-attr]
                    elif ranks.get(name, 99) <= rank:
                        continue
                    ranks[name] = rank
                    values[name] = present(value, member, number, line)
        if path.endswith(("blocks_storage.backend", "common.storage.backend")):
            backend = value
        if path.endswith(_BUCKETS) and "ruler" not in path and "alertmanager" not in path and not bucket:
            kind = path.rsplit(".", 2)[-2]
            bucket = f"{kind} {value}"
            if not backend or backend == kind:
                values["bucket"] = present(bucket, member, number, line)
            else:
                bucket = ""
    if not values:
        return [unreadable(member, "config", "replication_factor", "states nothing that is asked for")]
    return [snapshot(member, "config", values)]


PARSER = SnapshotParser(
    kind="config",
    main="replication_factor",
    markers=("config.yaml", "config.yml", "*config.yaml", "*config.yml", "config", "config/*.yaml", "config/*.yml",
             "cortex.yaml", "mimir.yaml", "cortex.yml", "mimir.yml", "runtime_config*"),
    confirm=_is_config,
    parse=read_config,
    strong=lambda path, head: _is_config(path, head) and b"\nblocks_storage:" in head,
)  # fmt: skip
