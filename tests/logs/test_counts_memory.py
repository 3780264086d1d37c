"""The ULIDs kept do not grow with the lives of a log; their counts do."""

import pytest

from analyzer.bundle.model import Member
from analyzer.logs import counts, fold
from analyzer.logs.digest import read_log

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(number):
    return "01M82" + "".join(LETTERS[number >> shift & 31] for shift in range(100, -5, -5))


def log(lives, blocks):
    number = 0
    for life in range(lives):
        yield f'ts=2026-11-22T21:{life:02d}:00Z caller=main.go:216 level=info msg="Starting Cortex" version="(version=1.11.1)"\n'
        for _ in range(blocks):
            number += 1
            yield (
                f"ts=2026-11-22T21:{life:02d}:01Z caller=repair.go:57 level=info org_id=t{number % 9} "
                f'msg="Found healthy block" mint=0 maxt=1 ulid={ulid(number)}\n'
            )


def digest(lives, blocks):
    data = "".join(log(lives, blocks)).encode()
    pieces = [data[start : start + 5000] for start in range(0, len(data), 5000)]
    return read_log(Member("ingester.log", len(data), data[:8192], iter(pieces)))


def segments(monkeypatch, lives, blocks, kept):
    monkeypatch.setattr(counts, "MAX_KEPT", kept)
    return digest(lives, blocks).segments


def test_every_life_has_its_count_and_the_last_ones_their_ulids(monkeypatch):
    found = [s for s in segments(monkeypatch, lives=8, blocks=120, kept=250) if s.start is not None]
    assert [len(s.healthy) + s.healthy_dropped for s in found] == [120] * 8
    assert [len(s.healthy) for s in found] == [0] * 5 + [120] * 3


def test_few_ulids_are_all_kept(monkeypatch):
    found = [s for s in segments(monkeypatch, lives=3, blocks=50, kept=1000) if s.start is not None]
    assert [(len(s.healthy), s.healthy_dropped) for s in found] == [(50, 0)] * 3


@pytest.mark.parametrize(("lives", "blocks", "said"), [(1, 100, 0), (5, 60, 0), (1, 101, 1), (3, 250, 1)])
def test_a_life_with_more_blocks_than_are_told_apart_by_tenant_is_said(monkeypatch, lives, blocks, said):
    monkeypatch.setattr(counts, "MAX_BY_TENANT", 100)
    found = digest(lives, blocks)
    assert sum("told apart by tenant" in warning for warning in found.warnings) == said
    assert sum(s.blocks_by_tenant.total() for s in found.segments) == min(100, lives * blocks)


def test_sizes_of_many_tenants_share_one_bound(monkeypatch):
    monkeypatch.setattr(fold, "MAX_ALL_SIZES", 100)
    rows = [
        f"ts=2026-11-22T21:54:{number % 60:02d}Z caller=compact.go:500 level=error org_id=t{number % 20} "
        f'msg="compaction failed" err="compact head: persist head block: mmap, size {number}: cannot allocate memory"\n'
        for number in range(1, 2001)
    ]
    data = "".join(rows).encode()
    groups = read_log(Member("ingester.log", len(data), data[:8192], iter([data]))).segments[0].failures
    assert len(groups) == 20
    assert sum(len(group.sizes) for group in groups) <= 20 * fold.FEW_SIZES + 100
    assert all(len(group.sizes) >= 5 for group in groups)
    assert sum(sum(group.sizes.values()) + group.sizes_dropped for group in groups) == 2000
