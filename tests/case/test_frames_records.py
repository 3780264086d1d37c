"""Records read anew: every line once, split lines whole, dumps as one, and a limit that is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from captured import BUNDLES
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.bundle import open_bundle
from analyzer.bundle.model import Member
from analyzer.case import records
from analyzer.case.columns import FRAMES
from analyzer.case.records import Selection, records_of
from analyzer.logs.model import Record
from analyzer.pipeline import case_of

SMALL = (
    "c01b-max_map_count-multierror",
    "c09a-max_map_count-pthread_create",
    "c13-emfile",
    "t08-bystander-at-limit",
)


def of(data: bytes, step: int = 0) -> list[Record]:
    """The records of a log with these bytes, handed out in chunks of ``step`` bytes."""
    chunks = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    return list(records_of(Member("a.log", len(data), data[:8192], iter(chunks))))


@pytest.mark.parametrize("name", SMALL)
def test_every_line_of_every_log_is_in_one_record(name: str) -> None:
    path = BUNDLES / name / "bundle.tar.gz"
    case = case_of(path)
    with open_bundle(path) as bundle:
        found, complete = records.read(case, bundle, Selection())
    assert complete
    assert tuple(found.columns) == FRAMES["records"].names
    assert {c.name: c.dtype for c in FRAMES["records"].columns} == {
        c: str(t) for c, t in found.dtypes.items()
    }
    lines = found.groupby("member", observed=True)["lines"].sum()
    assert {log.member: log.lines for log in case.logs} == lines.to_dict()
    assert found["subject"].notna().any()


def test_records_of_many_lives_know_theirs() -> None:
    path = BUNDLES / "cortex-startup_head_docker" / "bundle.tar.gz"
    case = case_of(path)
    with open_bundle(path) as bundle:
        found, _ = records.read(case, bundle, Selection())
    counts = found.groupby("life", observed=True)["lines"].sum()
    assert counts.to_dict() == {life.id: life.lines for life in case.subjects[0].lives}
    banners = found[found["msg"].eq("Starting Cortex")]
    assert banners["life"].tolist() == [life.id for life in case.subjects[0].lives]
    assert found.sort_values("line")["line"].is_monotonic_increasing


def test_a_line_that_the_runtime_split_is_one_record() -> None:
    data = (
        b'2026-11-22T21:57:16.1Z stderr P level=error ts=2026-11-22T21:57:16Z msg=a err="2 errors: mmap, si\n'
        b"2026-11-22T21:57:16.1Z stdout F level=info ts=2026-11-22T21:57:16Z msg=between\n"
        b'2026-11-22T21:57:16.1Z stderr F ze 1: cannot allocate memory"\n'
    )
    found = {record.level: record for record in of(data)}
    assert found["error"].get("err") == "2 errors: mmap, size 1: cannot allocate memory"
    assert (found["error"].line, found["error"].lines) == (1, 2)
    assert found["info"].get("msg") == "between"


def test_a_go_dump_is_one_record_and_what_stands_in_it_another() -> None:
    data = (
        b"level=info ts=2026-11-22T21:57:16Z msg=before\n"
        b"fatal error: runtime: out of memory\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n"
        b"level=warn ts=2026-11-22T21:57:16Z msg=between\n"
        b"\t/usr/lib/go/panic.go:1047 +0x5d\n\ngoroutine 1 [running]:\nmain.main()\n"
    )
    found = sorted(of(data), key=lambda record: record.line)
    assert [record.level for record in found] == ["info", "error", "warn"]
    assert found[1].text.startswith("fatal error: runtime: out of memory\n\nruntime stack:")
    assert found[1].text.endswith("main.main()")
    assert sum(record.lines for record in found) == data.count(b"\n")


def test_a_line_beyond_a_mebibyte_is_cut_and_says_so() -> None:
    long = b"level=info ts=2026-11-22T21:57:16Z msg=" + b"x" * (3 << 20)
    found = of(long + b"\nlevel=info ts=2026-11-22T21:57:17Z msg=next\n", step=100_000)
    assert [record.cut for record in found] == [True, False]
    assert len(found[0].text) == 1 << 20
    assert found[1].get("msg") == "next"


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    lines = [
        f'ts=2026-11-22T21:57:{i % 60:02d}Z caller=a.go:{i} level={"error" if i % 10 == 0 else "info"} msg="number {i}"'
        for i in range(500)
    ]
    path = tmp_path / "app.log"
    path.write_text('ts=2026-11-22T21:56:00Z level=info msg="Starting Cortex"\n' + "\n".join(lines) + "\n")
    return path


def read(path: Path, **wanted: object) -> tuple[list[str], bool]:
    with open_bundle(path) as bundle:
        found, complete = records.read(case_of(path), bundle, Selection(**wanted))  # type: ignore[arg-type]
    return found["msg"].tolist(), complete


def test_what_is_wanted_is_chosen_by_text_level_and_life(noisy: Path) -> None:
    assert read(noisy, match="number 77") == (["number 77"], True)
    assert read(noisy, match=re.compile(r"number 1\d\b"))[0] == [f"number {i}" for i in range(10, 20)]
    assert len(read(noisy, levels=["error"])[0]) == 50
    assert read(noisy, life="L9") == ([], True)
    assert len(read(noisy, life="L1")[0]) == 501


def test_the_limit_bounds_what_is_kept_and_is_told(noisy: Path) -> None:
    assert read(noisy, limit=3) == (["Starting Cortex", "number 0", "number 1"], False)
    assert read(noisy, limit=501)[1]
    assert read(noisy, limit=0) == ([], False)


def test_texts_are_bounded_too(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST_CHARACTERS", 1000)
    found, complete = read(noisy)
    assert 1 < len(found) < 20
    assert not complete


pieces = st.sampled_from(
    [
        b'level=info ts=2026-11-22T21:57:16Z msg="a b"',
        b"2026-11-22T21:57:16.1Z stderr P level=error msg=cut",
        b"2026-11-22T21:57:16.1Z stderr F rest",
        b'{"log":"ts=2026-11-22T21:57:16Z level=info msg=x\\n","stream":"stderr","time":"2026-11-22T21:57:16Z"}',
        b"panic: runtime error",
        b"goroutine 7 [running]:",
        b"\tmain.go:1 +0x5d",
        b"\x1b[31m\xff\x00",
        b"",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(pieces, st.binary(max_size=40)), max_size=30), st.integers(1, 60))
def test_records_do_not_depend_on_the_borders_of_chunks(lines: list[bytes], step: int) -> None:
    data = b"\n".join(lines)
    whole = of(data)
    assert of(data, step) == whole
    assert all(record.line >= 1 for record in whole)
    assert sum(record.lines for record in whole) <= data.count(b"\n") + 1


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=2000))
def test_garbage_never_raises(data: bytes) -> None:
    for record in of(data):
        assert record.member == "a.log"
