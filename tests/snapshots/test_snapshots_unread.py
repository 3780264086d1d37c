"""A member is named as not read where it states nothing, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.pipeline import diagnose

FREE = """\
               total        used        free      shared  buff/cache   available
Mem:              23           1          18           0           3          22
Swap:              0           0           0
"""
LOG = (
    'ts=2026-11-22T21:58:00Z caller=main.go:199 level=info msg="Starting Cortex" version="(version=1.17.2)"\n'
)


@pytest.mark.parametrize(
    ("name", "text", "skipped"),
    [
        ("free_-g", FREE, False),  # some rows are rounded to nothing, the total is not
        ("proc/7/limits", "cat: /proc/7/limits: Permission denied\n", True),
        ("sys/fs/cgroup/a/memory.max", "1073741824\n", False),
        ("sys/fs/cgroup/a/memory.max", "cat: memory.max: Permission denied\n", True),
    ],
)
def test_a_member_that_states_anything_was_read(tmp_path: Path, name: str, text: str, skipped: bool) -> None:
    (tmp_path / "cortex.log").write_text(LOG)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    coverage = diagnose(tmp_path).coverage
    assert [each.member for each in coverage.members_skipped] == ([name] if skipped else [])
    assert coverage.members_read == (1 if skipped else 2)
