"""Numbers, sizes, times and hostile text as a reader sees them."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report import words


@given(st.text(max_size=200))
def test_clean_text_holds_nothing_that_acts(text: str) -> None:
    shown = words.clean(text)
    assert not [
        c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or 0x202A <= ord(c) <= 0x202E
    ]
    shown.encode("utf-8")


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_plain_text_is_not_changed(text: str) -> None:
    assert words.clean(text) == text


def test_escapes_stay_readable() -> None:
    assert words.clean("\x1b[31m\x00\u202e\n\x9b") == "\\x1b[31m\\x00\\u202e\\n\\x9b"


def test_a_cut_says_how_much_was_left_out() -> None:
    assert words.clean("x" * 100_000, 10) == "xxxxxxxxxx … (+99,990 characters)"


@given(st.text(max_size=400), st.integers(20, 300))
def test_an_excerpt_is_never_longer_than_asked(text: str, limit: int) -> None:
    assert len(words.excerpt(text, limit)) <= limit


def test_an_excerpt_shows_the_error_and_its_end() -> None:
    line = 'level=error ts=2026-11-22T22:00:12.8Z caller=ingester_v2.go:1737 msg="unable to open TSDB" err="failed to open TSDB: '
    line += "/srv/cortex/data/tsdb/team-008: reloadBlocks: corrupted block X: mmap, size 4783: cannot allocate memory"
    assert words.excerpt(line, 120).startswith('…err="failed to open TSDB')
    assert words.excerpt(line, 120).endswith("cannot allocate memory")
    assert "cannot allocate memory" in words.excerpt(line, 40)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (598, "598 B"),
        (4783, "4.7 KiB"),
        (536870912, "512 MiB"),
        (8589934592, "8 GiB"),
        (None, "unknown"),
    ],
)
def test_sizes(value: int | None, shown: str) -> None:
    assert words.size(value) == shown


def test_a_failing_size_is_exact() -> None:
    assert words.exact_size(4783) == "4.7 KiB (4,783 B)"
    assert words.exact_size(598) == "598 B"


@pytest.mark.parametrize(
    ("used", "limit", "shown"),
    [
        (16001, 16000, "100 %"),
        (15999, 16000, "99.9 %"),
        (8457, 8706, "97.1 %"),
        (95, 65530, "<1 %"),
        (0, 65530, "0 %"),
        (1, 0, ""),
        (None, 5, ""),
        (19934, 16000, "124 %"),
    ],
)
def test_percent_never_rounds_up_to_a_limit(used: float | None, limit: float, shown: str) -> None:
    assert words.percent(used, limit) == shown


@given(st.floats(0, 1e9), st.floats(1, 1e9))
def test_a_bar_is_full_only_at_the_limit(used: float, limit: float) -> None:
    shown = words.bar(used, limit)
    assert len(shown) == 12
    assert ("░" not in shown) == (used >= limit)
    assert ("█" not in shown) == (used == 0)


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_no_figure_raises_on_odd_numbers(used: float, limit: float) -> None:
    assert isinstance(words.percent(used, limit), str)
    assert isinstance(words.bar(used, limit), str)
    assert words.number(math.nan, "bytes") == "unknown"


def test_times() -> None:
    assert words.moment("2026-11-22T22:00:12.821816517Z") == "2026-11-22 22:00:12.821Z"
    assert words.moment(None) == "unknown"
    assert words.moment("\x1b[2Jsoon") == "\\x1b[2Jsoon"
    assert words.clock("2026-11-22T22:00:12Z") == "22:00:12Z"
    assert words.span("2026-11-22T21:59:47Z", "2026-11-22T22:01:01Z") == "2026-11-22 21:59:47Z to 22:01:01Z"
    assert words.seconds_between("2026-11-22T21:59:47Z", "2026-11-22T22:01:02Z") == 75
    assert words.seconds_between("2026-11-22T21:59:47Z", "@99999999999999") is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (3.9, "3.9 s"),
        (42.0, "42 s"),
        (75, "1 min 15 s"),
        (7500, "2 h 5 min"),
        (1_036_800, "12.0 d"),
        (None, "unknown"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert words.duration(seconds) == shown
