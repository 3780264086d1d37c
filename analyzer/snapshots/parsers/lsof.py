"""``lsof``: open files and, in its ``mem`` rows, mapped files with their sizes.

    COMMAND    PID TID TASKCMD  USER  FD   TYPE DEVICE SIZE/OFF    NODE NAME
    cortex    2096                 0  cwd    DIR  254,0     4096       2 /
    cortex    2096                 0  mem    REG  254,0     4819 5685966 /data/tsdb/acme/01M82NC3FZTC4BCWD7YA4FRATC/index
    cortex    2096                 0  mem    REG  254,0      535 5580671 /data/tsdb/acme/01M82NC3FZTC4BCWD7YA4FRATC/chunks/000001
    cortex    2096                 0    3r   REG  254,0     4819 5685966 /data/tsdb/acme/01M82NC3FZTC4BCWD7YA4FRATC/index
    cortex    2096 2100 cortex     0    3r   REG  254,0     4819 5685966 /data/tsdb/acme/01M82NC3FZTC4BCWD7YA4FRATC/index

>>> from analyzer.snapshots.parsers import sample
>>> row = sample(PARSER, "sos_commands/process/lsof", __doc__)["by_pid"].value[2096]
>>> row.mem, row.fds, sorted(row.sizes), dict(row.by_kind)
(2, 1, [535, 4819], {'index': 1, 'chunks_segment': 1})

A file mapped twice is one ``mem`` row: a lower bound of the mappings. Rows of threads are left out.
``lsof -F`` output is read as well.
"""

from __future__ import annotations

import re
from functools import lru_cache

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    head_of,
    line_of,
    lines,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import LsofCount, Snapshot

_HEADING = lazy.pattern(rb"^COMMAND +PID .*\bFD +TYPE +DEVICE", re.MULTILINE)
_HEADING_TEXT = lazy.pattern(r"COMMAND +PID .*\bFD +TYPE +DEVICE.*")
_FIELDS = lazy.pattern(rb"p\d+\n(?:[a-zA-Z][^\n]*\n){2,}")
_FD = lazy.pattern(
    r"\d{1,9}[rwuRWUN-]?[rwuRWUN ]?|mem|DEL|cwd|rtd|txt|NOFD|err|mmap|ltx|pd|m86|jld|tr|v86|L\d\d"
)
_TYPE = lazy.pattern(r"[A-Za-z][\w.+-]*|0?\d{2,7}")
_REMEMBERED = 64  # characters of FD and TYPE
_MOST_PIDS = 20_000
_MOST_SIZES = 4096
_INDEX = lazy.pattern(r"/[0-9A-Z]{26}/index$")
_SEGMENT = lazy.pattern(r"/[0-9A-Z]{26}/chunks/\d{6}$")
_HEAD = lazy.pattern(r"/chunks_head/\d{6}$")


def _is_lsof(path: str, head: bytes) -> bool:
    return _HEADING.search(head) is not None or head.startswith(b"lsof: ")


def _is_fields(path: str, head: bytes) -> bool:
    return _FIELDS.match(head) is not None and b"\nf" in head


def kind_of(path: str) -> str:
    """The kind of a mapped file after its path."""
    bare = path.removesuffix(" (deleted)")
    if bare[-6:] == "/index":
        if _INDEX.search(bare):
            return "index"
    elif bare[-7:-6] == "/" and bare[-6:].isdigit():
        if _SEGMENT.search(bare):
            return "chunks_segment"
        if _HEAD.search(bare):
            return "head_chunk"
    return "library" if ".so" in path else "file_other"


class _Counts:
    """Rows by pid."""

    def __init__(self) -> None:
        self.by_pid: dict[int, LsofCount] = {}

    def add(self, pid: int, command: str, fd: str, size: str, name: str, line: int) -> None:
        row = self.by_pid.get(pid)
        if row is None:
            if len(self.by_pid) >= _MOST_PIDS:
                return
            row = self.by_pid[pid] = LsofCount(command, first_line=line)
        if fd in ("mem", "DEL", "mmap"):
            row.mem += 1
            row.by_kind[kind_of(name)] += 1
            if size.isdecimal() and len(size) < 20:
                number = int(size)
                if number in row.sizes or len(row.sizes) < _MOST_SIZES:
                    row.sizes[number] += 1
            row.deleted += fd == "DEL" or name.endswith("(deleted)")
        elif fd[:1].isdigit():
            row.fds += 1


# The same few words stand in every row.
@lru_cache(maxsize=1000)
def _is_fd(word: str) -> bool:
    return _FD.fullmatch(word) is not None


@lru_cache(maxsize=1000)
def _is_type(word: str) -> bool:
    return _TYPE.fullmatch(word) is not None


def _read_table(member: Member, counts: _Counts) -> int:
    with_tid = False
    count, before = 0, member.first_line - 1
    for number, line in lines(member):
        words = line.split(None, 8)
        if len(words) < 7:
            continue
        if not words[1].isdecimal() or len(words[1]) > 10:
            if words[0] == "COMMAND" and _HEADING_TEXT.match(line):
                with_tid = " TID " in line
            continue
        if not (_is_fd(words[3][:_REMEMBERED]) and _is_type(words[4][:_REMEMBERED])):
            continue  # a thread's row, or lsof's own words
        if with_tid and words[2].isdigit() and _is_fd(words[5][:_REMEMBERED]):
            continue
        count += 1
        size = words[6] if len(words) > 8 else ""
        counts.add(int(words[1]), words[0], words[3], size, words[-1], number + before)
    return count


def _read_fields(member: Member, counts: _Counts) -> int:
    pid, command, fd, size, start, count = 0, "", "", "", 0, 0
    thread = False
    for number, line in lines(member):
        key, value = line[:1], line[1:]
        if key == "p":
            pid, command, fd, thread = int(value[:10]) if value.isdecimal() else 0, "", "", False
        elif key == "K":
            thread = True
        elif key == "c":
            command = value
        elif key == "f":
            fd, size, start = value, "", line_of(member, number)
        elif key == "s":
            size = value
        elif key == "n" and fd and pid and not thread:
            counts.add(pid, command, fd, size, value, start)
            count += 1
            fd = ""
    return count


def read_lsof(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``by_pid``."""
    counts = _Counts()
    head = head_of(member)
    count = _read_fields(member, counts) if _is_fields(member.path, head) else _read_table(member, counts)
    if not counts.by_pid:
        return [unreadable(member, "lsof", "by_pid", refusal(head) or "no rows in it")]
    quoted = f"{count} rows of {len(counts.by_pid)} processes"
    return [
        snapshot(member, "lsof", {"by_pid": Present(counts.by_pid, evidence(member, None, quoted))}, pid=None)
    ]


PARSER = SnapshotParser(
    kind="lsof",
    main="by_pid",
    markers=("lsof", "lsof*", "*lsof"),
    confirm=lambda path, head: _is_lsof(path, head) or _is_fields(path, head),
    parse=read_lsof,
    strong=lambda path, head: _HEADING.match(head) is not None,
)
