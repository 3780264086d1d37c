"""Lines that the container runtime split are put together again, stream by stream.

    2026-11-22T21:57:16.316000000Z stderr P ... 412 errors: mmap, size 31301: cannot allocate memory; mmap, size 313
    2026-11-22T21:57:16.316000000Z stderr F 02: cannot allocate memory; mmap files: mmap, size 16585: cannot ...

CRI marks such pieces with P and the last with F, docker's json-file leaves the final newline out of
``log``. Standard output and standard error are interleaved, so each stream has its own open line.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from analyzer.logs.framing_types import Peeled
from analyzer.logs.records import has_head
from analyzer.logs.scan import KEPT_TAIL, LONG_LINE, LongLine

PIECES_KEPT = LONG_LINE  # characters of a joined line that are kept
Key = tuple[str, tuple[tuple[str, str], ...]]


class Joined(Struct):
    """A line put together. ``cut``: its end is missing, or it was longer than 1 MiB (then ``long``
    has counted all of it, and ``tail`` is its end). ``lines`` is how many physical lines it took."""

    peeled: Peeled
    number: int
    lines: int
    cut: bool
    long: LongLine | None = None
    tail: str = ""


class _Open(Struct):
    peeled: Peeled
    number: int
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    long: LongLine | None = None
    tail: str = ""


class Joiner:
    """Collects the pieces of split lines. ``broken`` counts lines whose last piece never came."""

    def __init__(self, long_line: Callable[[], LongLine] | None = None) -> None:
        self.broken = 0
        self.took = False  # whether the last line was taken as a piece
        self._long_line = long_line
        self._lines: dict[Key, _Open] = {}

    @property
    def open(self) -> bool:
        """Whether a line waits for its next piece."""
        return bool(self._lines)

    def add(self, peeled: Peeled, number: int) -> list[Joined]:
        """Take the next line; returns those that are whole with it (or will never be)."""
        key = (peeled.stream, peeled.hints)
        line = self._lines.get(key)
        done: list[Joined] = []
        self.took = True
        if line is not None and _is_next(line, peeled.payload):
            done.append(self._close(key, cut=True))
            line = None
        if line is None:
            if not peeled.partial:
                self.took = False
                peeled.payload = _whole(peeled.payload)
                return [*done, Joined(peeled, number, 1, cut=False)]
            line = self._lines[key] = _Open(peeled, number)
        self._append(line, peeled.payload)
        if not peeled.partial:
            done.append(self._close(key, cut=False))
        return done

    def finish(self) -> list[Joined]:
        """The lines still open at the end of the member, cut."""
        return [self._close(key, cut=True) for key in list(self._lines)]

    def _append(self, line: _Open, payload: str) -> None:
        line.lines += 1
        if line.size < PIECES_KEPT:
            line.pieces.append(payload)
        elif line.long is None and self._long_line is not None:
            line.long = self._long_line()
            line.long.feed(_bytes("".join(line.pieces)))
        line.size += len(payload)
        if line.long is not None:
            line.long.feed(_bytes(payload))
            line.tail = (line.tail + payload)[-KEPT_TAIL:]

    def _close(self, key: Key, cut: bool) -> Joined:
        line = self._lines.pop(key)
        self.broken += cut
        line.peeled.payload = _whole("".join(line.pieces))
        line.peeled.partial = False
        return Joined(
            line.peeled, line.number, line.lines, cut or line.size > PIECES_KEPT, line.long, _whole(line.tail)
        )


def _bytes(text: str) -> bytes:
    """The bytes of a piece, halves of characters and all."""
    return text.encode("utf-8", "surrogateescape")


def _whole(text: str) -> str:
    """A joined text, in which the halves of a character that was cut meet."""
    return text if text.isascii() else _bytes(text).decode("utf-8", "replace")


def _is_next(line: _Open, payload: str) -> bool:
    """Whether a line is the next record and not the next piece: the rest was lost when the process
    died. A piece may begin with a key, but hardly with the one that records begin with."""
    return line.pieces[0][:4] == payload[:4] and has_head(payload[:512])
