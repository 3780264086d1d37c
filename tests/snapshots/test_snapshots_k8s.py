"""Kubernetes facts: what a pod's last life ended with, from JSON, YAML, a list, a cut list or a table."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.facts import Present, Unreadable
from analyzer.snapshots import classify
from analyzer.snapshots.model import PodEvent, PodState
from analyzer.snapshots.parsers import member_of


def pod(name: str = "cortex-ingester-0", reason: str = "OOMKilled", code: int = 137) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "cortex",
            "uid": f"3f1c1a0e-8d0b-4c6e-9a57-{hash(name) % 10**12:012d}",
            "labels": {"app": "ingester", "topology.kubernetes.io/zone": "eu-1a"},
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {"reason": {}}}}],
        },
        "spec": {
            "nodeName": "node-3",
            "containers": [
                {"name": "ingester", "resources": {"limits": {"memory": "8Gi"}, "requests": {"memory": "4G"}}}
            ],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "ingester",
                    "containerID": "containerd://7d3c0b5e9a1f",
                    "restartCount": 12,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {
                        "terminated": {
                            "exitCode": code,
                            "reason": reason,
                            "startedAt": "2026-11-22T21:54:45Z",
                            "finishedAt": "2026-11-22T22:01:02Z",
                        }
                    },
                }
            ],
        },
    }


def event(reason: str = "BackOff") -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": "x"},
        "reason": reason,
        "message": "Back-off restarting failed container",
        "involvedObject": {"kind": "Pod", "namespace": "cortex", "name": "cortex-ingester-0"},
        "count": 12,
        "firstTimestamp": "2026-11-22T21:54:45Z",
        "lastTimestamp": "2026-11-22T22:01:02Z",
    }


def as_yaml(value: Any, indent: int = 0) -> str:
    """YAML as kubectl writes it: two blanks, list items at their key's own indent."""
    pad = " " * indent
    if isinstance(value, dict):
        rows = ""
        for key, inner in value.items():
            if isinstance(inner, dict) and inner:
                rows += f"{pad}{key}:\n{as_yaml(inner, indent + 2)}"
            elif isinstance(inner, list):
                rows += f"{pad}{key}:\n{as_yaml(inner, indent)}"
            else:
                rows += (
                    f"{pad}{key}: {json.dumps(inner)}\n"
                    if not isinstance(inner, str)
                    else f"{pad}{key}: {inner}\n"
                )
        return rows
    rows = ""
    for item in value:
        inner = as_yaml(item, indent + 2)
        rows += f"{pad}- {inner[indent + 2 :]}"
    return rows


def pods(path: str, text: str) -> tuple[PodState, ...]:
    parser = classify(path, text.encode()[:8192])
    assert parser is not None, path
    assert parser.kind == "pod"
    fact = parser.read(member_of(path, text.encode()))[0].values["pods"]
    assert isinstance(fact, Present), fact
    found: tuple[PodState, ...] = fact.value
    return found


TWO = {"apiVersion": "v1", "kind": "List", "items": [pod(), pod("cortex-ingester-zone-b-1", "Error", 2)]}
CLUSTER_INFO = {"kind": "PodList", "apiVersion": "v1", "items": [{k: v for k, v in p.items() if k not in ("kind", "apiVersion")} for p in (pod(), pod("other-1", "Error", 2))]}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("pod.json", json.dumps(pod(), indent=4), 1),
        ("pods.json", json.dumps(TWO), 2),
        ("cluster-info/cortex/pods.json", json.dumps(CLUSTER_INFO, indent=1), 2),
        ("whatever.txt", json.dumps(pod(), indent=2), 1),
        ("two.json", json.dumps(pod(), indent=2) + "\n" + json.dumps(pod("b-1"), indent=2), 2),
        ("pod.yaml", as_yaml(pod()), 1),
        ("namespaces/cortex/pods/i-0/i-0.yaml", "---\n" + as_yaml(pod()), 1),
        ("pods.yaml", as_yaml(TWO), 2),
        ("docs.yaml", as_yaml(pod()) + "---\n" + as_yaml(pod("b-1")), 2),
    ],
)
def test_the_last_state_of_a_container(path: str, text: str, count: int) -> None:
    found = pods(path, text)
    assert len(found) == count
    first = found[0]
    assert (first.namespace, first.name, first.node, first.phase, first.zone) == (
        "cortex", "cortex-ingester-0", "node-3", "Running", "eu-1a",
    )  # fmt: skip
    box = first.containers[0]
    assert (box.state, box.reason, box.restarts) == ("waiting", "CrashLoopBackOff", 12)
    assert (box.last_state, box.last_reason, box.last_exit_code) == ("terminated", "OOMKilled", 137)
    assert box.last_finished is not None
    assert box.last_finished.iso() == "2026-11-22T22:01:02Z"
    assert (box.memory_limit, box.memory_request) == (8 << 30, 4 * 10**9)
    quoted = box.evidence["last_reason"]
    assert "OOMKilled" in quoted.text
    assert quoted.line is not None
    assert "OOMKilled" in text.split("\n")[quoted.line - 1]


