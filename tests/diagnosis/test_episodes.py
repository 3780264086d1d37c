"""Two episodes in one log: the verdict is for the last, the other is listed, and --at picks it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import analyzer
from analyzer.report import redact, render

_FAILS = (
    'ts={day}T{at}:17.043{n}Z caller=ingester.go:2240 level=error msg="unable to open TSDB" err="failed to open TSDB: '
    '/data/tsdb/tenant-a: {error}" user=tenant-a',
    'ts={day}T{at}:17.143{n}Z caller=cortex.go:460 level=error msg="module failed" module=ingester err="invalid service '
    "state: Failed, expected: Running, failure: opening existing TSDBs: unable to open TSDB for user tenant-a: failed to "
    'open TSDB: /data/tsdb/tenant-a: {error}"',
    'ts={day}T{at}:17.243{n}Z caller=main.go:250 level=error msg="error running Cortex" err="failed services"',
)
_STARTS = (
    'ts={day}T{at}:16.311{n}Z caller=main.go:199 level=info msg="Starting Cortex" version="(version=1.17.2, '
    'branch=HEAD, revision=312b610d4a)"',
    'ts={day}T{at}:16.321{n}Z caller=ingester.go:2170 level=info msg="opening existing TSDBs"',
)
_RUNS = (
    'ts={day}T{at}:19.043{n}Z caller=ingester.go:2264 level=info msg="successfully opened existing TSDBs"',
    'ts={day}T{at}:19.050{n}Z caller=cortex.go:434 level=info msg="Cortex started"',
    'ts={day}T{at}:40.050{n}Z caller=signals.go:55 level=info msg="=== received SIGINT/SIGTERM ==="',
    'ts={day}T{at}:41.050{n}Z caller=cortex.go:480 level=info msg="Cortex stopped"',
)
SPACE = "preallocate: no space left on device"
MEMORY = "mmap files: mmap, size 889: cannot allocate memory"


def life(at: str, error: str | None = None, digits: str = "") -> str:
    lines = _STARTS + (_FAILS if error else _RUNS)
    return "".join(line.format(day="2026-11-22", at=at, error=error, n=digits) + "\n" for line in lines)


@pytest.fixture(params=["", "999"], ids=["milliseconds", "microseconds"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    n = request.param
    path = tmp_path / "ingester.log"
    lives = [("10:00", SPACE), ("10:05", SPACE), ("11:00", None), ("12:00", MEMORY), ("12:05", MEMORY)]
    path.write_text("".join(life(at, error, n) for at, error in lives))
    return path


def test_the_verdict_is_for_the_last_episode_and_the_other_is_listed(log: Path) -> None:
    found = analyzer.diagnose(log)
    assert found.cause == "max_map_count"
    first, last = found.subjects[0].episodes
    assert (first.lives, first.what, first.judged) == (2, "Opening the TSDBs at start failed: ENOSPC", False)
    assert (last.lives, last.what, last.judged) == (2, "Opening the TSDBs at start failed: ENOMEM", True)


@pytest.mark.parametrize("face", ["text", "markdown", "html", "ticket"])
def test_every_face_lists_the_other_episode_with_the_option_that_picks_it(log: Path, face: str) -> None:
    text = " ".join(render(analyzer.diagnose(log).model, face).split())  # type: ignore[arg-type]
    assert "earlier episodes" in text.lower()
    assert (
        "2026-11-22 10:00:16.311Z to 10:05:17.243Z, 2 lives: Opening the TSDBs at start failed: ENOSPC"
        in text
    )
    assert "--at 2026-11-22T10:00:16.31" in text
    other = render(analyzer.diagnose(log, at="2026-11-22T10:00:18Z").model, face)  # type: ignore[arg-type]
    assert "other episodes" in other.lower()
    assert "ENOMEM (--at 2026-11-22T12:00:16.31" in " ".join(other.split())


@pytest.mark.parametrize("face", ["text", "markdown", "ticket"])
def test_the_first_evidence_is_of_the_verdicts_episode(log: Path, face: str) -> None:
    text = render(analyzer.diagnose(log).model, face)  # type: ignore[arg-type]
    screen = text.partition("TIME LINE")[0].partition("## Time line")[0]
    assert "cannot allocate memory" in screen
    assert "no space left" not in screen


def test_a_log_with_one_episode_says_nothing_of_episodes(tmp_path: Path) -> None:
    path = tmp_path / "ingester.log"
    path.write_text(life("10:00", SPACE) + life("10:05", SPACE))
    found = analyzer.diagnose(path)
    assert len(found.subjects[0].episodes) == 1
    for face in ("text", "markdown", "html", "ticket"):
        assert "episode" not in render(found.model, face).lower()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "cause"),
    [
        ("2026-11-22T10:00:17Z", "disk_full"),  # within its first life
        ("2026-11-22T10:03:00Z", "disk_full"),  # between its lives
        ("2026-11-22T13:05:17+03:00", "disk_full"),  # with an offset
        ("2026-11-22T11:30:00Z", "disk_full"),  # after it, before the next
        ("2026-11-22T09:00:00Z", "disk_full"),  # before all
        ("2026-11-22T12:00:17Z", "max_map_count"),
        ("2026-11-22T12:05:17.1Z", "max_map_count"),
        ("2026-11-23T00:00:00Z", "max_map_count"),  # after all
    ],
)
def test_a_time_picks_its_episode_by_command_and_by_library(log: Path, at: str, cause: str) -> None:
    command = [sys.executable, "-m", "analyzer", str(log), "--at", at, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = analyzer.diagnose(log, at=at)
    assert done.stdout == found.to_json()
    assert (found.cause, done.returncode) == (cause, found.exit_status)
    assert json.loads(done.stdout)["verdict"]["cause"] == cause


def test_a_datetime_picks_as_its_text_does(log: Path) -> None:
    assert analyzer.diagnose(log, at=datetime(2026, 11, 22, 10, 0, 17, tzinfo=UTC)).cause == "disk_full"


def test_the_time_that_is_named_picks_the_episode_it_is_named_for(log: Path) -> None:
    for episode in analyzer.diagnose(log).subjects[0].episodes:
        judged = [e.number for e in analyzer.diagnose(log, at=episode.at).subjects[0].episodes if e.judged]
        assert judged == [episode.number]


def test_a_redacted_report_names_the_same_times(log: Path) -> None:
    text = render(redact(analyzer.diagnose(log).model, b"key"), "text")
    assert "--at 2026-11-22T10:00:16.31" in text
