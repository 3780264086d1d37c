"""The need of the data directory against what real processes had mapped."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.case.need import from_filelist, from_log
from analyzer.logs import counts
from analyzer.pipeline import case_of

BUNDLES = Path(__file__).resolve().parents[2] / "fixtures" / "bundles"


def test_a_healthy_ingester_holds_what_its_listing_needs() -> None:
    subject = case_of(BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz").subjects[0]
    assert subject.data_dir is not None
    need = from_filelist(*subject.data_dir, subject.product)
    assert need is not None
    held = max(c.count for capture in subject.captures for c in capture.counts if c.basis == "maps")
    # The process compacted and shipped between the snapshot and the listing: blocks came and went.
    assert need.low * 0.95 <= held <= need.high * 1.05


@pytest.mark.parametrize(
    "name", ["c01b-max_map_count-multierror", "c09d-max_map_count-prometheus-steady", "t01-sampled-early"]
)
def test_a_prometheus_at_its_limit_needs_more_than_the_limit(name: str) -> None:
    subject = case_of(BUNDLES / name / "bundle.tar.gz").subjects[0]
    assert subject.data_dir is not None
    need = from_filelist(*subject.data_dir, "prometheus")
    assert need is not None
    assert need.blocks == 400
    limit = subject.host.facts.value("sysctl", "vm.max_map_count")
    # 870 is between the ends of the estimate: the band is what makes the low end safe to convict by.
    assert need.high > int(limit)
    assert need.high - need.low <= 20


def test_the_log_and_the_listing_agree_on_the_blocks() -> None:
    subject = case_of(BUNDLES / "t01-sampled-early" / "bundle.tar.gz").subjects[0]
    logged = from_log(subject)
    assert logged is not None
    assert subject.need is not None
    assert logged.blocks == subject.need.blocks == 400


def test_tenants_are_those_of_the_life_whose_blocks_were_counted_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_BY_TENANT", 60)
    rows = []
    for life, blocks in enumerate((60, 70)):
        stamp = f"ts=2026-11-22T21:5{life}:45Z caller=repair.go:57 level=info"
        rows.append(f'{stamp} msg="Starting Cortex" version="(version=1.11.1)"')
        for block in range(blocks):
            tenant, ulid = f"org_id=t{block % 30}", f"01M82KPR3D9MNZZQP69TDG{life}{block:03d}"
            rows.append(f'{stamp} {tenant} msg="Found healthy block" mint=1 maxt=2 ulid={ulid}')
    log = tmp_path / "ingester.log"
    log.write_text("\n".join(rows) + "\n")
    need = from_log(case_of(log).subjects[0])
    assert need is not None
    assert (need.blocks, need.tenants) == (70, 30)


def test_phantom_tenants_are_recognised() -> None:
    subject = case_of(BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz").subjects[0]
    assert subject.need is not None
    assert len(subject.need.phantoms) == 11
    assert all(len(name) == 26 for name in subject.need.phantoms)
