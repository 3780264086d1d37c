"""Bad input degrades: no parser raises, no parser makes a number of half a line."""

import re
import tarfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.facts import Absent, Present, Unreadable
from analyzer.snapshots import PARSERS, classify
from analyzer.snapshots.base import SnapshotParser, whole
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers import member_of

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"
BY_KIND = {parser.kind: parser for parser in PARSERS}


def path_for(parser: SnapshotParser) -> str:
    return "top/" + parser.markers[0].replace("*", "7")


def check(snapshots: list[Snapshot]) -> None:
    for taken in snapshots:
        for fact in taken.values.values():
            assert isinstance(fact, Present | Absent | Unreadable)
            if isinstance(fact, Present) and fact.evidence is not None:
                assert fact.evidence.member == taken.member
                assert fact.evidence.line is None or fact.evidence.line >= 1
                assert len(fact.evidence.text) <= 300


@cache
def samples() -> dict[str, bytes]:
    """One real member of each kind, from three bundles and the docstrings."""
    found: dict[str, bytes] = {}
    for name in ("c01b-max_map_count-multierror", "c07a-memcg-oomkill-go-heap", "cortex-healthy_1.11.1"):
        with tarfile.open(BUNDLES / name / "bundle.tar.gz") as archive:
            for member in archive:
                body = archive.extractfile(member) if member.isfile() else None
                if body is None:
                    continue
                content = body.read(20_000)
                parser = classify(member.name, content[:8192])
                if parser is not None and content.strip():
                    found.setdefault(parser.kind, content)
    import importlib
    from textwrap import dedent

    for parser in PARSERS:
        if parser.kind not in found:
            for module in (parser.kind, f"sysctl_{parser.kind}"):
                try:
                    doc = importlib.import_module(f"analyzer.snapshots.parsers.{module}").__doc__ or ""
                except ModuleNotFoundError:
                    continue
                rows = [line for line in doc.split("\n\n>>> ")[0].split("\n") if line.startswith("    ")]
                found[parser.kind] = (dedent("\n".join(rows)) + "\n").encode()
    return found


@pytest.mark.parametrize("kind", BY_KIND)
@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_never_raise(kind: str, content: bytes) -> None:
    parser = BY_KIND[kind]
    parser.sniff(path_for(parser), content)
    check(parser.read(member_of(path_for(parser), content)))


