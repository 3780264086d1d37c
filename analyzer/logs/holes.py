"""Runs of zero bytes in a log: what a truncation under its writer, or a crash of the machine, leaves behind.

A writer that was not told of the truncation (logrotate's copytruncate) goes on at its old offset: the
file begins with zero bytes, as many as the old log was long. They hold no line break, so that they stand
before the first line and change no line number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from analyzer import lazy
from analyzer.bundle.model import HEAD_BYTES, Member

Buffer = bytes | memoryview

RUN = 4  # zero bytes in a row, more than any encoding of text has
MOST = 512 << 20  # zero bytes that are read in search of a member's text
_BLOCK = 1 << 20
_RUN = lazy.pattern(rb"\0{4,}", re.DOTALL)


def has_hole(data: bytes) -> bool:
    """Whether a run of zero bytes stands in ``data``."""
    return bytes(RUN) in data


def without_holes(data: bytes) -> bytes:
    """``data`` without its runs of zero bytes."""
    return _RUN.sub(b"", data) if has_hole(data) else data


def shortened(data: bytes) -> bytes:
    """``data`` with a run of zero bytes at its end no longer than one must be to be known."""
    text = data.rstrip(b"\0")
    return text + bytes(min(len(data) - len(text), RUN))


def past(member: Member) -> Member:
    """``member`` with the head of its text, where more zero bytes than a head holds stand before it.

    The body stays what it was. A member without text within :data:`MOST` bytes keeps its head, by which
    nothing takes it for a log, and has no body any more.
    """
    if not member.head or member.head.strip(b"\0"):
        return member
    zeros = 0
    for chunk in member.body:
        text = bytes(chunk).lstrip(b"\0")
        zeros += len(chunk) - len(text)
        if text:
            while len(text) < HEAD_BYTES and (more := next(member.body, None)) is not None:
                text += bytes(more)
            body = itertools.chain(_zeros(zeros), (text,), member.body)
            return Member(member.path, member.size, text[:HEAD_BYTES], body, member.link, member.mtime)
        if zeros > MOST:
            break
    return member


def _zeros(size: int) -> Iterator[bytes]:
    yield from itertools.repeat(bytes(_BLOCK), size // _BLOCK)
    yield bytes(size % _BLOCK)


def text_of(chunks: Iterable[Buffer]) -> Iterator[Buffer]:
    """The chunks without the zero bytes that stand before all text."""
    rest = iter(chunks)
    for chunk in rest:
        if len(chunk) and chunk[0] != 0:
            yield chunk
            break
        if text := bytes(chunk).lstrip(b"\0"):
            yield text
            break
    yield from rest
