"""Runs of zero bytes hide no log and move no line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.intake import claim
from analyzer.logs import holes
from analyzer.logs.model import KernelLog, LogDigest
from analyzer.logs.sniff import looks_like_log
from analyzer.snapshots.model import Snapshot

BANNER = b'ts=2026-11-22T21:57:15Z caller=main.go:193 level=info msg="Starting Cortex" version="(version=1.17.2)"\n'
PLAIN = b'ts=2026-11-22T21:57:16Z caller=x.go:1 level=info msg="a line of no interest" n=1\n'
FAILED = (
    b'ts=2026-11-22T21:57:17Z caller=ingester.go:2184 level=error msg="unable to open TSDB" '
    b'err="failed to open TSDB: /d/t1: mmap, size 31301: cannot allocate memory" user=t1\n'
)
LOG = BANNER + PLAIN * 3 + FAILED


def read(data: bytes, path: str = "ingester.log", chunk: int = 65_536) -> LogDigest | None:
    """The digest of a member that was taken for a log."""
    body = (data[at : at + chunk] for at in range(0, len(data), chunk))
    logs: list[LogDigest] = []
    kernel: list[KernelLog] = []
    taken: list[Snapshot] = []
    claim(Member(path, len(data), data[:8192], body), logs, kernel, taken, [], [], detail=False)
    return logs[0] if logs else None


def essence(found: LogDigest | None) -> object:
    assert found is not None
    failures = [group for segment in found.segments for group in segment.failures]
    starts = [segment.start.evidence.line for segment in found.segments if segment.start is not None]
    return found.lines, starts, [(group.lines, group.first_line, dict(group.sizes)) for group in failures]


@pytest.mark.parametrize("place", [0, len(BANNER), len(BANNER + PLAIN)])
@pytest.mark.parametrize("zeros", [1, 4, 82, 200, 5000, 8192, 70_000, 3 << 20])
def test_zero_bytes_before_a_line_change_nothing(place: int, zeros: int) -> None:
    assert essence(read(LOG[:place] + bytes(zeros) + LOG[place:])) == essence(read(LOG))


@pytest.mark.parametrize("zeros", [4, 200, 3 << 20])
def test_the_line_behind_a_torn_one_is_read(zeros: int) -> None:
    """A machine that crashed: what was not yet on disk reads as zero bytes, the next process writes on."""
    found = read(PLAIN * 5 + PLAIN[:40] + bytes(zeros) + LOG)
    assert essence(found) == (10, [6], [(1, 10, {31301: 1})])


@given(st.integers(0, len(LOG) - 1), st.integers(0, 7000), st.integers(50, 8000))
def test_a_hole_anywhere_and_any_chunks_keep_the_lines(place: int, zeros: int, chunk: int) -> None:
    found = read(LOG[:place] + bytes(zeros) + LOG[place:], chunk=chunk)
    assert found is not None
    assert found.lines == 5


def test_a_binary_file_with_zero_bytes_is_no_log() -> None:
    login = (
        b"\x07\0\0\0" + b"pts/0".ljust(32, b"\0") + b"root".ljust(32, b"\0") + b"10.0.0.1".ljust(316, b"\0")
    )
    assert read(login * 30, "var/log/wtmp") is None
    assert read(bytes(292) + b"rJ1bpts/0".ljust(292, b"\0"), "var/log/lastlog") is None
    assert read(bytes(100_000), "var/log/ingester.log") is None
    assert not looks_like_log("var/log/ingester.log", bytes(8192))


def test_a_file_of_zero_bytes_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holes, "MOST", 10 << 20)
    taken = itertools.count()
    body = (bytes(1 << 20) for _ in taken)
    member = Member("var/log/lastlog", None, bytes(8192), body)
    assert holes.past(member) is member
    assert next(taken) < 20
