"""Grafana's CSV download: one log line a row, its cells quoted where they must be.

    "Time","Line","tsNs","pod"
    1795384636316,"ts=2026-11-22T21:57:16.3138Z level=error msg=""unable to open TSDB"" ...",1795384636316000000,i-0

The columns differ by version and data source; one is the line, one or more are times, some are labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from analyzer import lazy
from analyzer.clock import parse_stamp
from analyzer.logs.framing_types import LABELS
from analyzer.logs.stamps import payload_stamp

_LINES = ("line", "body")
_TIMES = ("tsns", "timestamp", "@timestamp", "time", "date")  # the most precise first
_MARK = "\ufeff"
_SEPARATOR = lazy.pattern(r"sep=([,;\t])\r?\n")  # what Excel is told
_CELL = lazy.pattern(r'"(?P<quoted>[^"]*+(?:""[^"]*+)*)"?|')
_MOST_HEADING = 4096
_MOST_CELLS = 1000  # of a row; no download has as many

Row = tuple[int, list[str]]


def is_csv_download(head: bytes) -> bool:
    """Whether ``head`` begins with a heading of columns that has a time and a log line in it."""
    text = head[:_MOST_HEADING].decode("utf-8", "replace").removeprefix(_MARK)
    if not (text[:1].isalpha() or text[:1] in ('"', "@")) or "\n" not in text:
        return False
    found = next(_table(text), None)
    return found is not None and columns(found[1]) is not None


def columns(heading: Sequence[str]) -> tuple[int, tuple[int, ...], Mapping[int, str]] | None:
    """Which columns are the line, the times, and labels that say where a line comes from, by a heading."""
    names = {name.strip().lower(): place for place, name in reversed([*enumerate(heading)])}
    line = next((names[name] for name in _LINES if name in names), None)
    times = tuple(names[name] for name in _TIMES if name in names)
    if line is None or not times:
        return None
    return line, times, {place: name for name, place in names.items() if name in LABELS}


def entries(text: str) -> Iterator[tuple[int, int, bytes]]:
    """(nanoseconds, physical line, logcli's JSON line) of each row, however the text ends."""
    rows = _table(text)
    first = next(rows, None)
    found = columns(first[1]) if first is not None else None
    if found is None:
        return
    line, times, labels = found
    for number, cells in rows:
        if len(cells) <= line:
            continue
        cells += [""] * (1 + max(line, *times, *labels) - len(cells))
        written = next((cells[place] for place in times if parse_stamp(cells[place])), "")
        moment = parse_stamp(written) or payload_stamp(cells[line])
        kept = {name: cells[place] for place, name in labels.items() if cells[place]}
        entry = {"labels": kept, "line": cells[line], "timestamp": written}
        yield (moment.ns if moment else 0), number, json.dumps(entry).encode() + b"\n"


def _table(text: str) -> Iterator[Row]:
    """(physical line, cells) of each row; a cell without its closing quote goes to the end of the text."""
    text = text.removeprefix(_MARK)
    mark = _SEPARATOR.match(text)
    comma = mark[1] if mark else ","
    position, number = (mark.end(), 2) if mark else (0, 1)
    newline = -1
    while position < len(text):
        cells: list[str] = []
        first = number
        while position <= len(text):
            cell = _CELL.match(text, position)
            quoted = cell["quoted"] if cell else None
            start = position if cell is None else cell.end()
            if newline < start:
                newline = text.find("\n", start)
                newline = len(text) if newline < 0 else newline
            following = text.find(comma, start, newline) if len(cells) < _MOST_CELLS else -1
            end = newline if following < 0 else following
            if quoted is None:
                cells.append(text[start:end].rstrip("\r"))
            else:
                cells.append(quoted.replace('""', '"'))
                number += quoted.count("\n")
            position = end + 1
            if following < 0:
                break
        number += 1
        if cells != [""]:
            yield first, cells
