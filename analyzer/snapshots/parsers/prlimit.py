"""``prlimit --pid PID``.

    RESOURCE   DESCRIPTION                             SOFT      HARD UNITS
    AS         address space limit               8589934592 unlimited bytes
    DATA       max data size                      unlimited unlimited bytes
    MEMLOCK    max locked-in-memory address space   8388608   8388608 bytes
    NOFILE     max number of open files               20000     20000 files
    NPROC      max number of processes                96365     96365 processes

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/process/prlimit", __doc__)
>>> facts["address_space"].value, facts["nofile"].value
((8589934592, inf), (20000, 20000))

The text names no process: its pid is the path's, or stays open.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots.base import (
    SnapshotParser,
    Table,
    is_refused_or_empty,
    lines,
    of_several,
    present,
    refusal,
    snapshot,
    to_limit,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_NAMES = {
    "AS": "address_space", "CORE": "core", "CPU": "cpu", "DATA": "data", "FSIZE": "fsize", "LOCKS": "locks",
    "MEMLOCK": "memlock", "MSGQUEUE": "msgqueue", "NICE": "nice", "NOFILE": "nofile", "NPROC": "nproc",
    "RSS": "rss", "RTPRIO": "rtprio", "RTTIME": "rttime", "SIGPENDING": "sigpending", "STACK": "stack",
}  # fmt: skip
_ROW = lazy.pattern(r"([A-Z]+)\s.*?\s(unlimited|\d+)\s+(unlimited|\d+)\s+(\S.*)?")


def _is_prlimit(path: str, head: bytes) -> bool:
    return re.match(rb"\s*RESOURCE +DESCRIPTION", head) is not None


def read_prlimit(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: (soft, hard) by name, in the units of the text (bytes, files, processes)."""
    table = Table()
    for number, line in lines(member):
        if line.lstrip().startswith("RESOURCE "):
            table.begin()
        match = _ROW.match(line)
        name = _NAMES.get(match[1]) if match is not None else None
        if match is None or name is None or (not match[4] and name not in ("nice", "rtprio")):
            continue
        soft, hard = to_limit(match[2]), to_limit(match[3])
        if soft is not None and hard is not None:
            table.add(name, present((soft, hard), member, number, line))
    if table.several:
        return [unreadable(member, "prlimit", "address_space", of_several("the limits"))]
    if not table.values:
        why = refusal(bytes(member.head)) or "empty or garbled"
        return [unreadable(member, "prlimit", "address_space", why)]
    return [snapshot(member, "prlimit", table.values)]


PARSER = SnapshotParser(
    kind="prlimit",
    main="address_space",
    markers=("prlimit", "prlimit*"),
    confirm=lambda path, head: _is_prlimit(path, head) or is_refused_or_empty(head),
    parse=read_prlimit,
    strong=_is_prlimit,
)
