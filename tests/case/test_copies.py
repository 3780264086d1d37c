"""A log that stands in the bundle twice is one log; two logs of two lives stay two."""

from __future__ import annotations

from pathlib import Path

import pytest

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
