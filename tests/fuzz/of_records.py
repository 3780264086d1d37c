"""Any text as a record and its meaning; what a logger writes is read back, and a cut invents nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from analyzer.logs import meaning
from analyzer.logs.framing import Framings
from analyzer.logs.model import OPERATIONS, Record
from analyzer.logs.quoting import drop_cut_escape, unescape
from analyzer.logs.records import Fields, has_head, json_fields, logfmt_fields, parse, tail_fields
from fuzz import corpus
from fuzz.target import BORDER, Target, assert_speakable, lines_of, split_choice, text_of

LEVELS = ("error", "warn", "info", "debug", "")
EVENTS = frozenset(
    ("start", "opening", "opened", "ready", "replay", "replay_done", "module_failed", "shutdown", "stopped", "exit",
     "fatal", "fd_limits", "vm_limits", "build", "host", "sigquit", "warning_32bit", "restart_backoff", "note")
)  # fmt: skip


class NoContext:
    """A reader that knows of no line before."""

    member = "log"

    def previous_step(self, tenant: str | None) -> str | None:
        """See :class:`meaning.Context`."""
        return None


def run(data: bytes) -> None:
    """The target: the first byte chooses where a text is cut."""
    cut, rest = split_choice(data, 256)
    for raw in lines_of(rest)[:20]:
        payload = Framings().peel(raw).payload
        _check(payload, cut)
    _check_dump(text_of(rest))
    _check_written(rest)


def _check(payload: str, cut: int) -> None:
    for is_cut in (False, True):
        record = parse(payload, "log", 1, cut=is_cut)
        assert record.text == payload
        assert record.cut or not is_cut
        assert record.level in LEVELS
        assert_speakable(*(text for pair in record.fields for text in pair))
        _check_meaning(record)
    has_head(payload)
    unescape(drop_cut_escape(payload))
    head = payload[: len(payload) * cut // 256]
    tail_fields(head, payload[len(head) :])
    _check_cut(logfmt_fields(payload)[0], logfmt_fields(head, True)[0])


def _check_cut(whole: Fields, part: Fields) -> None:
    """All but the last pair of a cut line stand in the whole line too."""
    assert part[:-1] == whole[: max(0, len(part) - 1)], "a cut line holds another pair"


def _check_meaning(record: Record) -> None:
    found = meaning.interpret(record, NoContext())
    if found is None:
        return
    for event in found.events:
        assert event.kind in EVENTS, event.kind
        assert_speakable(event.evidence.text, *event.fields.values())
    failure = found.failure
    if failure is not None:
        assert failure.operation in OPERATIONS
        assert failure.members >= 1
        assert all(size >= 0 and times > 0 for size, times in failure.sizes.items())
        assert not (record.cut and record.fields and failure.complete)
        assert_speakable(failure.sample, failure.tenant or "", *failure.paths)


def _check_dump(text: str) -> None:
    _check_meaning(Record("log", 1, None, "", (), text))


def _check_written(data: bytes) -> None:
    """The pairs that both loggers write come back as they were."""
    texts = [text_of(part) for part in data.split(BORDER)][:12]
    names = ("msg", "err", "user", "caller", "x", "org_id")
    pairs = tuple((names[number % len(names)], text) for number, text in enumerate(texts))
    line = " ".join(f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in pairs)
    assert logfmt_fields(line) == (pairs, False)
    own = dict(pairs)
    assert json_fields(json.dumps(own)) == (tuple(own.items()), False)


def seeds() -> Iterator[bytes]:
    """The known lines, one by one, and whole logs."""
    for line in corpus.log_lines():
        yield b"\x80" + line
    for log in corpus.log_samples():
        yield b"\xff" + log
    yield b"\x40" + BORDER.join(corpus.log_lines()[:4])


TARGET = Target(
    "records",
    run,
    seeds,
    words=(
        BORDER, b"level=error ", b'msg="', b'err="', b" user=", b"ts=2026-11-22T21:57:15.88Z ", b'caller=a.go:1 ', b'{"caller":"',
        b'"level":"error"', b'"source":{"file":"', b"E1122 21:58:00.123456    1234 a.go:1] ", b"2026/11/22 21:57:16 ", b'\\"', b"\\\\",
        b"\\n", b"\\u20", b"\\xff", b"\\U0001f600", b"opening existing TSDBs: ", b"failed to open TSDB: /d/t1: ", b"2 errors: ",
        b"mmap, size 31301: ", b"cannot allocate memory", b"too many open files", b"; ", b"panic: ", b"fatal error: ", b"goroutine 1 [",
        b"stacktrace=", b'Starting Cortex', b'Starting Prometheus', b"vm_limits=", b"fd_limits=", b"(soft=1024, hard=unlimited)",
        b"WAL segment loaded", b"Server is ready", b"signal: killed", b"exit status 137", b"no space left on device",
    ),
)  # fmt: skip
