"""``ulimit -a``: the limits of the shell that ran it, not of the process. They say nothing of it.

    core file size              (blocks, -c) 0
    data seg size               (kbytes, -d) unlimited
    max locked memory           (kbytes, -l) 8192
    open files                          (-n) 20000
    max user processes                  (-u) 96365
    virtual memory              (kbytes, -v) unlimited

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/process/ulimit_-a", __doc__)
>>> facts["nofile"].value, facts["memlock"].value, facts["address_space"].value
((20000, 20000), (8388608, 8388608), (inf, inf))

dash and busybox write ``time(seconds)        unlimited``; both forms are read. Only the soft limit is
shown; it stands for both.
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, to_limit, unreadable
from analyzer.snapshots.model import Snapshot

_BASH = lazy.pattern(r"(.+?)\s*\((?:([\w ]+), )?-([a-zA-Z])\)\s+(unlimited|-?\d+)\s*")
_DASH = lazy.pattern(r"(?:-[a-z]: )?([a-z][a-z ]+?)\s?\((\w+)\)\s+(unlimited|\d+)\s*")
_FLAGS = {"c": "core", "d": "data", "f": "fsize", "l": "memlock", "m": "rss", "n": "nofile", "s": "stack",
          "u": "nproc", "v": "address_space", "x": "locks", "q": "msgqueue", "i": "sigpending"}  # fmt: skip
_WORDS = {"data": "data", "stack": "stack", "coredump": "core", "memory": "rss", "locked memory": "memlock",
          "process": "nproc", "nofiles": "nofile", "vmemory": "address_space", "locks": "locks",
          "file": "fsize"}  # fmt: skip
_UNITS = {"kbytes": 1024, "blocks": 512, "512 bytes": 512, "bytes": 1, "kb": 1024}


def _is_ulimit(path: str, head: bytes) -> bool:
    bash = b"open files" in head and b"(-n)" in head
    return (bash or (b"nofiles" in head and b"vmemory(kbytes)" in head)) and not head.startswith(b"{")


def read_ulimit(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: (soft, soft) by name, sizes in bytes."""
    values: dict[str, Fact[Any]] = {}
    for number, line in lines(member):
        bash, dash = _BASH.fullmatch(line), None
        if bash is not None:
            name, unit, amount = _FLAGS.get(bash[3]), bash[2] or "", bash[4]
        else:
            dash = _DASH.fullmatch(line)
            if dash is None:
                continue
            name, unit, amount = _WORDS.get(dash[1]), dash[2], dash[3]
        value = to_limit(amount)
        if name is None or value is None:
            continue
        factor = 1024 if name == "core" and unit == "blocks" and bash else _UNITS.get(unit, 1)
        value = value if value == float("inf") else value * factor
        values.setdefault(name, present((value, value), member, number, line))
    if not values:
        return [unreadable(member, "ulimit", "nofile", "empty or garbled")]
    return [snapshot(member, "ulimit", values)]


PARSER = SnapshotParser(
    kind="ulimit",
    main="nofile",
    markers=("ulimit", "ulimit*"),
    confirm=_is_ulimit,
    parse=read_ulimit,
    strong=lambda path, head: _is_ulimit(path, head) and head.count(b"\n") < 40,
)
