"""Mappings: exact counts on real captures, and the fast ways equal to the slow and obvious one."""

import tarfile
from array import array
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots_reference import render, rows, slow_count

from analyzer.facts import Present, Unreadable
from analyzer.snapshots import classify
from analyzer.snapshots.mapping import Tally, _sizes
from analyzer.snapshots.mapping_wide import WideTally
from analyzer.snapshots.model import MapsSummary, Snapshot
from analyzer.snapshots.parsers import maps, member_of, smaps

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"


def read_of(bundle: str, ending: str) -> list[Snapshot]:
    """The snapshots of every member whose path ends so."""
    found = []
    with tarfile.open(BUNDLES / bundle / "bundle.tar.gz") as archive:
        for member in archive:
            if member.name.endswith(ending):
                body = archive.extractfile(member)
                assert body is not None
                content = body.read()
                parser = classify(member.name, content[:8192])
                assert parser is not None
                found += parser.read(member_of(member.name, content))
    return found


def summary_of(bundle: str, ending: str) -> MapsSummary:
    fact = read_of(bundle, ending)[0].values["maps"]
    assert isinstance(fact, Present)
    value = fact.value
    assert isinstance(value, MapsSummary)
    return value


def compare(summary: MapsSummary, text: str) -> None:
    slow = slow_count(text)
    assert summary.lines == slow["lines"]
    assert summary.count == slow["count"]
    assert summary.total_bytes == slow["total"]
    assert summary.highest_end == slow["highest"]
    assert summary.deleted == slow["deleted"]
    assert summary.duplicates == slow["duplicates"]
    assert summary.by_kind == slow["kinds"]
    assert summary.bytes_by_kind == slow["bytes"]
    assert sum(summary.by_kind.values()) == summary.count
    assert summary.block_count == sum(len(blocks) for blocks in slow["blocks"].values())
    assert sorted(n for n in summary.by_tenant.values() if n) == sorted(slow["holders"].values())
    expected = sorted(len(blocks) for blocks in slow["blocks"].values())
    assert sorted(n for n in summary.blocks_by_tenant.values() if n) == expected
    for kind, sizes in summary.file_sizes.items():
        assert sizes.total() <= summary.by_kind[kind]


# ------------------------------------------------------------------------------------ real captures


@pytest.mark.parametrize(
    ("bundle", "lines", "count"),
    [
        ("c01a-max_map_count-go-fatal", 402, 401),
        ("c01b-max_map_count-multierror", 847, 846),
        ("c03-32bit-on-64bit-kernel", 98, 98),
        ("c11-near-limit-but-rlimit_as", 2782, 2781),
    ],
)
def test_maps_and_smaps_of_one_capture_agree(bundle: str, lines: int, count: int) -> None:
    listed = [summary_of(bundle, "/maps"), summary_of(bundle, "/smaps")]
    assert [s.lines for s in listed] == [lines, lines]
    assert [s.count for s in listed] == [count, count]
    assert listed[0].by_kind == listed[1].by_kind
    assert listed[0].total_bytes == listed[1].total_bytes


@pytest.mark.parametrize(
    "bundle", ["c01b-max_map_count-multierror", "c02-rlimit_as", "c09a-max_map_count-pthread_create"]
)
def test_all_sources_of_a_count_agree(bundle: str) -> None:
    """kernel.md: numa_maps has no [vsyscall], pmap lists it, and VmSize is the sum of all mappings."""
    from_maps = summary_of(bundle, "/maps")
    numa, pmap = summary_of(bundle, "/numa_maps"), summary_of(bundle, "pmap_-x")
    assert numa.count == pmap.count == from_maps.count
    assert numa.total_bytes is None
    assert pmap.total_bytes == from_maps.total_bytes
    status = read_of(bundle, "/status")[0].values["vm_size"]
    assert isinstance(status, Present)
    assert status.value == from_maps.total_bytes


def test_a_32_bit_process_shows_its_largest_hole() -> None:
    summary = summary_of("c03-32bit-on-64bit-kernel", "/maps")
    assert summary.is_32bit
    assert summary.largest_hole == 123828 << 10
    assert not summary_of("c01a-max_map_count-go-fatal", "/maps").is_32bit


def test_the_kinds_of_a_real_ingester() -> None:
    """The breakdown measured for the run-time case: 18602 lines, 8961 blocks, 120 tenants."""
    summary = summary_of("cortex-runtime_1.11.1", "proc/4902/maps")
    assert (summary.lines, summary.count, summary.vsyscall) == (18602, 18601, True)
    assert summary.by_kind["index"] == summary.by_kind["chunks_segment"] == summary.block_count == 8961
    assert summary.by_kind["head_chunk"] == 146
    assert summary.by_kind["anonymous"] == 526
    assert len(summary.blocks_by_tenant) == 120
    assert list(summary.data_dirs) == ["/srv/cortex/c1.11.1/data/tsdb"]


