"""Remove each kind of snapshot in turn: the verdict may weaken, never turn wrong.

The pass over each bundle is made once; ablation filters what the intake holds, which is the same as
a bundle without those members.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from analyzer import intake
from analyzer.case.build import build
from analyzer.diagnosis.build import diagnose

BUNDLES = Path(__file__).resolve().parents[2] / "fixtures" / "bundles"
NAMES = sorted(p.name for p in BUNDLES.iterdir() if (p / "bundle.tar.gz").exists())
STRENGTH = {"undetermined": 0, "possible": 1, "likely": 2, "confirmed": 3, "healthy": 3}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_snapshot_never_turns_the_verdict_wrong(name: str) -> None:
    known = json.loads((BUNDLES / name / "truth.json").read_text())
    right = {known["cause"], *known["also_right"]}
    whole = intake.read(BUNDLES / name / "bundle.tar.gz")
    kinds = sorted({s.kind for s in whole.snapshots})
    wrong: list[str] = []
    for drop in [(k,) for k in kinds] + [
        ("maps", "smaps", "numa_maps", "pmap"),
        ("status", "ps"),
        ("limits", "prlimit", "ulimit"),
        tuple(kinds),
        ("kernel",),
        ("kernel", *kinds),
    ]:
        part = copy.copy(whole)
        part.snapshots = [s for s in whole.snapshots if s.kind not in drop]
        part.kernel_logs = [] if "kernel" in drop else whole.kernel_logs
        verdict = diagnose(build(part)).verdict
        confident = verdict.status in ("confirmed", "likely", "healthy")
        if confident and verdict.cause not in right:
            wrong.append(f"without {'+'.join(drop)}: {verdict.cause} {verdict.status}: {verdict.summary}")
        elif STRENGTH[verdict.status] > STRENGTH[known["strongest_status"]]:
            wrong.append(f"without {'+'.join(drop)}: stronger than its facts: {verdict.status}")
    for pid in sorted({s.pid for s in whole.snapshots if s.pid is not None}):
        part = copy.copy(whole)
        part.snapshots = [s for s in whole.snapshots if s.pid != pid]
        verdict = diagnose(build(part)).verdict
        if verdict.status in ("confirmed", "likely", "healthy") and verdict.cause not in right:
            wrong.append(f"without pid {pid}: {verdict.cause} {verdict.status}: {verdict.summary}")
    assert not wrong, "\n".join(wrong)
