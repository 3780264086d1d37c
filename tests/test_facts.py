"""What stands on the ground: moments compare by their moment, however they were written."""

from __future__ import annotations

import operator

import pytest

from analyzer.facts import Stamp

EARLY, SAME, LATE = Stamp(1), Stamp(1, 120, 3, "year"), Stamp(2)


@pytest.mark.parametrize(
    ("compare", "early_late", "same", "late_early"),
    [
        (operator.lt, True, False, False),
        (operator.le, True, True, False),
        (operator.gt, False, False, True),
        (operator.ge, False, True, True),
        (operator.eq, False, True, False),
        (operator.ne, True, False, True),
    ],
)
def test_moments_compare(compare: object, early_late: bool, same: bool, late_early: bool) -> None:
    assert callable(compare)
    assert compare(EARLY, LATE) is early_late
    assert compare(EARLY, SAME) is same
    assert compare(LATE, EARLY) is late_early


def test_equal_moments_are_one_key() -> None:
    assert {EARLY: "x"}[SAME] == "x"
    assert max([EARLY, LATE, SAME]) is LATE


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_a_moment_is_not_compared_with_a_number(compare: object) -> None:
    assert callable(compare)
    with pytest.raises(TypeError):
        compare(EARLY, 1)
    assert EARLY != 1
