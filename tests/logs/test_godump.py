"""Go dumps of real crashes and of every form of the grammar: reason, numbers, and the class of failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.facts import Stamp
from analyzer.logs import godump
from analyzer.logs.model import Event
from analyzer.logs.observation import Observation

SAMPLES = Path(__file__).parents[2] / "fixtures/log-samples"


def parse(lines: list[str], previous: str | None = None) -> tuple[Event, Observation | None]:
    return godump.parse(
        lines,
        member="ingester.log",
        first_line=7,
        stamp=Stamp(0),
        total_lines=len(lines),
        goroutines=sum(line.startswith("goroutine ") for line in lines),
        previous=previous,
    )


def sample(name: str) -> list[str]:
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    starts = tuple(start.decode() for start in godump.STARTS)
    return lines[next(n for n, line in enumerate(lines) if line.startswith(starts)) :]


def kind(found: Observation | None) -> tuple[str, str | None, str | None] | None:
    return found and (found.operation, found.file_kind, found.errno)


@pytest.mark.parametrize("name", ["go1.22.10-oom-rlimit_as.log", "go1.26.6-oom-rlimit_as.log"])
def test_heap_growth_gives_the_bytes_asked_and_in_use(name: str) -> None:
    event, found = parse(sample(name))
    assert event.kind == "fatal"
    assert event.evidence.line == 7
    assert event.fields["reason"] == "fatal error: out of memory"
    assert event.fields["asked"] == "33554432"
    assert int(event.fields["in_use"]) > 200_000_000
    assert event.fields["function"] == "runtime.(*mcache).allocLarge"
    assert kind(found) == ("allocate", "go_heap", "ENOMEM")
    assert found
    assert found.fatal
    assert found.sizes == {33554432: 1}


@pytest.mark.parametrize("name", ["panic-headchunk-1.11.1.log", "panic-headchunk-1.17.2.log"])
def test_a_head_chunk_cut_that_panics_is_ingest(name: str) -> None:
    event, found = parse(sample(name))
    assert event.fields["reason"] == "panic: mmap, size 134217728: cannot allocate memory"
    assert "tsdb." in event.fields["function"]
    assert kind(found) == ("ingest", "head_chunk_new", "ENOMEM")


def test_the_same_panic_in_a_replay_is_told_by_its_frames() -> None:
    lines = [
        "panic: mmap, size 134217728: cannot allocate memory",
        "",
        "goroutine 10664 [running]:",
        "github.com/prometheus/prometheus/tsdb.(*memSeries).mmapCurrentHeadChunk(0xc004d768c0, 0xc00b0b76d8?)",
        "\t/go/src/tsdb/head_append.go:557 +0x197",
        "github.com/prometheus/prometheus/tsdb.(*Head).processWALSamples(0xc0038ae000, 0x1a2053a0c20, 0x0?)",
        "\t/go/src/tsdb/head_wal.go:395 +0x2ab",
        "created by github.com/prometheus/prometheus/tsdb.(*Head).loadWAL",
    ]
    assert kind(parse(lines)[1]) == ("wal_replay", "head_chunk_new", "ENOMEM")


def test_a_panic_without_frames_is_told_by_the_line_before_it() -> None:
    lines = ["panic: mmap, size 134217728: cannot allocate memory"]
    assert kind(parse(lines, 'msg="WAL segment loaded" segment=1')[1]) == (
        "wal_replay",
        "head_chunk_new",
        "ENOMEM",
    )
    assert kind(parse(lines)[1]) == ("ingest", "head_chunk_new", "ENOMEM")
    assert kind(parse(lines, 'msg="WAL replay completed"')[1]) == ("ingest", "head_chunk_new", "ENOMEM")


@pytest.mark.parametrize("name", ["panic-join-go1.22.log", "panic-join-go1.26.log"])
def test_a_panic_of_several_lines_is_one_joined_error(name: str) -> None:
    _, found = parse(sample(name))
    assert kind(found) == ("startup_open", "index", "ENOMEM")
    assert found
    assert found.sizes == {16585: 1, 31301: 1}
    assert len(found.ulids) == 2


def test_sigbus_names_the_address_and_no_errno() -> None:
    event, found = parse(sample("go1.26-sigbus.log"))
    assert event.fields["signal"] == "SIGBUS"
    assert event.fields["address"] == "0x7f88d2f61000"
    assert kind(found) == ("other", None, None)


def test_gos_own_thread_limit_has_no_errno() -> None:
    event, found = parse(sample("go1.26-threadlimit.log"))
    assert event.fields["threads"] == "20"
    assert kind(found) == ("thread_create", None, None)


def test_a_failed_munmap_has_its_signature() -> None:
    event, found = parse(
        [
            "fatal error: unexpected signal during runtime execution",
            "[signal SIGSEGV: segmentation violation code=0x1 addr=0xf1 pc=0x48a0f2]",
            "",
            "runtime stack:",
            "runtime.throw({0x5f2b52d?, 0x0?})",
            "\t/usr/local/go/src/runtime/panic.go:1229 +0x48",
            "runtime.sigpanic()",
            "\t/usr/local/go/src/runtime/signal_unix.go:928 +0x10a",
            "runtime.sysMunmap(0x7f1c3c400000, 0x2000)",
            "\t/usr/local/go/src/runtime/sys_linux_amd64.s:560 +0x22",
        ]
    )
    assert event.fields["signature"] == "failed_munmap"
    assert event.fields["function"] == "runtime.sysMunmap"
    assert kind(found) == ("allocate", "go_heap", "ENOMEM")


def test_address_0xf1_elsewhere_is_no_signature() -> None:
    event, found = parse(
        ["fatal error: unexpected signal during runtime execution",
         "[signal SIGSEGV: segmentation violation code=0x1 addr=0xf1 pc=0x48a0f2]",
         "", "goroutine 1 [running]:", "main.main()"]
    )  # fmt: skip
    assert "signature" not in event.fields
    assert found is None


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["runtime/cgo: pthread_create failed: Resource temporarily unavailable", "SIGABRT: abort"],
         ("thread_create", "thread_stack", "EAGAIN")),
        (["runtime: failed to create new OS thread (have 42 already; errno=11)",
          "runtime: may need to increase max user processes (ulimit -u)", "fatal error: newosproc"],
         ("thread_create", "thread_stack", "EAGAIN")),
        (["runtime: failed to create new OS thread (have 8 already; errno=12)", "fatal error: newosproc"],
         ("thread_create", "thread_stack", "ENOMEM")),
        (["runtime: mmap(0xc000400000, 4194304) returned 0x0, 11",
          "fatal error: runtime: cannot map pages in arena address space"], ("allocate", "go_heap", "EAGAIN")),
        (["runtime: mmap(0xc000400000, 4194304) returned 0x0, 1",
          "fatal error: runtime: cannot map pages in arena address space"], ("allocate", "go_heap", "EPERM")),
        (["fatal error: runtime: out of memory"], ("allocate", "go_heap", "ENOMEM")),
        (["fatal error: runtime: cannot allocate memory"], ("allocate", "go_heap", "ENOMEM")),
        (["fatal error: out of memory allocating heap arena metadata"], ("allocate", "go_heap", "ENOMEM")),
        (["fatal error: failed to reserve page summary memory"], ("allocate", "go_heap", "ENOMEM")),
        (["fatal error: pageAlloc: out of memory"], ("allocate", "go_heap", "ENOMEM")),
        (["runtime: mmap: too much locked memory (check 'ulimit -l').", "fatal error: x"],
         ("allocate", "go_heap", "EAGAIN")),
        (["runtime: mmap: access denied", "fatal error: x"], ("allocate", "go_heap", "EACCES")),
        (["panic: preallocate: no space left on device"], ("ingest", "head_chunk_new", "ENOSPC")),
        (["panic: try lock file: open /d/team-100/chunks_head/000003: too many open files"],
         ("other", "head_chunk", "EMFILE")),
        (["panic: Unable to create mmap-ed active query log"], ("other", "active_query_log", None)),
        (["panic: mmap, size 8: cannot allocate memory [recovered, repanicked]"], ("other", "index", "ENOMEM")),
        (["fatal error: all goroutines are asleep - deadlock!"], None),
        (["fatal error: concurrent map writes"], None),
        (["panic: runtime error: invalid memory address or nil pointer dereference"], None),
        (["panic: write /prometheus/chunks_head/000292: file already closed"], None),
    ],
)  # fmt: skip
def test_each_form_has_its_class(
    lines: list[str], expected: tuple[str, str | None, str | None] | None
) -> None:
    event, found = parse([*lines, "", "goroutine 1 [running]:", "main.main()", "\t/src/main.go:1 +0x1"])
    assert kind(found) == expected
    assert event.kind == "fatal"
    assert found is None or found.fatal


def test_the_size_of_a_heap_mapping_is_read_from_the_frame() -> None:
    event, found = parse(
        ["fatal error: runtime: out of memory", "", "runtime stack:", "runtime.throw({0x20bdbf9?, 0x2030?})",
         "\truntime/panic.go:1047 +0x5d", "runtime.sysMapOS(0xc001000000, 0x400000?)", "\truntime/mem_linux.go:187",
         "runtime.sysMap(0x7fffffffffff?, 0x7fdbe5290000?, 0x4303c0?)", "\truntime/mem.go:142"]
    )  # fmt: skip
    assert event.fields["asked"] == "4194304"
    assert event.fields["function"] == "runtime.sysMapOS"
    assert found
    assert found.sizes == {4194304: 1}


def test_a_mapping_that_a_panic_names_by_size() -> None:
    lines = ["panic: while creating table: out/1/p/025670.sst error: cannot allocate memory",
             "while mmapping out/1/p/025670.sst with size: 64697135"]  # fmt: skip
    _, found = parse([*lines, "", "goroutine 1 [running]:", "main.main()"])
    assert found
    assert (found.errno, found.sizes, found.paths) == ("ENOMEM", {64697135: 1}, ["out/1/p/025670.sst"])


def test_a_requested_dump_is_no_failure() -> None:
    event, found = parse(["SIGQUIT: quit", "PC=0x46f461 m=0 sigcode=0", "", "goroutine 1 [running]:"])
    assert event.kind == "sigquit"
    assert found is None


def test_a_long_dump_is_summarised() -> None:
    bystanders = ["goroutine 9 [select]:", "runtime.gopark(0x0?)", "\truntime/proc.go:363 +0xd6", ""] * 5000
    event, _ = parse([*sample("go1.22.10-oom-rlimit_as.log"), *bystanders])
    assert event.fields["lines"] == str(len(sample("go1.22.10-oom-rlimit_as.log")) + 20_000)
    assert int(event.fields["goroutines"]) > 5000
    assert all(len(value) <= 400 for value in event.fields.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_dump_cut_anywhere_never_raises(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(path.name for path in SAMPLES.glob("*go1*.log"))))
    text = "\n".join(sample(name))
    whole = parse(text.split("\n"))[1]
    cut = text[: data.draw(st.integers(0, min(len(text), 3000)))]
    event, found = parse(cut.split("\n"))
    assert event.fields.get("goroutines") is not None
    if found and whole:
        assert found.sizes.keys() <= whole.sizes.keys()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=60), st.sampled_from([start.decode() for start in godump.STARTS])),
        max_size=12,
    )
)
def test_garbage_never_raises(lines: list[str]) -> None:
    parse(lines)
