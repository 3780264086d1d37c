"""A log member becomes its digest, the same in every framing."""

from __future__ import annotations

import json
import struct
import tarfile
from datetime import datetime, timedelta

import pytest

from analyzer.bundle.model import Member
from analyzer.clock import parse_stamp
from analyzer.logs import lookback
from analyzer.logs.digest import looks_like_log, read_log
from analyzer.logs.kernel_log import read_kernel_log
from analyzer.logs.model import LogDigest
from analyzer.logs.sniff import looks_like_kernel_log
from analyzer.logs.years import settle_log

START = datetime(2026, 11, 22, 21, 57, 16)
LAYOUT = "var/log/pods/cortex_cortex-ingester-0_3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/ingester"


def member(data: bytes, path: str = "var/log/app/ingester.log", chunk: int = 65_536) -> Member:
    return Member(path, len(data), data[:8192], (data[at : at + chunk] for at in range(0, len(data), chunk)))


def digest(data: bytes | str, path: str = "var/log/app/ingester.log", **more: str) -> LogDigest:
    return read_log(member(data.encode() if isinstance(data, str) else data, path), **more)


def from_bundle(fixtures, name: str, ending: str) -> bytes:
    with tarfile.open(fixtures / "bundles" / name / "bundle.tar.gz") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.endswith(ending):
                return archive.extractfile(entry).read()
    raise KeyError(ending)


def sample(fixtures, name: str = "cortex-1.17.2-badblocks.log") -> list[str]:
    return (fixtures / "log-samples" / name).read_text().splitlines()


def essence(found: LogDigest) -> list[object]:
    """What must not depend on the framing."""
    lives = []
    for segment in found.segments:
        failures = [
            (
                g.operation,
                g.file_kind,
                g.errno,
                g.tenant,
                g.lines,
                g.count,
                g.members,
                g.declared,
                dict(g.sizes),
            )
            for g in segment.failures
        ]
        events = [(event.kind, event.stamp, tuple(sorted(event.fields.items()))) for event in segment.events]
        lives.append((failures, events, sorted(segment.healthy), dict(segment.blocks_by_tenant)))
    return lives


def stamp(number: int) -> str:
    return (START + timedelta(milliseconds=number)).isoformat(timespec="microseconds") + "Z"


def docker(lines: list[str]) -> str:
    rows = [{"log": line + "\n", "stream": "stderr", "time": stamp(n)} for n, line in enumerate(lines)]
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def docker_pieces(lines: list[str]) -> str:
    rows = []
    for n, line in enumerate(lines):
        whole = line + "\n"
        rows += [
            {"log": whole[at : at + 70], "stream": "stderr", "time": stamp(n)}
            for at in range(0, len(whole), 70)
        ]
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def cri_pieces(lines: list[str]) -> str:
    rows = []
    for n, line in enumerate(lines):
        pieces = [line[at : at + 61] for at in range(0, len(line), 61)] or [""]
        for piece in pieces[:-1]:
            rows += [f"{stamp(n)} stderr P {piece}", f"{stamp(n)} stdout F something else in between"]
        rows.append(f"{stamp(n)} stderr F {pieces[-1]}")
    return "\n".join(rows) + "\n"


def journal(lines: list[str]) -> str:
    rows = []
    for n, line in enumerate(lines):
        entry = {
            "MESSAGE": line,
            "__REALTIME_TIMESTAMP": str(1795384636000000 + n),
            "_PID": "7",
            "PRIORITY": "6",
        }
        rows.append(json.dumps(entry))
    return "\n".join(rows) + "\n"


def journal_bytes(lines: list[str], separators: tuple[str, str]) -> str:
    """As journald writes what is coloured: an array of bytes."""
    rows = [json.loads(row) for row in journal(lines).splitlines()]
    coloured = [row | {"MESSAGE": list(f"\x1b[31m{row['MESSAGE']}\x1b[0m".encode())} for row in rows]
    return "".join(json.dumps(row, separators=separators) + "\n" for row in coloured)


