"""``thanos.shipper.json``: the blocks that a tenant's shipper has uploaded.

    {
        "version": 1,
        "uploaded": [
                "01M82K54DEY807G2PMY2JMGVJN",
                "01M82K54ETCD52P4M6W4P729X2"
        ]
    }

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "data/tsdb/team-1/thanos.shipper.json", __doc__)
>>> len(facts["uploaded"].value), facts["tenant"].value
(2, 'team-1')

The folder's name is the tenant's. The list is cut where the file is: what it names was uploaded.
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import SnapshotParser, evidence, snapshot, unreadable, whole
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import basename

_ULID = lazy.pattern(rb'"([0-7][0-9A-HJKMNP-TV-Z]{25})"')


def read_shipper(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``uploaded`` and ``tenant``."""
    raw = whole(member, 16 << 20)
    if b'"uploaded"' not in raw and b'"version"' not in raw:
        return [unreadable(member, "thanos_shipper", "uploaded", "no list of uploads")]
    uploaded = tuple(found.decode() for found in _ULID.findall(raw))
    folder = member.path[: max(member.path.rfind("/"), 0)]
    where = evidence(member, None, f"{len(uploaded)} uploaded")
    values: dict[str, Fact[Any]] = {
        "uploaded": Present(uploaded, where),
        "tenant": Present(basename(folder), where),
    }
    return [snapshot(member, "thanos_shipper", values)]


PARSER = SnapshotParser(
    kind="thanos_shipper",
    main="uploaded",
    markers=("thanos.shipper.json", "*thanos.shipper.json"),
    confirm=lambda path, head: head.lstrip()[:1] == b"{",
    parse=read_shipper,
)
