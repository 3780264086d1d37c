"""A log with its newest line first is turned round, or at the least it is said."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log
from analyzer.logs.model import LogDigest
from analyzer.logs.order import order_of

START = datetime(2026, 11, 22, 21, 57, 15)
LIVES = 2


def moments() -> list[tuple[datetime, str]]:
    """Two failing starts, five minutes apart, each within one second."""
    lines = []
    for life in range(LIVES):
        steps = [
            'caller=main.go:193 level=info msg="Starting Cortex" version="(version=1.17.2, branch=HEAD)"',
            'caller=i.go:1 level=info msg="opening existing TSDBs"',
            *(f'caller=r.go:1 level=info msg="Found healthy block" ulid=01G0P1FM80185GR38E1W8{n:05}' for n in range(90)),
            'caller=i.go:2 level=error msg="unable to open TSDB" user=t1 err="failed to open TSDB: /d/t1: mmap, size '
            f'{life + 5}: cannot allocate memory"',
            'caller=cortex.go:1 level=info msg="Cortex stopped"',
            'caller=log.go:1 level=error msg="error running cortex" err="failed services"',
        ]  # fmt: skip
        at = START + timedelta(minutes=5 * life)
        lines += [(at + timedelta(milliseconds=n), step) for n, step in enumerate(steps)]
    return [(moment, f"ts={moment:%Y-%m-%dT%H:%M:%S.%f}Z {text}") for moment, text in lines]


FRAMINGS = {
    "bare": lambda moment, line: line,
    "json": lambda moment, line: json.dumps(
        dict(part.split("=", 1) for part in ("ts=" + line[3:30], 'msg="x"'))
        | {"level": "info", "caller": "a.go:1"}
    ),
    "logcli": lambda moment, line: f'{moment:%Y-%m-%dT%H:%M:%S}Z {{pod="i-0"}} {line}',
    "logcli jsonl": lambda moment, line: json.dumps(
        {"labels": {"pod": "i-0"}, "line": line, "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}Z"}
    ),
    "grafana": lambda moment, line: f"{moment.timestamp():.0f}000\t{moment:%Y-%m-%dT%H:%M:%S.000}Z\t{line}",
    "journal short": lambda moment, line: f"{moment:%b %d %H:%M:%S} n1 cortex[7]: {line}",
    "kubectl": lambda moment, line: f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z {line}",
}


def digest(rows: list[str]) -> LogDigest:
    data = ("\n".join(rows) + "\n").encode()
    return read_log(Member("a.log", len(data), data[:8192], iter((data,))))


def essence(found: LogDigest) -> list[object]:
    return [
        (
            s.start is not None,
            s.lines,
            len(s.healthy),
            [dict(g.sizes) for g in s.failures],
            [e.kind for e in s.events],
        )
        for s in found.segments
    ]


@pytest.mark.parametrize("framing", [name for name in FRAMINGS if name != "json"])
def test_newest_first_is_turned_round(framing: str) -> None:
    rows = [FRAMINGS[framing](*moment) for moment in moments()]
    straight, turned = digest(rows), digest(rows[::-1])
    assert turned.newest_first
    assert not straight.newest_first
    assert not straight.warnings
    assert not turned.warnings
    assert essence(straight) == essence(turned)
    assert len(turned.segments) == LIVES
    first = turned.segments[0].start
    assert first is not None
    assert first.evidence.line == len(rows)


@pytest.mark.parametrize("framing", ["bare", "json"])
def test_a_line_longer_than_the_head_hides_no_order(framing: str) -> None:
    rows = [FRAMINGS[framing](*moment) for moment in moments()]
    long = rows[-1].replace("a.go:1", "a" * 9000) if framing == "json" else rows[-1] + " more=" + "x" * 9000
    assert digest([*rows[:-1], long][::-1]).newest_first


def test_where_the_order_is_seen_too_late_it_is_said() -> None:
    plain = ["a line of another program, without a time"] * 40_000
    found = digest(plain + [line for _, line in reversed(moments())])
    assert not found.newest_first
    assert [warning for warning in found.warnings if "go back from line to line" in warning]


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=60),
    st.data(),
    st.sampled_from(["bare", "journal short", "kubectl", "json"]),
)
def test_lines_that_overtake_each_other_turn_nothing(
    steps: list[int], data: st.DataObject, framing: str
) -> None:
    """Threads write a little out of order: forwards they go all the same."""
    moments = [START + timedelta(milliseconds=sum(steps[: n + 1])) for n in range(len(steps))]
    for place in data.draw(st.lists(st.integers(0, len(steps) - 2), max_size=2, unique_by=lambda n: n // 2)):
        moments[place : place + 2] = moments[place : place + 2][::-1]
    lines = [(moment, f"ts={moment:%Y-%m-%dT%H:%M:%S.%f}Z level=info msg=x") for moment in moments]
    assert order_of(FRAMINGS[framing](*line).encode() for line in lines) != "newest first"


def test_two_lines_that_changed_places_turn_no_bare_log() -> None:
    rows = [line for _, line in moments()]
    found = digest([rows[1], rows[0]])
    assert not found.newest_first
    assert not found.warnings


def test_a_log_without_times_has_no_order() -> None:
    assert order_of([b"one", b"two"] * 50) == ""
