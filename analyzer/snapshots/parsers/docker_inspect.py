"""``docker inspect`` and ``podman inspect``: how a container outside of Kubernetes stands or ended.

    [
        {
            "Id": "7d3c0b5e9a1f4e6c8b2d7f0a9c3e5b1d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e",
            "State": {
                "Status": "exited",
                "OOMKilled": true,
                "ExitCode": 137,
                "StartedAt": "2026-11-22T21:54:45.120446512Z",
                "FinishedAt": "2026-11-22T22:01:02.733Z"
            },
            "Name": "/cortex-ingester-1",
            "RestartCount": 3,
            "HostConfig": {
                "Memory": 8589934592
            }
        }
    ]

>>> from analyzer.snapshots.parsers import sample
>>> pod = sample(PARSER, "docker_inspect.json", __doc__)["pods"].value[0]
>>> box = pod.containers[0]
>>> pod.name, box.name, box.reason, box.exit_code, box.memory_limit, box.finished.iso()
('', 'cortex-ingester-1', 'OOMKilled', 137, 8589934592, '2026-11-22T22:01:02.733Z')
>>> box.evidence["reason"].line
6

Each container is given as a pod without a name, so that its state reaches what a pod's does. The flag
``OOMKilled`` is of any process in the container: it is the reason of an end only beside exit code 137.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Present, Stamp
from analyzer.snapshots.base import SnapshotParser, evidence, refusal, snapshot, unreadable, whole
from analyzer.snapshots.k8s import mapping, time, whole_number, word
from analyzer.snapshots.k8s_text import Placed, json_values
from analyzer.snapshots.model import ContainerState, PodState, Snapshot

_SIGKILL_CODE = 137
_NEVER = "0001-01-01"  # the moment that Docker writes for none
_MOST = 20_000


def _is_inspect(path: str, head: bytes) -> bool:
    """JSON of one container or more: an id, and a state that knows of OOM kills."""
    return head.lstrip()[:1] in (b"[", b"{") and b'"Id"' in head and b'"OOMKilled"' in head


def read_inspect(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of kind pod with ``pods``."""
    raw = whole(member)
    placed = Placed(member, raw.decode("utf-8", "replace"))
    found: list[PodState] = []
    for loaded in json_values(raw, placed.text):
        for entry in loaded if isinstance(loaded, list) else [loaded]:
            made = _container(mapping(entry), placed)
            if made is not None and len(found) < _MOST:
                found.append(made)
    if not found:
        return [unreadable(member, "pod", "pods", refusal(bytes(member.head)) or "no container in it")]
    quoted = f"{len(found)} containers, the first {found[0].containers[0].name}"
    where = found[0].evidence if len(found) == 1 else evidence(member, None, quoted)
    return [snapshot(member, "pod", {"pods": Present(tuple(found), where)}, pid=None)]


def _container(entry: Mapping[str, Any], placed: Placed) -> PodState | None:
    """One container, None where it has no id or no state."""
    identity, state = word(entry.get("Id")), mapping(entry.get("State"))
    if identity is None or not state:
        return None
    name = (word(entry.get("Name")) or identity[:12]).lstrip("/")
    placed.seek(identity, name)
    box = ContainerState(name, container_id=identity, restarts=whole_number(entry.get("RestartCount")))
    status = word(state.get("Status"))
    box.started = _moment(state.get("StartedAt"))
    if status in ("exited", "dead", "restarting"):
        _add_end(box, state, placed)
    elif status in ("running", "paused"):
        box.state = "running"
    limit = whole_number(mapping(entry.get("HostConfig")).get("Memory"))
    if limit:  # 0 is no limit
        box.memory_limit = limit
        box.evidence["memory_limit"] = placed.where("Memory", limit)
    image = word(mapping(entry.get("Config")).get("Image")) or word(entry.get("ImageName"))
    labels = {"image": image} if image is not None else {}
    return PodState(None, "", labels=labels, containers=[box], evidence=placed.where("Id", identity))


def _add_end(box: ContainerState, state: Mapping[str, Any], placed: Placed) -> None:
    box.state = "terminated"
    box.finished = _moment(state.get("FinishedAt"))
    box.exit_code = whole_number(state.get("ExitCode"))
    if box.exit_code is None:
        return
    box.evidence["exit_code"] = box.evidence["reason"] = placed.where("ExitCode", box.exit_code)
    if state.get("OOMKilled") is True and box.exit_code == _SIGKILL_CODE:
        box.reason = "OOMKilled"
        box.evidence["reason"] = placed.where("OOMKilled", "true")
    else:
        box.reason = "Error" if box.exit_code else "Completed"


def _moment(value: object) -> Stamp | None:
    return None if str(value).startswith(_NEVER) else time(value)


PARSER = SnapshotParser(
    kind="docker_inspect",
    main="pods",
    markers=("docker_inspect*", "podman_inspect*", "*docker*inspect*", "*inspect*.json", "inspect"),
    confirm=_is_inspect,
    parse=read_inspect,
    strong=_is_inspect,
)
