"""Stamps without a year get it after the pass, everywhere in a digest."""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.clock import parse_stamp
from analyzer.logs.digest import read_log
from analyzer.logs.kernel_log import read_kernel_log
from analyzer.logs.years import settle_kernel, settle_log

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
