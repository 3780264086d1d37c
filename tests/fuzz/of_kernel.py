"""Any bytes as a kernel log: each line read or passed over, kills told once, nothing lost at a chunk."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.bundle.model import Member
from analyzer.logs import kernel
from analyzer.logs.kernel_log import read_kernel_log
from analyzer.logs.model import KernelEvent, KernelLog
from analyzer.logs.sniff import looks_like_kernel_log
from analyzer.logs.source import document_kind, is_export, utf16_of
from fuzz import corpus
from fuzz.target import Target, assert_speakable, lines_of, pieces_of, split_choice, text_of

KINDS = ("oom_kill", "oom_invoked", "overcommit_refused", "data_ulimit", "fork_rejected", "slab", "file_max")
PATH = "var/log/dmesg"


def run(data: bytes) -> None:
    """The target: the first byte chooses the size of the chunks."""
    choice, rest = split_choice(data, 256)
    rows = lines_of(rest)
    events = []
    for number, row in enumerate(rows, 1):
        event = kernel.parse(text_of(row), "log", number)
        if event is not None:
            _check(event, number)
            assert any(literal in row for literal in kernel.LITERALS), "a line that the scan would not find"
            events.append(event)
    merged = kernel.merge(events)
    assert len(merged) <= len(events)
    assert {event.pid for event in merged} <= {event.pid for event in events}
    assert sum(event.kind not in ("oom_kill", "oom_invoked") for event in merged) == sum(
        event.kind not in ("oom_kill", "oom_invoked") for event in events
    )
    looks_like_kernel_log(PATH, rest[:8192])
    whole = _log(rest, max(len(rest), 1))
    assert _log(rest, choice + 1) == whole, "the chunks matter"
    if not (utf16_of(rest[:8192]) or is_export(rest[:8192]) or document_kind(rest[:8192])):
        assert whole.lines == len(rows)


def _log(data: bytes, size: int) -> KernelLog:
    return read_kernel_log(Member(PATH, len(data), data[:8192], iter(pieces_of(data, size))))


def _check(event: KernelEvent, number: int) -> None:
    assert event.kind in KINDS
    assert event.evidence.line == number
    assert event.constraint in ("memcg", "global", "")
    assert event.pid is None or event.pid >= 0
    assert all(value >= 0 for value in event.values.values())
    assert event.boot_seconds is None or event.boot_seconds >= 0
    assert_speakable(event.evidence.text, event.comm or "", event.cgroup or "")


def seeds() -> Iterator[bytes]:
    """Each line of the table of known kernel lines, and the kernel logs of the bundles."""
    rows = [row.strip() for row in (kernel.__doc__ or "").split("\n") if row.startswith("    ")]
    for row in [*rows, *LINES]:
        yield b"\x10" + row.encode() + b"\n"
    yield b"\x40" + "\n".join([*rows, *LINES]).encode()
    for path, content in corpus.members():
        if any(word in path for word in ("dmesg", "kern", "journal", "messages")):
            yield b"\x40" + content


LINES = (
    "[Sun Nov 22 22:03:13 2026] Out of memory: Killed process 31185 (cortex) total-vm:2354636kB, anon-rss:1kB, file-rss:2kB",
    "Nov 22 21:36:00 node1 kernel: [  600.123456] Task in /a/b killed as a result of limit of /a",
    "[1.000001] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a/b,task=cortex,pid=7,uid=0",
    "[1.000002] memory: usage 1024kB, limit 1024kB, failcnt 12",
    "[1.000003] kmem: usage 1024kB, limit 9007199254740988kB, failcnt 0",
    "[1.000004] Memory cgroup stats for /a/b: cache:0KB rss:1024KB",
    "[1.000005] oom_reaper: reaped process 7 (cortex), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
    "[1.000006] Tasks in /a/b are going to be killed due to memory.oom.group set",
    "[1.000007] __vm_enough_memory: pid: 7, comm: cortex, bytes: 134217728 not enough memory for the allocation",
    "[1.000008] SLUB: Unable to allocate memory on node -1, gfp=0xcc0(GFP_KERNEL)",
    "[1.000009] cortex: page allocation failure: order:4, mode:0x40cc0",
    "[1.000010] VFS: file-max limit 1024 reached",
    "Nov 22 21:36:00 n systemd-oomd[7]: Killed /a/b due to memory pressure for /a being 50% > 10%",
)


TARGET = Target(
    "kernel",
    run,
    seeds,
    words=(
        *kernel.LITERALS, b"[  600.123456] ", b"[Sun Nov 22 22:03:13 2026] ", b"Nov 22 21:36:00 node1 kernel: ", b"<6>[    1.000000] ",
        b"total-vm:1kB, anon-rss:1kB", b"Killed process 7 (cortex)", b", UID 0,", b"pid=7,", b"task=c,", b"constraint=CONSTRAINT_NONE,",
        b"score 1 or sacrifice child", b"pages: 12 ", b"bytes: 12 ", b"VmData 1 exceed data ulimit 2", b"mmap: c (7): ", b"Linux version ",
        b"oom_memcg=/a,", b"/kubepods/pod-1", b" order:3", b"99999999999999999999", b"Feb 29 23:59:60 ", b"Feb 30 00:00:00 2025",
    ),
)  # fmt: skip