def test_evidence_points_into_the_right_pod_of_a_list() -> None:
    text = json.dumps(
        {"kind": "List", "items": [pod("ingester-0"), pod("ingester-1"), pod("ingester-2")]}, indent=1
    )
    found = pods("pods.json", text)
    lines = [p.containers[0].evidence["last_reason"].line for p in found]
    assert len(set(lines)) == 3
    assert lines == sorted(lines, key=lambda n: n or 0)


def test_a_cut_list_tells_what_was_whole() -> None:
    text = json.dumps(TWO)
    found = pods("pods.json", text[: len(text) - 40])
    assert [p.name for p in found] == ["cortex-ingester-0"]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans())
def test_a_cut_document_never_invents_a_pod(data: st.DataObject, yaml: bool) -> None:
    text = as_yaml(TWO) if yaml else json.dumps(TWO, indent=1)
    cut = data.draw(st.integers(0, len(text)))
    parser = classify("pods.yaml" if yaml else "pods.json", text.encode()[:8192])
    assert parser is not None
    fact = parser.read(member_of("pods.yaml" if yaml else "pods.json", text[:cut].encode()))[0].values["pods"]
    if isinstance(fact, Present):
        for found in fact.value:
            assert any(
                found.name and whole["metadata"]["name"].startswith(found.name) for whole in TWO["items"]
            )  # type: ignore[index]
            for box in found.containers:
                assert box.last_exit_code in (None, 137, 1, 13, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "metadata",
                        "name",
                        "status",
                        "containerStatuses",
                        "state",
                        "lastState",
                        "terminated",
                        "spec",
                        "containers",
                        "resources",
                        "limits",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_fields_of_unexpected_types_are_not_told(odd: Any) -> None:
    text = json.dumps({"kind": "Pod", "metadata": {"name": "a"}, "spec": odd, "status": odd})
    found = pods("pod.json", text)
    assert found[0].name == "a"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"kind": "EventList", "items": [event()]}),
        json.dumps({"kind": "List", "items": [event()]}, indent=2),
        as_yaml({"apiVersion": "v1", "kind": "List", "items": [event()]}),
    ],
)
def test_events(text: str) -> None:
    parser = classify("cluster-info/cortex/events.json", text.encode()[:8192])
    assert parser is not None
    assert parser.kind == "k8s_events"
    fact = parser.read(member_of("events.json", text.encode()))[0].values["events"]
    assert isinstance(fact, Present)
    found: PodEvent = fact.value[0]
    assert (found.reason, found.object, found.count) == ("BackOff", "Pod/cortex/cortex-ingester-0", 12)
    assert found.last is not None
    assert found.last.iso() == "2026-11-22T22:01:02Z"


def test_a_wide_table_with_namespaces() -> None:
    text = (
        "NAMESPACE   LAST SEEN   TYPE      REASON      OBJECT                  SUBOBJECT   SOURCE    MESSAGE                FIRST SEEN   COUNT   NAME\n"
        "cortex      2m10s       Warning   BackOff     pod/cortex-ingester-0               kubelet   Back-off restarting    10m          12      x.1\n"
    )
    parser = classify("events.txt", text.encode())
    assert parser is not None
    fact = parser.read(member_of("events.txt", text.encode()))[0].values["events"]
    assert isinstance(fact, Present)
    found = fact.value[0]
    assert (found.object, found.count, found.message) == (
        "pod/cortex/cortex-ingester-0",
        12,
        "Back-off restarting",
    )


@pytest.mark.parametrize(
    "kind", ["StatefulSet", "PodDisruptionBudget", "ConfigMap", "NodeList", "Deployment"]
)
def test_other_objects_are_no_pods(kind: str) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": kind, "spec": {"template": {"kind": "Pod"}}})
    assert classify(f"x/{kind.lower()}.json", text.encode()) is None


def test_no_pod_is_unreadable() -> None:
    parser = classify("pods.json", b'{"kind": "PodList", "items": []}')
    assert parser is not None
    fact = parser.read(member_of("pods.json", b'{"kind": "PodList", "items": []}'))[0].values["pods"]
    assert isinstance(fact, Unreadable)
