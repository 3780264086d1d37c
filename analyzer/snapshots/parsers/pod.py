"""Pods as JSON or YAML: ``kubectl get pod -o json|yaml``, ``pods.json`` lists, must-gather's files.

    apiVersion: v1
    kind: Pod
    metadata:
      name: cortex-ingester-0
      namespace: cortex
      uid: 3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f
    spec:
      nodeName: node-3
      containers:
      - name: ingester
        resources:
          limits:
            memory: 8Gi
    status:
      phase: Running
      containerStatuses:
      - name: ingester
        containerID: containerd://7d3c0b5e9a1f
        restartCount: 12
        state:
          waiting:
            reason: CrashLoopBackOff
        lastState:
          terminated:
            exitCode: 137
            reason: OOMKilled
            finishedAt: "2026-11-22T22:01:02Z"

>>> from analyzer.snapshots.parsers import sample
>>> pod = sample(PARSER, "namespaces/cortex/pods/cortex-ingester-0/cortex-ingester-0.yaml", __doc__)["pods"].value[0]
>>> box = pod.containers[0]
>>> pod.node, box.restarts, box.reason, box.last_reason, box.last_exit_code, box.memory_limit
('node-3', 12, 'CrashLoopBackOff', 'OOMKilled', 137, 8589934592)
>>> box.evidence["last_reason"].line, box.last_finished.iso()
(26, '2026-11-22T22:01:02Z')
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import SnapshotParser, evidence, refusal, snapshot, unreadable
from analyzer.snapshots.k8s import pod_state
from analyzer.snapshots.k8s_text import documents
from analyzer.snapshots.model import PodState, Snapshot

_JSON_KIND = lazy.pattern(rb'"kind"\s*:\s*"(?:Pod|PodList)"')
_YAML_KIND = lazy.pattern(rb"^(?:- |  )?\s{0,4}kind: (?:Pod|PodList)\s*$", re.MULTILINE)
_OTHER_KIND = lazy.pattern(
    rb'"?kind"?\s*:\s*"?(?:PodDisruptionBudget|PodMetrics|PodTemplate|StatefulSet|Deployment|ReplicaSet|DaemonSet'
    rb"|Event|EventList|Node|NodeList|ConfigMap|Secret|Service)\b"
)
_STATUS = (b"containerStatuses", b"containers")
_MOST = 20_000


def is_pods(path: str, head: bytes) -> bool:
    """JSON or YAML whose first objects are pods."""
    start = head.lstrip()[:1]
    if start in (b"{", b"["):
        found = _JSON_KIND.search(head)
    elif start in (b"a", b"i", b"k", b"m", b"-", b"#"):
        found = _YAML_KIND.search(head)
    else:
        return False
    if found is None:
        return False
    other = _OTHER_KIND.search(head)
    return other is None or found.start() < other.start()


def _confirm(path: str, head: bytes) -> bool:
    if is_pods(path, head):
        return True
    known = head.lstrip()[:1] in b"{[aikm-" and any(mark in head for mark in _STATUS)
    return known and b'"items"' in head and _OTHER_KIND.search(head) is None


def read_pods(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``pods``."""
    found: list[PodState] = []
    for pod, where in documents(member, "Pod"):
        state = pod_state(pod, where)
        if state is not None and len(found) < _MOST:
            found.append(state)
    if not found:
        return [unreadable(member, "pod", "pods", refusal(bytes(member.head)) or "no pod in it")]
    quoted = f"{len(found)} pods, the first {found[0].name}"
    where_all = found[0].evidence if len(found) == 1 else evidence(member, None, quoted)
    return [snapshot(member, "pod", {"pods": Present(tuple(found), where_all)}, pid=None)]


PARSER = SnapshotParser(
    kind="pod",
    main="pods",
    markers=("pods.json", "pods.yaml", "pod.json", "pod.yaml", "pod.yml", "*pod*.json", "*pod*.yaml", "*pod*.yml",
             "pods/*.json", "cluster-resources/pods/*.json", "pods/*/*.yaml"),
    confirm=_confirm,
    parse=read_pods,
    strong=is_pods,
)  # fmt: skip
