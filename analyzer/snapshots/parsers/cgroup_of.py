"""``/proc/PID/cgroup``: where the process stands in the hierarchies; names its container and pod.

    9:name=systemd:/
    5:memory:/kubepods/burstable/pod3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/7d3c0b5e9a1f4e6c8b2d7f0a9c3e5b1d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e
    0::/

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/26753/cgroup", __doc__)
>>> facts["pod_uid"].value, facts["container_id"].value[:12]
('3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f', '7d3c0b5e9a1f')
>>> sorted(facts["paths"].value)
['', 'memory', 'name=systemd']
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import (
    SnapshotParser,
    Table,
    is_refused_or_empty,
    lines,
    of_several,
    present,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_ROW = lazy.pattern(r"(\d{1,3}):([^:/]*):(/.*)")
_ROW_BYTES = lazy.pattern(rb"\d{1,3}:[^:/\n]*:/[^\n]*")
_CONTAINER = lazy.pattern(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:$|/)")
_POD = lazy.pattern(r"pod([0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12}|[0-9a-f]{32})")


def container_in(path: str) -> str | None:
    """The container id (64 hex digits) that a cgroup path names last."""
    found = _CONTAINER.findall(path)
    return found[-1] if found else None


def pod_in(path: str) -> str | None:
    """The pod's uid that a cgroup path names, with dashes."""
    match = _POD.search(path)
    return match[1].replace("_", "-") if match is not None else None


def _is_cgroup(path: str, head: bytes) -> bool:
    rows = head[:2048].rstrip(b"\n").split(b"\n")
    return all(_ROW_BYTES.fullmatch(row) is not None for row in rows[:3])


def read_cgroup_of(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``paths`` by controller ("" is v2), ``container_id`` and ``pod_uid`` if named."""
    table, paths = Table(), dict[str, str]()
    values: dict[str, Fact[Any]] = {}
    first: tuple[int, str] | None = None
    for number, line in lines(member):
        match = _ROW.fullmatch(line.strip())
        if match is None:
            continue
        first = first or (number, line)
        table.add(f"{match[1]}:{match[2]}", present(match[3], member, number, line))
        for controller in match[2].split(","):
            paths.setdefault(controller, match[3])
        container, pod = container_in(match[3]), pod_in(match[3])
        if container is not None:
            values.setdefault("container_id", present(container, member, number, line))
        if pod is not None:
            values.setdefault("pod_uid", present(pod, member, number, line))
        if number > 100:
            break
    if first is None:
        return [unreadable(member, "cgroup_of", "paths", refusal(bytes(member.head)) or "empty or garbled")]
    if table.several:
        return [unreadable(member, "cgroup_of", "paths", of_several("the cgroups"))]
    values["paths"] = present(paths, member, *first)
    return [snapshot(member, "cgroup_of", values)]


PARSER = SnapshotParser(
    kind="cgroup_of",
    main="paths",
    markers=("proc/*/cgroup", "cgroup"),
    confirm=lambda path, head: _is_cgroup(path, head) or ("proc/" in path and is_refused_or_empty(head)),
    parse=read_cgroup_of,
    strong=_is_cgroup,
)
