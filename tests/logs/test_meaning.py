"""What records mean: operation, file, errno, tenant, damage; and what means nothing of this family."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs import literals, meaning, records
from analyzer.logs.errors import StreamCounter
from analyzer.logs.model import FILE_KINDS, OPERATIONS

ENOMEM = "cannot allocate memory"
ULID = "01G0P1FM80185GR38E1W8124GK"


@dataclass
class Context:
    """Knows the previous step of each tenant that a test names."""

    member: str = "ingester.log"
    steps: dict[str | None, str] = field(default_factory=dict)

    def previous_step(self, tenant: str | None) -> str | None:
        return self.steps.get(tenant)


def read(line: str, steps: dict[str | None, str] | None = None, cut: bool = False) -> meaning.Meaning | None:
    return meaning.interpret(records.parse(line, "ingester.log", 3, cut=cut), Context(steps=steps or {}))


def failure(line: str, steps: dict[str | None, str] | None = None, cut: bool = False) -> meaning.Observation:
    found = read(line, steps, cut)
    assert found is not None
    assert found.failure is not None
    return found.failure


def logfmt(error: str, head: str = "", tail: str = "") -> str:
    return f"ts=2026-11-22T21:57:16.3138Z caller=x.go:1 level=error {head} err={json.dumps(error)} {tail}".strip()


@pytest.mark.parametrize(
    "line, operation, kind",
    [
        (logfmt(f"failed to open TSDB: /d/t1: mmap, size 9: {ENOMEM}", 'msg="unable to open TSDB"'), "startup_open", "index"),
        (logfmt(f"failed to compact TSDB: /d/t1: mmap, size 9: {ENOMEM}", 'msg="unable to open TSDB"'),
         "startup_compaction", "index"),
        (logfmt(f"failed to compact TSDB: /d/t1: compact head: persist head block: mmap, size 9: {ENOMEM}",
                'msg="unable to open TSDB"'), "startup_compaction", "index_writer"),
        (logfmt(f"2 errors: mmap, size 9: {ENOMEM}; mmap, size 8: {ENOMEM}",
                'msg="TSDB blocks compaction for user has failed"'), "compaction", "index"),
        (logfmt(f"2 errors: add series: mmap, size 1564: {ENOMEM}; mmap, size 1568: {ENOMEM}",
                'msg="TSDB blocks compaction for user has failed"'), "compaction", "index_writer"),
        (logfmt(f"compact [/d/a /d/b /d/c]: mmap files: mmap: {ENOMEM}"), "compaction", "chunks_segment"),
        (logfmt(f"reload blocks: head truncate failed: truncate chunks.HeadReadWriter: mmap: {ENOMEM}"),
         "compaction", "head_chunk_new"),
        (logfmt(f"opening storage failed: mmap files, file: /d/chunks_head/000001: mmap, size 8: {ENOMEM}"),
         "head_chunk_mapping", "head_chunk"),
        (logfmt(f"corrupted block {ULID}: mmap, size 9: {ENOMEM}", "msg=reloadBlocks"), "reload", "index"),
        (logfmt("write to WAL: log samples: write /d/wal/00008836: no space left on device", 'msg="append failed"'),
         "ingest", "wal"),
        (logfmt("close /d/thanos.shipper.json.tmp: no space left on device",
                'msg="shipper failed to synchronize TSDB blocks with the storage"'), "ship", None),
        (logfmt("user=t1: expanding series: open /d/t1/x: too many open files", "method=/cortex.Ingester/QueryStream"),
         "query", None),
        (logfmt(f"open WAL segment: 12: open /d/wal/00000012: {ENOMEM}",
                'msg="Encountered WAL read error, attempting repair"'), "wal_replay", "wal"),
        (logfmt(f"iterate on on-disk chunks: mmap, size 9: {ENOMEM}", 'msg="Loading on-disk chunks failed"'),
         "head_chunk_mapping", "index"),
        (logfmt(f"preallocate: {ENOMEM}", 'msg="TSDB blocks compaction for user has failed"'),
         "compaction", "head_chunk_new"),
        (logfmt(f"new index-header reader: mmap, size 9: {ENOMEM}"), "other", "index_header"),
    ],
)  # fmt: skip
def test_operation_and_file_of_each_form(line: str, operation: str, kind: str | None) -> None:
    found = failure(line)
    assert (found.operation, found.file_kind) == (operation, kind)
    assert found.operation in OPERATIONS
    assert found.file_kind is None or found.file_kind in FILE_KINDS
    assert any(literal in line.encode() for literal in meaning.LITERALS)


@pytest.mark.parametrize(
    "step, operation",
    [
        ('msg="Running compaction after WAL replay"', "startup_compaction"),
        ('msg="write block" ulid=x', "compaction"),
        ("wal_segment_loaded", "wal_replay"),
        ('msg="Found healthy block"', "startup_open"),
        ('msg="Compactions disabled"', "other"),
        ('msg="WAL replay completed" total_replay_duration=1s', "other"),
        (None, "other"),
    ],
)
def test_a_bare_error_takes_its_operation_from_the_tenants_previous_step(
    step: str | None, operation: str
) -> None:
    line = logfmt(f"2 errors: mmap, size 9: {ENOMEM}; mmap, size 8: {ENOMEM}", "", "user=t1")
    assert failure(line, {"t1": step} if step else {}).operation == operation


@pytest.mark.parametrize(
    "line",
    [
        'ts=2026-11-22T22:17:33.5Z caller=push.go:53 level=warn org_id=a msg="push refused" err="rpc error: code = '
        'Code(400) desc = user=a: err: out of bounds. timestamp=2026-11-22T22:15:30Z, series={__name__=\\"x\\"}"',
        logfmt("per-user series limit of 10 exceeded", "method=/cortex.Ingester/Push", 'msg="gRPC\\n"'),
        logfmt("context canceled", 'msg="unable to open TSDB"', "user=t1"),
        logfmt(
            "Failed to join 10.0.0.1: dial tcp 10.0.0.1:7946: i/o timeout", 'msg="joining memberlist cluster"'
        ),
        logfmt("error reading config: open /etc/x.yml: no such file or directory", 'msg="loading"'),
        "7d7e2c000000-7d7e2ff01000 rw-p 00000000 00:00 0",
        "TSM compaction (end)",
        "",
    ],
)
def test_what_is_no_failure_of_this_family_means_nothing(line: str) -> None:
    assert read(line) is None


def test_a_failed_module_that_is_no_ingester_is_an_event_only() -> None:
    found = read(logfmt("starting: dial tcp: i/o timeout", 'msg="module failed"', "module=memberlist-kv"))
    assert found is not None
    assert found.event is not None
    assert (found.event.kind, found.event.fields) == ("module_failed", {"module": "memberlist-kv"})
    assert found.failure is None


def test_the_end_of_a_process_carries_no_cause() -> None:
    found = read(logfmt("failed services\nmain.main\n\t/go/src/main.go:195", 'msg="error running cortex"'))
    assert found is not None
    assert found.failure is None
    assert found.event is not None
    assert (found.event.kind, found.event.fields) == ("stopped", {"outcome": "error"})


def test_a_start_that_fails_for_an_unknown_reason_is_a_failure_without_errno() -> None:
    found = failure(logfmt("failed to open TSDB: /d/t1: invalid block sequence: block time ranges overlap: [mint: 1]",
                           'msg="unable to open TSDB"', "user=t1"))  # fmt: skip
    assert (found.operation, found.errno, found.corrupt) == ("startup_open", None, False)


@pytest.mark.parametrize(
    "error",
    [
        f"corrupted block {ULID}: invalid magic number 0",
        "read records: corruption in segment /d/wal/00000123 at 1048576: unexpected checksum a1b2, expected c3d4",
        "last record is torn",
        "found unsequential head chunk files /d/chunks_head/3 (index: 3) and /d/chunks_head/5 (index: 5)",
        "out of sequence m-mapped chunk for series ref 5",
        f"corrupted block {ULID}: index header: invalid size",
        "mmap, size 0: invalid argument",
        "mmap files, file: /d/chunks_head/000486: mmap: invalid argument",
    ],
)
def test_words_of_damage_are_damage(error: str) -> None:
    line = logfmt(f"failed to open TSDB: /d/t1: {error}", 'msg="unable to open TSDB"')
    assert failure(line).corrupt
    assert any(literal in line.encode() for literal in meaning.LITERALS)


@pytest.mark.parametrize(
    "error, message",
    [
        (f"reloadBlocks: corrupted block {ULID}: mmap, size 9: {ENOMEM}", "unable to open TSDB"),
        (
            "repair corrupted WAL: cannot handle error: open WAL segment: 1: open /d/wal/1: too many open files",
            "x",
        ),
        (
            "open WAL segment: 1: open /d/wal/1: too many open files",
            "Encountered WAL read error, attempting repair",
        ),
        (f"unexpected corrupted block:map[{ULID}:mmap: {ENOMEM}]", "unable to open user TSDB"),
        (ENOMEM, "Cannot read corrupt tsm file, renaming"),
    ],
)
def test_words_that_only_sound_like_damage_are_not(error: str, message: str) -> None:
    assert not failure(logfmt(error, f'msg="{message}"')).corrupt


@pytest.mark.parametrize(
    "line, errno",
    [
        ("add config file /a.yml to watcher: create watcher: too many open files", "EMFILE"),
        (logfmt("inotify_add_watch: no space left on device", 'msg="watching files"'), "ENOSPC"),
        (logfmt("fsnotify: too many open files", 'msg="reloader"'), "EMFILE"),
    ],
)
def test_a_failed_watch_is_no_file_and_no_disk(line: str, errno: str) -> None:
    found = failure(line)
    assert (found.operation, found.file_kind, found.errno) == ("config_watch", None, errno)


@pytest.mark.parametrize(
    "line, tenant, directory",
    [
        (logfmt(f"failed to open TSDB: /d/t1: mmap, size 9: {ENOMEM}", 'msg="unable to open TSDB"', "user=t1"), "t1", "/d/t1"),
        (logfmt(f"unable to open TSDB for user t2: failed to open TSDB: /d/t2: mmap, size 9: {ENOMEM}",
                'msg="error while opening existing TSDBs"'), "t2", "/d/t2"),
        (logfmt(f"user=t3: failed to open TSDB: /d/t3: mmap, size 9: {ENOMEM}", "method=/cortex.Ingester/Push"),
         "t3", "/d/t3"),
        (logfmt(f"2 errors: mmap, size 9: {ENOMEM}; mmap, size 9: {ENOMEM}", 'msg="compaction failed"', "tenant=t4"),
         "t4", None),
    ],
)  # fmt: skip
def test_tenant_and_directory(line: str, tenant: str, directory: str | None) -> None:
    found = failure(line)
    assert (found.tenant, found.directory) == (tenant, directory)


def test_the_three_copies_of_one_start_have_one_key() -> None:
    core = f"failed to open TSDB: /d/t1: 40 errors: {'; '.join(f'mmap, size {n}: {ENOMEM}' for n in range(1, 41))}"
    user = f"unable to open TSDB for user t1: {core}"
    module = f"invalid service state: Failed, expected: Running, failure: opening existing TSDBs: {user}"
    found = [
        failure(logfmt(core, 'msg="unable to open TSDB"', "user=t1")),
        failure(logfmt(user, 'msg="error while opening existing TSDBs"')),
        failure(logfmt(module, 'msg="module failed" module=ingester-service')),
    ]
    assert len({one.key for one in found}) == 1
    assert {one.members for one in found} == {40}
    assert {one.tenant for one in found} == {"t1"}
    assert len(found[0].key) < 300
    assert all(len(one.sample) <= 400 for one in found)


def test_a_cut_record_is_incomplete_and_gives_no_cut_number() -> None:
    line = logfmt(f"failed to open TSDB: /d/t1: 412 errors: mmap, size 31301: {ENOMEM}; mmap, size 3130")[:-1]
    found = failure(line, cut=True)
    assert not found.complete
    assert found.declared == 412
    assert found.sizes == {31301: 1}


@pytest.mark.parametrize(
    "line, operation, errno, size",
    [
        ('err="mmap, size 5242880: cannot allocate memory" after 523 maps', "other", "ENOMEM", 5242880),
        ("cannot allocate memory", "other", "ENOMEM", None),
        ("Can't save in background: fork: Cannot allocate memory", "other", "ENOMEM", None),
        ("FATAL: cannot mmap file with size 4096 bytes; already memory mapped files: 65000: cannot allocate memory; "
         "try increasing /proc/sys/vm/max_map_count", "other", "ENOMEM", None),
        ("mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = -1 ENOMEM (Cannot allocate memory)", "other", "ENOMEM", None),
        ("clone(child_stack=0x7f, flags=CLONE_VM) = -1 EAGAIN (Resource temporarily unavailable)",
         "thread_create", "EAGAIN", None),
        (f"1302: {ENOMEM}; mmap files: mmap, size 16585: {ENOMEM}; mmap, size 9: {ENOMEM}", "other", "ENOMEM", 16585),
    ],
)  # fmt: skip
def test_bare_lines_of_any_program(line: str, operation: str, errno: str, size: int | None) -> None:
    found = failure(line)
    assert (found.operation, found.errno) == (operation, errno)
    assert size is None or size in found.sizes


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ("Attemptedsize=20001", {20001: 1}),
        ('"Attempted size"=20001', {20001: 1}),
        ("Attemptedsize=many", {}),
        ("", {}),
    ],
)
def test_the_active_query_log_is_mapped_at_the_start(size: str, sizes: dict[int, int]) -> None:
    found = failure(
        f"level=error ts=2020-01-02T03:04:05.060Z caller=query_logger.go:104 component=activeQueryTracker "
        f'msg="Failed to mmap" file=/prometheus/queries.active {size} err="cannot allocate memory"'
    )
    assert (found.operation, found.file_kind, found.errno) == ("startup_open", "active_query_log", "ENOMEM")
    assert found.sizes == sizes
    assert found.paths == ["/prometheus/queries.active"]


def test_the_active_query_log_in_the_json_of_prometheus() -> None:
    found = failure(
        '{"time":"2026-08-01T10:11:12.131Z","level":"ERROR","source":"query_logger.go:104","msg":"Failed to mmap",'
        '"file":"/prometheus/queries.active","Attempted size":20001,"err":"cannot allocate memory"}'
    )
    assert (found.operation, found.sizes) == ("startup_open", {20001: 1})


def test_a_bare_mapping_without_a_tsdbs_words_is_no_index() -> None:
    assert failure('err="mmap, size 2097152: cannot allocate memory"').file_kind is None
    assert failure("opening storage failed: mmap, size 2097152: cannot allocate memory").file_kind == "index"


def test_a_front_cut_list_counts_its_members() -> None:
    found = failure(f"1302: {ENOMEM}; mmap files: mmap, size 16585: {ENOMEM}; mmap, size 9: {ENOMEM}")
    assert found.members == 3
    assert found.sizes == {16585: 1, 9: 1}


def test_a_recovered_panic_is_a_failure_that_nobody_died_of() -> None:
    stack = "goroutine 9 [running]:\ngithub.com/prometheus/prometheus/tsdb.(*headAppender).Commit(0xc0)\n\t/go/x.go:1 +0x1"
    line = logfmt(
        f"mmap, size 134217728: {ENOMEM}",
        'msg="runtime panic in ingester"',
        f"stacktrace={json.dumps(stack)}",
    )
    found = failure(line)
    assert (found.file_kind, found.fatal) == ("head_chunk_new", False)


def test_a_whole_dump_in_one_record_is_read() -> None:
    text = "panic: mmap, size 134217728: cannot allocate memory\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:1"
    found = read(text, {None: 'msg="WAL segment loaded"'})
    assert found is not None
    assert found.failure is not None
    assert found.failure.fatal
    assert found.event is not None
    assert found.event.kind == "fatal"


def test_a_huge_line_takes_its_numbers_from_the_stream() -> None:
    members = "; ".join(f"mmap files: mmap, size {n % 50}: {ENOMEM}" for n in range(1, 3001))
    raw = logfmt(
        f"failed to open TSDB: /d/t1: 3000 errors: {members}", 'msg="unable to open TSDB"', "user=t1"
    )
    counter = StreamCounter()
    for start in range(0, len(raw), 1000):
        counter.feed(raw[start : start + 1000].encode())
    head = failure(raw[:2000], cut=True)
    whole = meaning.with_stream(head, counter.finish(), raw[:2000])
    assert (whole.members, whole.declared, whole.complete) == (3000, 3000, True)
    assert (whole.operation, whole.file_kind, whole.errno) == ("startup_open", "chunks_segment", "ENOMEM")
    assert whole.sizes.total() == 3000


def test_literals_hold_no_quotes_and_no_level() -> None:
    for literal in (*meaning.LITERALS, literals.HEALTHY, *literals.STEPS):
        assert b'"' not in literal
        assert b"level=" not in literal
        assert len(literal) >= 5


def test_healthy_lines_are_no_literals() -> None:
    frequent = (
        'level=info ts=2026-11-22T21:57:15Z caller=repair.go:57 org_id=a msg="Found healthy block" mint=1 maxt=2 ulid=0',
        'ts=2026-11-22T21:58:08Z caller=head.go:848 level=info msg="WAL segment loaded" segment=0 maxSegment=1',
        'level=info msg="Head GC completed" duration=1ms',
        'level=info caller=compact.go:572 msg="write block" mint=0 maxt=7200000 ulid=x duration=10ms',
        'level=warn msg="push refused" err="rpc error: code = Code(400) desc = user=a: err: out of bounds"',
        'level=info msg="Creating checkpoint" from_segment=1 to_segment=2',
        'level=info msg="upload new block" id=x',
    )
    for line in frequent:
        assert not any(literal in line.encode() for literal in meaning.LITERALS)


WORDS = (
    "err=", "msg=", '"', "mmap, size 5", ": ", ENOMEM, "; ", "3 errors: ", "level=error ", "{", "}", "\\", "user=",
    "unable to open TSDB", "panic: ", "goroutine 1 [running]:", "\n", "fatal error: ", "stacktrace=", "Map failed",
    "too many open files", "back-off ", "exit status 2", "\x00", "é",
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(string.printable, max_size=8)), max_size=25),
    st.booleans(),
)
def test_garbage_never_raises(parts: list[str], cut: bool) -> None:
    found = read("".join(parts), cut=cut)
    if found and found.failure:
        assert found.failure.operation in OPERATIONS
        assert found.failure.file_kind is None or found.failure.file_kind in FILE_KINDS
