"""Any lines as a Go dump: one event of numbers that are numbers, and a failure of a known kind."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.logs import godump
from analyzer.logs.model import FILE_KINDS, OPERATIONS
from analyzer.logs.observation import SAMPLE_LIMIT, Observation
from fuzz import corpus
from fuzz.target import Target, assert_speakable, split_choice, text_of

NUMBERS = ("asked", "in_use", "threads", "goroutines", "lines")
PREVIOUS = (None, "WAL replay completed", "replay", "Starting Cortex")
_MOST_DIGITS = 20  # what the runtime prints is at most a 64-bit number


def run(data: bytes) -> None:
    """The target: the first byte chooses the step before the dump and where it is cut."""
    choice, rest = split_choice(data, 256)
    lines = text_of(rest).split("\n")
    for part in (lines, lines[: len(lines) * choice // 256 + 1]):
        event, failure = godump.parse(
            part,
            member="log",
            first_line=3,
            stamp=None,
            total_lines=len(part),
            goroutines=sum(line.startswith("goroutine ") for line in part),
            previous=PREVIOUS[choice % 4],
        )
        assert event.kind in ("fatal", "sigquit")
        assert (event.evidence.member, event.evidence.line) == ("log", 3)
        assert_speakable(event.evidence.text, *event.fields.values())
        for name in NUMBERS:
            number = event.fields.get(name, "0")
            assert number.isascii(), name
            assert number.isdigit(), name
            assert len(number) <= _MOST_DIGITS, f"{name} has no end"
        assert len(event.fields.get("reason", "")) <= SAMPLE_LIMIT
        if failure is not None:
            assert event.kind == "fatal"
            _check(failure)


def _check(failure: Observation) -> None:
    assert failure.operation in OPERATIONS
    assert failure.file_kind is None or failure.file_kind in FILE_KINDS
    assert failure.fatal
    assert len(failure.sample) <= SAMPLE_LIMIT
    assert all(size >= 0 and times > 0 for size, times in failure.sizes.items())
    assert_speakable(failure.sample, *failure.paths)


def seeds() -> Iterator[bytes]:
    """The dumps among the logs, whole and by their known first lines."""
    for log in corpus.log_samples():
        if any(start in log for start in godump.STARTS):
            yield b"\x41" + log[:4000]
    for line in corpus.log_lines():
        if line.startswith(godump.STARTS):
            yield b"\x00" + line + b"\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/x.go:18 +0x1d\n"


TARGET = Target(
    "godump",
    run,
    seeds,
    words=(
        *godump.STARTS, b"goroutine 1 [running]:\n", b"runtime stack:\n", b"runtime.throw(", b"runtime.mmap(0x0, 0x400000)\n",
        b"runtime.sysMapOS(0xc001000000, 0x400000)\n", b"runtime.persistentalloc1(0x4000)\n", b"cannot allocate 33554432-byte block (205225984 in use)",
        b"have 9 already; errno=11", b"program exceeds 10000-thread limit", b"returned 0x0, 12", b"[signal SIGSEGV: x code=0x1 addr=0xf1 pc=0x1]",
        b"unexpected fault address 0x7f", b" [recovered]", b"created by ", b" in goroutine 7", b"runtime.sysMunmap(0x1)\n", b"pthread_create failed: ",
        b"Resource temporarily unavailable", b"mmap, size 134217728: cannot allocate memory", b"while mmapping /d/queries.active with size: 20001",
        b"newosproc", b"thread exhaustion", b"SIGBUS: bus error\n", b"tsdb.(*headAppender).Commit(", b"out of memory", b"\n\n", b"0xffffffffffffffffffffff",
        b"runtime: mmap(0x0, 99999999999999999999) returned 0x0, 12", b"sigcode=2 addr=0x1",
    ),
    length=5000,
)  # fmt: skip
