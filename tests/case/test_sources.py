"""Several processes in one log member are several subjects, each with what its own lines say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analyzer.diagnosis.model import Diagnosis, SubjectReport
from analyzer.pipeline import diagnose

Line = tuple[int, str]  # seconds since START, text
START = datetime(2026, 11, 22, 21, 57, tzinfo=UTC)


def at(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def lines(first: int, *rows: str) -> list[Line]:
    return [
        (first + n, row if row.startswith(RAW) else f"ts={at(first + n)} {row}") for n, row in enumerate(rows)
    ]


RAW = ("panic", "goroutine", "\t", "github.com", "fatal")
CORTEX = 'level=info msg="Starting Cortex" version="(version=1.17.2, branch=HEAD, revision=d7188d35fd)"'
BLOCK = 'level=info org_id=t1 msg="Found healthy block" mint=1 maxt=2 ulid=01G0P1FM80185GR38E1W8124{:02d}'
READY = 'level=info msg="Cortex started"'
PROMETHEUS = 'level=info msg="Starting Prometheus Server" version="(version=2.53.0, branch=HEAD, revision=x)"'
PANIC = (
    "panic: try lock file: open /d/tsdb/t1/chunks_head/000003: too many open files",
    "goroutine 99 [running]:",
    "github.com/prometheus/prometheus/tsdb.handleChunkWriteError({0x1, 0x2})",
    "\t/x.go:1",
)


def healthy(first: int, banner: str = CORTEX) -> list[Line]:
    return lines(first, banner, BLOCK.format(10), BLOCK.format(11), READY, BLOCK.format(12))


def failing(first: int) -> list[Line]:
    return lines(first, CORTEX, BLOCK.format(20), READY, *PANIC)


def refused(first: int) -> list[Line]:
    """A start that fails, and says so three times."""
    inner = "failed to open TSDB: /data/tsdb/t2: 2 errors: mmap, size 31301: cannot allocate memory; mmap, size 9027: cannot allocate memory"
    return lines(
        first,
        CORTEX,
        BLOCK.format(30),
        f'level=error msg="unable to open TSDB" err="{inner}" user=t2',
        f'level=error msg="module failed" module=ingester-service err="unable to open TSDB for user t2: {inner}"',
        'level=info msg="Cortex stopped"',
    )


def kubectl(pod: str, line: Line) -> str:
    return f"[pod/{pod}/ingester] {line[1]}"


def stern(pod: str, line: Line) -> str:
    return f"{pod} ingester {line[1]}"


def compose(pod: str, line: Line) -> str:
    return f"{pod}  | {line[1]}"


def fluent_bit(pod: str, line: Line) -> str:
    row = {"log": line[1] + "\n", "stream": "stderr", "time": at(line[0]), "kubernetes": {"pod_name": pod}}
    return json.dumps(row)


def journal(unit: str, line: Line) -> str:
    stamp = at(line[0]).replace("Z", "000+00:00")
    return f"{stamp} node1 {unit}[{100 + len(unit)}]: {line[1]}"


def journal_json(unit: str, line: Line) -> str:
    micros = int((START + timedelta(seconds=line[0])).timestamp()) * 1_000_000
    row = {"__REALTIME_TIMESTAMP": str(micros), "_HOSTNAME": "node1", "_PID": str(100 + len(unit))}
    row |= {
        "SYSLOG_IDENTIFIER": unit,
        "_SYSTEMD_UNIT": "init.scope" if unit == "systemd" else f"{unit}.service",
    }
    return json.dumps(row | {"MESSAGE": line[1]})


Framing = Callable[[str, Line], str]
PODS: list[Framing] = [kubectl, stern, compose, fluent_bit]
UNITS: list[Framing] = [journal, journal_json]


def log(framing: Framing, written: dict[str, list[Line]], *, merged: bool = True) -> str:
    rows = [(line[0], framing(who, line)) for who, said in written.items() for line in said]
    return "".join(row + "\n" for _, row in (sorted(rows, key=lambda row: row[0]) if merged else rows))


def read(tmp_path: Path, text: str, name: str = "all.log") -> Diagnosis:
    (tmp_path / name).write_text(text)
    return diagnose(tmp_path / name)


def subject(found: Diagnosis, part: str) -> SubjectReport:
    return next(s for s in found.subjects if part in s.id)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("framing", PODS)
def test_the_pod_that_panics_is_the_one_that_is_named(framing: Framing, merged: bool, tmp_path: Path) -> None:
    written = {"ingester-0": healthy(0), "ingester-1": failing(2)}
    found = read(tmp_path, log(framing, written, merged=merged))
    assert (found.verdict.cause, found.verdict.status) == ("nofile", "confirmed")
    assert "ingester-1" in (found.verdict.subject or "")
    assert found.verdict.subjects_affected == 1
    assert [life.outcome for life in subject(found, "ingester-0").lives] == ["running"]
    assert [life.outcome for life in subject(found, "ingester-1").lives] == ["go_fatal"]
    assert subject(found, "ingester-0").verdict.status == "healthy"
    assert not subject(found, "ingester-0").failures


@pytest.mark.parametrize("framing", PODS)
def test_another_pod_that_is_ready_is_no_recovery(framing: Framing, tmp_path: Path) -> None:
    found = read(tmp_path, log(framing, {"ingester-0": refused(0) + refused(20), "ingester-1": healthy(40)}))
    failed = subject(found, "ingester-0")
    assert [life.outcome for life in failed.lives] == ["error_exit", "error_exit"]
    assert [(group.life, group.lines, group.count) for group in failed.failures] == [
        ("L1", 2, 1),
        ("L2", 2, 1),
    ]
    assert [life.outcome for life in subject(found, "ingester-1").lives] == ["running"]


def test_two_streams_of_one_loki_answer_are_two_pods(tmp_path: Path) -> None:
    def stream(pod: str, said: list[Line]) -> dict[str, object]:
        seconds = int(START.timestamp())
        values = [[f"{seconds + when}000000000", text] for when, text in reversed(said)]
        return {"stream": {"pod": pod}, "values": values}

    streams = [stream("ingester-0", healthy(0)), stream("ingester-1", refused(2) + refused(20))]
    found = read(tmp_path, json.dumps({"data": {"resultType": "streams", "result": streams}}), "loki.json")
    assert [life.outcome for life in subject(found, "ingester-0").lives] == ["running"]
    lives = subject(found, "ingester-1").lives
    assert [life.outcome for life in lives] == ["error_exit", "error_exit"]
    assert [life.started for life in lives] == sorted(life.started or "" for life in lives)


@pytest.mark.parametrize("framing", UNITS)
def test_two_units_of_a_journal_are_two_processes(framing: Framing, tmp_path: Path) -> None:
    found = read(tmp_path, log(framing, {"prometheus": healthy(0, PROMETHEUS), "cortex": failing(2)}))
    assert (found.verdict.subject, found.verdict.cause) == ("node1/cortex", "nofile")
    assert [(s.id, s.product, len(s.lives)) for s in found.subjects] == [
        ("node1/prometheus", "prometheus", 1),
        ("node1/cortex", "cortex", 1),
    ]


KILLED = "{}.service: Main process exited, code=killed, status=9/KILL"


@pytest.mark.parametrize("framing", UNITS)
@pytest.mark.parametrize(
    ("unit", "outcomes"),
    [
        ("cortex", ["running", "killed"]),
        ("prometheus", ["killed", "running"]),
        ("cortex-ingester", ["running", "killed"]),
        ("nginx", ["running", "running"]),
    ],
)
def test_a_kill_is_told_of_the_unit_that_systemd_names(
    framing: Framing, unit: str, outcomes: list[str], tmp_path: Path
) -> None:
    written = {
        "prometheus": healthy(0, PROMETHEUS),
        "cortex": healthy(2),
        "systemd": [(30, KILLED.format(unit))],
    }
    found = read(tmp_path, log(framing, written))
    assert [subject(found, name).lives[-1].outcome for name in ("prometheus", "cortex")] == outcomes


@pytest.mark.parametrize(
    ("unit", "outcome"), [("cortex", "killed"), ("ingester", "killed"), ("nginx", "running")]
)
@pytest.mark.parametrize("when", [-5, 30])
def test_the_kill_of_another_unit_is_not_the_only_ingesters(
    unit: str, outcome: str, when: int, tmp_path: Path
) -> None:
    found = read(tmp_path, log(journal, {"cortex": healthy(0), "systemd": [(when, KILLED.format(unit))]}))
    (only,) = found.subjects
    assert only.lives[0 if when < 0 else -1].outcome == outcome


def test_lines_that_lost_their_unit_are_of_the_same_process(tmp_path: Path) -> None:
    """The journal does not know the unit of what a process wrote just before it ended."""
    rows = [journal_json("cortex", line) for line in failing(2)]
    rows[-len(PANIC) :] = [
        row.replace('"_SYSTEMD_UNIT": "cortex.service", ', "") for row in rows[-len(PANIC) :]
    ]
    text = log(journal_json, {"prometheus": healthy(0, PROMETHEUS)}) + "".join(row + "\n" for row in rows)
    found = read(tmp_path, text)
    assert [life.outcome for life in subject(found, "cortex").lives] == ["go_fatal"]
    assert len(found.subjects) == 2


def test_a_quiet_pod_lends_its_name_to_no_other(tmp_path: Path) -> None:
    quiet = lines(0, 'level=info msg="push"', 'level=info msg="push"')
    panic = lines(5, *PANIC)
    found = read(tmp_path, log(kubectl, {"ingester-0": quiet, "ingester-1": panic}))
    assert [s.pod for s in found.subjects] == ["ingester-1"]
    assert found.verdict.cause == "nofile"


def test_a_pods_lines_among_others_and_its_own_log_are_one(tmp_path: Path) -> None:
    written = {"ingester-0": healthy(0), "ingester-1": failing(2)}
    (tmp_path / "all.log").write_text(log(kubectl, written))
    (tmp_path / "ingester-1.log").write_text("".join(f"{text}\n" for _, text in written["ingester-1"]))
    found = diagnose(tmp_path)
    assert {s.pod: len(s.lives) for s in found.subjects} == {"ingester-0": 1, "ingester-1": 1}
    assert found.verdict.subjects_affected == 1


def test_rotated_journals_of_two_units_stay_two_processes(tmp_path: Path) -> None:
    old = {"prometheus": healthy(0, PROMETHEUS), "cortex": healthy(2)}
    (tmp_path / "journal.log.1").write_text(log(journal, old))
    (tmp_path / "journal.log").write_text(log(journal, {"cortex": failing(60)}))
    found = diagnose(tmp_path)
    assert {s.id: len(s.lives) for s in found.subjects} == {"node1/prometheus": 1, "node1/cortex": 2}


def test_a_capture_is_of_the_process_whose_pid_the_journal_states(tmp_path: Path) -> None:
    """Both are ingesters; only one of them has the captured pid."""
    text = log(journal, {"cortex-a": refused(0), "cortex-bb": refused(2)})
    (tmp_path / "journal.log").write_text(text)
    process = tmp_path / "proc" / str(100 + len("cortex-bb"))
    process.mkdir(parents=True)
    (process / "status").write_text("Name:\tcortex\nState:\tS (sleeping)\nPid:\t109\nThreads:\t8\n")
    (process / "limits").write_text(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max address space         unlimited            unlimited            bytes     \n"
        "Max open files            1024                 1024                 files     \n"
    )
    found = diagnose(tmp_path)
    assert {s.id: s.pid for s in found.subjects} == {"node1/cortex-a": None, "node1/cortex-bb": 109}
