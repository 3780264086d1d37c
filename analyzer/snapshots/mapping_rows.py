"""One line of a maps file: its grammar, what its path is, and the lines as columns."""

from __future__ import annotations

import re
from array import array

from analyzer import lazy
from analyzer.snapshots.model import MapColumns

LINE = lazy.pattern(  # not a date that stands before the mappings: 2026-11 would be a range
    rb"(?![0-9]{4}-[0-9]{2}-[0-9]{2}[T ])([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})(?:\s+([-r][-w][-x][-sp])(?:\s+([0-9a-fA-F]+)"
    rb"(?:\s+[0-9a-fA-F]+:[0-9a-fA-F]*(?:\s+\d+(?:\s+(.*))?)?)?)?)?"
)
BLOCK_FILE = lazy.pattern(rb"(.*)/([0-_]{26})/(index|chunks/[0-9]{6})", re.DOTALL)
HEAD_FILE = lazy.pattern(rb"(.*)/chunks_head/[0-9]{6}", re.DOTALL)
OTHER_OF_TSDB = lazy.pattern(rb"/[0-_]{26}/|/(?:wal|wbl|chunks_head)/|/queries\.active$")
LIBRARY = lazy.pattern(rb"\.so(?:\.|$)|/ld-[^/]*$")
_ESCAPE = lazy.pattern(rb"\\([0-3][0-7]{2})")
DELETED = b" (deleted)"
VSYSCALL = 0xFFFFFFFFFF600000
_MMAP_MIN = 0x10000


def unescape(path: bytes) -> bytes:
    """A path as the file system has it: ``\\012`` is a newline."""
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 8)]), path) if b"\\" in path else path


def largest_hole(starts: array[int], ends: array[int]) -> int:
    """Bytes of the largest free range of a 32-bit process, from mmap_min_addr to its highest mapping."""
    free_from = _MMAP_MIN
    largest = 0
    for start, end in sorted(zip(starts, ends, strict=True)):
        largest = max(largest, start - free_from)
        free_from = max(free_from, end)
    return largest


def columns_of(rows: list[bytes]) -> MapColumns:
    """The mappings themselves as columns, one row a line; [vsyscall] included."""
    columns = MapColumns()
    for row in rows:
        match = LINE.match(row)
        if match is None:
            continue
        path = match[5] or b""
        bare = path.removesuffix(DELETED)
        kind, directory, block = _describe(bare, (match[3] or b"")[2:3] == b"x")
        columns.start.append(int(match[1], 16))
        columns.end.append(int(match[2], 16))
        columns.perms.append((match[3] or b"").decode())
        columns.offset.append(int(match[4] or b"0", 16))
        columns.path.append(unescape(bare).decode("utf-8", "replace"))
        columns.kind.append(kind)
        columns.tenant.append(directory)
        columns.block.append(block)
        columns.deleted.append(len(bare) != len(path))
    return columns


def _describe(path: bytes, executable: bool) -> tuple[str, str, str]:
    """(kind, directory of the tenant, ULID) of one path."""
    if not path or path.startswith(b"[anon") or path == b"/dev/zero":
        return "anonymous", "", ""
    if path[:1] == b"[":
        return {b"[heap]": "heap", b"[stack]": "stack"}.get(path, "special"), "", ""
    block = BLOCK_FILE.fullmatch(path)
    if block is not None:
        kind = "index" if block[3] == b"index" else "chunks_segment"
        return kind, unescape(block[1]).decode("utf-8", "replace"), block[2].decode()
    head = HEAD_FILE.fullmatch(path)
    if head is not None:
        return "head_chunk", unescape(head[1]).decode("utf-8", "replace"), ""
    if OTHER_OF_TSDB.search(path):
        return "block_other", "", ""
    if LIBRARY.search(path):
        return "library", "", ""
    return ("binary" if executable else "file_other"), "", ""
