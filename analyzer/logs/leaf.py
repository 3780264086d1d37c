"""The innermost text of an error: which system call failed, on what, with which errno.

    mmap files, file: /data/t1/chunks_head/000040: mmap, size 131072: cannot allocate memory
    try lock file: open /data/t1/01G0P1FM80185GR38E1W8124GK/index: too many open files
    corruption in segment /data/wal/00000123 at 1048576: unexpected checksum a1b2, expected c3d4

Everything before the leaf is a chain of prefixes, joined by ``": "``. Paths may hold ``": "`` too, so
prefixes that end in a path are recognised by what may follow them, not by the next colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from analyzer import lazy
from analyzer.logs.model import Leaf

HEAD_CHUNK_BYTES = 134_217_728
"""Size of a head chunk file that is being cut: a constant of the TSDB, 128 MiB."""

# Go's wording (syscall/zerrors_linux_*), glibc's differs by capitals only. The last rows are Windows'.
ERRNO_TEXTS: Mapping[str, str] = {
    "operation not permitted": "EPERM",
    "no such file or directory": "ENOENT",
    "input/output error": "EIO",
    "no such device or address": "ENXIO",
    "bad file descriptor": "EBADF",
    "resource temporarily unavailable": "EAGAIN",
    "cannot allocate memory": "ENOMEM",
    "permission denied": "EACCES",
    "bad address": "EFAULT",
    "device or resource busy": "EBUSY",
    "file exists": "EEXIST",
    "no such device": "ENODEV",
    "not a directory": "ENOTDIR",
    "is a directory": "EISDIR",
    "invalid argument": "EINVAL",
    "too many open files in system": "ENFILE",
    "too many open files": "EMFILE",
    "file too large": "EFBIG",
    "no space left on device": "ENOSPC",
    "read-only file system": "EROFS",
    "file name too long": "ENAMETOOLONG",
    "directory not empty": "ENOTEMPTY",
    "stale file handle": "ESTALE",
    "stale nfs file handle": "ESTALE",
    "structure needs cleaning": "EUCLEAN",
    "disk quota exceeded": "EDQUOT",
    "transport endpoint is not connected": "ENOTCONN",
    "not enough memory resources are available to process this command": "ENOMEM",
    "the paging file is too small for this operation to complete": "ENOMEM",
    "there is not enough space on the disk": "ENOSPC",
}

ERRNO_NUMBERS: Mapping[int, str] = {
    1: "EPERM",
    2: "ENOENT",
    5: "EIO",
    6: "ENXIO",
    9: "EBADF",
    11: "EAGAIN",
    12: "ENOMEM",
    13: "EACCES",
    14: "EFAULT",
    16: "EBUSY",
    17: "EEXIST",
    19: "ENODEV",
    22: "EINVAL",
    23: "ENFILE",
    24: "EMFILE",
    27: "EFBIG",
    28: "ENOSPC",
    30: "EROFS",
    116: "ESTALE",
    117: "EUCLEAN",
    122: "EDQUOT",
}

# A cut text may end in these and have meant a longer one.
_UNSURE_AT_CUT = frozenset(
    short for short in ERRNO_TEXTS for long in ERRNO_TEXTS if long != short and long.startswith(short)
)


def _one_of(texts: Iterable[str]) -> str:
    """The alternatives of an expression; where one is the start of another, the longer is tried first."""
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))


_ERRNO_WORD = lazy.pattern(rf"\b(?:{_one_of(ERRNO_TEXTS)})", re.IGNORECASE)
_ERRNO_N = lazy.pattern(r"errno (\d{1,4}+)")
_MMAP = lazy.pattern(r"mmap(?:, size (?P<size>\d{1,18}+))?(?:: (?:MapViewOfFile|CreateFileMapping))?")
_MMAP_START = lazy.pattern(r"m(?:m(?:a(?:p(?:,(?: (?:s(?:i(?:z(?:e(?: \d*+)?)?)?)?)?)?)?)?)?)?")

_OPERATIONS = (
    "open", "openat", "creat", "read", "pread", "readat", "write", "pwrite", "close", "stat", "lstat",
    "fstat", "statfs", "sync", "fsync", "fdatasync", "truncate", "ftruncate", "fallocate", "rename",
    "remove", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "readdirent", "fdopendir", "getdents",
    "fcntl", "flock", "seek", "lseek", "link", "symlink", "readlink", "chmod", "chown", "mprotect", "munmap",
    "madvise", "mlock", "mremap", "epoll_create1", "pipe2", "fork/exec", "inotify_add_watch",
)  # fmt: skip
_PATH_ERROR = lazy.pattern(rf"(?:{_one_of(_OPERATIONS)}) (?P<path>\S.*)", re.DOTALL)

# What can follow the directory in "failed to open TSDB: DIR: ..." (log-grammar 1.4).
_AFTER_DIRECTORY = (
    "reloadBlocks", "reload blocks", "mmap", "corrupted block", "compact ", "unexpected ", "invalid ",
    "open ", "repair corrupted ", "lock ", "close", "stat ", "write ", "read ", "truncate ", "rename ",
    "remove ", "mkdir ", "try lock file", "iterate on", "corruption ", "backfill ", "get segment", "WAL ",
    "head ", "persist ", "block time ranges", "found unsequential", "preallocate", "create ", "cannot ",
    "/", "segment reader", "delete ", "populate ", "add series", "add symbol", "context ", "too many ",
    "failed to ", "opening ", "no space", "input/output", "disk quota", "permission ", "structure needs", "resource temp", "replay ",
)  # fmt: skip
_COMPOUND = lazy.pattern(
    rf"""
      failed\ to\ (?:open|compact)\ TSDB:\ (?:.{{1,4096}}?(?=:\ (?:{_one_of(_AFTER_DIRECTORY)}|\d{{1,9}}+\ errors))|[^:]++(?:$|(?=:\ )))
    | mmap\ files,\ file:\ .{{1,4096}}?(?=:\ mmap|$)
    | invalid\ service\ state:\ \w++,\ expected:\ \w++,\ failure(?=:\ |$)
    | open\ W[AB]L\ segment:\ \d++(?=:\ |$)
    | opening\ storage\ failed\ open\ block\ .{{1,4096}}?(?=:\ mmap|$)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

