"""Stamps without a year get it after the pass, everywhere in a digest."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.clock import parse_stamp, parse_yearless, year_beside
from analyzer.logs.digest import read_log
from analyzer.logs.kernel_log import read_kernel_log
from analyzer.logs.years import has_years, lacks_years, settle_beside, settle_kernel, settle_log, zone_between
from analyzer.pipeline import diagnose

KILL = "Memory cgroup out of memory: Killed process 4321 (cortex) total-vm:20kB, anon-rss:10kB, file-rss:9kB"
FAILED = 'level=error msg="unable to open TSDB" user=t1 err="failed to open TSDB: /d/t1: mmap, size 31301: cannot allocate memory"'


def member(text: str) -> Member:
    data = text.encode()
    return Member("var/log/messages", len(data), data[:8192], iter([data]))


def test_a_journal_over_new_year_is_put_in_order():
    rows = [
        "Dec 31 23:59:58 n1 cortex[7]: level=info msg=first",
        f"Dec 31 23:59:59 n1 cortex[7]: {FAILED}",
        f"Jan  1 00:00:01 n1 kernel: {KILL}",
        "Jan  1 00:00:02 n1 cortex[7]: level=info msg=last",
    ]
    found = read_log(member("\n".join(rows) + "\n"))
    settle_log(found, parse_stamp("2026-01-03T12:00:00Z"))
    assert (found.first.iso(), found.last.iso()) == ("2025-12-31T23:59:58Z", "2026-01-01T00:00:02Z")
    assert found.first.assumed == "year"
    (group,) = found.segments[0].failures
    assert group.first.iso() == group.evidence[0].time.iso() == "2025-12-31T23:59:59Z"
    assert found.segments[0].last_record.time.iso() == "2026-01-01T00:00:02Z"
    (event,) = found.kernel.events
    assert event.stamp.iso() == event.evidence.time.iso() == "2026-01-01T00:00:01Z"


def test_stamps_with_a_year_are_left_as_they_are():
    found = read_log(member(f"Dec 31 23:59:59 n1 cortex[7]: ts=2019-05-06T07:08:09Z {FAILED}\n"))
    settle_log(found, parse_stamp("2026-01-03T12:00:00Z"))
    (group,) = found.segments[0].failures
    assert group.first.iso() == "2019-05-06T07:08:09Z"


def test_a_kernel_log_of_syslog_gets_its_year():
    log = read_kernel_log(member(f"Nov 22 21:00:00 n1 kernel: x\nNov 22 21:36:00 n1 kernel: {KILL}\n"))
    settle_kernel(log, parse_stamp("2026-11-23T00:00:00Z"))
    assert (log.first.iso(), log.last.iso()) == ("2026-11-22T21:00:00Z", "2026-11-22T21:36:00Z")
    assert log.events[0].evidence.time.iso() == "2026-11-22T21:36:00Z"


STARTED = 'ts=%s caller=main.go:193 level=info msg="Starting Cortex" version="(version=1.17.2)"'
PANIC = "panic: mmap, size 134217728: cannot allocate memory"


@pytest.mark.parametrize(
    ("first", "started", "second", "ended"),
    [
        ("Nov 22 21:57:16", "2019-11-22T21:57:16.5Z", "Nov 22 21:57:34", "2019-11-22T21:57:34Z"),
        ("Nov 22 16:57:16", "2019-11-22T21:57:16.5Z", "Nov 22 16:57:34", "2019-11-22T21:57:34Z"),
        ("Nov 23 03:27:17", "2019-11-22T21:57:16.5Z", "Nov 23 03:27:34", "2019-11-22T21:57:34Z"),
        ("Dec 31 23:59:59", "2019-12-31T23:59:59.5Z", "Jan  1 00:00:34", "2020-01-01T00:00:34Z"),
        ("Dec 31 23:59:59", "2020-01-01T00:59:59.5Z", "Jan  1 00:00:34", "2020-01-01T01:00:34Z"),
    ],
)
def test_the_year_and_the_zone_are_those_of_the_records(first, started, second, ended):
    rows = [
        f"{first} n1 cortex[7]: {STARTED % started}",
        f"{second} n1 cortex[7]: {PANIC}",
        f"{second} n1 kernel: {KILL}",
    ]
    found = read_log(member("\n".join(rows) + "\n"))
    assert lacks_years(found)
    assert has_years(found)
    settle_beside(found)
    assert not found.undated
    (segment,) = found.segments
    (group,) = segment.failures
    times = [found.last, segment.last, group.first, group.last, group.evidence[0].time, found.kernel.last]
    times += [event.stamp for event in (*segment.events, *found.kernel.events) if event.kind != "start"]
    assert {time.iso() for time in times} == {ended}
    assert found.first.iso()[:19] == segment.start.stamp.iso()[:19] == started[:19]


def test_a_record_of_another_moment_tells_no_zone():
    written = parse_yearless("Nov 22 21:57:16")
    assert zone_between(written, parse_stamp("2026-11-22T21:57:10Z")) == 0
    assert zone_between(written, parse_stamp("2026-11-22T16:27:10Z")) == 330
    assert zone_between(written, parse_stamp("2026-11-22T21:50:16Z")) is None
    assert zone_between(written, parse_stamp("2026-11-20T21:57:16Z")) is None
    assert zone_between(written, parse_stamp("2026-11-22 21:57:16")) is None


@given(st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1)), st.integers(-180, 150), st.integers(0, 30))
def test_within_half_a_year_the_year_is_found(moment, days, wide):
    assume((moment.month, moment.day) != (2, 29))
    first = moment + timedelta(days=days)
    ends = (parse_stamp(f"{day:%Y-%m-%dT%H:%M:%S}Z") for day in (first, first + timedelta(days=wide)))
    written = parse_yearless(f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}")
    assert year_beside(written, *ends).datetime().year == moment.year


def test_the_report_shows_no_placeholder_year(tmp_path):
    rows = [
        f"Nov 22 21:57:16 n1 cortex[7]: {STARTED % '2026-11-22T21:57:16Z'}",
        f"Nov 22 21:57:34 n1 cortex[7]: {PANIC}",
    ]
    (tmp_path / "journal.txt").write_text("\n".join(rows) + "\n")
    found = diagnose(tmp_path)
    assert found.verdict.first_seen == "2026-11-22T21:57:34Z"
    (life,) = found.subjects[0].lives
    assert life.ended == "2026-11-22T21:57:34Z"
    assert [warning for warning in found.warnings if "no year" in warning] == [
        "journal.txt: some lines have no year; it was taken from the others of the same log"
    ]
