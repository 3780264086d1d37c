"""``ps`` with any columns: who else runs, and with how much memory and how many threads.

    USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
    root         2  0.0  0.0      0     0 ?        S    21:26   0:00 [kthreadd]
    cortex    2096 12.0  8.1 1281736 43172 ?       Sl   21:40   0:31 /bin/cortex -target=ingester -config.file=/etc/c.yaml

>>> from analyzer.snapshots.parsers import sample
>>> for process in sample(PARSER, "sos_commands/process/ps_auxwww", __doc__)["processes"].value:
...     print(process.pid, process.rss, process.vsz, process.command[:11], process.line)
2 0 0 [kthreadd] 2
2096 44208128 1312497664 /bin/cortex 3
"""

from __future__ import annotations

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    first_line,
    line_of,
    lines,
    snapshot,
    to_int,
    unreadable,
)
from analyzer.snapshots.model import PsProcess, Snapshot

_HEADING = lazy.pattern(r"\s*(?:\S+\s+)*?(?:PID|pid)\b.*(?:COMMAND|CMD|comm|COMM)\b.*")
_NOT_PS = lazy.pattern(r"\bFD\s+TYPE\b|\bRESTARTS\b|\bNODE\b")
_MULTI = {"STARTED": 5}
_MOST = 20_000
_COMMANDS = ("COMMAND", "CMD", "comm", "COMM")


def _is_ps(path: str, head: bytes) -> bool:
    line = first_line(head).decode("utf-8", "replace")
    return _HEADING.fullmatch(line) is not None and _NOT_PS.search(line) is None


def _strong(path: str, head: bytes) -> bool:
    line = first_line(head).decode("utf-8", "replace")
    words = line.split()
    return (
        _is_ps(path, head)
        and len(words) >= 3
        and {"PID", "pid"} & set(words[:8]) != set()
        and (words[-1] in _COMMANDS)
    )


def read_ps(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``processes``, one per pid; rows of threads add to its ``threads``."""
    names: list[str] = []
    column = 0
    found: dict[int, PsProcess] = {}
    threads: dict[int, int] = {}
    for number, line in lines(member):
        if not names:
            if _HEADING.fullmatch(line):
                names = line.split("\t") if "\t" in line else line.split()
                column = next((line.index(n) for n in _COMMANDS if n in names), len(line))
            continue
        row = _row(line, names, column, line_of(member, number))
        if row is None:
            continue
        threads[row.pid] = threads.get(row.pid, 0) + 1
        if row.pid not in found and len(found) < _MOST:
            found[row.pid] = row
    if not found:
        return [unreadable(member, "ps", "processes", "no process in it")]
    if "LWP" in names or "SPID" in names:
        found = {p: replace(row, threads=row.threads or threads[p]) for p, row in found.items()}
    quoted = f"{len(found)} processes"
    where = evidence(member, None, quoted)
    return [snapshot(member, "ps", {"processes": Present(tuple(found.values()), where)}, pid=None)]


def _row(line: str, names: list[str], column: int, number: int) -> PsProcess | None:
    words = line.split("\t") if "\t" in line and len(line.split("\t")) == len(names) else line.split()
    cells: dict[str, str] = {}
    at = 0
    for name in names:
        if at >= len(words):
            break
        cells.setdefault(name.lower(), words[at])
        at += _width(name, words, at)
    pid = to_int(cells.get("pid", ""))
    if pid is None or pid < 0:
        return None
    tsv = "\t" in line
    command = cells.get("comm", "") if tsv else line[column:].strip() or words[-1]
    unit = 1 if tsv else 1024
    rss, vsz = to_int(cells.get("rss", "")), to_int(cells.get("vsz", cells.get("vsize_bytes", "")))
    pages = to_int(cells.get("rss_pages", ""))
    return PsProcess(
        pid=pid,
        command=command,
        line=number,
        ppid=to_int(cells.get("ppid", "")),
        rss=rss * unit if rss is not None else pages * 4096 if pages is not None else None,
        vsz=vsz * unit if vsz is not None else None,
        threads=to_int(cells.get("nlwp", cells.get("threads", cells.get("thcnt", "")))),
        state=cells.get("stat", cells.get("s", cells.get("state", ""))),
        user=cells.get("user", cells.get("uid", "")),
    )


def _width(name: str, words: list[str], at: int) -> int:
    """``lstart`` is five words (``Sun Nov 22 21:26:46 2026``); all else is one."""
    return _MULTI.get(name, 1) if name == "STARTED" and words[at][:3].isalpha() and len(words[at]) == 3 else 1


PARSER = SnapshotParser(
    kind="ps",
    main="processes",
    markers=("ps", "ps_*", "ps-*", "processes.tsv", "processes", "*_ps", "top"),
    confirm=_is_ps,
    parse=read_ps,
    strong=_strong,
)
