"""A log that stands in the bundle twice is one log; two logs of two lives stay two."""

from __future__ import annotations

from pathlib import Path

import pytest
from failed_starts import start

from analyzer.pipeline import diagnose

CASE = Path(__file__).parent.parent / "cases" / "flat-folder-at-the-limit" / "bundle"
LOG = (CASE / "ingester.log").read_bytes()


def bundle(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in ("maps", "limits", "meminfo", "sysctl.txt"):
        (root / name).write_bytes((CASE / name).read_bytes())
    return root


@pytest.mark.parametrize(
    "name", ["ingester-copy.log", "ingester.log.1", "backup/ingester.log", "previous.log"]
)
def test_a_copy_makes_no_second_life_and_no_second_subject(name: str, tmp_path: Path) -> None:
    alone = diagnose(bundle(tmp_path / "one", {"ingester.log": LOG}))
    found = diagnose(bundle(tmp_path / "two", {"ingester.log": LOG, name: LOG}))
    assert len(found.subjects) == 1
    assert len(found.subjects[0].lives) == len(alone.subjects[0].lives)
    assert found.verdict.cause == alone.verdict.cause
    assert found.verdict.status == alone.verdict.status
    assert any("counted once" in text for text in found.warnings)


def test_a_part_of_a_log_is_told_by_the_whole(tmp_path: Path) -> None:
    tail = b"".join(LOG.splitlines(keepends=True)[-3:])
    found = diagnose(bundle(tmp_path, {"ingester.log": LOG, "kubectl-tail.log": tail}))
    assert len(found.subjects) == 1


def test_the_next_life_is_no_copy(tmp_path: Path) -> None:
    later = LOG.replace(b"T0", b"T1").replace(b"T21:", b"T22:")
    assert later != LOG
    found = diagnose(bundle(tmp_path, {"ingester.log": later, "ingester.log.1": LOG}))
    assert sum(len(subject.lives) for subject in found.subjects) == 2
    assert not any("counted once" in text for text in found.warnings)


def test_two_pods_that_write_the_same_stay_two(tmp_path: Path) -> None:
    found = diagnose(bundle(tmp_path, {"ingester-0.log": LOG, "ingester-1.log": LOG}))
    assert {subject.pod for subject in found.subjects} == {"ingester-0", "ingester-1"}


LINES = start(10, other_failure=True) + start(20, other_failure=True)


def told(root: Path, files: dict[str, list[str]]) -> list[list[tuple[object, ...]]]:
    root.mkdir(exist_ok=True)
    for name, rows in files.items():
        (root / name).write_text("".join(rows))
    return [
        [(life.id, life.outcome, life.started) for life in subject.lives]
        + [
            (group.life, group.tenant, group.lines, group.count, group.members, group.first, group.last)
            for group in subject.failures
        ]
        for subject in diagnose(root).subjects
    ]


@pytest.mark.parametrize("repeated", [1, 2, 5, 7])
def test_rotated_files_that_repeat_lines_tell_each_once(repeated: int, tmp_path: Path) -> None:
    whole = told(tmp_path / "whole", {"cortex.log": LINES})
    for at in range(repeated, len(LINES)):
        files = {"cortex.log.1": LINES[:at], "cortex.log": LINES[at - repeated :]}
        found = told(tmp_path / str(at), files)
        assert [len([row for row in rows if len(row) == 3]) for rows in found] == [2], at
        assert [row[:5] for row in found[0] if len(row) == 7] == [
            row[:5] for row in whole[0] if len(row) == 7
        ], at


def test_a_log_behind_itself_is_one(tmp_path: Path) -> None:
    whole = told(tmp_path / "whole", {"cortex.log": LINES})
    assert told(tmp_path / "twice", {"cortex.log": LINES + LINES}) == whole
    assert any("counted once" in text for text in diagnose(tmp_path / "twice").warnings)


@pytest.mark.parametrize("wanted", ["level=error", "err=", "unable to open TSDB", "msg="])
def test_a_grep_of_a_log_is_no_second_process(wanted: str, tmp_path: Path) -> None:
    whole = told(tmp_path / "whole", {"ingester-0.log": LINES})
    files = {"ingester-0.log": LINES, "errors.log": [row for row in LINES if wanted in row]}
    assert told(tmp_path / "both", files) == whole
    assert any("counted once" in text for text in diagnose(tmp_path / "both").warnings)


@pytest.mark.parametrize(
    "change",
    [("size 31020", "size 31021"), ("21:20:02.123", "21:20:02.124"), ("user=t1", "user=t3"), (".123Z", "Z")],
)
def test_lines_that_another_log_does_not_tell_are_kept(change: tuple[str, str], tmp_path: Path) -> None:
    rows = [row.replace(*change) for row in LINES if "unable to open TSDB" in row and "user=t1" in row]
    assert len(told(tmp_path, {"ingester-0.log": LINES, "errors.log": rows})) == 2
