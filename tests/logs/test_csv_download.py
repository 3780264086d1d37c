"""Grafana's CSV download is read like its other two."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs.csv_download import entries, is_csv_download
from analyzer.logs.digest import read_log
from analyzer.logs.model import LogDigest
from analyzer.logs.sniff import looks_like_log

LINES = [
    'ts=2026-11-22T21:57:15.1Z caller=main.go:193 level=info msg="Starting Cortex" version="(version=1.17.2, x=y)"',
    "plain words, with a comma",
    'ts=2026-11-22T21:57:16.1Z caller=i.go:1 level=error msg="unable to open TSDB" user=t1 '
    'err="failed to open TSDB: /d/t1: 2 errors: mmap, size 31301: cannot allocate memory; mmap, size 5: cannot '
    'allocate memory"',
    "two\nlines",
]
FIRST = 1795384635_100_000_000


def table(*rows: list[object], heading: list[str], **form: object) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", **form)  # type: ignore[arg-type]
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()


def digest(text: str) -> LogDigest:
    data = text.encode()
    return read_log(Member("Explore-logs.csv", len(data), data[:8192], iter((data,))))


def said(found: LogDigest) -> object:
    groups = [group for segment in found.segments for group in segment.failures]
    return found.hints.get("pod"), [
        (g.operation, g.tenant, g.members, dict(g.sizes), g.first_line) for g in groups
    ]


MILLISECONDS = [[FIRST // 10**6 + n, line] for n, line in enumerate(LINES)]
WANTED = [("startup_open", "t1", 2, {31301: 1, 5: 1}, 4)]
FORMS = [
    (table(*MILLISECONDS, heading=["Time", "Line"]), None),
    (table(*MILLISECONDS, heading=["Time", "Line"], quoting=csv.QUOTE_ALL).replace("\n", "\r\n"), None),
    ("\ufeff" + table(*MILLISECONDS, heading=["Time", "Line"]), None),
    (table(*([*row, "i-0"] for row in MILLISECONDS), heading=["Time", "Line", "pod"]), "i-0"),
    (
        table(
            *(["2026-11-22 22:57:15.100", line, FIRST + n, "1_a", "i-0"] for n, line in enumerate(LINES)),
            heading=["Time", "Line", "tsNs", "id", "pod"],
        ),
        "i-0",
    ),
    (table(*(["2026-11-22T21:57:15Z", line] for line in LINES), heading=["timestamp", "body"]), None),
]


@pytest.mark.parametrize(("text", "pod"), FORMS)
def test_the_columns_of_any_version_are_read(text: str, pod: str | None) -> None:
    assert looks_like_log("Explore-logs.csv", text.encode()[:8192])
    assert said(digest(text)) == (pod, WANTED)


def test_a_separator_line_is_no_row() -> None:
    text = "sep=;\n" + table(*MILLISECONDS, heading=["Time", "Line"], delimiter=";")
    assert said(digest(text)) == (None, [(*WANTED[0][:4], 5)])


def test_the_newest_row_may_stand_first() -> None:
    found = digest(table(*reversed(MILLISECONDS[:3]), heading=["Time", "Line"]))
    assert found.newest_first
    assert said(found) == (None, [(*WANTED[0][:4], 2)])
    assert len(found.segments) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"time,value\n1,2\n",
        b"Line,Total\n1,2\n",
        b"Time,Line",
        b"",
        b'"Time","Line',
        b"just a line, of text\n",
    ],
)
def test_other_tables_are_no_logs(head: bytes) -> None:
    assert not is_csv_download(head)


@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\0", blacklist_categories=("Cs",))), max_size=9)
)
def test_any_lines_come_back(lines: list[str]) -> None:
    text = table(*([FIRST, line] for line in lines), heading=["Time", "Line"])
    found = [json.loads(row) for _, _, row in entries(text)]
    assert [row["line"] for row in found] == lines


@given(st.binary(max_size=300), st.sampled_from([b"", b"Time,Line\n", b'"tsNs","Line","pod"\n']))
def test_garbage_never_raises(data: bytes, start: bytes) -> None:
    is_csv_download(start + data)
    list(entries((start + data).decode("utf-8", "replace")))


def test_a_row_of_a_million_cells_is_read_in_linear_time() -> None:
    assert len(list(entries("Time,Line\n" + "," * 3_000_000))) == 1
