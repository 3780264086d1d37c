"""A log in several files is one process's, whatever its rotated files are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from failed_starts import start

from analyzer.pipeline import diagnose

LINES = start(10) + start(20)


def write(root: Path, files: dict[str, list[str]]) -> Path:
    root.mkdir(exist_ok=True)
    for name, rows in files.items():
        (root / name).write_text("".join(rows))
    return root


ROTATED = [
    "cortex.log.1", "cortex.log-20261122", "cortex.log-2026-11-22", "cortex.log-20261122-2157", "cortex.log-20261122T2157",
    "cortex.log-20261122215716", "cortex.log.2026-11-22T21:57:16Z", "cortex-2026-11-22T21-57-16.309.log",
    "cortex.log.old", "cortex.1.log", "cortex-20261122.log", "cortex.2026-11-22.log",
]  # fmt: skip


@pytest.mark.parametrize("name", [*ROTATED, "cortex.log.previous"])
def test_a_rotated_file_is_of_the_same_process(name: str, tmp_path: Path) -> None:
    found = diagnose(write(tmp_path, {"cortex.log": LINES[6:], name: LINES[:6]}))
    (only,) = found.subjects
    assert [life.outcome for life in only.lives] == ["error_exit", "error_exit"]
    assert [group.sizes.max for group in only.failures if group.sizes] == [31010, 31020]
    assert found.verdict.subjects_affected == 1


def test_files_dated_before_their_ending_are_one_log(tmp_path: Path) -> None:
    found = diagnose(write(tmp_path, {"cortex-20261121.log": LINES[:6], "cortex-20261122.log": LINES[6:]}))
    assert [len(subject.lives) for subject in found.subjects] == [2]


@pytest.mark.parametrize(
    "names", [("cortex.1.log", "cortex.2.log"), ("cortex-1.log", "cortex.log"), ("a.log", "b.log")]
)
def test_numbers_that_may_tell_processes_apart_do(names: tuple[str, str], tmp_path: Path) -> None:
    found = diagnose(write(tmp_path, {names[0]: LINES[:6], names[1]: LINES[6:]}))
    assert [len(subject.lives) for subject in found.subjects] == [1, 1]


def test_two_that_write_at_the_same_time_are_no_rotation(tmp_path: Path) -> None:
    later = [row.replace("21:10", "21:15") for row in start(10)]
    found = diagnose(write(tmp_path, {"cortex.1.log": start(10) + start(20), "cortex.log": later}))
    assert sorted(len(subject.lives) for subject in found.subjects) == [1, 2]


def told(folder: Path) -> list[tuple[object, ...]]:
    (subject,) = diagnose(folder).subjects
    rows: list[tuple[object, ...]] = [
        (
            group.life,
            group.tenant,
            group.lines,
            group.count,
            group.members,
            group.sizes,
            group.first,
            group.last,
        )
        for group in subject.failures
    ]
    return rows + [(life.id, life.outcome, life.started) for life in subject.lives]


def twice() -> list[str]:
    """A start in which one tenant fails twice, and both are told again."""
    first, second = start(30), start(31)
    return [
        *first[:3],
        second[2].replace("21:31", "21:30"),
        *first[3:5],
        second[4].replace("21:31", "21:30"),
        first[5],
    ]


@pytest.mark.parametrize("rows", [LINES, twice()], ids=["two lives", "two failures of a tenant"])
@pytest.mark.parametrize("names", [("cortex.log.1", "cortex.log"), ("cortex.log-20261122", "cortex.log")])
def test_wherever_the_log_was_rotated_a_failure_is_counted_once(
    rows: list[str], names: tuple[str, str], tmp_path: Path
) -> None:
    whole = told(write(tmp_path / "whole", {"cortex.log": rows}))
    for at in range(1, len(rows)):
        parts = {names[0]: rows[:at], names[1]: rows[at:]}
        assert sums(told(write(tmp_path / f"{at}", parts))) == sums(whole), at


def sums(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """A group that stands on both sides of a border is told in two parts, which make up the whole."""
    found: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        if len(row) == 8:
            held = found.setdefault(row[:2], [0, 0, 0])
            for at, number in enumerate(row[2:5]):
                held[at] += int(str(number))
    return [(*key, *held) for key, held in sorted(found.items(), key=repr)] + [
        row for row in rows if len(row) == 3
    ]


def test_three_files_hold_the_three_lines_of_one_failure(tmp_path: Path) -> None:
    rows = start(10)
    files = {"cortex.log.2": rows[:3], "cortex.log.1": rows[3:4], "cortex.log": rows[4:]}
    whole = told(write(tmp_path / "whole", {"cortex.log": rows}))
    assert told(write(tmp_path / "parts", files)) == whole


def test_the_same_failure_in_the_next_life_is_another(tmp_path: Path) -> None:
    later = [row.replace("21:10", "21:20") for row in start(10)]
    found = told(write(tmp_path, {"cortex.log.1": start(10), "cortex.log": later}))
    assert [row[:5] for row in found if len(row) == 8] == [("L1", "t1", 3, 1, 2), ("L2", "t1", 3, 1, 2)]
