"""Sparse members: where the parts that hold data stand, and the body with its holes as zeros.

Four formats: GNU's own header type ``S``, and pax 0.0, 0.1 (map in the pax header) and 1.0 (map in the
first blocks of the body, as decimal lines: number of entries, then offset and length of each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analyzer.bundle.stream import Buffer, Span, Stream
from analyzer.bundle.tarheader import BLOCK, Extended, Header, sparse_map

MAX_ENTRIES = 1 << 20
ZEROS = bytes(64 << 10)

Parts = list[tuple[int, int]]  # (offset, bytes) of the data


def _number(text: str) -> int | None:
    """A decimal number of at most 18 digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _pairs(numbers: list[int]) -> Parts:
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def read_map(header: Header, extended: Extended, stream: Stream, body: Stream) -> tuple[Parts, int] | None:
    """The parts that hold data and the real size; None when the map is damaged.

    ``stream`` stands after the header, ``body`` is the stored body that follows in it.
    """
    pax = extended.sparse
    size = _number(pax.get("realsize") or pax.get("size") or "")
    parts: Parts | None
    if header.sparse is not None:
        size = header.real_size
        parts = _gnu_map(header, stream)
    elif "map" in pax:
        numbers = [_number(text) for text in pax["map"].split(",")]
        parts = None if None in numbers else _pairs([value for value in numbers if value is not None])
    elif pax.get("major") == "1":
        parts = _map_in_body(body)
    else:
        parts = list(zip(extended.offsets, extended.lengths, strict=False))
    if parts is None or size is None or size < 0 or any(at < 0 or length < 0 for at, length in parts):
        return None
    return parts, size


def _gnu_map(header: Header, stream: Stream) -> Parts | None:
    parts = list(header.sparse or ())
    more = header.extended
    while more:
        block = stream.read(BLOCK)
        if len(block) < BLOCK or len(parts) > MAX_ENTRIES:
            return None
        parts.extend(sparse_map(block[:504]))
        more = bool(block[504])
    return parts


def _map_in_body(body: Stream) -> Parts | None:
    text = bytearray()
    lines = 0
    wanted: int | None = None
    while wanted is None or lines < wanted:
        block = body.read(BLOCK)
        if len(block) < BLOCK or len(text) > 16 * MAX_ENTRIES:
            return None
        text += block
        lines += block.count(b"\n")
        if wanted is None and lines:
            count = _number(text.split(b"\n", 1)[0].decode("latin-1"))
            if count is None or count > MAX_ENTRIES:
                return None
            wanted = 1 + 2 * count
    numbers = [_number(line) for line in text.decode("latin-1").split("\n")[1:wanted]]
    return None if None in numbers else _pairs([value for value in numbers if value is not None])


def fill(
    body: Stream, parts: Parts, size: int, max_hole: int, left_out: Callable[[int], None]
) -> Iterator[Buffer]:
    """The body with its holes as zeros. Beyond ``max_hole`` zero bytes a hole is left out and reported."""
    at = zeros = 0
    for offset, length in [*parts, (size, 0)]:
        hole = max(min(offset, size) - at, 0)
        if zeros + hole > max_hole:
            left_out(hole)
        else:
            zeros += hole
            for begin in range(0, hole, len(ZEROS)):
                yield ZEROS[: hole - begin]
        at = max(at, offset) + length
        yield from Span(body, length, lambda: None)
