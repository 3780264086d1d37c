"""Kernel lines of all generations, each with its prefix, to one event; a kill told in many lines is one."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.clock import settle_year
from analyzer.facts import Stamp
from analyzer.logs import kernel
from analyzer.logs.kernel_log import read_kernel_log
from analyzer.logs.model import KernelLog
from analyzer.logs.sniff import looks_like_kernel_log
from analyzer.snapshots.parsers import member_of

BUNDLES = Path(__file__).parents[2] / "fixtures/bundles"
KB = 1024

LINES = {
    "new memcg": (
        "[  600.123456] Memory cgroup out of memory: Killed process 4321 (cortex) total-vm:20100200kB, "
        "anon-rss:4190000kB, file-rss:9000kB, shmem-rss:0kB, UID:0 pgtables:9000kB oom_score_adj:999",
        ("oom_kill", 4321, "cortex", "memcg"),
    ),
    "new global": (
        "[1.0] Out of memory: Killed process 99 (java) total-vm:1kB, anon-rss:2kB, file-rss:3kB",
        ("oom_kill", 99, "java", "global"),
    ),
    "old memcg": (
        "[1234567.890123] Memory cgroup out of memory: Kill process 4321 (cortex) score 1974 or sacrifice child",
        ("oom_kill", 4321, "cortex", "memcg"),
    ),
    "old global": (
        "kernel: Out of memory: Kill process 15746 (prometheus) score 851 or sacrifice child",
        ("oom_kill", 15746, "prometheus", "global"),
    ),
    "old sizes": (
        "[3907506.014035] Killed process 50093 (prometheus) total-vm:34225584kB, anon-rss:33961532kB, file-rss:0kB",
        ("oom_kill", 50093, "prometheus", ""),
    ),
    "uid": (
        "Killed process 6789, UID 500, (java) total-vm:10kB, anon-rss:9kB, file-rss:0kB",
        ("oom_kill", 6789, "java", ""),
    ),
    "allocating task": (
        "Out of memory (oom_kill_allocating_task): Kill process 7 (a) score 0 or sacrifice child",
        ("oom_kill", 7, "a", "global"),
    ),
    "constraint": (
        "[2.5] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,"
        "oom_memcg=/kubepods/pod1,task_memcg=/kubepods/pod1/c1,task=cortex,pid=4321,uid=0",
        ("oom_kill", 4321, "cortex", "memcg"),
    ),
    "global constraint": (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
        "task_memcg=/user.slice,task=loki,pid=5,uid=0",
        ("oom_kill", 5, "loki", "global"),
    ),
    "invoked": (
        "May 10 14:48:19 ip-10-0-0-1 kernel: [4219389.089984] loki invoked oom-killer: "
        "gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0, oom_score_adj=0",
        ("oom_invoked", None, "loki", ""),
    ),
    "task in": (
        "[1.5] Task in /kubepods/burstable/pod1/c1 killed as a result of limit of /kubepods/burstable/pod1",
        ("oom_invoked", None, None, "memcg"),
    ),
    "group": (
        "Tasks in /kubepods.slice/pod2 are going to be killed due to memory.oom.group set",
        ("oom_invoked", None, None, "memcg"),
    ),
    "usage": (
        "[2656.264846] memory: usage 204800kB, limit 204800kB, failcnt 1131830",
        ("oom_invoked", None, None, "memcg"),
    ),
    "reaper": (
        "oom_reaper: reaped process 1234 (cortex), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        ("oom_kill", 1234, "cortex", ""),
    ),
    "overcommit bytes": (
        "[1933.947212] __vm_enough_memory: pid: 18313, comm: python3, bytes: 25769803776 not enough memory "
        "for the allocation",
        ("overcommit_refused", 18313, "python3", ""),
    ),
    "overcommit plain": (
        "[Sun Nov 22 22:03:13 2026] __vm_enough_memory: pid: 162, comm: prometheus, no enough memory for the allocation",
        ("overcommit_refused", 162, "prometheus", ""),
    ),
    "overcommit pages": (
        "__vm_enough_memory: pid: 9, comm: a b, pages: 16384 not enough memory for the allocation",
        ("overcommit_refused", 9, "a b", ""),
    ),
    "data": (
        "[ 1642.083235] mmap: prometheus (14317): VmData 105381888 exceed data ulimit 104857600. Update limits or "
        "use boot option ignore_rlimit_data.",
        ("data_ulimit", 14317, "prometheus", ""),
    ),
    "fork": (
        "[Sun Nov 22 22:08:43 2026] cgroup: fork rejected by pids controller in /e",
        ("fork_rejected", None, None, ""),
    ),
    "slub": (
        "SLUB: Unable to allocate memory on node -1 (gfp=0x6000c0)",
        ("slab", None, None, ""),
    ),
    "page allocation": (
        "[5.0] kworker/u8:1: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL)",
        ("slab", None, "kworker/u8:1", ""),
    ),
    "file-max": ("VFS: file-max limit 65536 reached", ("file_max", None, None, "")),
}


@pytest.mark.parametrize("name", LINES)
def test_each_generation_is_read(name: str) -> None:
    line, (kind, pid, comm, constraint) = LINES[name]
    event = kernel.parse(line, "dmesg", 3)
    assert event is not None
    assert (event.kind, event.pid, event.comm, event.constraint) == (kind, pid, comm, constraint)
    assert event.evidence.member == "dmesg"
    assert event.evidence.line == 3
    assert any(literal in line.encode() for literal in kernel.LITERALS)


@pytest.mark.parametrize(
    "name, values",
    [
        ("new memcg", {"total_vm": 20100200 * KB, "anon_rss": 4190000 * KB, "file_rss": 9000 * KB, "shmem_rss": 0,
                       "pgtables": 9000 * KB}),
        ("old memcg", {"score": 1974}),
        ("usage", {"usage": 204800 * KB, "limit": 204800 * KB, "failcnt": 1131830}),
        ("overcommit bytes", {"requested": 25769803776}),
        ("overcommit plain", {}),
        ("overcommit pages", {"requested": 16384 * 4096}),
        ("data", {"vm_data": 105381888, "limit": 104857600}),
    ],
)  # fmt: skip
def test_sizes_are_bytes_and_what_is_not_stated_is_absent(name: str, values: dict[str, int]) -> None:
    event = kernel.parse(LINES[name][0], "dmesg", 1)
    assert event is not None
    assert event.values == values


def test_cgroups_are_named() -> None:
    for name, path in (
        ("constraint", "/kubepods/pod1/c1"),
        ("fork", "/e"),
        ("task in", "/kubepods/burstable/pod1/c1"),
    ):
        event = kernel.parse(LINES[name][0], "dmesg", 1)
        assert event is not None
        assert event.cgroup == path


@pytest.mark.parametrize(
    "line, iso, boot, assumed",
    [
        ("[  600.123456] x", None, 600.123456, ""),
        ("[Sun Nov 22 21:58:59 2026] x", "2026-11-22T21:58:59Z", None, "zone"),
        ("Nov 22 21:36:00 node kernel: [  600.1] x", "2026-11-22T21:36:00Z", 600.1, "year"),
        ("2026-11-22T21:36:00+0100 node kernel: x", "2026-11-22T20:36:00Z", None, ""),
        ("Memory cgroup out of memory", None, None, ""),
        ("kern  :err   : [  600.123456] x", None, 600.123456, ""),
        ("kern  :err   : [Sun Nov 22 21:58:59 2026] x", "2026-11-22T21:58:59Z", None, "zone"),
        ("[  600.123456 <    0.000007>] x", None, 600.123456, ""),
        ("[Sun Nov 22 21:58:59 2026 <    0.000007>] x", "2026-11-22T21:58:59Z", None, "zone"),
        ("[<    0.000007>] x", None, None, ""),
        ("2026-11-22T21:36:00,123456+01:00 x", "2026-11-22T20:36:00.123Z", None, ""),
        ("[Nov22 21:36] x", "2026-11-22T21:36:00Z", None, "year"),
        ("[Nov 2 21:36] x", "2026-11-02T21:36:00Z", None, "year"),
        ("[  +0.000007] x", None, None, ""),
    ],
)
def test_the_head_of_a_line_gives_its_time(
    line: str, iso: str | None, boot: float | None, assumed: str
) -> None:
    moment, seconds = kernel.stamp(line)
    assert seconds == boot
    if iso is None:
        assert moment is None
        return
    assert moment is not None
    assert moment.assumed == assumed
    reference = Stamp.from_seconds(1795384560)
    settled = settle_year(moment, reference) if assumed == "year" else moment
    assert settled.iso() == iso


def dmesg(bundle: str) -> list[str]:
    with tarfile.open(BUNDLES / bundle / "bundle.tar.gz") as archive:
        name = next(member for member in archive.getnames() if member.endswith("sos_commands/kernel/dmesg"))
        body = archive.extractfile(name)
        assert body is not None
        return body.read().decode().splitlines()


def events(lines: list[str]) -> list[kernel.KernelEvent]:
    return [event for n, line in enumerate(lines, 1) if (event := kernel.parse(line, "dmesg", n))]


def test_a_real_kill_of_eight_lines_is_one_event() -> None:
    merged = kernel.merge(events(dmesg("cortex-cgroup_oom_head")))
    kills = [event for event in merged if event.kind == "oom_kill"]
    assert [event.pid for event in kills] == [31185, 31213, 31232]
    assert {event.comm for event in kills} == {"cortex-head"}
    assert {event.constraint for event in kills} == {"memcg"}
    assert all(event.values["limit"] == 204800 * KB for event in kills)
    assert all("Killed process" in event.evidence.text for event in kills)


def test_the_cgroup_of_a_kill_comes_from_its_constraint_line() -> None:
    merged = kernel.merge(events(dmesg("c07a-memcg-oomkill-go-heap")))
    kills = [(event.pid, event.cgroup) for event in merged if event.kind == "oom_kill"]
    assert kills == [(113, "/a"), (156, "/a2")]


def test_the_old_form_of_two_lines_is_one_event() -> None:
    merged = kernel.merge(
        events(
            [
                "[9.0] Task in /a killed as a result of limit of /b",
                "[9.0] memory: usage 10kB, limit 10kB, failcnt 3",
                "[9.1] Memory cgroup out of memory: Kill process 7 (cortex) score 9 or sacrifice child",
                "[9.2] Killed process 7 (cortex) total-vm:8kB, anon-rss:4kB, file-rss:0kB",
                "[900.0] Memory cgroup out of memory: Kill process 7 (cortex) score 9 or sacrifice child",
            ]
        )
    )
    assert [event.boot_seconds for event in merged] == [9.1, 900.0]
    assert merged[0].cgroup == "/a"
    assert merged[0].values == {"usage": 10 * KB, "limit": 10 * KB, "failcnt": 3, "total_vm": 8 * KB,
                                "anon_rss": 4 * KB, "file_rss": 0, "score": 9}  # fmt: skip


def as_written(option: str, lines: list[str]) -> list[str]:
    """A plain dmesg as one of its options writes it."""
    boot = datetime(2026, 11, 22, 21, 26, 46, tzinfo=UTC)
    last = 0.0
    rows: list[str] = []
    for line in lines:
        stamped, _, message = line.partition("] ")
        if not message:  # a message of several lines
            rows.append(line)
            continue
        seconds = float(stamped[1:])
        at, step = boot + timedelta(seconds=seconds), seconds - last
        same_minute = rows and (boot + timedelta(seconds=last)).minute == at.minute
        last = seconds
        rows.append(
            {
                "-x": f"kern  :warn  : {line}",
                "-d": f"{stamped} <{step:12.6f}>] {message}",
                "-t": message,
                "-t -x": f"kern  :warn  : {message}",
                "-T": f"[{at:%a %b %e %H:%M:%S %Y}] {message}",
                "-T -d": f"[{at:%a %b %e %H:%M:%S %Y} <{step:12.6f}>] {message}",
                "-r": f"<4>{line}",
                "-H": f"[{step:+11.6f}] {message}" if same_minute else f"[{at:%b%e %H:%M}] {message}",
                "-H in color": f"\x1b[32m[{at:%b%e %H:%M}] \x1b[0m{message}",
                "--time-format iso": f"{at:%Y-%m-%dT%H:%M:%S,%f}+00:00 {message}",
                "--time-format iso -x": f"kern  :warn  : {at:%Y-%m-%dT%H:%M:%S,%f}+00:00 {message}",
                "--time-format delta": f"[<{step:12.6f}>] {message}",
            }[option]
        )
    return rows


OPTIONS = ["-x", "-d", "-t", "-t -x", "-T", "-T -d", "-r", "-H", "-H in color", "--time-format iso",
           "--time-format iso -x", "--time-format delta"]  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True], ids=["from the boot", "the ring had wrapped"])
@pytest.mark.parametrize("option", OPTIONS)
def test_dmesg_is_read_with_any_options(option: str, wrapped: bool) -> None:
    lines = dmesg("cortex-cgroup_oom_head")[200 * wrapped :]
    text = "\n".join(as_written(option, lines)).encode()
    assert looks_like_kernel_log("flat/dmesg.txt", text[:8192])
    assert looks_like_kernel_log("flat/m.txt", text[:8192]) or (option == "-t" and wrapped)
    log = read_kernel_log(member_of("dmesg.txt", text))
    plain = read_kernel_log(member_of("dmesg.txt", "\n".join(lines).encode()))

    def told(found: KernelLog) -> list[tuple[object, ...]]:
        return [
            (e.kind, e.pid, e.comm, e.cgroup, e.constraint, e.evidence.line, e.values) for e in found.events
        ]

    if option in ("-t", "-t -x", "--time-format delta"):  # without times the kills of one pid are one
        assert {row[1] for row in told(log)} == {row[1] for row in told(plain)}
    else:
        assert told(log) == told(plain)
    assert log.lines == plain.lines


@pytest.mark.parametrize(
    "path, text",
    [
        ("dmesg.txt", "level=info ts=2026-11-22T21:54:45Z msg=started\n" * 3),
        ("ingester.log", "2026-11-22 22:17:59,934 INFO started: now\n" * 3),
        ("ingester.log", "user: unknown\nkernel: unknown\n" * 3),
        ("notes.txt", "Linux version 6.1 it was\nand: nothing else\n"),
        ("notes.txt", "first: this\nsecond: that\n" * 3),
    ],
)
def test_what_is_no_kernel_log(path: str, text: str) -> None:
    assert not looks_like_kernel_log(f"flat/{path}", text.encode())


@pytest.mark.parametrize(
    "bundle, kinds",
    [
        ("c04a-overcommit2-prometheus", {"overcommit_refused"}),
        ("c05a-rlimit_data-pthread", {"data_ulimit"}),
        ("c07e-pids_max", {"fork_rejected"}),
    ],
)
def test_real_kernel_logs(bundle: str, kinds: set[str]) -> None:
    found = {event.kind for event in events(dmesg(bundle))}
    assert kinds <= found


def test_a_kernel_log_without_limits_says_nothing() -> None:
    lines = [line for line in dmesg("c09d-max_map_count-prometheus-steady") if "enough_memory" not in line]
    assert all(event.kind != "slab" for event in events(lines))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(LINES)), st.data())
def test_a_cut_line_never_raises_and_never_names_another_pid(name: str, data: st.DataObject) -> None:
    line, expected = LINES[name]
    event = kernel.parse(line[: data.draw(st.integers(0, len(line)))], "dmesg", 1)
    if event is not None and event.pid is not None:
        assert event.pid == expected[1]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_garbage_never_raises(text: str) -> None:
    kernel.parse(text, "dmesg", 1)
    kernel.stamp(text)
