"""The store loses no finished row, whatever ends the run."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import AnalyzerError
from analyzer.fleet.journal import journal_path
from analyzer.fleet.rows import Limits, Outcome, error_row
from analyzer.fleet.schema import CASES, EVIDENCE
from analyzer.fleet.store import Store, all_rows, evidence_path

LIMITS = Limits(1 << 30, 60.0)


def outcome(name: str, digest: str | None = None, **columns: object) -> Outcome:
    digest = digest or f"digest-of-{name}"
    row = error_row(name, digest, "unreadable", "is no archive", LIMITS, "1.0")
    row |= {"error": None, "error_kind": None, "cause": "none", "status": "healthy"} | columns
    evidence = [
        dict.fromkeys(column.name for column in EVIDENCE) | {"bundle": name, "digest": digest, "id": "e1"}
    ]
    return Outcome(name, digest, row, evidence)


def unread(name: str) -> Outcome:
    return Outcome(name, None, error_row(name, None, "missing", "cannot be read", LIMITS, "1.0"), [])


def names(store: Path) -> list[str]:
    return sorted(row["bundle"] for row in all_rows(store))


def test_what_is_written_is_plain_parquet_of_the_documented_schema(tmp_path: Path) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        store.append(outcome("a", first_seen="2026-11-22T21:54:45.970Z", captured_at="no time", maps=7))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cases.evidence.parquet", "cases.parquet"]
    for file, columns in ((path, CASES), (evidence_path(path), EVIDENCE)):
        schema = pq.read_schema(file)
        assert [(each.name, str(each.type)) for each in schema] == [
            (each.name, each.arrow) for each in columns
        ]
    frame = pandas.read_parquet(path)
    assert frame.loc[0, "first_seen"] == datetime(2026, 11, 22, 21, 54, 45, 970000, UTC)
    assert frame.loc[0, "captured_at"] is pandas.NaT
    assert frame.loc[0, "maps"] == 7
    assert pandas.read_parquet(evidence_path(path))["bundle"].tolist() == ["a"]


def test_runs_append_and_a_bundle_has_one_row(tmp_path: Path) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        assert store.append(outcome("a"))
        assert not store.append(outcome("copy of a", "digest-of-a"))
        store.append(outcome("b"))
        store.append(unread("c"))
    with Store(path) as store:
        store.append(outcome("a", tool_version="2.0"))
        store.append(outcome("c"))
        store.append(outcome("d"))
    rows = {row["bundle"]: row for row in all_rows(path)}
    assert sorted(rows) == names(path) == ["a", "b", "c", "d"]
    assert rows["a"]["tool_version"] == "2.0"
    assert rows["c"]["error"] is None
    assert sorted(pandas.read_parquet(evidence_path(path))["bundle"]) == ["a", "b", "c", "d"]


def test_done_is_what_the_same_version_would_find_again(tmp_path: Path) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        store.append(outcome("fine"))
        store.append(outcome("older", tool_version="0.9"))
        for kind in ("unreadable", "fault", "memory", "time", "crash", "lost"):
            store.append(outcome(kind, error="x", error_kind=kind))
        store.append(unread("missing"))
    with Store(path) as store:
        done = {each.removeprefix("digest-of-") for each in store.done("1.0", LIMITS)}
        assert done == {"fine", "unreadable", "fault", "memory", "time"}
        higher = store.done("1.0", Limits(LIMITS.memory * 2, LIMITS.time + 1))
        assert {each.removeprefix("digest-of-") for each in higher} == {"fine", "unreadable", "fault"}
        assert store.done("0.9", LIMITS) == {"digest-of-older"}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_journal_cut_at_any_byte_gives_every_whole_line(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.parquet"
        journal = journal_path(path)
        held = Store(path).__enter__()
        for number in range(3):
            held.append(outcome(f"bündle {number}\n"))
        whole = journal.read_bytes()
        held._journal.close()  # as the end of the process does
        cut = data.draw(st.integers(0, len(whole)))
        torn = data.draw(st.binary(max_size=20).filter(lambda each: b"\n" not in each))
        journal.write_bytes(whole[:cut] + (torn if cut == len(whole) else b""))
        expected = [f"bündle {number}\n" for number in range(whole[:cut].count(b"\n"))]
        assert names(path) == expected
        with Store(path) as store:
            store.append(outcome("next"))
        assert names(path) == [*expected, "next"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_in_the_journal_is_passed_over(garbage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.parquet"
        line = json.dumps({"row": outcome("a").row, "evidence": []}).encode()
        journal_path(path).write_bytes(garbage + b"\n" + line + b"\n" + garbage + b"\n")
        with Store(path):
            pass
        assert names(path) == ["a"]


@pytest.mark.parametrize("step", range(7))
def test_an_interrupt_at_any_step_of_writing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        store.append(outcome("a"))
    calls = 0

    def interrupted(real):  # type: ignore[no-untyped-def]
        def call(*arguments):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls == step + 1:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    def run(patch: pytest.MonkeyPatch) -> None:
        with Store(path) as store:
            store.append(outcome("b"))
            patch.setattr(os, "replace", interrupted(os.replace))
            patch.setattr(os, "fsync", interrupted(os.fsync))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        run(patch)
    assert names(path) == ["a", "b"]
    with Store(path) as store:
        store.append(outcome("c"))
    assert names(path) == ["a", "b", "c"]
    assert sorted(pandas.read_parquet(evidence_path(path))["bundle"]) == ["a", "b", "c"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cases.evidence.parquet", "cases.parquet"]


def test_a_full_disk_is_said_and_what_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cases.parquet"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def run() -> None:
        with Store(path) as store:
            store.append(outcome("a"))
            monkeypatch.setattr(os, "replace", full)
            store.append(outcome("b"))

    with pytest.raises(AnalyzerError, match="No space left") as caught:
        run()
    assert caught.value.status == 4
    monkeypatch.undo()
    assert names(path) == ["a", "b"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path), pytest.raises(AnalyzerError, match="another analyze fleet"), Store(path):
        pass
    with Store(path):
        pass


def test_what_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    foreign = tmp_path / "sales.parquet"
    pandas.DataFrame({"a": [1]}).to_parquet(foreign)
    before = foreign.read_bytes()
    text = tmp_path / "text.parquet"
    text.write_text("not Parquet")
    for path, why in (
        (foreign, "not written by analyze fleet"),
        (text, "no readable Parquet"),
        (tmp_path, "not a file"),
        (tmp_path / "none" / "cases.parquet", "no folder"),
    ):
        with pytest.raises(AnalyzerError, match=why), Store(path):
            pass
    assert foreign.read_bytes() == before
    with pytest.raises(AnalyzerError, match="no such store"):
        list(all_rows(tmp_path / "none.parquet"))


def test_a_store_without_a_column_of_today_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        store.append(outcome("a"))
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["risk_limit", "time_limit"]), path)
    with Store(path) as store:
        assert store.done("1.0", LIMITS)
        store.append(outcome("b"))
    assert names(path) == ["a", "b"]


def test_rows_go_into_the_parquet_file_while_a_run_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.fleet.store.COMPACT_SECONDS", 0.0)
    path = tmp_path / "cases.parquet"
    with Store(path) as store:
        for name in "abc":
            store.append(outcome(name))
        assert len(pandas.read_parquet(path)) >= 1
        assert names(path) == ["a", "b", "c"]
