"""A raw error of several lines is one failure; what merely stands beside it is not of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log
from analyzer.logs.model import FailureGroup, LogDigest

BANNER = 'time=2026-11-22T21:57:15.100Z level=INFO source=main.go:1 msg="Starting Prometheus Server" version="(version=3.12.0)"'
AFTER = 'time=2026-11-22T21:57:15.300Z level=INFO source=main.go:2 msg="See you next time!"'
HEALTHY = 'time=2026-11-22T21:57:15.200Z level=INFO source=r.go:1 msg="Found healthy block" ulid=01G0P1FM80185GR38E1W812345'
REFUSED = "cannot allocate memory"


def block(number: int) -> str:
    return f"corrupted block 01G0P1FM80185GR38E1W8{number:05}: "


def error(sizes: list[int]) -> list[str]:
    lines = [
        f"{block(n)}{'mmap files: ' * (n % 2)}mmap, size {size}: {REFUSED}" for n, size in enumerate(sizes)
    ]
    return [f"opening storage failed: reloadBlocks: {lines[0]}", *lines[1:]]


def digest(lines: list[str], chunk: int = 65_536) -> LogDigest:
    data = ("\n".join(lines) + "\n").encode()
    body = (data[at : at + chunk] for at in range(0, len(data), chunk))
    return read_log(Member("prom.log", len(data), data[:8192], body))


def groups(found: LogDigest) -> list[FailureGroup]:
    return [group for segment in found.segments for group in segment.failures]


SHORT = "Nov 22 21:57:15 node1 prometheus[4321]: "
FRAMINGS = {
    "bare": lambda lines: lines,
    "cri": lambda lines: [f"2026-11-22T21:57:15.150Z stderr F {line}" for line in lines],
    "docker": lambda lines: [
        json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-11-22T21:57:15.150Z"})
        for line in lines
    ],
    "kubectl": lambda lines: [f"[pod/prom-0/prometheus] {line}" for line in lines],
    "journal short": lambda lines: [SHORT + line for line in lines],
    "journal short, indented": lambda lines: [
        (" " * len(SHORT) if line.startswith("corrupted") else SHORT) + line for line in lines
    ],
    "logcli, one entry": lambda lines: [
        line if line.startswith("corrupted") else f'2026-11-22T21:57:15Z {{pod="prom-0"}} {line}'
        for line in lines
    ],
    "panic's tabs": lambda lines: ["\t" + line if line.startswith("corrupted") else line for line in lines],
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("after", [[], [AFTER], [HEALTHY, AFTER]])
def test_one_failure_with_all_its_members(framing: str, after: list[str]) -> None:
    lines = FRAMINGS[framing]([BANNER, HEALTHY, *error([31301, 16585, 5]), *after])
    found = digest(lines)
    (group,) = groups(found)
    assert (group.operation, group.errno, group.count, group.lines, group.members) == (
        "startup_open",
        "ENOMEM",
        1,
        1,
        3,
    )
    assert group.sizes == {31301: 1, 16585: 1, 5: 1}
    assert group.first_line == 3
    assert group.complete
    assert group.first is not None
    assert group.era == "D"
    segment = found.segments[0]
    assert (len(segment.healthy), segment.healthy_after) == (1, len(after) // 2)


@given(
    st.lists(st.integers(1, 40_000), min_size=1, max_size=40),
    st.integers(1, 3000),
    st.sampled_from(list(FRAMINGS)),
)
def test_any_number_of_members_in_any_chunks(sizes: list[int], chunk: int, framing: str) -> None:
    found = digest(FRAMINGS[framing]([BANNER, *error(sizes), AFTER]), chunk)
    (group,) = groups(found)
    assert (group.count, group.members) == (1, len(sizes))
    assert sorted(group.sizes.elements()) == sorted(sizes)
    assert found.lines == len(sizes) + 2


@pytest.mark.parametrize(
    "head", ["2026/11/22 21:57:15 ", 'time=2026-11-22T21:57:15.150Z level=ERROR msg="Fatal error" err="']
)
def test_a_logger_that_does_not_quote_line_breaks(head: str) -> None:
    first, *more = error([31301, 16585, 5])
    if head.endswith('"'):
        more[-1] += '"'
    (group,) = groups(digest([BANNER, head + first, *more, AFTER]))
    assert (group.operation, group.count, group.members) == ("startup_open", 1, 3)
    assert group.complete
    assert group.first is not None


@pytest.mark.parametrize(
    "foreign",
    [
        AFTER.replace("See you next time!", f"x: {REFUSED}"),
        f"mmap, size 77: {REFUSED}",
        f"open /etc/hosts: {REFUSED}",
        f'time=2026-11-22T21:57:15.3Z level=ERROR msg="reloadBlocks" err="{block(8)}mmap, size 77: {REFUSED}"',
        f"panic: {block(8)}mmap, size 77: {REFUSED}",
        f"[pod/other-0/prometheus] {block(8)}mmap, size 77: {REFUSED}",
    ],
)
def test_a_foreign_line_is_not_glued_to_it(foreign: str) -> None:
    found = groups(digest([BANNER, *error([31301, 16585]), foreign, AFTER]))
    assert found[0].members == 2
    assert found[0].sizes == {31301: 1, 16585: 1}


def test_only_the_next_line_goes_on() -> None:
    first, second = error([31301, 16585])
    found = groups(digest([BANNER, first, AFTER, second]))
    assert sum(group.count for group in found) == 2


def test_an_error_over_a_mebibyte_is_cut_and_said() -> None:
    (group,) = groups(digest([BANNER, *error(list(range(1, 20_000))), AFTER]))
    assert group.count == 1
    assert not group.complete
    assert group.members > 10_000
