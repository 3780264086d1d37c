"""Which of the containers that an engine describes is the ingester's, and what its state says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer.bundle.model import Place
from analyzer.case.identity import find_container
from analyzer.case.model import Capture, Host, Life, Subject
from analyzer.clock import parse_stamp
from analyzer.facts import Evidence, Present, Unreadable
from analyzer.snapshots import classify
from analyzer.snapshots.model import PodState
from analyzer.snapshots.parsers import member_of

OWN, OTHER = "7d3c" * 16, "a1b2" * 16


def described(identity: str, name: str, image: str = "registry/obs:1", **state: Any) -> dict[str, Any]:
    ended = {"StartedAt": "2026-11-22T21:50:00Z", "FinishedAt": "2026-11-22T22:01:02.5Z"}
    full = {"Status": "exited", "OOMKilled": True, "ExitCode": 137, **ended, **state}
    limits = {"Memory": 8 << 30}
    return {
        "Id": identity, "Name": f"/{name}", "State": full, "HostConfig": limits, "Config": {"Image": image}
    }  # fmt: skip


def read(*entries: dict[str, Any]) -> list[PodState]:
    content = json.dumps(entries, indent=4).encode()
    parser = classify("docker_inspect.txt", content[:8192])
    assert parser is not None
    assert parser.kind == "docker_inspect"
    fact = parser.read(member_of("docker_inspect.txt", content))[0].values["pods"]
    assert isinstance(fact, Present)
    return list(fact.value)


def subject(
    identity: str | None = None, last: str | None = "2026-11-22T22:01:01Z", place: Place | None = None
) -> Subject:
    life = Life(id="L1", lines=1)
    if last is not None:
        life.first, life.last = parse_stamp("2026-11-22T21:55:00Z"), parse_stamp(last)
    made = Subject(id="s", place=place or Place(), host=Host(root=""), lives=[life])
    made.container_id = identity
    return made


def chosen(made: Subject, containers: list[PodState], *, alone: bool = True) -> str | None:
    find_container(made, containers, alone=alone)
    return made.pod.containers[0].container_id if made.pod is not None else None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({}, "OOMKilled"),
        ({"ExitCode": 1}, "Error"),  # another process of the container was killed
        ({"OOMKilled": False}, "Error"),
        ({"OOMKilled": False, "ExitCode": 0}, "Completed"),
        ({"Status": "restarting"}, "OOMKilled"),
        ({"Status": "running", "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"}, None),
        ({"Status": "running"}, None),  # the end it shows is an earlier one
        ({"Status": "created", "ExitCode": 0}, None),
    ],
)
def test_only_an_end_by_sigkill_is_an_oom_kill(state: dict[str, Any], reason: str | None) -> None:
    (pod,) = read(described(OWN, "ingester-1", **state))
    box = pod.containers[0]
    assert box.reason == reason
    assert box.memory_limit == 8 << 30
    assert (box.exit_code is None) == (reason is None)
    assert pod.name == ""


def test_the_evidence_is_the_line_of_the_container_in_question() -> None:
    first, second = read(
        described(OTHER, "grafana", OOMKilled=False, ExitCode=0), described(OWN, "ingester-1")
    )
    assert first.containers[0].evidence["reason"].text == '"ExitCode": 0,'
    own = second.containers[0].evidence["reason"]
    assert own.text == '"OOMKilled": true,'
    assert isinstance(own, Evidence)
    assert own.line is not None
    assert own.line > 15


def test_a_text_that_is_cut_or_no_container_is_unreadable() -> None:
    content = json.dumps([described(OWN, "ingester-1")], indent=4).encode()
    for text in (content[:-20], b'[{"Id": 7, "OOMKilled": []}]'):
        parser = classify("docker_inspect.json", text)
        assert parser is not None
        assert isinstance(parser.read(member_of("docker_inspect.json", text))[0].values["pods"], Unreadable)


def test_an_id_decides() -> None:
    both = read(described(OTHER, "cortex-ingester-1"), described(OWN, "obs"))
    assert chosen(subject(OWN), both) == OWN
    assert chosen(subject("ffff" * 16), both) is None
    of_process = subject()
    of_process.captures.append(Capture(group="", pid=7))
    of_process.captures[0].facts.add("cgroup_of", {"container_id": Present(OWN, None)})
    assert chosen(of_process, both, alone=False) == OWN
    assert of_process.container_id == OWN


def test_without_an_id_one_name_decides() -> None:
    one = read(
        described(OTHER, "grafana", "grafana/grafana"), described(OWN, "obs", "prom/prometheus:v2.42.0")
    )
    assert chosen(subject(), one) == OWN
    assert chosen(subject(), one, alone=False) is None
    assert chosen(subject(place=Place(pod="ingester-0")), one) is None
    two = read(described(OTHER, "ingester-1"), described(OWN, "ingester-2"))
    assert chosen(subject(), two) is None


def test_the_only_container_counts_if_it_ended_with_the_log() -> None:
    only = read(described(OWN, "obs"))
    assert chosen(subject(), only) == OWN
    assert chosen(subject(last="2026-11-22T21:58:00Z"), only) is None
    assert chosen(subject(last=None), only) is None


def test_a_state_of_another_run_says_nothing_of_this_one() -> None:
    later = read(
        described(OWN, "ingester-1", StartedAt="2026-11-23T01:00:00Z", FinishedAt="2026-11-23T02:00:00Z")
    )
    earlier = read(
        described(OWN, "ingester-1", StartedAt="2026-11-21T01:00:00Z", FinishedAt="2026-11-21T02:00:00Z")
    )
    for containers in (later, earlier):
        assert chosen(subject(OWN), containers) is None
        assert chosen(subject(), containers) is None
