"""``kubectl describe pod``.

    Name:             cortex-ingester-0
    Namespace:        cortex
    Node:             node-3/10.0.0.3
    Labels:           app=ingester
                      zone=zone-a
    Status:           Running
    Containers:
      ingester:
        Container ID:  containerd://7d3c0b5e9a1f
        State:          Waiting
          Reason:       CrashLoopBackOff
        Last State:     Terminated
          Reason:       OOMKilled
          Exit Code:    137
          Started:      Sun, 22 Nov 2026 21:54:45 +0000
          Finished:     Sun, 22 Nov 2026 22:01:02 +0000
        Ready:          False
        Restart Count:  12
        Limits:
          memory:  8Gi
        Requests:
          memory:     4Gi
    Conditions:
      Type              Status
    Events:
      Type     Reason   Age                  From     Message
      ----     ------   ----                 ----     -------
      Warning  BackOff  2m (x12 over 10m)    kubelet  Back-off restarting failed container

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "kubectl_describe_pod.txt", __doc__)
>>> pod = facts["pods"].value[0]; box = pod.containers[0]
>>> pod.node, pod.zone, box.restarts, box.state, box.last_reason, box.last_exit_code, box.memory_limit
('node-3', 'zone-a', 12, 'waiting', 'OOMKilled', 137, 8589934592)
>>> event = facts["events"].value[0]
>>> event.reason, event.count, event.object
('BackOff', 12, 'Pod/cortex/cortex-ingester-0')

Ages of events are relative to an unknown moment: no times are made of them.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, lines, snapshot, unreadable
from analyzer.snapshots.k8s import quantity, whole_number, zone_of
from analyzer.snapshots.model import ContainerState, PodEvent, PodState, Snapshot
from analyzer.snapshots.moments import moment

_ROW = lazy.pattern(r"( *)([A-Z][\w .()/-]*?):(?: +(.*?))?\s*")
_START = lazy.pattern(rb"^Name: +\S+\n(?:[A-Z][^\n]*\n){0,6}?Namespace: ", re.MULTILINE)
_BOX = lazy.pattern(r"  (\S+):\s*")
_EVENT = lazy.pattern(r"  (Normal|Warning)\s+(\S+)\s+(\S+(?: \(x\d+ over \S+\))?)\s+(\S+)\s+(.*)")
_TIMES = lazy.pattern(r"\(x(\d{1,9}) over")
_MOST = 5000


def _is_describe(path: str, head: bytes) -> bool:
    return (
        _START.search(head) is not None
        and re.search(rb"^(?:Containers|Init Containers|Node|Status|IP):", head, re.M) is not None
    )


class _Reader:
    """Reads the text from top to bottom; knows the pod, the section and the container it is in."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.pods: list[PodState] = []
        self.events: list[PodEvent] = []
        self.section = ""
        self.box: ContainerState | None = None
        self.part = ""
        self.label_column = -1

    def read(self) -> None:
        for number, line in lines(self.member):
            indent = len(line) - len(line.lstrip(" "))
            row = _ROW.fullmatch(line)
            if indent == 0 and row is not None:
                self._top(row[2], row[3] or "", number, line)
            elif self.section == "Labels" and self.pods:
                self._label(line.strip())
            elif self.section in ("Containers", "Init Containers"):
                self._container(indent, line, row, number)
            elif self.section == "Events" and self.pods:
                self._event(line, number)

    def _top(self, key: str, value: str, number: int, line: str) -> None:
        self.section, self.box = key, None
        if key == "Name" and len(self.pods) < _MOST:
            self.pods.append(PodState(None, value, evidence=evidence(self.member, number, line)))
        if not self.pods:
            return
        pod = self.pods[-1]
        if key == "Namespace":
            pod.namespace = value
        elif key == "Node":
            pod.node = value.split("/")[0] if value != "<none>" else None
        elif key == "Status":
            pod.phase = value.split(" ")[0]
        elif key == "Reason":
            pod.reason = value
        elif key == "Labels":
            self._label(value)

    def _label(self, text: str) -> None:
        key, equals, value = text.partition("=")
        if equals and len(self.pods[-1].labels) < 64:
            self.pods[-1].labels[key] = value

    def _container(self, indent: int, line: str, row: re.Match[str] | None, number: int) -> None:
        name = _BOX.fullmatch(line) if indent == 2 else None
        if name is not None:
            self.box = ContainerState(name[1], init=self.section.startswith("Init"))
            self.part = ""
            if self.pods:
                self.pods[-1].containers.append(self.box)
            return
        if self.box is None:
            return
        if indent == 4 and row is not None:
            self._field(row[2], row[3] or "", number, line)
        elif indent >= 6:
            self._detail(line.strip(), number, line)

    def _field(self, key: str, value: str, number: int, line: str) -> None:
        box = self.box
        assert box is not None
        self.part = key
        if key == "Container ID" and value:
            box.container_id = value.split("://", 1)[-1]
        elif key == "State":
            box.state = value.lower()
        elif key == "Last State":
            box.last_state = value.lower()
        elif key == "Restart Count":
            box.restarts = whole_number(value)
            box.evidence["restarts"] = evidence(self.member, number, line)

    def _detail(self, text: str, number: int, line: str) -> None:
        box = self.box
        assert box is not None
        key, _, value = text.partition(":")
        value = value.strip()
        prefix = {"State": "", "Last State": "last_"}.get(self.part)
        if prefix is not None:
            where = evidence(self.member, number, line)
            if key == "Reason":
                setattr(box, f"{prefix}reason", value)
                box.evidence[f"{prefix}reason"] = where
            elif key == "Exit Code":
                setattr(box, f"{prefix}exit_code", whole_number(value))
                box.evidence[f"{prefix}exit_code"] = where
            elif key == "Signal":
                setattr(box, f"{prefix}signal", whole_number(value))
            elif key in ("Started", "Finished"):
                setattr(box, prefix + key.lower(), moment(value))
        elif self.part == "Limits" and key == "memory":
            box.memory_limit = quantity(value)
            box.evidence["memory_limit"] = evidence(self.member, number, line)
        elif self.part == "Requests" and key == "memory":
            box.memory_request = quantity(value)

    def _event(self, line: str, number: int) -> None:
        match = _EVENT.fullmatch(line)
        if match is None or len(self.events) >= _MOST:
            return
        pod = self.pods[-1]
        times = _TIMES.search(match[3])
        about = f"Pod/{pod.namespace or ''}/{pod.name}"
        where = evidence(self.member, number, line)
        count = int(times[1]) if times is not None else 1
        self.events.append(PodEvent(match[2], match[5], about, count, None, None, where))


def read_describe(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of kind "pod", and one of kind "k8s_events" where the text has events."""
    reader = _Reader(member)
    reader.read()
    if not reader.pods:
        return [unreadable(member, "pod", "pods", "no pod in it")]
    for pod in reader.pods:
        pod.zone = zone_of(pod.name, pod.labels)
    first = reader.pods[0].evidence
    found = [snapshot(member, "pod", {"pods": Present(tuple(reader.pods), first)}, pid=None)]
    if reader.events:
        events = Present(tuple(reader.events), reader.events[0].evidence)
        found.append(snapshot(member, "k8s_events", {"events": events}, pid=None))
    return found


PARSER = SnapshotParser(
    kind="pod_describe",
    main="pods",
    markers=("*describe*pod*", "*pod*describe*", "describe", "*describe*"),
    confirm=_is_describe,
    parse=read_describe,
    strong=lambda path, head: head.startswith(b"Name: ") and _is_describe(path, head),
)