def export(lines: list[str]) -> bytes:
    out = b""
    for n, line in enumerate(lines):
        out += b"__CURSOR=s=1;i=%d\n__REALTIME_TIMESTAMP=%d\n_HOSTNAME=n1\n_PID=7\n" % (
            n,
            1795384636000000 + n,
        )
        data = line.encode()
        out += (
            b"MESSAGE\n" + struct.pack("<Q", len(data)) + data + b"\n"
            if n % 2
            else b"MESSAGE=" + data + b"\n"
        )
        out += b"PRIORITY=6\n\n"
    return out


def loki(lines: list[str]) -> str:
    values = [[str(1795384636000000000 + n), line] for n, line in enumerate(lines)][::-1]
    result = [{"stream": {"pod": "ingester-0"}, "values": values}]
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": result}})


def grafana_json(lines: list[str]) -> str:
    rows = [
        {
            "line": line,
            "timestamp": str(1795384636000000000 + n),
            "date": stamp(n),
            "fields": {"pod": "ingester-0"},
        }
        for n, line in enumerate(lines)
    ]
    return json.dumps(rows[::-1])


def newest_first(rows: list[str]) -> str:
    return "\n".join(rows[::-1]) + "\n"


FRAMINGS = {
    "docker": docker,
    "docker pieces": docker_pieces,
    "cri": lambda rows: "".join(f"{stamp(n)} stderr F {row}\n" for n, row in enumerate(rows)),
    "cri pieces": cri_pieces,
    "kubectl": lambda rows: "".join(f"{stamp(n)} {row}\n" for n, row in enumerate(rows)),
    "kubectl prefix": lambda rows: "".join(
        f"[pod/ingester-0/ingester] {stamp(n)} {r}\n" for n, r in enumerate(rows)
    ),
    "stern": lambda rows: "".join(f"ingester-0 ingester {row}\n" for row in rows),
    "compose colours": lambda rows: "".join(f"\x1b[36mingester-1  |\x1b[0m {row}\r\n" for row in rows),
    "journal short": lambda rows: "".join(f"Nov 22 21:57:16 n1 cortex[7]: {row}\n" for row in rows),
    "journal iso": lambda rows: "".join(f"2026-11-22T21:57:16+0000 n1 cortex[7]: {row}\n" for row in rows),
    "journal json": journal,
    "journal json bytes": lambda rows: journal_bytes(rows, (",", ":")),
    "journal json bytes spaced": lambda rows: journal_bytes(rows, (", ", ": ")),
    "journal json bytes of old": lambda rows: journal_bytes(rows, (", ", " : ")),
    "export": export,
    "logcli": lambda rows: newest_first([f'{stamp(n)} {{pod="i-0"}} {row}' for n, row in enumerate(rows)]),
    "logcli jsonl": lambda rows: newest_first(
        [json.dumps({"labels": {"pod": "i-0"}, "line": r, "timestamp": stamp(n)}) for n, r in enumerate(rows)]
    ),
    "loki": loki,
    "grafana json": grafana_json,
    "grafana txt": lambda rows: newest_first(
        [f"{1795384636000 + n}\t{stamp(n)}\t{r}" for n, r in enumerate(rows)]
    ),
    "utf-16": lambda rows: ("\ufeff" + "\r\n".join(rows) + "\r\n").encode("utf-16-le"),
    "bom crlf": lambda rows: "\ufeff" + "\r\n".join(rows) + "\r\n",
    "zero bytes": lambda rows: "\x00" * 70_000 + "\n".join(rows) + "\n",
    "last newline missing": lambda rows: "\n".join(rows),
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", ["cortex-1.17.2-badblocks.log", "cortex-1.21.1dev-badblocks.json.log"])
def test_no_framing_changes_what_a_log_says(fixtures, framing, name):
    rows = [row for row in sample(fixtures, name) if "maxprocs" not in row]
    framed = FRAMINGS[framing](rows)
    framed = framed.encode() if isinstance(framed, str) else framed
    found = digest(framed)
    assert essence(found) == essence(digest("\n".join(rows) + "\n"))
    assert found.segments[0].failures
    assert sum(sum(segment.levels.values()) for segment in found.segments) == found.lines
    assert found.size == len(framed)
    assert found.newest_first is (framing.split()[0] in ("logcli", "loki", "grafana"))


def test_evidence_names_the_physical_line_in_documents_and_turned_logs(fixtures):
    rows = [row for row in sample(fixtures) if "maxprocs" not in row]
    bare = digest("\n".join(rows) + "\n").segments[0].failures[0].first_line
    turned = digest(FRAMINGS["grafana txt"](rows)).segments[0].failures[0].first_line
    assert turned == len(rows) + 1 - bare
    lines = export(rows).split(b"\n")
    number = digest(export(rows)).segments[0].failures[0].first_line
    assert lines[number - 1].startswith(b"__CURSOR=")
    assert digest(loki(rows)).segments[0].failures[0].first_line == 1


def test_three_copies_of_one_failure_are_one_failure_and_three_lines(fixtures):
    (group,) = digest("\n".join(sample(fixtures)) + "\n").segments[0].failures
    assert (group.lines, group.count, group.members, group.declared) == (3, 1, 3, 3)
    assert len(group.evidence) == 3
    assert [evidence.line for evidence in group.evidence] == sorted(
        evidence.line for evidence in group.evidence
    )


def test_lives_of_a_real_crash_loop(fixtures):
    data = from_bundle(fixtures, "cortex-startup_mixed_endings_1.11.1", "ingester.log")
    found = digest(data)
    assert found.lines == data.count(b"\n")
    assert [segment.first_line for segment in found.segments] == [1, 9948, 23480, 32804]
    assert all(segment.start is not None for segment in found.segments)
    assert [segment.last_line + 1 for segment in found.segments[:-1]] == [9948, 23480, 32804]
    fatal = [[event.evidence.line for event in s.events if event.kind == "fatal"] for s in found.segments]
    assert fatal == [[], [19361], [32789], [42475]]
    assert [len(segment.healthy) for segment in found.segments] == [7004, 8105, 7989, 8161]
    assert found.segments[1].last.iso() == "2026-11-22T21:54:53.194Z"
    assert sum(group.lines for segment in found.segments for group in segment.failures) >= 20


def test_a_whole_dump_is_one_event_with_its_size(fixtures):
    data = from_bundle(fixtures, "cortex-startup_mixed_endings_1.11.1", "ingester.log")
    event = next(event for event in digest(data).segments[1].events if event.kind == "fatal")
    dump = data.split(b"\n")[19360:23479]
    assert int(event.fields["lines"]) == len(dump)
    assert int(event.fields["goroutines"]) == sum(line.startswith(b"goroutine ") for line in dump)
    assert event.stamp.iso() == "2026-11-22T21:54:53.194Z"


def test_a_log_that_just_stops_has_its_last_words(fixtures):
    data = from_bundle(fixtures, "cortex-cgroup_oom_head", "ingester/1.log")
    (segment,) = digest(data).segments
    assert segment.failures == []
    assert segment.last_line == segment.lines == data.count(b"\n")
    assert segment.last_text.startswith("ts=2026-11-22T22:11:10")
    assert segment.last_record.time.iso() == "2026-11-22T22:11:10.692Z"


def test_the_blocks_before_the_first_refusal_are_the_reached_count(fixtures):
    data = from_bundle(fixtures, "cortex-startup_logfmt_1.11.1", "ingester.log")
    reached = [len(segment.healthy) for segment in digest(data).segments]
    assert len(reached) == 5
    assert sum(7860 <= blocks <= 7880 for blocks in reached) >= 3


def test_blocks_are_counted_by_tenant_in_json_and_logfmt(fixtures):
    for name in ("cortex-startup_head_json_default_concurrency", "cortex-healthy_1.11.1"):
        segment = digest(from_bundle(fixtures, name, "ingester.log")).segments[0]
        assert sum(segment.blocks_by_tenant.values()) == len(segment.healthy)
        assert len(segment.blocks_by_tenant) >= 40


def test_levels_add_up_to_the_lines(fixtures):
    for name in ("cortex-runtime_1.11.1", "cortex-startup_head_json_default_concurrency"):
        data = from_bundle(fixtures, name, "ingester.log")
        for segment in digest(data).segments:
            assert sum(segment.levels.values()) == segment.lines
    data = from_bundle(fixtures, "cortex-runtime_1.11.1", "ingester.log")
    assert sum(s.levels["warn"] for s in digest(data).segments) == data.count(b"level=warn")


@pytest.mark.parametrize("name", ["docker pieces", "cri pieces"])
def test_a_last_piece_that_never_came_is_said(fixtures, name):
    framed = FRAMINGS[name](sample(fixtures))
    rows = framed.rstrip("\n").split("\n")
    marks = {"docker pieces": lambda row: '\\n"' not in row, "cri pieces": lambda row: " P " in row}
    last = max(n for n, row in enumerate(rows) if marks[name](row))
    found = digest("\n".join(rows[: last + 1]) + "\n")
    assert found.partials_open == 1


def test_a_split_line_whose_rest_was_lost_does_not_swallow_the_next(fixtures):
    rows = sample(fixtures)
    text = f"{stamp(0)} stderr P {rows[5][:50]}\n" + "".join(f"{stamp(1)} stderr F {row}\n" for row in rows)
    found = digest(text)
    assert found.partials_open == 1
    assert [len(segment.failures) for segment in found.segments if segment.start] == [1]


def test_members_in_a_line_over_a_mebibyte_are_all_counted():
    members = "; ".join(
        f"mmap, size {1000 + number % 5000}: cannot allocate memory" for number in range(60_000)
    )
    line = (
        "ts=2026-11-22T21:57:16.3Z caller=ingester.go:2184 level=error "
        f'msg="unable to open TSDB" err="failed to open TSDB: /d/t1: 60000 errors: {members}" user=t1'
    )
    found = digest(f"level=info msg=first\n{line}\nlevel=info msg=last\n")
    (group,) = found.segments[0].failures
    assert (group.members, group.declared, group.errno, group.tenant) == (60_000, 60_000, "ENOMEM", "t1")
    assert (found.cut_lines, found.lines) == (1, 3)
    framed = [f"{stamp(0)} stderr P {line[at : at + 16_000]}\n" for at in range(0, len(line), 16_000)]
    joined = digest("".join(framed[:-1]) + framed[-1].replace(" P ", " F "))
    (group,) = joined.segments[0].failures
    assert (group.members, group.tenant, joined.cut_lines) == (60_000, "t1", 1)
    (group,) = digest(docker([line])).segments[0].failures
    assert (group.members, group.tenant) == (60_000, "t1")
    fields = {"caller": "x.go:1", "err": f"failed to open TSDB: /d/t1: 60000 errors: {members}"}
    fields |= {"level": "error", "msg": "unable to open TSDB", "ts": "2026-11-22T21:57:16.3Z", "user": "t1"}
    (group,) = digest(json.dumps(fields, separators=(",", ":")) + "\n").segments[0].failures
    assert (group.operation, group.members, group.tenant) == ("startup_open", 60_000, "t1")
    assert group.first == parse_stamp("2026-11-22T21:57:16.3Z")


def test_a_million_failures_are_a_few_groups():
    row = 'ts=2026-11-22T21:{:02d}:{:02d}Z caller=ingester.go:1 level=warn msg="TSDB blocks compaction for user has failed" user=t{} err="mmap, size {}: cannot allocate memory"\n'
    rows = "".join(row.format(n // 60 % 60, n % 60, n % 7, n % 20_000) for n in range(20_000))
    found = digest(rows)
    (segment,) = found.segments
    assert sum(group.lines for group in segment.failures) == 20_000
    assert sum(group.count for group in segment.failures) == 20_000
    assert {group.operation for group in segment.failures} == {"compaction"}
    assert all(len(group.evidence) == 3 and len(group.sizes) <= 4096 for group in segment.failures)


def test_too_many_tenants_are_folded_and_said():
    row = 'level=warn msg="TSDB blocks compaction for user has failed" user=t{} err="mmap, size 9: cannot allocate memory"\n'
    found = digest("".join(row.format(n) for n in range(10_500)))
    groups = found.segments[0].failures
    assert len(groups) <= 10_001
    assert sum(group.lines for group in groups) == 10_500
    assert any("not told apart by tenant" in warning for warning in found.warnings)


def test_two_pods_in_one_member_keep_their_lives_apart(fixtures):
    rows = sample(fixtures)
    mixed = [line for row in rows for line in (f"ingester-0 ingester {row}", f"ingester-1 ingester {row}")]
    found = digest("\n".join(mixed) + "\n")
    started = [segment for segment in found.segments if segment.start]
    assert [len(segment.failures) for segment in started] == [1, 1]
    assert found.hints["pods"] == "ingester-0, ingester-1"


def test_a_supervisors_line_belongs_to_the_process_before_it(fixtures):
    rows = [f"Nov 22 21:57:16 n1 cortex[7]: {row}" for row in sample(fixtures)]
    rows.append(
        "Nov 22 21:57:17 n1 systemd[1]: cortex.service: Main process exited, code=exited, status=1/FAILURE"
    )
    found = digest("\n".join(rows) + "\n")
    (segment,) = [segment for segment in found.segments if segment.start]
    assert [event.fields for event in segment.events if event.kind == "exit"] == [{"code": "1"}]
    assert found.hints["pid"] == "7"


def test_the_kernels_lines_in_a_journal_are_a_kernel_log():
    rows = [
        "Nov 22 21:00:00 n1 systemd[1]: Started x.",
        "Nov 22 21:36:00 n1 kernel: [  600.123456] Memory cgroup out of memory: Killed process 4321 (cortex) total-vm:20kB, "
        "anon-rss:4190000kB, file-rss:9000kB, shmem-rss:0kB, UID:0 pgtables:9000kB oom_score_adj:999",
        "Nov 22 22:00:00 n1 systemd[1]: Stopped x.",
    ]
    found = digest("\n".join(rows) + "\n", "var/log/messages")
    settle_log(found, parse_stamp("2026-11-23T00:00:00Z"))
    (event,) = found.kernel.events
    assert (event.kind, event.pid, event.stamp.iso()) == ("oom_kill", 4321, "2026-11-22T21:36:00Z")
    assert (found.kernel.first.iso(), found.kernel.last.iso()) == (
        "2026-11-22T21:00:00Z",
        "2026-11-22T22:00:00Z",
    )
    assert event.evidence.line == 2


def test_a_journal_without_kernel_events_but_with_its_lines_still_covers_its_time():
    rows = ["Nov 22 21:00:00 n1 kernel: x", "Nov 22 22:00:00 n1 systemd[1]: y", "Nov 22 23:00:00 n1 a[3]: z"]
    found = digest("\n".join(rows) + "\n", "var/log/messages")
    assert found.kernel is not None
    assert found.kernel.events == []
    assert digest("level=info msg=x\n").kernel is None


def test_exactly_ten_thousand_lines_without_a_banner_are_a_tail():
    row = "level=info ts=2026-11-22T21:57:16Z msg=x\n"
    assert digest(row * 10_000).tail == "10,000 lines"
    assert digest(row * 9_999).tail == ""
    assert digest('level=info ts=2026-11-22T21:57:16Z msg="Starting Cortex"\n' + row * 9_999).tail == ""
    assert digest(row, tail="sos .tailed").tail == "sos .tailed"


def test_sections_of_a_cluster_info_dump_name_their_pod(fixtures):
    text = (
        "==== START logs for container ingester of pod cortex/ingester-3 ====\n"
        + "\n".join(sample(fixtures))
        + "\n==== END logs for container ingester of pod cortex/ingester-3 ====\n"
    )
    assert digest(text).hints == {"namespace": "cortex", "pod": "ingester-3", "container": "ingester"}


def test_an_operation_that_only_the_line_before_tells_is_found():
    rows = [
        'level=info ts=2026-11-22T21:57:16Z org_id=t1 msg="write block" mint=0 maxt=1 ulid=01G0P1FM80185GR38E1W8124GK',
        "level=info ts=2026-11-22T21:57:17Z org_id=t2 msg=other",
        'level=error ts=2026-11-22T21:57:18Z org_id=t1 err="2 errors: mmap, size 31301: cannot allocate memory; '
        'mmap files: mmap, size 16585: cannot allocate memory"',
    ]
    (group,) = digest("\n".join(rows) + "\n").segments[0].failures
    assert group.operation == "compaction"


def test_an_empty_member_and_garbage_are_digested():
    assert digest(b"").lines == 0
    found = digest(bytes(range(256)) * 300)
    assert found.lines == (bytes(range(256)) * 300).count(b"\n") + 1


@pytest.mark.parametrize("width", range(40, 56))
def test_a_character_cut_by_a_piece_is_whole_again(fixtures, width: int) -> None:
    rows = [row.replace("tenant-a", "\u20ac\u00fc\u20ac\u00fc\u20ac") for row in sample(fixtures)]
    pieces = []
    for n, row in enumerate(rows):
        data = row.encode()
        cuts = [data[at : at + width] for at in range(0, len(data), width)]
        pieces += [f"{stamp(n)} stderr {'F' if cut is cuts[-1] else 'P'} ".encode() + cut for cut in cuts]
    assert essence(digest(b"\n".join(pieces) + b"\n")) == essence(digest("\n".join(rows) + "\n"))


PANIC = [
    "panic: mmap, size 134217728: cannot allocate memory [recovered]",
    "\tpanic: mmap, size 134217728: cannot allocate memory",
    "",
    "goroutine 1 [running]:",
    "github.com/prometheus/prometheus/tsdb.(*memSeries).mmapCurrentHeadChunk(0x1)",
]


def test_what_stands_on_the_other_stream_is_no_part_of_a_panic(fixtures) -> None:
    rows = [f"{stamp(n)} stderr F {row}" for n, row in enumerate([*sample(fixtures)[:5], *PANIC])]
    alone = digest("\n".join(rows) + "\n")
    for at in range(6, len(rows)):
        with_other = [*rows[:at], f"{stamp(at)} stdout F chatter of another stream", *rows[at:]]
        found = digest("\n".join(with_other) + "\n")
        assert essence(found) == essence(alone)
        (failure,) = found.segments[-1].failures
        assert (failure.file_kind, failure.members) == ("head_chunk_new", 1)


def test_a_stream_that_goes_on_ends_the_dump_of_the_other(fixtures) -> None:
    dump = [f"{stamp(n)} stderr F {row}" for n, row in enumerate(["SIGQUIT: quit", *PANIC[2:]])]
    healthy = [f"{stamp(n)} stdout F {row}" for n, row in enumerate(sample(fixtures)[:5] * 400)]
    found = digest("\n".join([*healthy[:5], *dump, *healthy, *healthy]) + "\n")
    assert found.parsed < 3000  # it is not followed to the end of the log
    assert [event.kind for segment in found.segments for event in segment.events].count("sigquit") == 1


@pytest.mark.parametrize("tab", ["\t", ""])  # logcli trims the line
def test_a_panic_that_was_recovered_is_one_error_in_a_download(tab: str) -> None:
    panic = [row.replace("\t", tab) for row in PANIC]
    found = digest("".join(f'{stamp(n)} {{pod="ingester-0"}}  {row}\n' for n, row in enumerate(panic)))
    (failure,) = found.segments[-1].failures
    assert (failure.file_kind, failure.count, failure.members) == ("head_chunk_new", 1, 1)


@pytest.mark.parametrize("name", ["cri pieces", "docker", "export", "loki", "grafana txt", "utf-16"])
def test_a_log_cut_anywhere_never_raises_and_invents_no_failure(fixtures, name):
    rows = [row for row in sample(fixtures) if "maxprocs" not in row]
    framed = FRAMINGS[name](rows)
    data = framed.encode() if isinstance(framed, str) else framed
    for length in range(0, len(data), max(1, len(data) // 60)):
        found = digest(data[:length])
        for segment in found.segments:
            for group in segment.failures:
                assert (group.members, group.declared) <= (3, 3)
                assert set(group.sizes) <= {0}


def test_every_member_of_every_bundle_is_claimed_rightly(fixtures):
    logs, kernels = set(), set()
    for folder in sorted((fixtures / "bundles").iterdir()):
        with tarfile.open(folder / "bundle.tar.gz") as archive:
            for entry in archive:
                if not entry.isfile():
                    continue
                path = entry.name.partition("/")[2]
                head = archive.extractfile(entry).read(8192)
                if looks_like_log(path, head):
                    logs.add(path)
                if looks_like_kernel_log(path, head):
                    kernels.add(path)
                assert not (looks_like_log(path, head) and looks_like_kernel_log(path, head))
    assert all(path.startswith(("var/log/", "var/lib/docker/")) for path in logs)
    assert {f"{LAYOUT}/0.log", "var/log/app/app.log", "var/log/cortex/ingester.log"} <= logs
    assert kernels == {"sos_commands/kernel/dmesg", "sos_commands/kernel/dmesg_-T", "dmesg_after.txt"}


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("pods.json", b'{"apiVersion":"v1","items":[{"kind":"Pod","status":{"message":"x"}}]}', False),
        ("x/output", b"level=info ts=2026-11-22T21:57:16Z msg=x\n", True),
        ("x/output", b"fatal error: out of memory\n\ngoroutine 1 [running]:\n", True),
        ("kubectl_logs.txt", b"some words\n", True),
        ("notes.txt", b"some words\n", False),
        ("proc/1/status", b"Name:\tcortex\n", False),
        ("etc/sysctl.conf", b"vm.max_map_count = 65530\n", False),
        ("var/log/app.log", b"\x7fELF\x02\x01\x01\x00\x00\x00\x03\x00" * 40, False),
        ("var/log/empty.log", b"", False),
        ("metrics", b"# HELP go_goroutines x\ngo_goroutines 3\n", False),
        ("metrics.txt", b'process_open_fds{job="a"} 3\n', False),
        ("a/logs.json", b'[{"line":"level=info msg=x","timestamp":"1795384636000000000"}]', True),
        ("journal.export", b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\nMESSAGE=x\n\n", True),
    ],
)
def test_the_content_decides_what_a_log_is(path, head, expected):
    assert looks_like_log(path, head) is expected


def test_a_kernel_log_knows_what_it_covers(fixtures):
    data = from_bundle(fixtures, "cortex-cgroup_oom_head", "kernel/dmesg")
    log = read_kernel_log(member(data, "sos_commands/kernel/dmesg"))
    kills = [event for event in log.events if event.kind == "oom_kill"]
    assert 31232 in {event.pid for event in kills}
    assert log.first_boot is not None
    assert log.first_boot < log.last_boot
    assert log.complete
    assert log.lines == data.count(b"\n")
    half = read_kernel_log(member(data[len(data) * 3 // 4 :], "dmesg"))
    assert not half.complete


def test_dmesg_with_times_has_stamps(fixtures):
    data = from_bundle(fixtures, "cortex-cgroup_oom_head", "kernel/dmesg_-T")
    log = read_kernel_log(member(data, "sos_commands/kernel/dmesg_-T"))
    assert log.first.iso() == "2026-11-22T21:26:46Z"
    assert log.last > log.first


@pytest.mark.parametrize("framing", [name for name in FRAMINGS if "pieces" not in name])
@pytest.mark.parametrize(
    "name", ["panic-headchunk-1.17.2.log", "go1.26.6-oom-rlimit_as.log", "go1.26-sigbus.log"]
)
def test_no_framing_changes_what_a_dump_says(fixtures, framing, name):
    rows = sample(fixtures)[:3] + sample(fixtures, name)
    framed = FRAMINGS[framing](rows)
    found = digest(framed if isinstance(framed, bytes) else framed.encode())
    bare = digest("\n".join(rows) + "\n")

    def dumps(of: LogDigest) -> list[object]:
        events = [
            event.fields for segment in of.segments for event in segment.events if event.kind == "fatal"
        ]
        failures = [
            (g.operation, g.errno, g.fatal, g.lines) for segment in of.segments for g in segment.failures
        ]
        return [events, failures]

    assert dumps(found) == dumps(bare)
    assert len(dumps(bare)[0]) == 1


def test_framings_mixed_in_one_member_are_all_read(fixtures):
    rows = [row for row in sample(fixtures) if "maxprocs" not in row]
    parts = [
        FRAMINGS[name](rows) for name in ("docker", "cri pieces", "stern", "kubectl", "last newline missing")
    ]
    found = digest("".join(parts))
    assert sum(group.lines for segment in found.segments for group in segment.failures) == 3 * len(parts)
    assert sum(segment.start is not None for segment in found.segments) == len(parts)
    assert set(found.framings) == {"docker", "cri", "stern", "kubectl", "bare"}


def test_blocks_of_several_pods_are_counted_apart(fixtures):
    data = from_bundle(fixtures, "cortex-healthy_1.11.1", "ingester.log").decode().splitlines()
    half = len(data) // 2
    alone = [digest("\n".join(rows) + "\n").segments for rows in (data, data[:half])]
    mixed = []
    for number, row in enumerate(data):
        mixed.append(f"[pod/ingester-0/ingester] {row}")
        if number < half:
            mixed.append(f"[pod/ingester-1/ingester] {row}")
    found = digest("\n".join(mixed) + "\n")
    lives = [segment for segment in found.segments if segment.start]
    assert [len(segment.healthy) for segment in lives] == [len(segments[0].healthy) for segments in alone]
    for segment, segments in zip(lives, alone, strict=True):
        assert segment.blocks_by_tenant == segments[0].blocks_by_tenant


def test_the_banners_of_many_pods_do_not_use_up_the_look_back(monkeypatch):
    """Whether a pod worked before its banner is asked of every pod; the step before a failure still is found."""
    monkeypatch.setattr(lookback, "BUDGET", 500)
    stamp = "ts=2026-11-22T21:54:{:02d}Z caller=head.go:1 level=info"
    rows = [f'[pod/busy/i] {stamp.format(n % 60)} msg="WAL segment loaded" segment={n}' for n in range(200)]
    for pod in range(30):
        rows.append(f"[pod/new-{pod}/i] {stamp.format(1)} msg=hello")
        rows.append(f'[pod/new-{pod}/i] {stamp.format(2)} msg="Starting Cortex" version="(version=1.11.1)"')
    rows.append("[pod/busy/i] fatal error: runtime: cannot allocate memory")
    found = digest("\n".join(rows) + "\n")
    assert not [warning for warning in found.warnings if "too many" in warning]
    assert sum(segment.start is not None for segment in found.segments) == 30