@pytest.mark.parametrize("kind", BY_KIND)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_damaged_real_text_never_raises(kind: str, data: st.DataObject) -> None:
    parser = BY_KIND[kind]
    content = bytearray(samples()[kind][:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(parser.read(member_of(path_for(parser), bytes(content))))


@pytest.mark.parametrize("kind", sorted(BY_KIND.keys() - {"maps", "smaps", "numa_maps", "pmap", "filelist"}))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_cut_member_states_no_other_number(kind: str, data: st.DataObject) -> None:
    """What a cut member states is what the whole one states at that line, or it is not stated."""
    parser, content = BY_KIND[kind], samples()[kind][:6000]
    content = content[: content.rfind(b"\n") + 1]
    cut = data.draw(st.integers(0, max(len(content) - 1, 0)))
    path = path_for(parser)
    member = member_of(path, content[:cut])
    member.size = len(content) + 100
    whole = parser.read(member_of(path, content))[0].values
    for name, fact in parser.read(member)[0].values.items():
        held = whole.get(name)
        if not isinstance(fact, Present) or not isinstance(held, Present):
            continue
        if (
            isinstance(fact.value, int | float | str)
            and fact.evidence
            and fact.evidence.line
            and not _sums(kind)
        ):
            assert fact.value == held.value, (name, fact, held)


ONE_LINERS = [
    ("proc/sys/vm/max_map_count", "65530\n"),
    ("max_map_count.txt", "65530\n"),
    ("proc/7/oom_score_adj", "-1000\n"),
    ("proc/7/fd_count.txt", "344\n"),
    ("proc/7/task_count.txt", "128\n"),
    ("maps_count.txt", "65531\n"),
    ("wc_l_maps.txt", "65531 /proc/7/maps\n"),
    ("sys/fs/cgroup/a/memory.max", "8589934592\n"),
    ("sys/fs/cgroup/a/pids.current", "4096\n"),
    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
    ("proc/sys/fs/file-nr", "16666\t0\t2466177\n"),
    ("proc/loadavg", "4.13 3.26 1.55 5/119 26884\n"),
    ("proc/7/statm", "320434 10793 7762 5409 0 28963 0\n"),
    ("proc/uptime", "940.81 1049.64\n"),
    ("proc/7/comm", "prometheus\n"),
    ("sysctl.txt", "vm.max_map_count = 65530\n"),
]
ENCODINGS = {
    "plain": lambda text: text.encode(),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", [path for path, _ in ONE_LINERS])
def test_a_number_that_is_cut_anywhere_is_no_number(path: str, encoding: str) -> None:
    """One byte is missing, or more: nobody knows which digits those were."""
    content = ENCODINGS[encoding](dict(ONE_LINERS)[path])
    parser = classify(path, content)
    assert isinstance(parser, SnapshotParser)
    assert any(isinstance(f, Present) for f in parser.read(member_of(path, content))[0].values.values())
    for end in range(len(content)):
        member = member_of(path, content[:end])
        member.size = len(content)
        for taken in parser.read(member):
            stated = {name: f.value for name, f in taken.values.items() if isinstance(f, Present)}
            # A cgroup's file is known by its path, whatever is in it.
            assert stated.keys() <= {"path", "version"}, (end, stated)


def _sums(kind: str) -> bool:
    """Kinds whose values are sums over lines: they shrink with the text."""
    return kind in {
        "buddyinfo",
        "metrics",
        "swaps",
        "fd_count",
        "slabinfo",
        "config",
        "cmdline",
        "thanos_shipper",
    }


@pytest.mark.parametrize("kind", BY_KIND)
def test_empty_and_refused_members_are_no_values(kind: str) -> None:
    parser = BY_KIND[kind]
    for content in (b"", b"\n", b"cat: x: Permission denied\n", b"\0" * 64):
        for taken in parser.read(member_of(path_for(parser), content)):
            for name, fact in taken.values.items():
                if isinstance(fact, Present) and isinstance(fact.value, int | float) and name != "version":
                    assert fact.value != 0, (kind, content, name)


def test_an_endless_line_is_looked_at_in_part_only() -> None:
    content = b"MemTotal:       24684092 kB\nx" + b"y" * 3_000_000 + b"\nMemFree: 1 kB\n"
    facts = BY_KIND["meminfo"].read(member_of("proc/meminfo", content))[0].values
    assert isinstance(facts["MemFree"], Present)
    assert facts["MemFree"].value == 1024


@pytest.mark.parametrize(
    "kind", sorted(BY_KIND.keys() - {"block_meta", "capture", "sysctl_json", "thanos_shipper"})
)
@pytest.mark.parametrize("number", ["²", "9" * 5000], ids=["no-decimal", "endless"])
def test_one_odd_number_costs_its_value_not_the_member(kind: str, number: str) -> None:
    """Asked is the parser's own function: ``read`` would turn its fault into an unreadable member."""
    parser, content = BY_KIND[kind], samples()[kind][:2000]
    for found in list(re.finditer(rb"\d+", content))[:80]:
        damaged = content[: found.start()] + number.encode() + content[found.end() :]
        check(parser.parse(member_of(path_for(parser), damaged), False))


def test_events_below_a_garbled_heading_are_read() -> None:
    table = b"LAST SEEN   TYPE      REASON    \0OBJECT      MESSAGE\n2m10s       Warning   BackOff   pod/i-0      x\n"
    (taken,) = BY_KIND["k8s_events"].parse(member_of("events", table), False)
    assert isinstance(taken.values["events"], Present)


@pytest.mark.parametrize("chunk", [64, 1 << 16])
def test_a_text_beyond_its_limit_ends_at_a_line_whatever_the_chunks(chunk: int) -> None:
    content = b"VmSize: 1048576 kB\n" * 20
    assert whole(member_of("status", content, chunk), 200) == content[:190]


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_reads_what_windows_wrote_as_utf_16(kind: str) -> None:
    parser, content = BY_KIND[kind], samples()[kind][:6000]
    content = content[: content.rfind(b"\n") + 1]
    if b"\0" in content or not content.isascii():
        pytest.skip("not a text that a shell on Windows redirects")
    path = path_for(parser)
    wide = b"\xff\xfe" + content.replace(b"\n", b"\r\n").decode().encode("utf-16-le")
    plain, read = parser.read(member_of(path, content)), parser.read(member_of(path, wide))
    assert [s.values.keys() for s in read] == [s.values.keys() for s in plain]
    for one, other in zip(plain, read, strict=True):
        for name, fact in one.values.items():
            assert type(other.values[name]) is type(fact), (name, other.values[name])
            if isinstance(fact, Present) and isinstance(fact.value, int | float | str | tuple):
                assert other.values[name].value == fact.value, name  # type: ignore[union-attr]


STAT = "(cortex) S 1 1 1 0 -1 4194560 4524 0 8 0 4 24 0 0 20 0 8 0"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max open files            20000                20000                files
Max address space         {}           unlimited            bytes
"""
TABLES = {  # a member, its main fact, and its text of one process and of another
    "limits.txt": ("address_space", LIMITS.format("1300000000"), LIMITS.format("unlimited ")),
    "proc/7/limits": ("address_space", LIMITS.format("unlimited "), LIMITS.format("1300000000")),
    "status.txt": (
        "state",
        "Name:\tcortex\nState:\tS (sleeping)\nPid:\t7\nVmSize:\t 12 kB\n",
        "Name:\tcortex\nState:\tS (sleeping)\nPid:\t8\nVmSize:\t 12 kB\n",
    ),
    "prlimit.txt": (
        "address_space",
        "RESOURCE   DESCRIPTION                SOFT      HARD UNITS\nAS   address space limit   8589934592 unlimited bytes\n",
        "RESOURCE   DESCRIPTION                SOFT      HARD UNITS\nAS   address space limit    unlimited unlimited bytes\n",
    ),
    "smaps_rollup": ("rss", "1-2 ---p 0 00:00 0 [rollup]\nRss: 4 kB\n", "1-2 ---p 0 00:00 0 [rollup]\nRss: 8 kB\n"),
    "cgroup": ("paths", "0::/kubepods/a\n", "0::/kubepods/b\n"),
    "stat": ("starttime", f"7 {STAT} 94009 12 9 1\n", f"8 {STAT} 94010 12 9 1\n"),
    "task_count.txt": ("tasks", "8\n", "12\n"),
    "fd_count.txt": ("fds", "344\n", "9\n"),
    "fd": (
        "fds",
        "total 0\nlrwx------ 1 root root 64 Nov 22 21:54 0 -> /dev/null\n",
        "total 0\nlr-x------ 1 root root 64 Nov 22 21:54 3 -> /data/index\n",
    ),
    "exe": (
        "path",
        "lrwxrwxrwx 1 root root 0 Nov 22 21:54 /proc/7/exe -> /bin/cortex\n",
        "lrwxrwxrwx 1 root root 0 Nov 22 21:54 /proc/8/exe -> /bin/sh\n",
    ),
    "maps_count.txt": ("lines", "16002\n", "212\n"),
    "numa_maps.txt": ("maps", "7ffc1df83000 default stack anon=4\n", "7ffc1df84000 default stack anon=4\n"),
    "pmap.txt": (
        "maps",
        "Address           Kbytes     RSS   Dirty Mode  Mapping\n00007ffc1df83000     132      16      16 rw---   [ stack ]\n",
        "Address           Kbytes     RSS   Dirty Mode  Mapping\n00007ffc1df84000     132      16      16 rw---   [ stack ]\n",
    ),
    "sys/fs/cgroup/a/memory.events": ("oom_kill", "oom 0\noom_kill 0\n", "oom 3\noom_kill 1\n"),
    "meminfo": ("MemTotal", "MemTotal:  24684092 kB\n", "MemTotal:  4096 kB\n"),
}  # fmt: skip
SUMMED = {"numa_maps.txt", "pmap.txt", "fd"}  # their rows are counted: a repetition cannot be told from more


@pytest.mark.parametrize("path", TABLES)
def test_a_text_of_two_processes_states_the_values_of_neither(path: str) -> None:
    main, one, other = TABLES[path]
    for text in (one + other, other + one, one + one + other, one + "\n" + other):
        parser = classify(path, text.encode())
        if parser is None:
            continue  # not taken for such a text at all
        for taken in parser.read(member_of(path, text.encode())):
            fact = taken.values.get(main)
            assert isinstance(fact, Unreadable), (text, fact)
            assert "several" in fact.why or "processes" in fact.why
    assert classify(path, one.encode()) is not None


@pytest.mark.parametrize("path", sorted(TABLES.keys() - SUMMED))
def test_a_table_that_is_repeated_is_taken_once(path: str) -> None:
    main, one, _ = TABLES[path]
    parser = classify(path, one.encode())
    assert parser is not None
    (alone,) = parser.read(member_of(path, one.encode()))
    (twice,) = parser.read(member_of(path, (one + one).encode()))
    assert isinstance(twice.values[main], Present)
    assert twice.values[main] == alone.values[main]


def test_a_sysctl_key_with_two_values_states_both() -> None:
    """Which of them was in force is for the case to weigh, as with two files."""
    text = b"vm.max_map_count = 65530\nvm.swappiness = 60\nvm.max_map_count = 262144\n"
    one, other = BY_KIND["sysctl"].read(member_of("sysctl.txt", text))
    assert {name: f.value for name, f in one.values.items() if isinstance(f, Present)} == {
        "vm.max_map_count": "65530",
        "vm.swappiness": "60",
    }
    assert [f.value for f in other.values.values() if isinstance(f, Present)] == ["262144"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(LIMITS.format("1300000000"))))
def test_a_cut_table_before_a_whole_one_lends_it_no_limit(cut: int) -> None:
    """The rows that the first lacks are the second process's."""
    one, other = LIMITS.format("unlimited "), LIMITS.format("1300000000")
    first = BY_KIND["limits"].read(member_of("limits.txt", f"{one[:cut]}\n".encode()))[0]
    both = BY_KIND["limits"].read(member_of("limits.txt", f"{one[:cut]}\n{other}".encode()))[0]
    states = any(isinstance(fact, Present) for fact in first.values.values())
    assert isinstance(both.values["address_space"], Unreadable if states else Present)


def test_a_link_has_nothing_to_read() -> None:
    member = member_of("free", b"")
    member.link = "sos_commands/memory/free_-m"
    assert BY_KIND["free"].read(member) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=200))
def test_any_path_can_be_classified(path: str, head: bytes) -> None:
    classify(path, head)
