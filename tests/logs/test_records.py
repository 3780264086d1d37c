"""One payload becomes one record, with every logger's quoting undone."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.clock import parse_stamp
from analyzer.logs.quoting import drop_cut_escape, unescape
from analyzer.logs.records import (
    has_head,
    json_fields,
    logfmt_fields,
    parse,
    record_caller,
    record_error,
    record_level,
    record_message,
    record_tenant,
    record_time,
)

ERA_D = (
    "opening storage failed: reloadBlocks: corrupted block 01G0P1FM80185GR38E1W8124GK: mmap files: mmap, size 16585: "
    "cannot allocate memory\ncorrupted block 01G0P8BBG02GAHC5RR34D1P70X: mmap, size 31301: cannot allocate memory"
)


def probe(fixtures):
    """(Go source text, go-logfmt's, JSON's and slog's rendering) of each value that was tried."""
    text = (fixtures / "log-samples" / "quoting-probe.txt").read_text()
    pattern = r"^(\S.*?) +gokit: k=(.*)\n +json:  (.*)\n +slog:  (?:k=)?(.*)$"
    return re.findall(pattern, text, re.MULTILINE)


def test_the_quoting_of_every_logger_is_undone(fixtures):
    rows = [row for row in probe(fixtures) if row[0] not in ('"<nil>"', '"[x y]"', '"map[a:1]"')]
    assert len(rows) >= 15
    for source, gokit, in_json, slog in rows:
        wanted = unescape(source[1:-1])
        assert parse(f"level=info k={gokit}", "m", 1).get("k") == wanted
        assert parse(f"level=info k={slog}", "m", 1).get("k") == wanted
        if "xff" not in source:
            assert parse('{"level":"info",' + in_json[1:], "m", 1).get("k") == wanted


def test_five_loggers_write_one_error(fixtures):
    rows = (fixtures / "log-samples" / "errorsjoin-in-5-loggers.log").read_text().splitlines()
    records = [parse(row, "m", number) for number, row in enumerate(rows, 1)]
    assert [record_error(record) for record in records[:4]] == [ERA_D] * 4
    assert [record_level(record) for record in records] == ["error"] * len(rows)
    assert record_caller(records[3]) == "x.go:17"
    assert record_message(records[2]) == "Fatal error"
    assert records[3].stamp == parse_stamp("2026-11-22T22:06:13.036057534Z")


def test_duplicate_keys_are_kept_and_the_last_caller_is_the_code():
    record = parse(
        "ts=2026-11-22T21:57:16.11904126Z caller=handler.go:95 level=info org_id=tenant-a caller=repair.go:54 "
        'time=2026-11-22T21:57:16.11902856Z msg="Found healthy block" ulid=01G0P1FM80185GR38E1W8124GK',
        "m",
        9,
    )
    assert [value for key, value in record.fields if key == "caller"] == ["handler.go:95", "repair.go:54"]
    assert record_caller(record) == "repair.go:54"
    assert record_tenant(record) == "tenant-a"
    assert record_time(record) == parse_stamp("2026-11-22T21:57:16.11904126Z")
    assert record.line == 9


def test_a_second_caller_that_is_no_file_does_not_count():
    record = parse(
        'ts=2026-11-22T21:57:16Z caller=head.go:1267 caller=truncateMemory msg="Head GC completed"', "m", 1
    )
    assert record_caller(record) == "head.go:1267"


def test_json_keeps_duplicates_numbers_as_written_and_sources_flat():
    text = '{"time":"2026-11-22T22:06:13Z","level":"WARN","source":{"function":"f","file":"/a/x.go","line":17},"a":1.50,"a":[1,"b"],"n":null,"t":true}'
    fields = parse(text, "m", 1).fields
    assert ("source", "/a/x.go:17") in fields
    assert [value for key, value in fields if key == "a"] == ["1.50", '["1", "b"]']
    assert (dict(fields)["n"], dict(fields)["t"]) == ("null", "true")


def test_klog_has_its_level_caller_and_fields():
    line = (
        'E1122 21:58:00.123456    1234 pod_workers.go:1298] "Error syncing pod, skipping" '
        'err="failed to \\"StartContainer\\" for \\"ingester\\"" pod="cortex/ingester-0"'
    )
    record = parse(line, "m", 1)
    assert record.level == "error"
    assert record.stamp is not None
    assert record.stamp.assumed == "year"
    assert record.get("err") == 'failed to "StartContainer" for "ingester"'
    assert (record_message(record), record_caller(record)) == (
        "Error syncing pod, skipping",
        "pod_workers.go:1298",
    )
    assert parse("W0101 00:00:00.000001       1 x.go:1] plain words", "m", 1).get("msg") == "plain words"


@pytest.mark.parametrize(
    ("line", "message", "level"),
    [
        ("2026/11/22 21:57:16 maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined", "maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined", ""),
        ("2026-11-22 22:17:59,934 INFO: [archive] initialised", "[archive] initialised", "info"),
        ("2026-11-22 22:17:59 ERROR something is wrong", "something is wrong", "error"),
        ("[2026-11-22T22:17:59Z] warning: low", "low", "warn"),
        ("2026-11-22T22:17:59Z exited with code 2", "exited with code 2", ""),
    ],
)  # fmt: skip
def test_dated_text_has_a_time_and_a_message(line, message, level):
    record = parse(line, "m", 1)
    assert (record.get("msg"), record.level) == (message, level)
    assert record.stamp is not None


def test_bare_text_has_no_fields_and_takes_the_framings_time_and_level():
    stamp = parse_stamp("2026-11-22T21:57:16Z")
    record = parse("error loading config from /x: no such file", "m", 3, stamp, level="error")
    assert (record.fields, record.stamp, record.level) == ((), stamp, "error")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (r"level=info k=back\slash", (("level", "info"), ("k", r"back\slash"))),
        ("level=info k=", (("level", "info"), ("k", ""))),
        ("level=info k= v=1", (("level", "info"), ("k", ""), ("v", "1"))),
        ('level=info "Attempted size"=20001', (("level", "info"), ("Attempted size", "20001"))),
        ("level=info word another k=v", (("level", "info"), ("k", "v"))),
        ("level=info err=EOF;,:{}", (("level", "info"), ("err", "EOF;,:{}"))),
        ('level=info k="a=b c" x=y', (("level", "info"), ("k", "a=b c"), ("x", "y"))),
        ('level=info k="q\\"q" x=y', (("level", "info"), ("k", 'q"q'), ("x", "y"))),
        ('level=info k="end\\\\" x=y', (("level", "info"), ("k", "end\\"), ("x", "y"))),
        ("level=info url=http://a/b?c=d", (("level", "info"), ("url", "http://a/b?c=d"))),
    ],
)
def test_logfmt(line, fields):
    assert parse(line, "m", 1).fields == fields


