"""Copies of one failure that were cut at a fixed length are one failure, wherever each was cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log
from analyzer.logs.model import FailureGroup

BANNER = (
    'ts=2026-11-22T21:57:15.001Z level=info msg="Starting Cortex" version="(version=1.17.2, branch=HEAD)"'
)


def failing(seed: int, members: int, tenant: str = "t1") -> str:
    sizes = [random.Random(f"{seed} {n}").randint(500, 40000) for n in range(members)]
    rows = "; ".join(f"mmap, size {size}: cannot allocate memory" for size in sizes)
    return f"failed to open TSDB: /data/tsdb/{tenant}: {members} errors: {rows}"


def copies(inner: str, tenant: str = "t1") -> list[str]:
    user = f"unable to open TSDB for user {tenant}: {inner}"
    state = "invalid service state: Failed, expected: Running, failure: opening existing TSDBs"
    return [
        f'ts=2026-11-22T21:57:15.002Z caller=ingester.go:2184 level=error msg="unable to open TSDB" err="{inner}" user={tenant}',
        f'ts=2026-11-22T21:57:15.003Z caller=ingester.go:2252 level=error msg="error while opening existing TSDBs" err="{user}"',
        f'ts=2026-11-22T21:57:15.004Z caller=cortex.go:446 level=error msg="module failed" module=ingester-service err="{state}: {user}"',
    ]


def groups(rows: list[str]) -> list[FailureGroup]:
    data = "".join(f"{row}\n" for row in [BANNER, *rows]).encode()
    digest = read_log(Member("cortex.log", len(data), data[:8192], iter([data])))
    return [group for segment in digest.segments for group in segment.failures]


@pytest.mark.parametrize("width", [512, 700, 1024, 2048, 8192])
def test_three_copies_cut_at_a_width_are_one_failure(width: int) -> None:
    (group,) = groups([row[:width] for row in copies(failing(1, 300))])
    assert (group.lines, group.count, group.declared, group.tenant) == (3, 1, 300, "t1")
    assert not group.complete
    assert group.members == sum(group.sizes.values()) + 1  # the last one was cut


@settings(max_examples=60, deadline=None)
@example([0, 1, 2], 1348, 30)  # cut in the last member
@given(st.permutations([0, 1, 2]), st.integers(600, 3000), st.integers(30, 60))
def test_a_whole_copy_tells_what_the_cut_ones_do_not(order: list[int], width: int, members: int) -> None:
    rows = copies(failing(2, members))
    rows = [row if place == 2 else row[:width] for place, row in zip(order, rows, strict=True)]
    (group,) = groups(rows)
    assert (group.lines, group.count, group.members) == (3, 1, members)
    assert sum(group.sizes.values()) == members


@settings(max_examples=40, deadline=None)
@given(st.integers(600, 9000), st.integers(2, 5))
def test_failures_of_several_tenants_stay_several(width: int, tenants: int) -> None:
    rows = [row[:width] for n in range(tenants) for row in copies(failing(n, 200, f"t{n}"), f"t{n}")[:2]]
    found = groups(rows)
    assert [(group.tenant, group.lines, group.count) for group in found] == [
        (f"t{n}", 2, 1) for n in range(tenants)
    ]


def test_whole_failures_that_begin_the_same_stay_two() -> None:
    one = failing(3, 40)
    two = one.replace(one.rpartition("size ")[2], "77777: cannot allocate memory")
    (group,) = groups([copies(one)[0], copies(two)[0]])
    assert (group.lines, group.count, group.members) == (2, 2, 80)


def test_a_cut_copy_of_one_of_two_that_begin_the_same_is_no_third() -> None:
    one = failing(3, 40)
    two = one.replace(one.rpartition("size ")[2], "77777: cannot allocate memory")
    (group,) = groups([copies(one)[0], copies(two)[0], copies(two)[1][:1000]])
    assert (group.lines, group.count, group.members) == (3, 2, 80)
