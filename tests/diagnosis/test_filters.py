"""What --pid, --pod, --since and --until leave, and what is said where they leave nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.report import render

PODS = Path(__file__).parents[1] / "cases" / "two-pods-two-verdicts" / "bundle"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"pid": 99999}, "pid 99999"),
        ({"pod": "nope"}, "pod nope"),
        ({"since": "2030-01-01T00:00:00Z"}, "since 2030-01-01T00:00:00Z"),
        ({"until": "2001-01-01T00:00:00Z", "pid": 4242}, "pid 4242, until 2001-01-01T00:00:00Z"),
    ],
)
def test_a_filter_that_leaves_nothing_says_so_and_what_there_is(options: dict[str, str], asked: str) -> None:
    found = analyzer.diagnose(PODS, **options)
    assert (found.cause, found.status, found.exit_status) == ("none", "undetermined", 3)
    assert f"The filter left nothing to diagnose ({asked})" in found.summary
    for there in (
        "ingester-0, ingester-1",
        "4242, 4343",
        "from 2026-11-22T21:57:16.311Z to 2026-11-22T21:57:19",
    ):
        assert there in found.summary
    left_out = found.model.coverage.left_out
    assert left_out is not None
    assert left_out.pods == ["ingester-0", "ingester-1"]


def test_what_the_filter_leaves_out_is_not_missing_in_the_bundle() -> None:
    whole, none = analyzer.diagnose(PODS), analyzer.diagnose(PODS, pod="nope")
    assert none.model.coverage.missing == whole.model.coverage.missing
    assert "log of an ingester" not in none.render("text")


def test_a_filter_that_leaves_something_is_not_told() -> None:
    found = analyzer.diagnose(PODS, pid=4242)
    assert [subject.pod for subject in found.subjects] == ["ingester-0"]
    assert found.model.coverage.left_out is None


def test_the_pods_that_a_filter_left_out_are_redacted() -> None:
    for face in ("text", "json", "ticket", "markdown", "html"):
        text = render(analyzer.diagnose(PODS, pod="ingester-77").redact(b"key").model, face)  # type: ignore[arg-type]
        assert "ingester-" not in text.replace("ingester-postmortem", "")


def test_a_redacted_command_is_still_the_command() -> None:
    found = analyzer.diagnose(PODS)
    commands = [c for s in found.subjects for r in s.remedies for c in r.commands if "sysctl.d" in c]
    hidden = [
        c for s in found.redact(b"key").subjects for r in s.remedies for c in r.commands if "sysctl.d" in c
    ]
    assert commands
    assert hidden == commands
