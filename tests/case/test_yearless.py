"""Year-less stamps take their year from the bundle's clock and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.pipeline import diagnose

LOG = (
    'Dec 31 23:59:58 host1 prometheus[26089]: level=info msg="Starting Prometheus Server" '
    'version="(version=2.42.0, branch=HEAD, revision=abc)"\n'
    "Jan  1 00:00:02 host1 prometheus[26089]: level=error caller=main.go:1127 "
    'err="opening storage failed: reloadBlocks: corrupted block 01M82KEG8PVBA2ZECF0AJ90C43: '
    'mmap, size 598: cannot allocate memory"\n'
)


def test_the_year_is_the_bundles_own(tmp_path: Path) -> None:
    (tmp_path / "prometheus.log").write_text(LOG)
    (tmp_path / "date").write_text("Fri Jan  1 00:10:00 UTC 2027\n")
    found = diagnose(tmp_path)
    assert found.verdict.first_seen == "2027-01-01T00:00:02Z"
    assert found.subjects[0].lives[0].started == "2026-12-31T23:59:58Z"
    assert any("no year is written" in warning for warning in found.warnings)


def test_without_a_clock_the_placeholder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    found = diagnose(io.BytesIO(LOG.encode()))
    assert any("2000 stands in" in warning for warning in found.warnings)
