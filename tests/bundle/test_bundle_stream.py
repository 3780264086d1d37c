"""Streams against a plain buffer, and reading ahead against not doing so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.bundle.stream import Span, Stream, ahead

CHUNKS = st.lists(st.binary(max_size=20), max_size=12)
STEPS = st.lists(
    st.tuples(st.sampled_from(["peek", "read", "piece", "skip", "unread"]), st.integers(1, 40)), max_size=25
)


@settings(max_examples=100)
@given(CHUNKS, STEPS)
def test_a_stream_is_a_buffer_read_front_to_back(chunks: list[bytes], steps: list[tuple[str, int]]) -> None:
    whole, at, last = b"".join(chunks), 0, b""
    stream = Stream(chunks)
    for step, size in steps:
        wanted = whole[at : at + size]
        match step:
            case "peek":
                assert stream.peek(size) == wanted
                continue
            case "read":
                last = stream.read(size)
                assert last == wanted
            case "skip":
                assert stream.skip(size) == len(wanted)
                last = wanted
            case "piece":
                last = bytes(stream.piece(size))
                assert whole[at:].startswith(last)
                assert bool(last) == bool(wanted)
            case "unread":
                stream.unread(last)
                at -= len(last)
                last = b""
                assert stream.offset == at
                continue
        at += len(last)
        assert stream.offset == at
    assert b"".join(bytes(piece) for piece in stream.rest()) == whole[at:]


@given(CHUNKS, st.integers(0, 60), st.integers(0, 3))
def test_a_span_ends_where_it_should_and_says_when_it_cannot(
    chunks: list[bytes], size: int, taken: int
) -> None:
    whole = b"".join(chunks)
    stream = Stream(chunks)
    short: list[bool] = []
    span = Span(stream, size, lambda: short.append(True))
    body = b"".join(bytes(piece) for _, piece in zip(range(taken), span, strict=False))
    assert whole[:size].startswith(body)
    span.finish()
    assert short == [True] * (len(whole) < size)
    assert stream.offset == min(size, len(whole))


def numbered(count: int, log: list[int]) -> Iterator[bytes]:
    for number in range(count):
        log.append(number)
        yield b"%d" % number


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_reading_ahead_changes_nothing(count: int) -> None:
    assert list(ahead(numbered(count, []))) == list(numbered(count, []))


def test_reading_ahead_is_bounded_and_ends_with_its_reader() -> None:
    log: list[int] = []
    chunks = ahead(numbered(1000, log))
    for _ in range(5):
        next(chunks)
    time.sleep(0.05)
    assert len(log) < 20
    chunks.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "bundle-read-ahead"]


def test_an_error_in_the_thread_reaches_the_reader() -> None:
    def failing() -> Iterator[bytes]:
        yield from (b"1", b"2", b"3")
        raise ZeroDivisionError

    chunks = ahead(failing())
    assert [next(chunks) for _ in range(3)] == [b"1", b"2", b"3"]
    with pytest.raises(ZeroDivisionError):
        next(chunks)
