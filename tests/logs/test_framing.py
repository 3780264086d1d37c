"""Framings come off from the outside in, by the content of each line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.logs.framing import Framings

PAYLOAD = 'ts=2026-11-22T21:57:16.3138Z caller=ingester.go:2184 level=error msg="unable to open TSDB" user=t1'
STAMP = "2026-11-22T21:57:16.316Z"


def docker(line: str, **more: object) -> str:
    return json.dumps({"log": line, "stream": "stderr", "time": STAMP, **more}, separators=(",", ":"))


def journal(**more: object) -> str:
    entry = {
        "__REALTIME_TIMESTAMP": "1795384636316000",
        "_HOSTNAME": "n1",
        "_PID": "77",
        "PRIORITY": "3",
        **more,
    }
    return json.dumps(entry)


CASES = [
    ("bare", PAYLOAD, "bare", "", {}),
    ("cri", f"{STAMP} stderr F {PAYLOAD}", "cri", STAMP, {}),
    ("cri colon tag", f"2026-11-22T21:57:16+02:00 stdout F:x {PAYLOAD}", "cri", "2026-11-22T21:57:16+02:00", {}),
    ("docker", docker(PAYLOAD + "\n"), "docker", STAMP, {}),
    ("docker attrs", docker(PAYLOAD + "\r\n", attrs={"tag": "x"}), "docker", STAMP, {}),
    ("kubectl time", f"{STAMP} {PAYLOAD}", "kubectl", STAMP, {}),
    ("kubectl prefix", f"[pod/ingester-0/ingester] {PAYLOAD}", "kubectl", "", {"pod": "ingester-0"}),
    ("kubectl both", f"[pod/ingester-0/ingester] {STAMP} {PAYLOAD}", "kubectl", STAMP, {"container": "ingester"}),
    ("stern", f"ingester-0 ingester {PAYLOAD}", "stern", "", {"pod": "ingester-0", "container": "ingester"}),
    ("stern time", f"ingester-0 ingester {STAMP} {PAYLOAD}", "stern+kubectl", STAMP, {"pod": "ingester-0"}),
    ("compose", f"ingester-1  | {PAYLOAD}", "compose", "", {"container": "ingester-1"}),
    ("syslog", f"Nov 22 21:36:00 node1 cortex[4321]: {PAYLOAD}", "syslog", "Nov 22 21:36:00", {"pid": "4321"}),
    ("no pid", f"Aug  1 08:00:00 host prometheus: {PAYLOAD}", "syslog", "Aug  1 08:00:00", {"unit": "prometheus"}),
    ("precise", f"Nov 22 21:36:00.123456 n1 c[1]: {PAYLOAD}", "syslog", "Nov 22 21:36:00.123456", {"host": "n1"}),
    ("priority", f"<27>Nov 22 21:36:00 n1 c[1]: {PAYLOAD}", "syslog", "Nov 22 21:36:00", {"host": "n1"}),
    ("iso", f"2026-11-22T21:36:00+0000 n1 c[1]: {PAYLOAD}", "journal-iso", "2026-11-22T21:36:00+0000", {"pid": "1"}),
    ("iso new", f"2026-11-22T21:36:00+00:00 n1 c[1]: {PAYLOAD}", "journal-iso", "2026-11-22T21:36:00+00:00", {}),
    ("full", f"Sun 2026-11-22 21:36:00 UTC n1 c[1]: {PAYLOAD}", "journal-full", "2026-11-22 21:36:00 UTC", {"pid": "1"}),
    ("full, offset", f"Thu 2026-11-26 21:36:00 +03 n1 c[1]: {PAYLOAD}", "journal-full", "2026-11-26 21:36:00 +03", {}),
    ("with unit", f"Mon 2026-11-23 21:36:00 CET n1 c.service[1]: {PAYLOAD}", "journal-full", "2026-11-23 21:36:00 CET", {"unit": "c.service"}),
    ("unix", f"1795384636.316000 n1 c[1]: {PAYLOAD}", "journal-unix", "1795384636.316000", {"host": "n1"}),
    ("rfc5424", f"<30>1 {STAMP} n1 cortex 4321 - - {PAYLOAD}", "rfc5424", STAMP, {"host": "n1", "pid": "4321"}),
    ("journal json", journal(MESSAGE=PAYLOAD), "journal-json", "1795384636316000", {"host": "n1", "pid": "77"}),
    ("journal bytes", journal(MESSAGE=list(PAYLOAD.encode())), "journal-json", "1795384636316000", {}),
    ("logcli", f'{STAMP} {{app="c", pod="ingester-0"}} {PAYLOAD}', "logcli", STAMP, {"pod": "ingester-0"}),
    ("logcli no labels", f"{STAMP} {{}} {PAYLOAD}", "logcli", STAMP, {}),
    (
        "logcli jsonl",
        json.dumps({"labels": {"pod": "i-0"}, "line": PAYLOAD, "timestamp": STAMP}),
        "logcli",
        STAMP,
        {"pod": "i-0"},
    ),
    ("grafana", f"1795384636316\t{STAMP}\t{PAYLOAD}", "grafana", STAMP, {}),
    (
        "stern json",
        json.dumps({"message": PAYLOAD, "podName": "i-0", "containerName": "c", "namespace": "x", "nodeName": "n"}),
        "stern",
        "",
        {"pod": "i-0", "container": "c", "namespace": "x", "node": "n"},
    ),
    ("docker in compose", f"ingester-1 | {docker(PAYLOAD + chr(10))}", "compose+docker", STAMP, {}),
    ("cri in grafana", f"1795384636316\t{STAMP}\t{STAMP} stderr F {PAYLOAD}", "grafana+cri", STAMP, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "framing", "stamp", "hints"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_framing_comes_off_and_says_what_it_knows(line, framing, stamp, hints):
    peeled = Framings().peel(line.encode())
    assert peeled.payload == PAYLOAD
    assert (peeled.framing, peeled.stamp) == (framing, stamp)
    assert dict(peeled.hints).items() >= hints.items()


def test_the_level_of_a_framing_is_its_priority_not_the_word_stderr():
    assert Framings().peel(f"{STAMP} stderr F all is well".encode()).level == ""
    assert Framings().peel(journal(MESSAGE="x").encode()).level == "error"
    assert Framings().peel(b"<28>Nov 22 21:36:00 n1 c[1]: x").level == "warn"


def test_partials_are_marked():
    framings = Framings()
    assert framings.peel(f"{STAMP} stderr P abc".encode()).partial
    assert framings.peel(f"{STAMP} stderr P:x abc".encode()).partial
    assert not framings.peel(f"{STAMP} stderr F abc".encode()).partial
    assert framings.peel(docker("abc").encode()).partial
    assert not framings.peel(docker("abc\n").encode()).partial


def test_an_empty_cri_line_is_empty():
    assert Framings().peel(f"{STAMP} stderr F ".encode()).payload == ""
    assert Framings().peel(f"{STAMP} stderr F".encode()).payload == ""


def test_a_fatal_error_behind_a_time_is_no_journal_line():
    peeled = Framings().peel(b"2026-11-22T21:57:16Z fatal error: out of memory")
    assert (peeled.framing, peeled.payload) == ("kubectl", "fatal error: out of memory")


@pytest.mark.parametrize(
    "record",
    [
        '{"caller":"main.go:216","level":"info","msg":"Starting Cortex","ts":"2026-11-22T22:20:56.89Z"}',
        '{"time":"2026-11-22T22:06:13Z","level":"ERROR","source":"x.go:1","msg":"message","line":7}',
    ],
)
def test_a_json_record_is_no_framing(record):
    assert Framings().peel(record.encode()).payload == record


@pytest.mark.parametrize(
    "line",
    [
        "goroutine 1 [running]:",
        "main.main()",
        "\t/usr/local/go/src/runtime/panic.go:1229 +0x48",
        "runtime.throw({0x4ac381?, 0x0?})",
        "rax    0x0",
        "panic: mmap, size 134217728: cannot allocate memory",
        "fatal error: runtime: out of memory",
        "created by main.main in goroutine 1",
        "2026/11/22 21:57:16 maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined",
        "I1122 21:58:00.123456    1234 main.go:12] x",
        "[signal SIGBUS: bus error code=0x2 addr=0x7f88d2f61000 pc=0x48c5db]",
        "",
    ],
)
def test_lines_without_a_framing_stay(line):
    peeled = Framings().peel(line.encode())
    assert (peeled.payload, peeled.framing) == (line, "bare")


def test_stern_knows_its_prefix_once_seen():
    framings = Framings()
    assert framings.peel(b"ingester-0 ingester goroutine 1 [running]:").framing == "stern"
    assert framings.peel(b"ingester-0 ingester main.main()").payload == "main.main()"
    assert framings.peel(b"other-0 thing main.main()").framing == "bare"


def test_colours_carriage_returns_marks_and_zero_bytes_come_off():
    framings = Framings()
    assert framings.peel(b"\x1b[36mingester-1  |\x1b[0m " + PAYLOAD.encode() + b"\r").payload == PAYLOAD
    assert framings.peel(b"\xef\xbb\xbf" + PAYLOAD.encode()).payload == PAYLOAD
    assert framings.peel(b"\x00" * 5000 + PAYLOAD.encode()).payload == PAYLOAD
    assert framings.peel(docker("\x1b[31m" + PAYLOAD + "\x1b[0m\n").encode()).payload == PAYLOAD


def test_behind_a_torn_line_and_zero_bytes_the_next_line_is_read():
    torn = 'ts=2026-11-22T21:57:15Z caller=repair.go:57 level=info msg="Found hea'
    assert Framings().peel(torn.encode() + bytes(300) + PAYLOAD.encode()).payload == PAYLOAD


def test_invalid_utf8_is_replaced():
    assert Framings().peel(b"level=error msg=\xff\xfe").payload == "level=error msg=\ufffd\ufffd"


def test_a_docker_line_whose_end_is_missing_is_read_so_far():
    whole = docker(PAYLOAD + "\n")
    peeled = Framings().peel(whole[:80].encode())
    assert peeled.framing == "docker"
    assert PAYLOAD.startswith(peeled.payload)
    assert len(peeled.payload) > 50


def test_the_kernel_is_known_by_its_name():
    assert Framings().peel(b"Nov 22 21:36:00 n1 kernel: [  600.1] Out of memory: Killed process 1 (c)").kernel
    assert Framings().peel(journal(MESSAGE="x", _TRANSPORT="kernel").encode()).kernel
    assert Framings().peel(b"2026-11-22T21:36:00+0000 n1 kernel: x").kernel


@given(st.sampled_from([case[1] for case in CASES]), st.data())
def test_a_line_cut_anywhere_never_raises(line, data):
    raw = line.encode()
    peeled = Framings().peel(raw[: data.draw(st.integers(0, len(raw)))])
    assert isinstance(peeled.payload, str)


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "{", '{"log":"', "[pod/", STAMP + " ", "Nov 22 21:36:00 ", "<30>"]),
)
def test_garbage_never_raises(raw, start):
    Framings().peel(start.encode() + raw).payload.encode()


@given(st.text(max_size=120))
def test_docker_round_trips_any_text(text):
    peeled = Framings().peel(docker("level=info msg=" + text.replace("\n", " ") + "\n").encode())
    expected = "level=info msg=" + text.replace("\n", " ")
    if "\x1b" not in text and "\x00" not in text:
        assert peeled.payload == expected.rstrip("\r\n")