# Leaves that are text with a ": " of their own.
_TEXT_LEAF = lazy.pattern(
    r"(?:^|(?<=: ))(?:found unsequential head chunk files|block time ranges overlap"
    r"|out of sequence m-mapped chunk|unexpected checksum|invalid checksum|checksum mismatch"
    r"|invalid magic number|unexpected non-zero byte|invalid record size|runtime error: )",
)

_KIND_BY_PATH = (
    ("/chunks_head/", "head_chunk"),
    ("/wal/", "wal"),
    ("/wbl/", "wal"),
    ("/checkpoint.", "wal"),
    ("/index-header", "index_header"),
    ("queries.active", "active_query_log"),
)
_SEGMENT_PATH = lazy.pattern(r"/chunks/\d{6}+$")
WRITER_PREFIXES = ("populate block", "add series", "add symbol", "write chunks", "persist head block")
_WAL_PREFIXES = ("repair corrupted W", "open WAL segment", "open WBL segment", "segment reader", "backfill")


def errno_of(text: str) -> str | None:
    """The symbol of an errno text (any case, a final full stop allowed), or None.

    ``errno_of("Cannot allocate memory") == "ENOMEM"``, ``errno_of("errno 11") == "EAGAIN"``.
    """
    if len(text) > 80:
        return None
    found = ERRNO_TEXTS.get(text) or ERRNO_TEXTS.get(text.strip(" .").lower())
    if found is None and (number := _ERRNO_N.fullmatch(text)):
        return ERRNO_NUMBERS.get(int(number[1]))
    return found


def errno_within(text: str) -> str | None:
    """The symbol of the first errno wording anywhere in ``text``, or None."""
    found = _ERRNO_WORD.search(text)
    return ERRNO_TEXTS[found[0].lower()] if found else None


def text_behind_errno(text: str) -> bool:
    """True when known errno wording is followed by more text: a suffix that no TSDB path writes."""
    found = _ERRNO_WORD.search(text)
    return found is not None and bool(text[found.end() :].strip(" ."))


def split_prefixes(head: str) -> tuple[str, ...]:
    """The prefixes of ``head``, outside in; ``": ".join`` of them is ``head`` again."""
    if not head:
        return ()
    if ": " not in head:
        return (head,)
    found: list[str] = []
    position = 0
    while position <= len(head):
        # Bounded: a hostile text could repeat the costly ones.
        match = _COMPOUND.match(head, position) if len(found) < 64 else None
        if match is None:
            end = head.find(": ", position)
        else:
            end = match.end()
            if not head.startswith(": ", end):
                end = head.find(": ", end)
        if end < 0:
            end = len(head)
        found.append(head[position:end])
        position = end + 2
    return tuple(found)


def split_member(text: str, *, cut: bool = False) -> tuple[tuple[str, ...], Leaf]:
    """Prefixes and leaf of a member without a header of its own.

    With ``cut`` the end of ``text`` is missing: the leaf is incomplete, and has neither size nor
    errno, unless it ends in an errno wording that cannot be the start of a longer one.
    """
    head, separator, tail = text.rpartition(": ")
    errno = errno_of(tail)
    if errno is not None and not (cut and _unsure(tail)):
        return _errno_leaf(head, tail, errno, text, bool(separator))
    if cut:
        return _cut_leaf(text)
    return _text_leaf(text)


def _unsure(tail: str) -> bool:
    return tail.strip(" .").lower() in _UNSURE_AT_CUT or tail.startswith("errno ")


