"""``/proc/PID/stat``: one line of numbers; ``starttime`` ties the process to the boot.

    26753 (prometheus) S 26752 26747 3065 0 -1 4194560 4524 0 8 0 4 24 0 0 20 0 8 0 94009 1312497664 10728

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/26753/stat", __doc__)
>>> facts["starttime"].value, facts["vsize"].value, facts["threads"].value, facts["comm"].value
(94009, 1312497664, 8, 'prometheus')

``starttime`` is in clock ticks since boot (100 a second on every common kernel); the command may hold
blanks and brackets, so the fields are counted from the last bracket.
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import (
    SnapshotParser,
    head_of,
    is_refused_or_empty,
    of_several,
    present,
    refusal,
    refused,
    snapshot,
    text,
    unreadable,
)
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import pid_of

_LINE = lazy.pattern(rb"\d{1,10} \(.{0,64}\) [A-Za-z] \d+ -?\d+ -?\d+ ", re.DOTALL)
_ROW = lazy.pattern(r"^\d{1,10} \(.*\) [A-Za-z] \d+ .*\n?", re.MULTILINE)
_FIELDS = {"ppid": 1, "threads": 17, "starttime": 19, "vsize": 20, "rss_pages": 21}


def looks_like_stat(path: str, head: bytes) -> bool:
    """``PID (comm) S PPID ...``."""
    return _LINE.match(head) is not None


def read_stat(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot; ``vsize`` in bytes, ``starttime`` in ticks."""
    line = text(member, 4096)
    rows = _ROW.findall(line)
    if len(set(rows)) > 1:
        return [unreadable(member, "stat", "starttime", of_several("the state"))]
    line = rows[0] if len(rows) > 1 else line
    opening, closing = line.find("("), line.rfind(")")
    if not 0 < opening < closing or refused(head_of(member)) is not None:
        return [unreadable(member, "stat", "starttime", refusal(bytes(member.head)) or "empty or garbled")]
    words = line[closing + 1 :].split()
    values: dict[str, Fact[Any]] = {"comm": present(line[opening + 1 : closing], member, 1, line)}
    if words:
        values["state"] = present(words[0], member, 1, line)
    whole = line.endswith("\n")
    for name, at in _FIELDS.items():
        if (at < len(words) - 1 or (whole and at < len(words))) and words[at].isdecimal():
            values[name] = present(int(words[at]), member, 1, line)
    own = line[:opening].strip()
    pid = pid_of(member.path) or (int(own) if own.isdecimal() and len(own) <= 10 else None)
    return [snapshot(member, "stat", values, pid=pid)]


PARSER = SnapshotParser(
    kind="stat",
    main="starttime",
    markers=("proc/*/stat", "stat"),
    confirm=lambda path, head: looks_like_stat(path, head) or ("proc/" in path and is_refused_or_empty(head)),
    parse=read_stat,
)
