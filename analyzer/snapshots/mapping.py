"""Counting mappings: one tally for maps, smaps, numa_maps and pmap, and its summary.

``Tally.add_line`` is the obvious way: one line, one regular expression. ``Tally.add_block`` is the
fast way for the lines that make up a real file, the index and chunks mappings of blocks and the
anonymous ones: they are picked out with list comprehensions and their addresses are summed as one
array; whatever is not exactly of that shape goes through ``add_line``. A test holds the two to the
same summary on random input.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from itertools import filterfalse
from sys import byteorder

from analyzer.snapshots.mapping_rows import (
    BLOCK_FILE,
    DELETED,
    HEAD_FILE,
    LIBRARY,
    LINE,
    OTHER_OF_TSDB,
    VSYSCALL,
    largest_hole,
    unescape,
)
from analyzer.snapshots.model import MapsSummary
from analyzer.snapshots.tsdb import place_tenants

_NO_FILES = (b"anon_inode:", b"/memfd:", b"/SYSV", b"/dev/")
_LINUX32 = 1 << 32
_LOWEST_STACK_32 = 0xB0000000
_MAX_FILES = 50_000
_MAX_SIZES = 4096
_TOP = 20
_ULID_BYTES = bytes(range(0x30, 0x60))
_SIZED = ("index", "chunks_segment", "head_chunk", "block_other", "file_other")
_PERMISSIONS = (b"-r", b"-w", b"-x", b"-sp")
_FIRST_SEGMENT = b"/chunks/000001"


class Tally:
    """The mappings of one process, added line by line or block by block."""

    def __init__(self, has_addresses: bool = True) -> None:
        self.has_addresses = has_addresses
        self.lines = 0
        self.vsyscall = False
        self.total = 0
        self.highest = 0
        self.stack = False
        self.stacks = 0  # [stack] lines; a process has one
        self.vsyscalls = 0
        self.kinds: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.sizes: dict[str, Counter[int]] = {kind: Counter() for kind in _SIZED}
        self.deleted = 0
        self.duplicates = 0
        self.repeats: Counter[bytes] = Counter()
        self.starts = array("Q")  # addresses of a 32-bit process; emptied at the first wide address
        self.ends = array("Q")
        self.narrow = has_addresses
        self.index_dirs: Counter[bytes] = Counter()  # block directories whose index is mapped
        self.chunk_dirs: Counter[bytes] = Counter()  # block directories whose first segment is mapped
        self.chunk_files: Counter[bytes] = Counter()  # further segments
        self.heads: Counter[bytes] = Counter()
        self.lone_dirs: set[bytes] = set()  # block directories seen by another file than the index
        # Mappings by directory above the block, with its "/"; those of index_dirs and chunk_dirs come on top.
        self.mapped: Counter[bytes] = Counter()
        self.more_blocks: Counter[bytes] = Counter()  # blocks counted elsewhere (by columns)
        self.files: dict[bytes, list[int]] = {}  # path -> [mappings, bytes, executable]
        self.offsets: set[tuple[bytes, int]] = set()

    # -- one at a time ---------------------------------------------------------------------------

    def add_line(self, line: bytes) -> bool:
        """Count one line of maps; False when it is none."""
        match = LINE.match(line)
        if match is None:
            return False
        start, end = int(match[1], 16), int(match[2], 16)
        path = (match[5] or b"").rstrip(b"\r")
        offset = int(match[4] or b"0", 16)
        self.add(start, end, path, offset, executable=(match[3] or b"")[2:3] == b"x")
        return True

    def add(self, start: int, end: int, path: bytes, offset: int = 0, executable: bool = False) -> None:
        """Count one mapping. ``path`` may end in ``(deleted)``; "" is anonymous."""
        self.lines += 1
        if path == b"[vsyscall]" or start == VSYSCALL:  # by its address where the line is cut
            self.vsyscall = True
            self.vsyscalls += 1
            return
        size = max(end - start, 0)
        self.total += size
        if self.narrow:
            self._span(start, end)
        self.highest = max(self.highest, end)
        if not path or path[:1] == b"[":
            self._special(path, size)
            return
        bare = path.removesuffix(DELETED)
        gone = bare is not path and len(bare) != len(path)
        if gone:
            self.deleted += 1
        if bare == b"/dev/zero":
            self._count("anonymous", size)
            return
        self._file(bare, path, size, offset, executable)

    def add_kind(self, kind: str, start: int, size: int) -> None:
        """Count one mapping of a file whose kind is known and whose path is not."""
        self.lines += 1
        self.total += size
        if self.narrow:
            self._span(start, start + size)
        self.highest = max(self.highest, start + size)
        self._count(kind, size)

    def _span(self, start: int, end: int) -> None:
        if end > _LINUX32:
            self.narrow = False
            self.starts, self.ends = array("Q"), array("Q")
        else:
            self.starts.append(start)
            self.ends.append(end)

    def _special(self, path: bytes, size: int) -> None:
        if not path or path.startswith(b"[anon"):
            self._count("anonymous", size)
        elif path == b"[heap]":
            self._count("heap", size)
        elif path.startswith(b"[stack"):
            self.stack = True
            self.stacks += path == b"[stack]"
            self._count("stack", size)
        else:
            self._count("special", size)

    def _count(self, kind: str, size: int) -> None:
        self.kinds[kind] += 1
        self.bytes[kind] += size
        if kind in self.sizes and size:
            self._size(kind, size, 1)

    def _size(self, kind: str, size: int, times: int) -> None:
        sizes = self.sizes[kind]
        if size in sizes or len(sizes) < _MAX_SIZES:
            sizes[size] += times

    def _file(self, bare: bytes, path: bytes, size: int, offset: int, executable: bool) -> None:
        block = BLOCK_FILE.fullmatch(bare)
        if block is not None:
            whole = not offset and len(bare) == len(path)
            self._block_file(block, path, whole, size, offset)
            return
        head = HEAD_FILE.fullmatch(bare)
        if head is None:
            self._other_file(path, bare, size, offset, executable)
            return
        self._count("head_chunk", size)
        self.mapped[head[1] + b"/"] += 1
        self._whole_or_part(self.heads, bare, path, offset)

    def _block_file(self, block: re.Match[bytes], path: bytes, whole: bool, size: int, offset: int) -> None:
        kind = "index" if block[3] == b"index" else "chunks_segment"
        self._count(kind, size)
        holder, directory = block[1] + b"/", block[1] + b"/" + block[2]
        if whole and kind == "index":
            self.index_dirs[directory] += 1
            return
        if whole and block[3] == b"chunks/000001":
            self.chunk_dirs[directory] += 1
            return
        self.mapped[holder] += 1
        self.lone_dirs.add(directory)
        self._whole_or_part(self.chunk_files, block[0], path, offset)

    def _whole_or_part(self, counter: Counter[bytes], bare: bytes, path: bytes, offset: int) -> None:
        if not offset and len(bare) == len(path):
            counter[bare] += 1
        elif self._seen(path, offset):
            self.duplicates += 1

    def _seen(self, path: bytes, offset: int) -> bool:
        key = (path, offset)
        if key in self.offsets:
            self.repeats[path] += 1
            return True
        if len(self.offsets) < 4 * _MAX_FILES:
            self.offsets.add(key)
        return False

    def _other_file(self, path: bytes, bare: bytes, size: int, offset: int, executable: bool) -> None:
        if self.has_addresses and self._seen(path, offset) and not bare.startswith(_NO_FILES):
            self.duplicates += 1
        held = self.files.get(bare)
        if held is None:
            if len(self.files) >= _MAX_FILES:
                self._count("file_other", size)
                return
            held = self.files[bare] = [0, 0, 0]
        held[0] += 1
        held[1] += size
        held[2] |= executable

    # -- a block of lines ------------------------------------------------------------------------

    def add_block(self, block: bytes) -> int:
        """Count the lines of a block that ends at a newline; returns how many were no mappings."""
        rows = block.split(b"\n")
        if not rows[-1]:
            rows.pop()
        if not rows:
            return 0
        width = rows[0].find(b"-")
        if width == rows[-1].find(b"-") and 8 <= width <= 14:
            return self._add_run(rows, width)
        runs: dict[int, list[bytes]] = {}
        for row in rows:
            runs.setdefault(row.find(b"-"), []).append(row)
        return sum(
            self._add_run(run, width) if 8 <= width <= 14 else self._add_each(run)
            for width, run in runs.items()
        )

    def _add_each(self, rows: list[bytes]) -> int:
        add = self.add_line
        return sum(not add(row) for row in rows)

    def _add_run(self, rows: list[bytes], width: int) -> int:
        """Lines that share the width of their addresses."""
        if len(rows) < 16:
            return self._add_each(rows)
        index = [r for r in rows if r[-6:] == b"/index"]
        chunks = [r for r in rows if r[-14:] == _FIRST_SEGMENT]
        skipped = 0
        if len(index) + len(chunks) != len(rows):
            rest = [r for r in rows if r[-6:] != b"/index" and r[-14:] != _FIRST_SEGMENT]
            empty = [r for r in rest if r[-1:] == b" " and r.count(b" ") == 5]
            size = 2 * width + 2
            heads = b"".join([r[:size] for r in empty])
            if len(empty) > 16 and self._add_spans(heads, size, width, len(empty), "anonymous"):
                rest = [r for r in rest if r[-1:] != b" " or r.count(b" ") != 5]
            skipped += self._add_each(rest)
        skipped += self._add_blocks(index, width, 6, "index")
        skipped += self._add_blocks(chunks, width, 14, "chunks_segment")
        return skipped

    def _add_blocks(self, rows: list[bytes], width: int, tail: int, kind: str) -> int:
        """Mappings of blocks' files; ``tail`` is the length of what follows the ULID."""
        if not rows:
            return 0
        first = rows[0]
        column = 73 if first[72:74] == b" /" else 49 if first[48:50] == b" /" else 0
        if not column:
            return self._add_each(rows)
        if self._add_whole(rows, width, column, tail, kind):
            return 0
        # Some of them are odd: a block that is being written, a part of a file, a wider column.
        cut, at = -tail - 26, 2 * width + 7
        plain: list[bytes] = []
        odd: list[bytes] = []
        for row in rows:
            block = row[cut - 1 : cut] == b"/" and not row[cut:-tail].translate(None, _ULID_BYTES)
            whole = row[at : at + 9] == b"00000000 " and row[column - 1 : column + 1] == b" /"
            (plain if block and whole else odd).append(row)
        if not plain or len(plain) == len(rows) or not self._add_whole(plain, width, column, tail, kind):
            odd = rows
        return self._add_each(odd)

    def _add_whole(self, rows: list[bytes], width: int, column: int, tail: int, kind: str) -> bool:
        """Mappings from the start of blocks' files; False, and nothing counted, if one is no such."""
        named = slice(-tail - 27, -tail)  # "/" and the ULID; made once, for it costs as much as the bytes
        ulids = b"".join([r[named] for r in rows])
        slashes = b"/" * len(rows)
        if ulids[::27] != slashes or ulids.translate(None, _ULID_BYTES) != slashes:
            return False
        size = column + 1
        heads = b"".join([r[:size] for r in rows])
        if heads[column::size] != slashes or heads[column - 1 :: size].strip(b" "):
            return False
        permissions = 2 * width + 2
        if any(heads[permissions + i :: size].translate(None, _PERMISSIONS[i]) for i in range(4)):
            return False
        if any(heads[permissions + 5 + i :: size].strip(b"0") for i in range(8)):
            return False
        if not self._add_spans(heads, size, width, len(rows), kind):
            return False
        directories = self.index_dirs if tail == 6 else self.chunk_dirs
        directory = slice(column, -tail)
        directories.update([r[directory] for r in rows])
        return True

    def _add_spans(self, heads: bytes, size: int, width: int, count: int, kind: str) -> bool:
        """Sum the addresses of ``count`` lines, whose first ``size`` bytes are joined in ``heads``, as one
        array; False, and nothing counted, if one is of another shape."""
        if len(heads) != size * count or heads[width::size].strip(b"-"):
            return False
        if heads[2 * width + 1 :: size].strip(b" "):
            return False
        digits = bytearray(b"0") * (32 * count)
        for i in range(width):
            digits[16 - width + i :: 32] = heads[i::size]
            digits[32 - width + i :: 32] = heads[width + 1 + i :: size]
        try:
            numbers = array("Q", bytes.fromhex(digits.decode("ascii")))
        except (ValueError, UnicodeDecodeError):
            return False
        if len(numbers) != 2 * count:
            return False  # blanks among the digits, which are passed over
        if byteorder == "little":
            numbers.byteswap()
        starts, ends = numbers[::2], numbers[1::2]
        sizes = _sizes(starts, ends)
        if sizes is None:
            return False
        total = sum([size * times for size, times in sizes.items()])
        self.lines += count
        self.total += total
        self.kinds[kind] += count
        self.bytes[kind] += total
        self.highest = max(self.highest, max(ends))
        if self.narrow:
            self.add_spans(starts, ends)
        if kind in self.sizes:
            self.add_sizes(kind, sizes)
        return True

    def add_spans(self, starts: array[int], ends: array[int]) -> None:
        """Addresses of mappings, kept as long as all are below 4 GiB."""
        if max(ends) > _LINUX32:
            self._span(0, _LINUX32 + 1)
        else:
            self.starts.extend(starts)
            self.ends.extend(ends)

    def add_sizes(self, kind: str, sizes: Counter[int]) -> None:
        """Mapped sizes of one kind, with their counts."""
        for size, times in sizes.items():
            if size:
                self._size(kind, size, times)

    # -- the summary -----------------------------------------------------------------------------

    @property
    def processes(self) -> int:
        """How many processes' mappings were added, at least: each has one [stack] and one [vsyscall]."""
        return max(1, self.stacks, self.vsyscalls)

    def finish(self, complete: bool = True) -> MapsSummary:
        """The summary of all that was added."""
        summary = MapsSummary(
            lines=self.lines,
            count=self.lines - self.vsyscalls,
            total_bytes=self.total if self.has_addresses else None,
            highest_end=self.highest,
            complete=complete,
            has_addresses=self.has_addresses,
            vsyscall=self.vsyscall,
            deleted=self.deleted,
        )
        self._name_files()
        summary.by_kind = Counter({k: n for k, n in self.kinds.items() if n})
        summary.bytes_by_kind = Counter({k: n for k, n in self.bytes.items() if n})
        summary.file_sizes = {kind: sizes for kind, sizes in self.sizes.items() if sizes}
        narrow_enough = self.stack or self.highest >= _LOWEST_STACK_32
        summary.is_32bit = self.narrow and not self.vsyscall and bool(self.starts) and narrow_enough
        if self.narrow and self.starts:
            summary.largest_hole = largest_hole(self.starts, self.ends)
        self._blocks(summary)
        return summary

    def _name_files(self) -> None:
        for path, (times, size, executable) in self.files.items():
            if OTHER_OF_TSDB.search(path):
                kind = "block_other"
            elif LIBRARY.search(path):
                kind = "library"
            elif executable:
                kind = "binary"
            else:
                kind = "file_other"
            self.kinds[kind] += times
            self.bytes[kind] += size
            # Only the sum is kept per path; it gives the size where all its mappings are alike.
            if kind in self.sizes and size and size % times == 0:
                self._size(kind, size // times, times)

    def _blocks(self, summary: MapsSummary) -> None:
        """Blocks and mappings by tenant, duplicates and the paths mapped most often."""
        blocks = _by_holder(self.index_dirs)
        alike = dict.__eq__(self.chunk_dirs, self.index_dirs)  # Counter's own is a loop in Python
        mapped = self.mapped + blocks + (blocks if alike else _by_holder(self.chunk_dirs))
        blocks.update(self.more_blocks)
        if not alike:
            self.lone_dirs.update(filterfalse(self.index_dirs.__contains__, self.chunk_dirs))
        lone = [d[:-26] for d in filterfalse(self.index_dirs.__contains__, self.lone_dirs)]
        blocks.update(Counter(lone))
        for counter, tail in (
            (self.index_dirs, b"/index"),
            (self.chunk_dirs, _FIRST_SEGMENT),
            (self.chunk_files, b""),
            (self.heads, b""),
        ):
            if len(counter) == counter.total():
                continue
            for path, times in counter.items():
                if times > 1:
                    self.duplicates += times - 1
                    self.repeats[path + tail] += times - 1
                    if counter is self.index_dirs:
                        blocks[path[:-26]] -= times - 1
        self.summarise_blocks(summary, mapped, blocks)

    def summarise_blocks(self, summary: MapsSummary, mapped: Counter[bytes], blocks: Counter[bytes]) -> None:
        """Turn directories into tenants of a TSDB root."""
        names = {
            d: unescape(d[:-1]).decode("utf-8", "replace") for d in sorted(mapped.keys() | blocks.keys())
        }
        placed = place_tenants(names.values(), self._single_roots(), self._many_tenants())
        for directory, name in names.items():
            root, tenant = placed[name]
            summary.by_tenant[tenant] += mapped[directory]
            summary.data_dirs[root] += mapped[directory]
            if blocks[directory]:
                summary.blocks_by_tenant[tenant] += blocks[directory]
        summary.block_count = blocks.total()
        summary.duplicates = self.duplicates
        top = Counter({path: times + 1 for path, times in self.repeats.items()})
        for path, (times, _size, _executable) in self.files.items():
            if times > 1:
                top[path] = max(times, top[path])
        summary.top_paths = [(p.decode("utf-8", "replace"), n) for p, n in top.most_common(_TOP)]

    def _single_roots(self) -> list[str]:
        tail = b"/queries.active"
        return [p[: -len(tail)].decode("utf-8", "replace") for p in self.files if p.endswith(tail)]

    def _many_tenants(self) -> bool | None:
        """Whether the mapped binary is of a product with tenants; None when it does not tell."""
        for path, (_times, _size, executable) in self.files.items():
            if executable and not LIBRARY.search(path):
                name = path.rsplit(b"/", 1)[-1].lower()
                if name.startswith((b"cortex", b"mimir", b"thanos", b"enterprise-metrics")):
                    return True
                if name.startswith((b"prometheus", b"prometh")):
                    return False
        return None


def _sizes(starts: array[int], ends: array[int]) -> Counter[int] | None:
    """The mapped sizes and how often each stands there; None where an end lies before its start.

    Both are subtracted as one long number each, of which they are the digits: one borrows from the next only
    where it is negative, which leaves its own highest bit set, for an address has no more than 56.
    """
    size = 8 * len(ends)
    wide = int.from_bytes(ends.tobytes(), byteorder) - int.from_bytes(starts.tobytes(), byteorder)
    if wide < 0:
        return None
    sizes = Counter(memoryview(wide.to_bytes(size, byteorder)).cast("Q").tolist())
    return None if max(sizes) >> 63 else sizes


def _by_holder(directories: Counter[bytes]) -> Counter[bytes]:
    """Mappings of block directories by the directory above, with its "/"."""
    if len(directories) == directories.total():
        return Counter([directory[:-26] for directory in directories])
    holders: Counter[bytes] = Counter()
    for directory, times in directories.items():
        holders[directory[:-26]] += times
    return holders