def test_prometheus_has_one_tenant_without_a_name() -> None:
    summary = summary_of("c01b-max_map_count-multierror", "/maps")
    assert set(summary.by_tenant) == {""}
    assert list(summary.data_dirs) == ["/srv/prometheus/d1"]


def test_a_truncated_file_counts_its_cut_line_and_says_so() -> None:
    summary = summary_of("t03-truncated-maps", "/maps")
    assert summary.lines == 131
    assert not summary.complete
    assert summary.total_bytes is not None
    assert summary.total_bytes < 1283508 << 10


def test_an_empty_maps_file_is_unreadable_never_zero() -> None:
    fact = read_of("t05-zombie-empty-maps", "/maps")[0].values["maps"]
    assert isinstance(fact, Unreadable)
    assert "zombie" in fact.why


def test_locked_mappings_are_counted_by_their_flags() -> None:
    assert summary_of("c06-mlockall-memlock", "/smaps").locked > 200
    assert summary_of("c01a-max_map_count-go-fatal", "/smaps").locked == 0


def test_a_refused_file_says_why() -> None:
    taken = maps.PARSER.read(member_of("proc/7/maps", b"cat: /proc/7/maps: Permission denied\n"))
    fact = taken[0].values["maps"]
    assert isinstance(fact, Unreadable)
    assert fact.why == "permission denied"
    assert taken[0].pid == 7


def test_pid_and_group_come_from_the_path() -> None:
    series = read_of("cortex-cgroup_oom_head", "series/last/proc/31232/maps")[0]
    assert series.pid == 31232
    assert series.group.endswith("/series/last")


def test_names_with_newlines_and_deleted_files() -> None:
    text = render(
        [("/data/tsdb/a\\012b/01M82K54DEY807G2PMY2JMGV12/index (deleted)", "r--s", 1, 0, 0)],
        0x7F0000000000,
        False,
    )
    summary = Tally()
    summary.add_block(text.encode())
    done = summary.finish()
    assert done.deleted == 1
    assert done.block_count == 1


def test_columns_hold_every_mapping() -> None:
    text = render(
        [("/data/tsdb/a/01M82K54DEY807G2PMY2JMGV12/index", "r--s", 3, 0, 0), ("", "rw-p", 1, 0, 0)],
        0x7F0000000000,
        True,
    )
    taken = maps.PARSER.read(member_of("proc/7/maps", text.encode()), detail=True)
    columns = taken[0].values["maps"].value.columns  # type: ignore[union-attr]
    assert columns.kind == ["index", "anonymous", "special"]
    assert columns.tenant == ["/data/tsdb/a", "", ""]
    assert columns.end[0] - columns.start[0] == 3 * 4096
    assert columns.block[0] == "01M82K54DEY807G2PMY2JMGV12"


def test_a_leak_is_named() -> None:
    """The same block mapped again and again, as an ingester that fails to open it does."""
    path = "/data/tsdb/a/01M82K54DEY807G2PMY2JMGV12/chunks/000001"
    text = render([(path, "r--s", 1, 0, 0)] * 500, 0x7F0000000000, True)
    summary = maps.PARSER.read(member_of("proc/7/maps", text.encode()))[0].values["maps"].value  # type: ignore[union-attr]
    assert summary.duplicates == 499
    assert summary.top_paths[0] == (path, 500)
    assert summary.block_count == 1


# --------------------------------------------------------------------------------- equal to the slow way


@settings(max_examples=80, deadline=None)
@given(
    st.lists(rows(), max_size=80), st.booleans(), st.sampled_from([0x7F0000000000, 0xC000000000, 0x8048000])
)
def test_blocks_of_lines_count_like_single_lines(made: list, vsyscall: bool, start: int) -> None:  # type: ignore[type-arg]
    text = render(made * 3, start, vsyscall)
    fast, plain = Tally(), Tally()
    fast.add_block(text.encode())
    for line in text.encode().split(b"\n"):
        plain.add_line(line)
    compare(fast.finish(), text)
    compare(plain.finish(), text)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(rows(), min_size=1, max_size=60),
    st.booleans(),
    st.sampled_from([0x7F0000000000, 0xC000000000, 0x8048000]),
    st.integers(1, 2000),
)
def test_columns_count_like_single_lines(made: list, vsyscall: bool, start: int, cut: int) -> None:  # type: ignore[type-arg]
    text = render(made * 3, start, vsyscall)
    raw = text.encode()
    wide = WideTally(Tally())
    border = raw.find(b"\n", min(cut, len(raw) - 1)) + 1
    for block in (raw[:border], raw[border:]):
        if block:
            wide.add_block(block)
    compare(wide.finish(), text)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=30), st.integers(1, 300), st.sampled_from([49, 73]))
def test_the_chunks_of_a_member_do_not_matter(made: list, size: int, column: int) -> None:  # type: ignore[type-arg]
    text = render(made, 0x7F0000000000, True, column)
    taken = maps.PARSER.read(member_of("proc/7/maps", text.encode(), size))
    fact = taken[0].values["maps"]
    assert isinstance(fact, Present)
    compare(fact.value, text)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=30), st.data())
