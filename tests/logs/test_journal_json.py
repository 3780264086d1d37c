"""Journal entries as JSON whose message is an array of bytes or null."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log
from analyzer.logs.framing_json import peel_json
from analyzer.logs.journal_json import JournalText, is_journal_json
from analyzer.logs.model import LogDigest
from analyzer.logs.sniff import looks_like_log

FORMS = [(",", ":"), (", ", ": "), (", ", " : ")]
BANNER = 'level=info ts=2026-11-22T21:57:15Z msg="Starting Cortex" version="(version=1.17.2)"'
READY = 'level=info ts=2026-11-22T21:57:16Z msg="Cortex started"'


def entry(message: object, **fields: str) -> dict[str, object]:
    own = {"_HOSTNAME": "n1", "_SYSTEMD_UNIT": "cortex.service", "_PID": "7", "SYSLOG_IDENTIFIER": "cortex"}
    return {"__REALTIME_TIMESTAMP": "1795384636000000", "MESSAGE": message} | own | fields


def chunked(data: bytes, step: int) -> Iterator[memoryview]:
    return (memoryview(data[at : at + step]) for at in range(0, len(data), step))


def digest(entries: list[dict[str, object]], separators: tuple[str, str] = (",", ":")) -> LogDigest:
    data = "".join(json.dumps(row, separators=separators) + "\n" for row in entries).encode()
    return read_log(Member("journal.json", len(data), data[:8192], chunked(data, 1000)))


messages = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.binary(max_size=40).map(list),
    st.lists(st.text(max_size=5), max_size=2),
)


@given(st.lists(messages, max_size=6), st.sampled_from(FORMS), st.integers(1, 400))
def test_arrays_are_the_text_they_stand_for(
    values: list[object], separators: tuple[str, str], step: int
) -> None:
    rows = [json.dumps(entry(value), separators=separators) for value in values]
    data = "".join(f"{row}\n" for row in rows).encode()
    text = JournalText(chunked(data, step), data[:8192])
    read = b"".join(text).decode("utf-8", "replace").split("\n")
    assert len(read) == len(rows) + 1
    for before, after in zip(rows, read, strict=False):
        assert peel_json(after) == peel_json(before)
    for value, after in zip(values, read, strict=False):
        numbers = isinstance(value, list) and bool(value) and isinstance(value[0], int)
        assert isinstance(json.loads(after)["MESSAGE"], str if numbers else type(value))
    assert text.unread.total() == values.count(None)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_garbage_never_raises(garbage: bytes, step: int) -> None:
    data = b'{"__CURSOR":"s","MESSAGE":[1,2,' + garbage + b'"MESSAGE":[null' + garbage
    assert b"".join(JournalText(chunked(data, step), data)).count(b"\n") == data.count(b"\n")


def test_a_member_without_arrays_passes_untouched() -> None:
    data = json.dumps(entry("a")).encode() + b"\n"
    assert b"".join(JournalText(chunked(data * 50, 333), data)) == data * 50
    assert is_journal_json(data)
    assert not is_journal_json(b'{"log":"\\"__CURSOR\\" \\"MESSAGE\\":[1]","stream":"stderr"}\n')
    assert not is_journal_json(b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n")


@pytest.mark.parametrize("separators", FORMS)
def test_messages_of_the_unit_that_are_null_are_counted(separators: tuple[str, str]) -> None:
    rows = [entry(BANNER), entry(None), entry(READY), entry(None, _PID="8")]
    found = digest(rows, separators)
    assert found.null_messages == 2
    assert any("2 messages are null" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "other",
    [
        {"_SYSTEMD_UNIT": "sshd.service", "SYSLOG_IDENTIFIER": "sshd"},
        {"_SYSTEMD_UNIT": "docker.service", "SYSLOG_IDENTIFIER": "dockerd"},
    ],
)
def test_another_units_are_not(other: dict[str, str]) -> None:
    found = digest([entry("first line", **other), entry(BANNER), entry(None, **other), entry(READY)])
    assert (found.null_messages, found.warnings) == (0, [])


def test_arrays_over_the_sampled_length_are_a_log() -> None:
    rows = [json.dumps(entry(list(f"{BANNER} {'x' * 700}".encode()))) for _ in range(9)]
    assert looks_like_log("journal.json", "\n".join(rows).encode()[:8192])
