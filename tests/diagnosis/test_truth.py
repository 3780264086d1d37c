"""Every captured bundle gets its cause, never a stronger status than its facts allow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer.pipeline import diagnose

BUNDLES = Path(__file__).resolve().parents[2] / "fixtures" / "bundles"
NAMES = sorted(p.name for p in BUNDLES.iterdir() if (p / "bundle.tar.gz").exists())
STRENGTH = {"undetermined": 0, "possible": 1, "likely": 2, "confirmed": 3, "healthy": 3}


def truth(name: str) -> dict:
    return json.loads((BUNDLES / name / "truth.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_captured_bundle_gets_its_cause(name: str) -> None:
    known = truth(name)
    verdict = diagnose(BUNDLES / name / "bundle.tar.gz").verdict
    assert verdict.cause in {known["cause"], *known["also_right"]}, verdict.summary
    assert STRENGTH[verdict.status] <= STRENGTH[known["strongest_status"]], verdict.summary
    if known["driver"]:
        assert verdict.driver == known["driver"]


# Where direct evidence is in the bundle, an open verdict would hide it.
@pytest.mark.parametrize("name", [n for n in NAMES if truth(n)["strongest_status"] == "confirmed"])
def test_direct_evidence_is_confirmed(name: str) -> None:
    assert diagnose(BUNDLES / name / "bundle.tar.gz").verdict.status == "confirmed"
