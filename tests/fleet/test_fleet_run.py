"""A run on this machine: every bundle a row, whatever it does to the process that reads it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import fleet_stub
import pandas
import pytest

from analyzer import fleet
from analyzer.errors import AnalyzerError
from analyzer.fleet.cell import Cell, ClosedError, Options, resident_memory
from analyzer.fleet.journal import journal_path
from analyzer.fleet.rows import Limits, Outcome
from analyzer.fleet.store import all_rows

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"
SOME = BUNDLES / "c13-emfile" / "bundle.tar.gz"
STUB = "fleet_stub:diagnose"
MIB = 1 << 20


def order(folder: Path, name: str, what: str) -> str:
    path = folder / name
    path.write_bytes(fleet_stub.MARK + what.encode() + b"\n" + name.encode())
    return str(path)


def run(sources: list[str], output: Path, **options: object) -> fleet.Summary:
    told: dict[str, object] = {
        "memory_limit": 256 * MIB,
        "time_limit": 20.0,
        "diagnose": STUB,
        "tool_version": fleet_stub.VERSION,
        "workers": 2,
    }
    return fleet.run(sources, output, **(told | options))  # type: ignore[arg-type]


def table(output: Path) -> pandas.DataFrame:
    return pandas.read_parquet(output, dtype_backend="pyarrow").set_index("bundle")


def test_every_real_bundle_becomes_its_row(tmp_path: Path) -> None:
    output = tmp_path / "cases.parquet"
    sources = list(fleet.expand([str(BUNDLES)]))
    seen: list[tuple[int, int]] = []
    summary = run(sources, output, progress=lambda done, total, outcome: seen.append((done, total)))
    frame = table(output)
    assert sorted(frame.index) == sorted(sources)
    assert seen == [(done, len(sources)) for done in range(len(sources) + 1)]
    assert summary.run is not None
    assert summary.run.analysed == summary.bundles == len(sources)
    row = frame.loc[str(BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz")]
    assert row["digest"] == fleet_stub.digest(BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz")
    assert (row["cause"], row["status"], row["version"]) == ("none", "healthy", "1.11.1")
    assert (row["maps"], row["limit"], row["ratio"]) == (7090, 65530, 7090 / 65530)
    assert (row["need_low"], row["need"], row["blocks"], row["tenants"], row["restarts"]) == (
        500,
        700,
        40,
        2,
        1,
    )
    assert (row["risks"], row["risk_limit"], row["risk_ratio"]) == (1, "vm.max_map_count", 0.97)
    assert row["subject"] == "host/cortex-healthy_1.11.1"
    assert 0 < row["duration"] < 20
    assert 5 * MIB < row["peak_memory"] < 256 * MIB
    assert frame["error"].isna().all()
    evidence = pandas.read_parquet(tmp_path / "cases.evidence.parquet")
    assert set(evidence["digest"]) == set(frame["digest"])


BAD = {
    "crash": ("crash", "crash", "SIGSEGV"),
    "exit": ("exit 3", "crash", "exit status 3"),
    "hang": ("sleep 60", "time", "time over its limit of 1 s"),
    "spin": ("spin", "time", "time over its limit of 1 s"),
    "grow": ("touch 1000", "memory", "memory over its limit of 256 MiB"),
    "jump": ("reserve 100000", "memory", "memory over its limit of 256 MiB"),
    "fault": ("fault", "fault", "ValueError: a fault in two lines (fleet_stub.py:"),
}


def test_bad_bundles_are_rows_with_their_error_and_stop_nothing(tmp_path: Path) -> None:
    output = tmp_path / "cases.parquet"
    bad = {order(tmp_path, name, told): expected for name, (told, *expected) in BAD.items()}
    good = [order(tmp_path, f"good {number}", "print") for number in range(5)]
    no_archive = tmp_path / "text"
    no_archive.write_text("not an archive")
    sources = [*bad, *good, str(no_archive), str(tmp_path / "gone"), str(tmp_path / "empty")]
    (tmp_path / "empty").mkdir()
    run(sources, output, time_limit=1.0)
    frame = table(output)
    assert sorted(frame.index) == sorted(sources)
    for source, (kind, text) in bad.items():
        assert frame.loc[source, "error_kind"] == kind, source
        assert text in frame.loc[source, "error"]
        assert "\n" not in frame.loc[source, "error"]
        assert frame.loc[source, "digest"] == fleet_stub.digest(Path(source))
    assert (frame.loc[good, "cause"] == "none").all()
    assert frame.loc[str(no_archive), "error_kind"] == "unreadable"
    assert frame.loc[str(tmp_path / "gone"), "error"] == "cannot be read: No such file or directory"
    assert frame.loc[str(tmp_path / "gone"), "digest"] is pandas.NA
    assert frame.loc[str(tmp_path / "empty"), "status"] == "healthy"
    assert frame.loc[str(tmp_path / "grow"), "peak_memory"] > 250 * MIB
    assert (frame.loc[good, "peak_memory"] < 100 * MIB).all()


def test_a_process_killed_for_another_s_fault_gets_its_bundle_read(tmp_path: Path) -> None:
    source = order(tmp_path, "victim", f"crash-once {tmp_path}/flag")
    run([source], tmp_path / "cases.parquet")
    assert table(tmp_path / "cases.parquet").loc[source, "cause"] == "none"


def test_what_is_done_is_skipped_by_digest_and_version(tmp_path: Path) -> None:
    output = tmp_path / "cases.parquet"
    first = order(tmp_path, "first", "sleep 0")
    copy = tmp_path / "copy"
    copy.write_bytes(Path(first).read_bytes())
    summary = run([first, str(copy), first], output)
    assert summary.run is not None
    assert (summary.run.bundles, summary.run.analysed, summary.run.duplicates) == (2, 1, 1)
    second = order(tmp_path, "second", "sleep 0")
    moved = tmp_path / "moved"
    Path(first).rename(moved)
    summary = run([str(moved), second], output)
    assert summary.run is not None
    assert (summary.run.analysed, summary.run.skipped) == (1, 1)
    assert summary.bundles == 2
    summary = run([str(moved)], output, tool_version="2.0")
    assert summary.run is not None
    assert summary.run.analysed == 1
    assert summary.bundles == 2


def test_a_higher_limit_reads_again_what_the_lower_one_stopped(tmp_path: Path) -> None:
    output = tmp_path / "cases.parquet"
    source = order(tmp_path, "slow", "sleep 1")
    run([source], output, time_limit=0.3)
    assert table(output).loc[source, "error_kind"] == "time"
    again = run([source], output, time_limit=0.3).run
    assert again is not None
    assert again.skipped == 1
    run([source], output, time_limit=10.0)
    assert table(output).loc[source, "cause"] == "none"


def test_remote_bundles_are_read_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    good, bad = order(tmp_path, "good", "sleep 0"), order(tmp_path, "bad", "crash")
    sources = [
        f"file://{good}",
        f"file://{bad}",
        f"file://{tmp_path}/gone",
        "nosuch://user:secret@host/x?key=secret",
    ]
    output = tmp_path / "cases.parquet"
    run(sources, output)
    frame = table(output)
    assert frame.loc[f"file://{good}", "cause"] == "none"
    assert frame.loc[f"file://{bad}", "error_kind"] == "crash"
    assert frame.loc[f"file://{tmp_path}/gone", "error_kind"] == "missing"
    assert frame.loc["nosuch://host/x", "error_kind"] == "missing"
    assert b"secret" not in output.read_bytes()
    assert list(spool.iterdir()) == []


def test_paths_are_taken_from_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(tmp_path, "here", "sleep 0")
    monkeypatch.chdir(tmp_path)
    # A module that lies in the analyst's folder is not taken for one of ours.
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the folder')")
    run(["here"], Path("cases.parquet"))
    assert table(Path("cases.parquet")).loc["here", "cause"] == "none"


@pytest.mark.parametrize(
    "options",
    [
        {"diagnose": "no.such.module:diagnose"},
        {"diagnose": "fleet_stub:none"},
        {"workers": 0},
        {"memory_limit": 0},
        {"scheduler": "tcp://127.0.0.1:1"},
    ],
)
def test_what_cannot_start_is_said_in_one_line(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(AnalyzerError) as caught:
        run([order(tmp_path, "a", "sleep 0")], tmp_path / "cases.parquet", **options)
    assert "\n" not in str(caught.value)


def test_no_bundles_are_an_empty_store(tmp_path: Path) -> None:
    assert run([], tmp_path / "cases.parquet").bundles == 0
    assert len(table(tmp_path / "cases.parquet")) == 0


SCRIPT = """
import sys
from pathlib import Path
from analyzer import fleet
if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    with fleet.orderly():
        fleet.run(sorted(fleet.expand(sys.argv[3:])), Path(sys.argv[2]), tool_version="1.0", workers=2,
                  memory_limit=1 << 30, time_limit=20.0, diagnose="fleet_stub:slow")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_run_keeps_its_rows_and_the_next_one_goes_on(
    tmp_path: Path, how: signal.Signals
) -> None:
    sources = [order(tmp_path, f"case {number:02}", "sleep 0") for number in range(12)]
    output = tmp_path / "cases.parquet"
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, here, str(output), *sources], stderr=subprocess.DEVNULL
    )
    journal = journal_path(output)
    try:
        for _ in range(600):
            if journal.exists() and journal.read_bytes().count(b"\n") >= 3:
                break
            time.sleep(0.05)
        children = _children(process.pid)
        process.send_signal(how)
        process.wait(timeout=20)
    finally:
        process.kill()
    finished = [row["bundle"] for row in all_rows(output)]
    assert 3 <= len(finished) < len(sources)
    if how is not signal.SIGKILL:
        assert sorted(table(output).index) == sorted(finished)
        assert not journal.exists()
    assert _all_end(children)
    summary = run(sources, output)
    assert summary.run is not None
    assert summary.run.skipped == len(finished)
    assert sorted(table(output).index) == sorted(sources)


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_says_where_its_rows_are(
    tmp_path: Path, how: signal.Signals, status: int
) -> None:
    for number in range(40):  # more than are read before the signal comes
        bundle = tmp_path / f"{number}.tar.gz"
        bundle.write_bytes(SOME.read_bytes() + bytes([number]))
    output = tmp_path / "cases.parquet"
    process = subprocess.Popen(
        [sys.executable, "-m", "analyzer", "fleet", str(tmp_path), "-o", str(output), "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    for _ in range(1200):
        if journal_path(output).exists() and journal_path(output).read_bytes():
            break
        time.sleep(0.02)
    process.send_signal(how)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == status, told
    assert told.startswith(f"analyze: interrupted: what is finished is in {output}")
    assert 1 <= len(table(output)) < 40
    assert not journal_path(output).exists()
    assert not list(tmp_path.glob("analyze-fleet-*"))


def test_signals_are_as_before_after_a_run_and_an_ignored_one_stays_so() -> None:
    def told_to_end() -> None:
        with fleet.orderly():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(fleet.Ended):
            told_to_end()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_no_process_outlives_a_killed_run(tmp_path: Path) -> None:
    sources = [order(tmp_path, name, "spin") for name in ("one", "two")]
    told = [
        sys.executable,
        "-c",
        SCRIPT,
        str(Path(__file__).parent),
        str(tmp_path / "cases.parquet"),
        *sources,
    ]
    process = subprocess.Popen(told, stderr=subprocess.DEVNULL)
    children: list[int] = []
    for _ in range(200):
        children = _children(process.pid)
        if len(children) == 2:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert len(children) == 2
    assert _all_end(children)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(each) for each in (task / "children").read_text().split()]
    return found


def _all_end(pids: list[int]) -> bool:
    for _ in range(200):
        if not any(resident_memory(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_a_cell_serves_many_bundles_with_one_process(tmp_path: Path) -> None:
    limits = Limits(256 * MIB, 20.0)
    cell = Cell(Options(limits, "1.0", STUB, str(tmp_path), str(tmp_path)))
    try:
        pids = set()
        for number in range(3):
            outcome = cell.examine(order(tmp_path, f"c{number}", "sleep 0"), lambda _: True)
            assert isinstance(outcome, Outcome)
            assert cell._process is not None
            pids.add(cell._process.pid)
        assert len(pids) == 1
        os.kill(pids.pop(), signal.SIGKILL)
        time.sleep(0.1)
        assert cell.examine(order(tmp_path, "after", "sleep 0"), lambda _: True).row["error"] is None  # type: ignore[index]
        assert cell.examine(order(tmp_path, "known", "sleep 0"), lambda _: False).row is None
    finally:
        cell.close()


def test_a_closed_cell_gives_its_bundle_up_at_once(tmp_path: Path) -> None:
    cell = Cell(Options(Limits(256 * MIB, 60.0), "1.0", STUB, str(tmp_path), str(tmp_path)))
    threading.Timer(0.5, cell.close).start()
    started = time.monotonic()
    with pytest.raises(ClosedError):
        cell.examine(order(tmp_path, "long", "sleep 50"), lambda _: True)
    assert time.monotonic() - started < 10


def test_the_row_of_a_real_bundle_is_its_diagnosis(tmp_path: Path) -> None:
    from analyzer.pipeline import diagnose

    bundle = BUNDLES / "c11-near-limit-but-rlimit_as" / "bundle.tar.gz"
    found = diagnose(bundle)
    options = {"tool_version": found.tool.version, "diagnose": "analyzer.pipeline:diagnose"}
    summary = run([str(bundle)], tmp_path / "cases.parquet", **options)
    row = table(tmp_path / "cases.parquet").loc[str(bundle)]
    assert (row["cause"], row["status"]) == (found.verdict.cause, found.verdict.status)
    assert row["digest"] == found.bundle.sha256 or found.bundle.sha256 is None
    assert (row["maps"], row["limit"]) == (2781, 3000)
    assert row["risk_limit"] == "vm.max_map_count"
    assert [each.limit for each in summary.near] == ["vm.max_map_count"]
    evidence = pandas.read_parquet(tmp_path / "cases.evidence.parquet")
    assert evidence["text"].tolist() == [each.text for each in found.evidence]
    again = run([str(bundle)], tmp_path / "cases.parquet", **options).run
    assert again is not None
    assert again.skipped == 1
