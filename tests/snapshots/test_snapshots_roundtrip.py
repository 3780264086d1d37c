"""What is rendered as the kernel or a tool renders it is read back as it was."""

import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.facts import Present, known
from analyzer.snapshots.base import SnapshotParser
from analyzer.snapshots.parsers import (
    cgroup,
    df,
    limits,
    line_count,
    member_of,
    meminfo,
    prlimit,
    series,
    stat,
    status,
    sysctl,
)

SIZES = st.integers(0, 2**44)
LIMITS = st.one_of(st.just(math.inf), st.integers(0, 2**63))


def read(parser: SnapshotParser, path: str, text: str) -> dict[str, object]:
    raw = text.encode()
    assert parser.sniff(path, raw[:8192])
    return {name: known(fact) for name, fact in parser.read(member_of(path, raw))[0].values.items()}


def shown(limit: float) -> str:
    return "unlimited" if limit == math.inf else str(limit)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(limits.NAMES)), st.tuples(LIMITS, LIMITS), min_size=1))
def test_limits(made: dict[str, tuple[float, float]]) -> None:
    text = f"{'Limit':<26}{'Soft Limit':<21}{'Hard Limit':<21}{'Units':<10}\n"
    for name, (soft, hard) in made.items():
        text += f"{'Max ' + name:<26}{shown(soft):<21}{shown(hard):<21}{'bytes':<10}\n"
    assert read(limits.PARSER, "proc/7/limits", text) == {limits.NAMES[n]: v for n, v in made.items()}


@settings(max_examples=40, deadline=None)
@given(LIMITS, LIMITS)
def test_prlimit(soft: float, hard: float) -> None:
    text = "RESOURCE   DESCRIPTION                             SOFT      HARD UNITS\n"
    text += f"AS         address space limit                {shown(soft)} {shown(hard)} bytes\n"
    assert read(prlimit.PARSER, "prlimit", text) == {"address_space": (soft, hard)}


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=15),
    st.lists(st.integers(1, 4_000_000), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["VmPeak", "VmSize", "VmLck", "VmHWM", "VmData"]), SIZES),
)
def test_status(name: str, nspid: list[int], sizes: dict[str, int]) -> None:
    text = f"Name:\t{name}\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t{nspid[0]}\nPPid:\t1\nFDSize:\t512\n"
    text += "NSpid:\t" + "\t".join(map(str, nspid)) + "\n"
    text += "".join(f"{key}:\t{size:8d} kB\n" for key, size in sizes.items()) + "Threads:\t8\n"
    got = read(status.PARSER, "status", text)
    assert got["nspid"] == tuple(nspid)
    assert got["pid"] == nspid[0]
    assert got["name"] == name
    names = {
        "VmPeak": "vm_peak",
        "VmSize": "vm_size",
        "VmLck": "vm_lck",
        "VmHWM": "vm_hwm",
        "VmData": "vm_data",
    }
    assert {key: got[names[key]] for key in sizes} == {key: size * 1024 for key, size in sizes.items()}
    assert status.PARSER.read(member_of("status", text.encode()))[0].pid == nspid[0]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=15), st.integers(1, 10**7), st.integers(0, 2**47))
def test_stat_with_any_command(comm: str, start: int, vsize: int) -> None:
    comm = re.sub(r"[\r\n]", "?", comm)
    text = f"77 ({comm}) S 1 77 77 0 -1 4194560 1 0 0 0 4 24 0 0 20 0 8 0 {start} {vsize} 10728 0\n"
    facts = stat.PARSER.read(member_of("proc/77/stat", text.encode("utf-8", "replace")))[0].values
    assert known(facts["starttime"]) == start
    assert known(facts["vsize"]) == vsize
    assert known(facts["threads"]) == 8


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["MemFree", "Active(anon)", "CommitLimit", "Committed_AS"]), SIZES))
def test_meminfo(rows: dict[str, int]) -> None:
    text = "MemTotal:       24684092 kB\n" + "".join(f"{k + ':':<16}{v:8d} kB\n" for k, v in rows.items())
    got = read(meminfo.PARSER, "proc/meminfo", text + "HugePages_Total:      12\n")
    assert {k: got[k] for k in rows} == {k: v * 1024 for k, v in rows.items()}
    assert got["HugePages_Total"] == 12


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"(vm|fs|kernel)\.[a-z_]{1,20}", fullmatch=True), st.integers(0, 2**60), min_size=1
    )
)
def test_sysctl(rows: dict[str, int]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in rows.items())
    got = read(sysctl.PARSER, "sysctl_-a", text)
    assert got == {key: str(value) for key, value in rows.items()}


@settings(max_examples=40, deadline=None)
@given(LIMITS)
def test_cgroup_limits(limit: float) -> None:
    shown_v2 = "max" if limit == math.inf else str(limit)
    got = read(cgroup.PARSER, "sys/fs/cgroup/kubepods/pod1/memory.max", shown_v2 + "\n")
    assert got["memory_max"] == (math.inf if limit >= 2**62 else limit)
    assert got["path"] == "/kubepods/pod1"
    assert got["version"] == 2


MOUNTS = st.tuples(
    st.from_regex(r"/dev/[a-z0-9/_-]{1,60}", fullmatch=True),
    st.integers(1, 2**40),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.from_regex(r"/[a-z0-9 ]{0,20}[a-z0-9]", fullmatch=True),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(MOUNTS, min_size=1, max_size=8),
    st.sampled_from([("1K-blocks", 1024), ("1M-blocks", 1 << 20), ("1B-blocks", 1), ("512-blocks", 512)]),
)
def test_df_wraps_long_devices(mounts: list[tuple[str, int, int, int, str]], unit: tuple[str, int]) -> None:
    name, factor = unit
    text = f"Filesystem              {name}     Used Available Use% Mounted on\n"
    for device, size, used, free, path in mounts:
        rest = f"{size:12d} {used:12d} {free:12d}  30% {path}\n"
        text += f"{device}\n{'':20} {rest}" if len(device) > 20 else f"{device:<20} {rest}"
    got = read(df.PARSER, "df", text)["mounts"]
    assert isinstance(got, tuple)
    assert [(m.device, m.size, m.used, m.available, m.path) for m in got] == [
        (d, s * factor, u * factor, f * factor, p) for d, s, u, f, p in mounts
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=10))
def test_line_counts(made: list[tuple[int, int]]) -> None:
    text = "".join(f"{count:6d} /proc/{pid}/maps\n" for count, pid in made)
    found = line_count.PARSER.read(member_of("wc.txt", text.encode()))
    assert [(s.values["lines"].value, s.pid) for s in found if isinstance(s.values["lines"], Present)] == made


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 70_000), min_size=2, max_size=60))
def test_series_keep_every_sample_and_its_line(counts: list[int]) -> None:
    text = "timestamp,maps,max_map_count\n" + "".join(
        f"2026-11-22T21:{i // 60:02d}:{i % 60:02d}Z,{count},65530\n" for i, count in enumerate(counts)
    )
    points = read(series.PARSER, "series.csv", text)["points"]
    assert isinstance(points, tuple)
    assert [p.count for p in points] == counts
    assert [p.line for p in points] == list(range(2, len(counts) + 2))
    assert {p.limit for p in points} == {65530}
