"""Any bytes as mappings: the three ways to count agree, and no line is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from snapshots.snapshots_reference import slow_count

from analyzer.facts import Present, Unreadable
from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.mapping_wide import WideTally
from analyzer.snapshots.model import MapsSummary
from analyzer.snapshots.parsers import maps, member_of
from fuzz import corpus
from fuzz.target import Target, lines_of, split_choice

# What the kernel writes, and the reference reads: one line a mapping, its end not before its start.
_ROW = re.compile(
    rb"([0-9a-f]{8,16})-([0-9a-f]{8,16}) [-r][-w][-x][sp] [0-9a-f]{8} [0-9a-f]{2,3}:[0-9a-f]{2,5} [0-9]{1,10} *"
    rb"(?:(?<= )(?:/[\x21-\x5b\x5d-\x7e]+(?: \(deleted\))?|\[(?:heap|stack|vvar|vdso|vsyscall)\]))?"
)
_COUNTS = ("lines", "count", "vsyscall")
_ALL = (
    *_COUNTS, "total_bytes", "highest_end", "deleted", "duplicates", "by_kind", "bytes_by_kind", "file_sizes", "is_32bit",
    "largest_hole", "block_count", "by_tenant", "blocks_by_tenant", "data_dirs",
)  # fmt: skip
_NOT_OF_REFERENCE = (b"/dev/", b"anon_inode", b"/memfd:", b"/SYSV", b".so", b"/ld-", b"/queries.active")


def run(data: bytes) -> None:
    """The target: the first byte chooses how many lines a block has, and how often they repeat."""
    choice, rest = split_choice(data, 256)
    # Less than sixteen lines alike are counted one by one: most ways are reached by repetition alone.
    text = _ended(rest) * (1 + choice % 4 * 8)
    single = Tally()
    rows = lines_of(text)
    skipped = sum(not single.add_line(row) for row in rows)
    assert single.lines + skipped == len(rows)
    plain, wide = Tally(), WideTally(Tally())
    assert sum(map(plain.add_block, _blocks(text, choice))) == skipped
    assert sum(map(wide.add_block, _blocks(text, choice))) == skipped
    expected = single.finish()
    _check(expected)
    # A line that is damaged behind its addresses is counted by each way, as what may differ.
    names = _ALL if all(_ROW.fullmatch(row) for row in rows) else _COUNTS
    _assert_same(plain.finish(), expected, "block", names)
    _assert_same(wide.finish(), expected, "columns", names)
    if all(_is_plain(row) for row in rows):
        _check_slow(expected, text.decode("ascii"))
    _check_parser(rest, choice)


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") or not data else data + b"\n"


def _blocks(text: bytes, choice: int) -> list[bytes]:
    """The text in two blocks that end at a newline."""
    border = text.find(b"\n", len(text) * choice // 256) + 1
    return [block for block in (text[:border], text[border:]) if block]


def _check(summary: MapsSummary) -> None:
    assert 0 <= summary.count <= summary.lines
    assert sum(summary.by_kind.values()) == summary.count
    assert sum(summary.bytes_by_kind.values()) == summary.total_bytes
    assert summary.block_count == sum(summary.blocks_by_tenant.values())
    for kind, sizes in summary.file_sizes.items():
        assert sizes.total() <= summary.by_kind[kind]


def _assert_same(found: MapsSummary, expected: MapsSummary, way: str, names: tuple[str, ...] = _ALL) -> None:
    for name in names:
        assert getattr(found, name) == getattr(expected, name), (way, name)


def _is_plain(row: bytes) -> bool:
    match = _ROW.fullmatch(row)
    return match is not None and int(match[1], 16) <= int(match[2], 16) and not any(
        word in row for word in _NOT_OF_REFERENCE
    )  # fmt: skip


def _check_slow(summary: MapsSummary, text: str) -> None:
    slow = slow_count(text)
    names = {
        "lines": "lines",
        "count": "count",
        "total_bytes": "total",
        "deleted": "deleted",
        "by_kind": "kinds",
    }
    for name, key in names.items():
        assert getattr(summary, name) == slow[key], name
    assert summary.bytes_by_kind == slow["bytes"]


def _check_parser(data: bytes, choice: int) -> None:
    """The chunks of a member do not matter; without a mapping it is unreadable, never 0."""
    facts = [
        maps.PARSER.parse(member_of("proc/7/maps", data, size), False)[0].values["maps"]
        for size in (1 << 16, choice + 1)
    ]
    if isinstance(facts[0], Present) and isinstance(facts[1], Present):
        _assert_same(facts[1].value, facts[0].value, "chunks")
        assert facts[0].value.lines > 0
        detailed = maps.PARSER.parse(member_of("proc/7/maps", data), True)[0].values["maps"]
        assert isinstance(detailed, Present)
        assert len(detailed.value.columns.start) == facts[0].value.lines
    else:
        assert all(isinstance(fact, Unreadable) for fact in facts)


def seeds() -> Iterator[bytes]:
    """Real maps in pieces of a few lines, with a byte for each way."""
    for number, content in enumerate(corpus.members_of("/maps", "/smaps", "numa_maps", "pmap_-x")):
        yield bytes([number]) + content
        yield bytes([number + 64]) + content[:400]
    path = b"/d/tsdb/t%d/01M82K54DEY807G2PMY2JMGV%02d/%s"
    for number, file in enumerate((b"index", b"chunks/000001", b"chunks/000002", b"index (deleted)")):
        rows = [
            (b"7f25ce4d%d000-7f25ce4d%d000 r--s 00000000 fe:00 3089" % (n, n + 1)).ljust(73)
            + path % (n % 3, n, file)
            for n in range(8)
        ]
        yield bytes([3 + 64 * number]) + b"\n".join(rows)
    yield b"\x0308048000-08049000 r-xp 00000000 fe:00 1   /usr/bin/cortex\nffe00000-fff00000 rw-p 00000000 00:00 0 [stack]\n"


TARGET = Target(
    "mappings",
    run,
    seeds,
    words=(
        b"7f25c8000000-7f25c8021000 ", b"rw-p ", b"r--s ", b"r-xp ", b"00000000 ", b"00001000 ", b"00:00 0", b"fe:00 3089 ",
        b"/d/t1/01M82K54DEY807G2PMY2JMGVJN/index", b"/chunks/000001", b"/chunks/000002", b"/chunks_head/000001", b" (deleted)",
        b"[heap]", b"[stack]", b"[vsyscall]", b"[vdso]", b"[anon:x]", b"/dev/zero", b"/memfd:x", b"\\012", b"/queries.active",
        b"ffffffffff600000-ffffffffff601000 ", b"08048000-08049000 ", b"c000000000-c000400000 ", b"/usr/lib/libc.so.6",
        b"\r\n", b"                    ", b"/wal/00000001", b"ffffffffffffffff",
    ),
    length=1600,
)  # fmt: skip
