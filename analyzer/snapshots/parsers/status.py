"""``/proc/PID/status``.

    Name:	prometheus
    State:	S (sleeping)
    Tgid:	22027
    Pid:	22027
    PPid:	26752
    FDSize:	512
    NSpid:	22027	1
    VmPeak:	 1345696 kB
    VmSize:	 1281736 kB
    VmLck:	       0 kB
    VmData:	  115720 kB
    Threads:	8

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/22027/status", __doc__)
>>> facts["vm_size"].value, facts["nspid"].value, facts["state"].value, facts["threads"].value
(1312497664, (22027, 1), 'S', 8)

A zombie, or a process whose memory is being torn down, has no ``Vm`` rows: those facts are not there.
"""

from __future__ import annotations

import re
from typing import Any

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
    to_int,
    unreadable,
)
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import pid_of

_START = lazy.pattern(rb"^Name:[ \t]*\S.*(?:\n.*){1,6}^(?:State|Pid|Tgid):", re.MULTILINE)
_KILOBYTES = {
    "VmPeak": "vm_peak", "VmSize": "vm_size", "VmLck": "vm_lck", "VmPin": "vm_pin", "VmHWM": "vm_hwm",
    "VmRSS": "vm_rss", "RssAnon": "rss_anon", "RssFile": "rss_file", "RssShmem": "rss_shmem",
    "VmData": "vm_data", "VmStk": "vm_stk", "VmExe": "vm_exe", "VmLib": "vm_lib", "VmPTE": "vm_pte",
    "VmSwap": "vm_swap",
}  # fmt: skip
_NUMBERS = {"Pid": "pid", "Tgid": "tgid", "PPid": "ppid", "FDSize": "fdsize", "Threads": "threads"}
_TEXTS = {"Name": "name", "CapEff": "cap_eff"}


def looks_like_status(path: str, head: bytes) -> bool:
    """``Name:`` first, ``State:`` or a pid soon after."""
    return (
        head[:5] == b"Name:" and b"\nState:" in head and _START.match(head) is not None and b"\nPid:" in head
    )


def read_status(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot; sizes in bytes, ``nspid`` from the outermost pid namespace to the innermost."""
    table = Table()
    for number, line in lines(member):
        key, colon, rest = line.partition(":")
        if not colon:
            continue
        found = _value(key.strip(), rest.strip())
        if key == "Name":
            table.begin()
        if found is not None:
            table.add(found[0], present(found[1], member, number, line))
        if number > 200:
            break
    values = table.values
    if table.several:
        return [unreadable(member, "status", "state", of_several("the status"))]
    if not values:
        return [unreadable(member, "status", "state", refusal(bytes(member.head)) or "empty or garbled")]
    pid = pid_of(member.path)
    if pid is None and "pid" in values:
        pid = values["pid"].value  # type: ignore[union-attr]
    return [snapshot(member, "status", values, pid=pid)]


def _value(key: str, rest: str) -> tuple[str, Any] | None:
    """(name, value) of one row, None for rows that are not kept or not whole."""
    if key in _KILOBYTES:
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            size = to_int(words[0])
            return None if size is None else (_KILOBYTES[key], size << 10)
        return None
    if key in _NUMBERS:
        value = to_int(rest)
        return None if value is None else (_NUMBERS[key], value)
    if key == "NSpid":
        pids = [to_int(word) for word in rest.split()]
        return ("nspid", tuple(pids)) if pids and None not in pids else None
    if key == "State":
        return ("state", rest[:1]) if rest else None
    return (_TEXTS[key], rest) if key in _TEXTS and rest else None


PARSER = SnapshotParser(
    kind="status",
    main="state",
    markers=("proc/*/status", "status"),
    confirm=lambda path, head: head[:5] == b"Name:" or ("proc" in path and is_refused_or_empty(head)),
    parse=read_status,
    strong=looks_like_status,
)
