"""How many descriptors are open: a count (``fd_count.txt``), or a listing of ``/proc/PID/fd``.

    total 0
    lrwx------ 1 root root 64 Nov 22 21:54 0 -> /dev/null
    lr-x------ 1 root root 64 Nov 22 21:54 3 -> /data/tsdb/team-1/01M82K54DEY807G2PMY2JMGVJN/index
    lrwx------ 1 root root 64 Nov 22 21:54 7 -> socket:[8314]
    lrwx------ 1 root root 64 Nov 22 21:54 8 -> anon_inode:[eventpoll]

>>> from analyzer.snapshots.parsers import member_of, sample
>>> facts = sample(PARSER, "proc/26753/fd", __doc__)
>>> facts["fds"].value, sorted(facts["fd_types"].value.items())
(4, [('anon_inode', 1), ('device', 1), ('file', 1), ('socket', 1)])
>>> PARSER.read(member_of("proc/26753/fd_count.txt", b"344\\n"))[0].values["fds"].value
344
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    first_line,
    head_of,
    is_refused_or_empty,
    lines,
    of_several,
    present,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_LINK = lazy.pattern(r"l[-rwx]{9}\S?\s.*?\s(\d+) -> (.*)")
_LINK_BYTES = lazy.pattern(rb"^l[-rwx]{9}\S?\s[^\n]*\s\d+ -> [^\n]", re.MULTILINE)
_TYPES = lazy.pattern(rb"(?:file|socket|pipe|anon_inode|device|deleted) \d+\n")
_NUMBER = lazy.pattern(r"\s*(\d{1,9})(?:\s+\S*fd/?)?\s*")


def _type_of(target: str) -> str:
    for start, name in (
        ("socket:", "socket"),
        ("pipe:", "pipe"),
        ("anon_inode:", "anon_inode"),
        ("/dev/", "device"),
    ):
        if target.startswith(start):
            return name
    return "file"


def _is_listing(path: str, head: bytes) -> bool:
    rows = len(_LINK_BYTES.findall(head))
    return rows > 0 and rows >= head.count(b"\n") - 3


def _confirm(path: str, head: bytes) -> bool:
    line = first_line(head).decode("utf-8", "replace")
    if _TYPES.match(head) is not None:
        return True
    return _is_listing(path, head) or _NUMBER.fullmatch(line) is not None or is_refused_or_empty(head)


def _read_types(member: Member) -> dict[str, Fact[Any]]:
    """A collector's own table: ``file 331``, one type a line; ``deleted`` is of the others."""
    types: dict[str, int] = {}
    last, quoted = 0, ""
    for number, line in lines(member):
        words = line.split()
        if len(words) == 2 and words[1].isdecimal() and len(words[1]) < 10:
            types[words[0]] = int(words[1])
            last, quoted = number, line
    if not types:
        return {}
    where = evidence(member, last, quoted)
    deleted = types.pop("deleted", None)
    values: dict[str, Fact[Any]] = {"fd_types": Present(types, where)}
    if deleted is not None:
        values["fd_deleted"] = Present(deleted, where)
    return values


def read_fds(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``fds``, and ``fd_types`` and ``fd_deleted`` from a listing."""
    if _TYPES.match(head_of(member)) is not None:
        return [snapshot(member, "fd_count", _read_types(member))]
    types: Counter[str] = Counter()
    deleted = last = totals = 0
    quoted = first = ""
    counts: dict[str, Fact[Any]] = {}
    for number, line in lines(member):
        link = _LINK.match(line)
        if link is None:
            totals += line.startswith("total ")
            count = _NUMBER.fullmatch(line) if not types else None
            if count is not None and count[1] not in counts and not _is_listing(member.path, head_of(member)):
                counts[count[1]] = present(int(count[1]), member, number, line)
            if len(counts) > 1 or totals > 1:
                return [unreadable(member, "fd_count", "fds", of_several("the descriptors"))]
            continue
        if link[1] == first:  # each process's listing begins with its lowest, mostly 0
            return [unreadable(member, "fd_count", "fds", of_several("the descriptors"))]
        first = first or link[1]
        types[_type_of(link[2])] += 1
        deleted += link[2].endswith(" (deleted)")
        last, quoted = number, line
    if not types and counts:
        return [snapshot(member, "fd_count", {"fds": fact}) for fact in counts.values()]
    if not types:
        return [unreadable(member, "fd_count", "fds", refusal(bytes(member.head)) or "empty")]
    where = evidence(member, last, quoted)
    values: dict[str, Fact[Any]] = {
        "fds": Present(types.total(), where),
        "fd_types": Present(dict(types), where),
        "fd_deleted": Present(deleted, where),
    }
    return [snapshot(member, "fd_count", values)]


PARSER = SnapshotParser(
    kind="fd_count",
    main="fds",
    markers=(
        "fd_count",
        "proc/*/fd",
        "fd",
        "fds",
        "fd_list",
        "fd_types",
        "open_fds",
        "*fd_count*",
        "ls_l_fd",
        "ls_*_fd",
    ),
    confirm=_confirm,
    parse=read_fds,
    strong=_is_listing,
)
