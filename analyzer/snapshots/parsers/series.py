"""A mapping count over time: our script's ``counts.tsv``, a ``series.csv``, or a loop of date and count.

    time	pid	count	limit	vm_size_kb	fds
    2026-11-23T00:08:03.36Z	6145	15980	16000	5548	-
    2026-11-23T00:08:04.36Z	6145	16002	16000	5548	9

>>> from analyzer.snapshots.parsers import member_of, sample
>>> points = sample(PARSER, "series/counts.tsv", __doc__)["points"].value
>>> [(p.count, p.pid, p.limit, p.line) for p in points], points[1].values["fds"]
([(15980, 6145, 16000, 2), (16002, 6145, 16000, 3)], 9)
>>> loop = b"Sun Nov 22 22:18:00 UTC 2026\\n16002 /proc/7/maps\\nSun Nov 22 22:18:01 UTC 2026\\n63 /proc/7/maps\\n"
>>> [(p.time.iso(), p.count, p.pid) for p in PARSER.read(member_of("loop.txt", loop))[0].values["points"].value]
[('2026-11-22T22:18:00Z', 16002, 7), ('2026-11-22T22:18:01Z', 63, 7)]

Columns are known by their names; ``_kb`` columns become bytes. A long series is thinned: its
extremes and the last points of each process stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present, Stamp
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    first_line,
    head_of,
    line_of,
    lines,
    snapshot,
    to_int,
    unreadable,
)
from analyzer.snapshots.model import SeriesPoint, Snapshot
from analyzer.snapshots.moments import moment

_TIMES = frozenset({"time", "timestamp", "ts", "date", "datetime", "t", "when", "epoch"})
_COUNTS = frozenset(
    {"count", "maps", "mappings", "map_count", "maps_count", "maps_lines", "lines", "nr_maps", "n_maps", "nmaps",
     "n", "vmas", "process_memory_map_areas"}
)  # fmt: skip
_LIMITS = frozenset({"limit", "max_map_count", "vm.max_map_count", "max", "process_memory_map_areas_limit"})
_COUNT_LINE = lazy.pattern(r"(?:(\S.*?)[\s,;]+)?(\d{1,9})(?:\s+(?:\S*/)?proc/(\d{1,10})/maps)?\s*")
_MAYBE = lazy.pattern(
    rb"\s*(?:[^\n]*(?:time|ts|date|when|epoch|\bt\b)|[^\n]{6,30}\d\d:\d\d|1\d{9})", re.IGNORECASE
)
_MOST = 50_000
_KEEP_LAST = 1000


def _columns(line: str) -> tuple[list[str], str] | None:
    """(names, separator) of a heading that has a time and a count."""
    for separator in ("\t", ",", ";", "|"):
        names = [name.strip().strip('"').lower() for name in line.split(separator)]
        if len(names) > 1 and _TIMES & set(names) and _COUNTS & set(names):
            return names, separator
    names = line.lower().split()
    return (names, "") if _TIMES & set(names) and _COUNTS & set(names) else None


def _is_loop(head: bytes) -> bool:
    """Dates and counts in turn, or in one line."""
    rows = [row for row in head[:2048].decode("utf-8", "replace").split("\n")[:6] if row.strip()]
    if len(rows) < 2:
        return False
    found = [_point(row) for row in rows[:4]]
    if all(stamp is not None and count is not None for stamp, count, _ in found[:2]):
        return True
    return (
        found[0][0] is not None
        and found[0][1] is None
        and found[1][1] is not None
        and found[1][2] is not None
    )


def _point(line: str) -> tuple[Stamp | None, int | None, int | None]:
    """(time, count, pid) as far as one line of a loop states them."""
    line = line.strip()
    whole = moment(line) if not line.isdigit() else None
    if whole is not None:
        return whole, None, None
    match = _COUNT_LINE.fullmatch(line)
    if match is None:
        return None, None, None
    stamp = moment(match[1]) if match[1] else None
    if match[1] and stamp is None:
        return None, None, None
    return stamp, int(match[2]), int(match[3]) if match[3] else None


def _is_series(path: str, head: bytes) -> bool:
    """A heading with a time and a count over a row that has both, or a loop."""
    if _MAYBE.match(head[:400]) is None:
        return False
    rows = [row for row in head[:4096].decode("utf-8", "replace").split("\n")[:3] if row.strip()]
    heading = _columns(rows[0]) if rows and len(rows[0]) < 1000 else None
    if heading is None:
        return _is_loop(head)
    names, separator = heading
    if len(rows) < 2:
        return bool(separator)
    cells = rows[1].split(separator) if separator else rows[1].split()
    return len(cells) == len(names)


def _read_table(member: Member, names: list[str], separator: str) -> Iterator[SeriesPoint]:
    time_at = next(i for i, name in enumerate(names) if name in _TIMES)
    count_at = next(i for i, name in enumerate(names) if name in _COUNTS)
    limit_at = next((i for i, name in enumerate(names) if name in _LIMITS), None)
    pid_at = names.index("pid") if "pid" in names else None
    used = {time_at, count_at, limit_at, pid_at}
    for number, line in lines(member):
        cells = [cell.strip().strip('"') for cell in (line.split(separator) if separator else line.split())]
        if len(cells) != len(names):
            continue
        count = to_int(cells[count_at])
        if count is None:
            continue
        others: dict[str, int] = {}
        for i, name in enumerate(names):
            value = to_int(cells[i]) if i not in used else None
            if value is not None:
                others[name.removesuffix("_kb")] = value * 1024 if name.endswith("_kb") else value
        yield SeriesPoint(
            time=moment(cells[time_at]),
            count=count,
            pid=to_int(cells[pid_at]) if pid_at is not None else None,
            limit=to_int(cells[limit_at]) if limit_at is not None else None,
            line=line_of(member, number),
            values=others,
        )


def _read_loop(member: Member) -> Iterator[SeriesPoint]:
    last: Stamp | None = None
    for number, line in lines(member):
        stamp, count, pid = _point(line)
        if stamp is not None:
            last = stamp
        if count is not None:
            yield SeriesPoint(time=stamp or last, count=count, pid=pid, line=line_of(member, number))


def read_series(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``points`` in the order of the text."""
    heading = _columns(first_line(head_of(member)).decode("utf-8", "replace"))
    points: list[SeriesPoint] = []
    step, seen = 1, 0
    highest: dict[int | None, SeriesPoint] = {}
    tail: list[SeriesPoint] = []
    for point in _read_table(member, *heading) if heading is not None else _read_loop(member):
        seen += 1
        best = highest.get(point.pid)
        if (best is None and len(highest) < 1000) or (best is not None and point.count > best.count):
            highest[point.pid] = point
        tail.append(point)
        if len(tail) > 2 * _KEEP_LAST:
            del tail[:_KEEP_LAST]
        if seen % step == 0:
            points.append(point)
            if len(points) > _MOST:
                points, step = points[::2], step * 2
    if not points:
        return [unreadable(member, "series", "points", "no count in it")]
    if step > 1:
        kept = {p.line: p for p in (*points, *highest.values(), *tail[-_KEEP_LAST:])}
        points = [kept[line] for line in sorted(kept, key=lambda n: n or 0)]
    top = max(points, key=lambda p: p.count)
    where = evidence(member, top.line, f"{seen} samples, highest {top.count}")
    return [snapshot(member, "series", {"points": Present(tuple(points), where)}, pid=None)]


PARSER = SnapshotParser(
    kind="series",
    main="points",
    markers=("series/counts.tsv", "counts.tsv", "series.csv", "series.tsv", "*series*.csv", "*maps*.csv", "*maps*.tsv",
             "map_counts.*", "*maps_watch*", "*maps_over_time*"),
    confirm=_is_series,
    parse=read_series,
    strong=_is_series,
)  # fmt: skip
