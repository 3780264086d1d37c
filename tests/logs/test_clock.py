"""Every way a time is written, and what is assumed where something is not written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.clock import parse_stamp, parse_yearless, settle_year
from analyzer.facts import Stamp


def ns(*parts: int, nano: int = 0) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000 + nano


SAMPLES = [
    ("2026-11-22T21:57:15.884431266Z", ns(2026, 11, 22, 21, 57, 15, nano=884431266), 0, 9, ""),
    ("2026-11-22T21:56:37.291Z", ns(2026, 11, 22, 21, 56, 37, nano=291_000_000), 0, 3, ""),
    ("2026-11-22T21:56:37Z", ns(2026, 11, 22, 21, 56, 37), 0, 0, ""),
    ("2026-11-22T22:56:37.291+01:00", ns(2026, 11, 22, 21, 56, 37, nano=291_000_000), 60, 3, ""),
    ("2026-11-22T21:36:00+0000", ns(2026, 11, 22, 21, 36), 0, 0, ""),
    ("2026-11-22T16:06:00-0530", ns(2026, 11, 22, 21, 36), -330, 0, ""),
    ("2026-11-22 22:17:59,934", ns(2026, 11, 22, 22, 17, 59, nano=934_000_000), None, 3, "zone"),
    ("2026-11-22 22:17:59.934 +0000 UTC", ns(2026, 11, 22, 22, 17, 59, nano=934_000_000), 0, 3, ""),
    ("2026-11-22 22:17:59.5 +0000 UTC m=+0.012", ns(2026, 11, 22, 22, 17, 59, nano=500_000_000), 0, 1, ""),
    ("2026/11/22 21:57:16", ns(2026, 11, 22, 21, 57, 16), None, 0, "zone"),
    ("2026/11/22 21:57:16.123456", ns(2026, 11, 22, 21, 57, 16, nano=123_456_000), None, 6, "zone"),
    ("Sun Nov 22 21:26:46 2026", ns(2026, 11, 22, 21, 26, 46), None, 0, "zone"),
    ("Sun Nov  1 21:26:46 2026", ns(2026, 11, 1, 21, 26, 46), None, 0, "zone"),
    ("Sun Nov 22 22:17:58 UTC 2026", ns(2026, 11, 22, 22, 17, 58), 0, 0, ""),
    ("Sun Nov 22 10:17:58 PM UTC 2026", ns(2026, 11, 22, 22, 17, 58), 0, 0, ""),
    ("Sun 22 Nov 2026 12:17:58 AM CET", ns(2026, 11, 21, 23, 17, 58), 60, 0, ""),
    ("Sun, 22 Nov 2026 23:17:58 +0100", ns(2026, 11, 22, 22, 17, 58), 60, 0, ""),
    ("Sun Nov 22 22:17:58 CST 2026", ns(2026, 11, 23, 4, 17, 58), -360, 0, "zone"),
    ("1795384636", ns(2026, 11, 22, 21, 57, 16), 0, 0, ""),
    ("1795384636.316", ns(2026, 11, 22, 21, 57, 16, nano=316_000_000), 0, 3, ""),
    ("1795384636316", ns(2026, 11, 22, 21, 57, 16, nano=316_000_000), 0, 3, ""),
    ("1795384636316000", ns(2026, 11, 22, 21, 57, 16, nano=316_000_000), 0, 6, ""),
    ("1795384636316000001", ns(2026, 11, 22, 21, 57, 16, nano=316_000_001), 0, 9, ""),
    ("2026-11-22", ns(2026, 11, 22), None, 0, "zone"),
]


@pytest.mark.parametrize(("text", "expected", "offset", "digits", "assumed"), SAMPLES)
def test_a_stamp_keeps_moment_offset_and_precision(text, expected, offset, digits, assumed):
    assert parse_stamp(text) == Stamp(expected)
    stamp = parse_stamp(text)
    assert (stamp.offset, stamp.digits, stamp.assumed) == (offset, digits, assumed)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "now", "2026-13-22T21:57:15Z", "2026-02-30T21:57:15Z", "2026-11-22T25:57:15Z", "2026-11-22T21:57",
        "Nov 22 21:36:00", "12", "123456789012", "2026-W47-7T21:57:15Z", "2026-11-22T21:57:15.5bad+", "99999999999999999999",
        "٢٠٢٦-11-22T21:57:15Z", "2026-11-22T21:57:15+99:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_none(text):
    assert parse_stamp(text) is None


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_rfc3339_round_trips(moment, offset):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    stamp = parse_stamp(aware.isoformat(timespec="microseconds"))
    assert stamp is not None
    assert stamp.datetime() == aware
    assert stamp.offset == offset


@given(st.text(max_size=60))
def test_garbage_never_raises(text):
    parse_stamp(text)
    parse_yearless(text)


@given(st.sampled_from([sample[0] for sample in SAMPLES]), st.integers(0, 40))
def test_a_cut_stamp_never_raises(text, length):
    parse_stamp(text[:length])


def test_a_yearless_stamp_takes_its_year_from_the_reference():
    reference = parse_stamp("2026-11-23T10:00:00Z")
    syslog = parse_yearless("Nov 22 21:36:00 node1 kernel: x")
    assert syslog is not None
    assert syslog.assumed == "year"
    settled = settle_year(syslog, reference)
    assert settled.iso() == "2026-11-22T21:36:00Z"
    assert settled.assumed == "year"


def test_a_december_line_in_a_january_bundle_is_last_years():
    reference = parse_stamp("2026-01-02T10:00:00Z")
    assert settle_year(parse_yearless("Dec 31 23:59:59"), reference).iso() == "2025-12-31T23:59:59Z"
    assert settle_year(parse_yearless("Feb 29 01:00:00"), reference).iso() == "2024-02-29T01:00:00Z"


def test_a_clock_a_little_ahead_stays_in_this_year():
    reference = parse_stamp("2026-06-01T10:00:00Z")
    assert settle_year(parse_yearless("Jun  2 09:00:00"), reference).iso() == "2026-06-02T09:00:00Z"


def test_a_stamp_with_a_year_is_left_alone():
    stamp = parse_stamp("2020-01-01T00:00:00Z")
    assert settle_year(stamp, parse_stamp("2026-01-01T00:00:00Z")) is stamp


def test_klog_and_precise_syslog_are_read():
    klog = parse_yearless("1122 21:58:00.123456")
    assert klog is not None
    assert (klog.ns % 1_000_000_000, klog.digits) == (123_456_000, 6)
    assert parse_yearless("Nov  2 21:58:00.5").datetime().day == 2
    assert parse_yearless("Nov 32 21:58:00") is None
    assert parse_yearless("1322 21:58:00.123456") is None
