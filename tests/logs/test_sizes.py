"""However many sizes failures state, the smallest and the largest are exact, and what is not is said."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs import fold, observation, stream
from analyzer.logs.digest import read_log
from analyzer.logs.model import FailureGroup, LogDigest
from analyzer.logs.sizes import keep_ends, spread, wider

REFUSED = "cannot allocate memory"
WARNING = "failures state more distinct sizes than are kept"


def digest(lines: list[str]) -> LogDigest:
    data = ("\n".join(lines) + "\n").encode()
    return read_log(Member("a.log", len(data), data[:8192], iter((data,))))


def group_of(found: LogDigest) -> FailureGroup:
    (group,) = (group for segment in found.segments for group in segment.failures)
    return group


def compaction(sizes: list[int], second: int = 0) -> str:
    members = "; ".join(f"mmap, size {size}: {REFUSED}" for size in sizes)
    return (
        f'ts=2026-11-22T21:{second // 60 % 60:02}:{second % 60:02}Z caller=x.go:1 level=warn user=t1 '
        f'msg="TSDB blocks compaction for user has failed" err="{len(sizes)} errors: {members}"'
    )  # fmt: skip


def one_line(sizes: list[int]) -> list[str]:
    return [compaction(sizes)]


def many_lines(sizes: list[int]) -> list[str]:
    return [compaction([size, size], second) for second, size in enumerate(sizes)]


@pytest.mark.parametrize("lines", [one_line, many_lines])
@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
def test_the_ends_are_exact_beyond_the_limit(lines, order: str) -> None:
    sizes = random.Random(3).sample(range(504, 40_001), 9000)
    sizes.sort(reverse=order == "falling")
    if order == "mixed":
        random.Random(4).shuffle(sizes)
    found = digest(lines(sizes))
    group = group_of(found)
    assert (min(group.sizes), max(group.sizes)) == (min(sizes), max(sizes))
    assert len(group.sizes) <= fold.MAX_SIZES + 2
    assert group.sizes.total() + group.sizes_dropped == group.members
    assert [warning for warning in found.warnings if warning.startswith(WARNING)]


def test_a_line_over_a_mebibyte_has_exact_ends() -> None:
    sizes = list(range(70_000, 20_000, -1))
    group = group_of(digest(one_line(sizes)))
    assert (min(group.sizes), max(group.sizes), group.members) == (20_001, 70_000, 50_000)


def test_within_the_limit_nothing_is_said() -> None:
    found = digest(many_lines(list(range(1, fold.MAX_SIZES + 1))))
    assert not found.warnings
    assert group_of(found).sizes_dropped == 0


@given(
    st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=30), min_size=1, max_size=12),
    st.integers(1, 9),
)
def test_the_ends_of_any_sizes_are_exact(lists: list[list[int]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (fold, observation, stream):
            patch.setattr(module, "MAX_SIZES", most)
        group = group_of(digest([compaction(sizes, second) for second, sizes in enumerate(lists)]))
    everything = [size for sizes in lists for size in sizes]
    assert (min(group.sizes), max(group.sizes)) == (min(everything), max(everything))
    assert group.sizes.total() + group.sizes_dropped == len(everything)
    assert len(group.sizes) <= most + 2


@given(st.lists(st.integers(0, 50), min_size=1))
def test_the_spread_is_that_of_all_counted(values: list[int]) -> None:
    ordered = sorted(values)
    assert spread(Counter(values)) == (ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])


def test_no_sizes_have_no_spread() -> None:
    assert spread(Counter()) == (None, None, None)
    sizes = Counter([5])
    assert keep_ends(sizes, None) == 0
    assert keep_ends(sizes, (5, 5)) == 0
    assert keep_ends(sizes, wider(wider(None, 6, 6), 4, 5)) == 2
    assert sizes == {4: 1, 5: 1, 6: 1}