def _errno_leaf(head: str, tail: str, errno: str, text: str, has_head: bool) -> tuple[tuple[str, ...], Leaf]:
    if not has_head:
        return (), Leaf("errno", text, errno)
    start = head.rfind("mmap")
    if start >= 0 and (start == 0 or head[start - 2 : start] == ": "):
        match = _MMAP.fullmatch(head, start)
        if match:
            return _mmap_leaf(head, start, text, errno, match)
    start, path = _path_error(head)
    if start >= 0:
        prefixes = split_prefixes(head[: max(0, start - 2)])
        return prefixes, Leaf("errno", text[start:], errno, None, _kind(prefixes, path), path)
    prefixes = split_prefixes(head)
    last = prefixes[-1] if prefixes else ""
    path = last if last.startswith("/") and " " not in last else None
    return prefixes, Leaf("errno", tail, errno, None, _kind(prefixes, path), path)


def _mmap_leaf(
    head: str, start: int, text: str, errno: str | None, match: re.Match[str]
) -> tuple[tuple[str, ...], Leaf]:
    prefixes = split_prefixes(head[: max(0, start - 2)])
    size = int(match["size"]) if match["size"] else None
    kind, path = _mapped_file(prefixes, size)
    return prefixes, Leaf("mmap", text[start:], errno, size, kind, path)


def _mapped_file(prefixes: tuple[str, ...], size: int | None) -> tuple[str, str | None]:
    """File kind and path of a failed mapping, by what stands before it (log-grammar 2.1)."""
    last = prefixes[-1] if prefixes else ""
    if last == "mmap files":
        return "chunks_segment", None
    if last.startswith("mmap files, file: "):
        return "head_chunk", last[len("mmap files, file: ") :]
    if size == HEAD_CHUNK_BYTES or last.endswith("HeadReadWriter"):
        return "head_chunk_new", None
    if any(name in prefix for prefix in prefixes for name in ("index header", "index-header")):
        return "index_header", None
    if "active query log" in last:
        return "active_query_log", None
    if last.startswith(WRITER_PREFIXES):
        return "index_writer", None
    return "index", None


def _path_error(head: str) -> tuple[int, str | None]:
    """Start and path of "OP PATH" at the end of ``head``; a path may hold ``": "`` up to twice."""
    end = len(head)
    for _ in range(3):
        start = head.rfind(": ", 0, end)
        begin = start + 2 if start >= 0 else 0
        match = _PATH_ERROR.fullmatch(head, begin)
        if match:
            path = match["path"]
            if match[0].startswith(("rename ", "link ", "symlink ")):
                path = path.partition(" ")[0]
            return begin, path
        if start < 0:
            break
        end = start
    return -1, None


def _kind(prefixes: tuple[str, ...], path: str | None) -> str | None:
    """File kind of an errno that is not a mapping's, by path, else by prefix."""
    if path:
        kind = kind_of_path(path)
        if kind:
            return kind
    if any(prefix.startswith(_WAL_PREFIXES) for prefix in prefixes):
        return "wal"
    if prefixes and prefixes[-1] == "preallocate":
        return "head_chunk_new"
    return None


def kind_of_path(path: str) -> str | None:
    """One of FILE_KINDS by the path of a file of a TSDB, or None."""
    for part, kind in _KIND_BY_PATH:
        if part in path:
            return kind
    if path.endswith("/index"):
        return "index"
    return "chunks_segment" if _SEGMENT_PATH.search(path) else None


def _text_leaf(text: str) -> tuple[tuple[str, ...], Leaf]:
    found = _TEXT_LEAF.search(text)
    if found:
        start = found.start()
    else:
        start = text.rfind(": ") + 2 if ": " in text else 0
        before = text.rfind("mmap", 0, max(0, start - 2))
        if before >= 0 and (before == 0 or text[before - 2 : before] == ": "):
            match = _MMAP.fullmatch(text, before, start - 2)
            if match:
                return _mmap_leaf(text, before, text, errno_within(text[start:]), match)
    if _MMAP.fullmatch(text, start):  # a mapping without its errno: the line was cut in silence
        return split_prefixes(text[: max(0, start - 2)]), Leaf("mmap", text[start:], complete=False)
    prefixes = split_prefixes(text[: max(0, start - 2)])
    path = next((p for p in reversed(prefixes) if p.startswith("/") and " " not in p), None)
    kind: Literal["text"] = "text"
    file_kind = _kind(prefixes, path) or next((k for part, k in _KIND_BY_PATH if part in text), None)
    return prefixes, Leaf(kind, text[start:], None, None, file_kind, path)


def _cut_leaf(text: str) -> tuple[tuple[str, ...], Leaf]:
    """The leaf of a text whose end is missing: no number and no errno of it may be used."""
    start = text.rfind(": ") + 2 if ": " in text else 0
    before = text.rfind("mmap", 0, max(0, start - 2))
    whole = before == 0 or (before > 0 and text[before - 2 : before] == ": ")
    if whole and _MMAP.fullmatch(text, before, start - 2):
        start = before
    mapping = text.startswith("mmap, size", start) or _MMAP_START.fullmatch(text, start)
    kind: Literal["mmap", "text"] = "mmap" if mapping and len(text) > start else "text"
    return split_prefixes(text[: max(0, start - 2)]), Leaf(kind, text[start:], complete=False)