def test_smaps_counts_headers_at_any_cut_of_chunks(made: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    text = render(made, 0x7F0000000000, False)
    detail = "Size:    4 kB\nKernelPageSize: 4 kB\nLocked: 0 kB\nVmFlags: rd mr lo ac\n"
    full = "".join(line + "\n" + detail for line in text.split("\n") if line)
    size = data.draw(st.integers(1, 500))
    fact = smaps.PARSER.read(member_of("proc/7/smaps", full.encode(), size))[0].values["maps"]
    assert isinstance(fact, Present)
    compare(fact.value, text)
    assert fact.value.locked == len(made)


@settings(max_examples=80, deadline=None)
@given(st.lists(rows(), min_size=2, max_size=20), st.data())
def test_a_cut_at_any_byte_never_counts_more(made: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    raw = render(made, 0x7F0000000000, True).encode()
    cut = data.draw(st.integers(1, len(raw) - 1))
    fact = maps.PARSER.read(member_of("proc/7/maps", raw[:cut]))[0].values["maps"]
    if isinstance(fact, Present):
        assert 0 < fact.value.count <= len(made)
        assert fact.value.complete == (raw[:cut].endswith((b"\n", b"[vdso]", b"[stack]", b"[vsyscall]")))
    else:
        assert isinstance(fact, Unreadable)


def test_a_file_of_200_000_lines_goes_by_columns_and_agrees() -> None:
    block = [
        (f"/data/tsdb/t{i % 7}/01M82K54DEY807G2PM{i:08d}/index", "r--s", 1 + i % 3, 0, 0)
        for i in range(220_000)
    ]
    raw = render(block, 0x7F0000000000, True).encode()
    fact = maps.PARSER.read(member_of("proc/7/maps", raw, 1 << 19))[0].values["maps"]
    assert isinstance(fact, Present)
    assert fact.value.count == 220_000
    assert fact.value.block_count == 220_000
    assert fact.value.blocks_by_tenant == Counter(
        {f"t{i}": n for i, n in enumerate(Counter(i % 7 for i in range(220_000)).values())}
    )
    assert fact.value.total_bytes == sum(1 + i % 3 for i in range(220_000)) * 4096


@pytest.mark.parametrize(
    "odd", ["ff000000000000-ff000000001000", "7f25      0000-7f2      1000", "0" * 16 + "7f25-7f26"]
)
def test_a_line_of_another_width_is_counted_by_itself(odd: str) -> None:
    """Among lines that share one width its digits stand where theirs do, and are no numbers of theirs."""
    rows = [f"7f25c8{n:02}0000-7f25c8{n:02}1000 rw-p 00000000 00:00 0 " for n in range(20)]
    rows.insert(10, f"{odd} rw-p 00000000 00:00 0 ")
    fast, plain = Tally(), Tally()
    skipped = fast.add_block("".join(row + "\n" for row in rows).encode())
    assert skipped == sum(not plain.add_line(row.encode()) for row in rows)
    assert fast.finish() == plain.finish()


def test_whitespace_that_a_tool_squeezed_is_read() -> None:
    text = render(
        [("/data/tsdb/a/01M82K54DEY807G2PMY2JMGV12/index", "r--s", 1, 0, 0)] * 1, 0x7F0000000000, False
    )
    squeezed = " ".join(text.split()) + "\n"
    fact = maps.PARSER.read(member_of("maps", squeezed.encode() * 40))[0].values["maps"]
    assert isinstance(fact, Present)
    assert fact.value.by_kind == Counter({"index": 40})
    assert fact.value.by_tenant == Counter({"a": 40})


def test_the_maps_of_several_processes_in_one_file_are_no_count() -> None:
    one = render([("", "rw-p", 1, 0, 0), ("[stack]", "rw-p", 1, 0, 0)], 0x7F0000000000, True)
    assert isinstance(maps.PARSER.read(member_of("all_maps", one.encode()))[0].values["maps"], Present)
    fact = maps.PARSER.read(member_of("all_maps", (one + one).encode()))[0].values["maps"]
    assert isinstance(fact, Unreadable)
    assert fact.why == "holds the mappings of 2 processes"


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2**56 - 1), st.integers(0, 2**56 - 1)), min_size=1, max_size=8))
def test_sizes_subtracted_at_once_are_those_of_each_mapping(ends: list[tuple[int, int]]) -> None:
    """As addresses are drawn, so that some end before they start; then each in order."""
    for pairs in (ends, [(min(pair), max(pair)) for pair in ends]):
        starts, stops = zip(*pairs, strict=True)
        found = _sizes(array("Q", starts), array("Q", stops))
        sizes = [stop - start for start, stop in pairs]
        assert found == (Counter(sizes) if min(sizes) >= 0 else None)
