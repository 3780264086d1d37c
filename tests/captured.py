"""Shared by tests: where the captured bundles are and what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
BUNDLES = FIXTURES / "bundles"


def bundle_names() -> list[str]:
    """Names of the captured bundles."""
    return sorted(p.name for p in BUNDLES.iterdir() if (p / "bundle.tar.gz").exists())


def truth(name: str) -> dict:
    """What is known of a captured bundle."""
    return json.loads((BUNDLES / name / "truth.json").read_text())
