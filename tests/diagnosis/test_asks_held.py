"""What the bundle holds is not asked for; what a file that was cut lacks is."""

from __future__ import annotations

from pathlib import Path

from analyzer.pipeline import diagnose

LOG = 'ts=2026-11-22T21:58:00Z caller=compact.go:527 level=error component=tsdb msg="compaction failed" err="compact head: persist head block: mmap, size 31301234: cannot allocate memory"\n'
HEADING = "Limit                     Soft Limit           Hard Limit           Units\n"
DATA = "Max data size             unlimited            unlimited            bytes\n"
NPROC = "Max processes             96365                96365                processes\n"
ADDRESSES = "Max address space         unlimited            unlimited            bytes\n"


def asked(root: Path, limits: str) -> set[str]:
    (root / "proc" / "7").mkdir(parents=True, exist_ok=True)
    (root / "cortex.log").write_text(LOG)
    (root / "proc" / "7" / "limits").write_text(HEADING + limits)
    return {ask.id for ask in diagnose(root).subjects[0].ask}


def test_limits_are_asked_for_where_they_were_cut(tmp_path: Path) -> None:
    assert "limits" in asked(tmp_path / "cut", DATA)
    assert "limits" not in asked(tmp_path / "whole", DATA + NPROC + ADDRESSES)