@pytest.mark.parametrize(
    ("cut", "value"),
    [
        ('level=error err="mmap, size 313', "mmap, size 313"),
        ('level=error err="a\\', "a"),
        ('level=error err="a\\u20', "a"),
        ('level=error err="a\\\\', "a\\"),
        ('{"level":"error","err":"a\\n', "a\n"),
        ('{"level":"error","err":"a\\u0', "a"),
        ('{"level":"error","err":"a', "a"),
    ],
)
def test_a_line_cut_inside_quotes_goes_to_its_end_and_says_so(cut, value):
    record = parse(cut, "m", 1)
    assert record.cut
    assert (record.get("err"), record.level) == (value, "error")


WHOLE = [
    'level=error ts=2026-11-22T22:06:13.035764103Z caller=x.go:14 msg="unable to open TSDB" err="a: b\\nc \\u20ac" user=a',
    '{"caller":"x.go:1","err":"a\\nb","level":"error","msg":"m","source":{"file":"f","line":3},"n":[1,{"a":2}]}',
    'E1122 21:58:00.123456    1234 pod_workers.go:1298] "Error \\"x\\"" err="y"',
]


@given(st.sampled_from(WHOLE), st.data())
def test_a_cut_anywhere_invents_no_field(line, data):
    whole = parse(line, "m", 1)
    length = data.draw(st.integers(0, len(line)))
    for key, value in parse(line[:length], "m", 1).fields:
        if key in ("msg", "err") and not line.startswith("E1122"):
            assert any(name == key and full.startswith(value) for name, full in whole.fields)


keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(st.lists(st.tuples(keys, texts), min_size=1, max_size=6))
def test_go_quoted_logfmt_round_trips(pairs):
    def quote(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    line = " ".join(f"{key}={quote(value)}" for key, value in pairs)
    fields, broken = logfmt_fields(line)
    assert fields == tuple(pairs)
    assert not broken


@given(st.lists(st.tuples(keys, texts), min_size=1, max_size=6))
def test_json_round_trips_with_duplicates(pairs):
    line = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"
    fields, broken = json_fields(line)
    assert fields == tuple(pairs)
    assert not broken


@given(
    st.text(max_size=200),
    st.sampled_from(["", "level=error ", '{"a":', 'err="', "E1122 21:58:00.123456 1 x.go:1] "]),
)
def test_garbage_never_raises_and_can_be_written_out(text, start):
    record = parse(start + text, "m", 1)
    for key, value in record.fields:
        f"{key}{value}".encode() if not re.search("[\ud800-\udfff]", start + text) else None
    has_head(start + text)


def test_lone_surrogates_never_get_through():
    record = parse('{"level":"info","msg":"a\\ud83dz","\\udc00":"\\ud83d\\ude00"}', "m", 1)
    assert record.fields[1:] == (("msg", "a\ufffdz"), ("\ufffd", "\U0001f600"))
    assert parse('level=info msg="a\\ud83dz\\ud83d\\ude00"', "m", 1).get("msg") == "a\ufffdz\U0001f600"


def test_deep_json_does_not_exhaust_the_stack():
    record = parse('{"level":"error","err":' + '{"a":' * 100_000, "m", 1)
    assert record.level == "error"


@pytest.mark.parametrize("filler", ["a\\nb ", "\\\\", '\\"', "= ", '" '])
def test_a_huge_value_costs_linear_time(filler):
    line = 'level=error err="' + filler * (900_000 // len(filler)) + '" user=x'
    start = time.process_time()
    parse(line, "m", 1)
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("level=info msg=x", True),
        ("ts=2026-11-22T21:57:16Z caller=x", True),
        ('{"level":"info"}', True),
        ("2026/11/22 21:57:16 x", True),
        ("I1122 21:58:00.123456    1234 main.go:12] x", True),
        ("goroutine 1 [running]:", False),
        ("rax    0x0", False),
        ("main.main(0x1=2)", False),
        ("stack: frame={sp:0x7f450981f8e0, fp:0x0} stack=[0x7f4509020258,0x7f450", False),
        ("vm.max_map_count = 65530", False),
        ('NAME="Debian GNU/Linux"', False),
        ("", False),
        ("{", False),
    ],
)
def test_the_head_of_a_record_is_known(line, expected):
    assert has_head(line) is expected


def test_escapes():
    assert unescape(r"\x00\x7f\xff\u2028\U0001f600\101\a\q") == "\x00\x7f\ufffd\u2028\U0001f600A\a\\q"
    assert drop_cut_escape("a\\U0001f") == "a"
    assert drop_cut_escape("a\\\\") == "a\\\\"
    assert drop_cut_escape("a\\\\\\") == "a\\\\"
