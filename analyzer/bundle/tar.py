"""A tar archive read front to back, through damage.

The standard library's ``tarfile`` ends early and silently on a damaged header. Here the archive must end
with its zero blocks; a header whose checksum fails is reported, the next sound one is looked for, and
reading goes on there. Bodies are slices of the chunks they came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from analyzer.bundle import paths
from analyzer.bundle.limits import option
from analyzer.bundle.stream import Buffer, Span, Stream
from analyzer.bundle.tarheader import (
    BLOCK,
    MAGIC,
    MAGIC_AT,
    Extended,
    Header,
    checksum_holds,
    find,
    guess,
    parse,
    read_pax,
)
from analyzer.bundle.tarsparse import ZEROS, fill, read_map

WINDOW = 64 << 10  # bytes looked through at once for the next header
MAX_EXTENDED = 1 << 20  # bytes of one pax or long-name header
find_header = find


def looks_like_tar(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a tar archive, damaged in its first header or not."""
    if head[MAGIC_AT : MAGIC_AT + 5] == MAGIC:
        return True
    return len(head) >= BLOCK and bool(head[0]) and checksum_holds(head[:BLOCK])


class Entry(Struct):
    """One member of a tar. ``type`` is the header's; ``size`` is that of the body, holes included."""

    name: str
    type: bytes
    size: int | None
    mtime: float | None
    link: str
    is_file: bool
    sound: bool
    body: Iterator[Buffer]


class Report(Struct, frozen=True):
    """Where a tar says what is wrong: a sentence, bytes that are lost, and that its end is missing."""

    warn: Callable[[str], None]
    lost: Callable[[int, int], None]  # (offset in the archive, bytes)
    cut: Callable[[], None]  # the archive's end is missing
    short: Callable[[], None]  # the entry given last is not whole


class Reader:
    """Iterates over the entries. What a consumer leaves of a body is skipped."""

    def __init__(self, stream: Stream, report: Report, max_hole: int) -> None:
        self._stream = stream
        self._report = report
        self._max_hole = max_hole
        self._ended = False
        self._magic = False

    def __iter__(self) -> Iterator[Entry]:
        shared = Extended()
        extended = Extended()
        while (header := self._next()) is not None:
            if header.type in b"xgXLK":
                self._extend(header, shared if header.type == b"g" else extended)
                continue
            yield from self._entry(header, extended, shared)
            extended = Extended()

    def _next(self) -> Header | None:
        """The next header; None at the end of the stream."""
        while True:
            block = self._stream.read(BLOCK)
            if len(block) < BLOCK:
                self._end(block)
                return None
            if block == ZEROS[:BLOCK]:
                self._zeros()
                continue
            header = parse(block)
            if header is not None:
                self._magic = self._magic or block[MAGIC_AT : MAGIC_AT + 5] == MAGIC
                if self._ended:
                    self._ended = False
                    self._report.warn("several archives stand one after the other: all are read")
                return header
            header = self._recover(block)
            if header is not None:
                return header

    def _zeros(self) -> None:
        """Skips the zero blocks after one that was just read. Two of them end an archive."""
        stream = self._stream
        blocks = 1
        while True:
            data = stream.peek(len(ZEROS))
            if data == ZEROS[: len(data)]:
                blocks += len(data) // BLOCK
                stream.skip(len(data))
                if len(data) < len(ZEROS):
                    break
                continue
            zero = (len(data) - len(data.lstrip(b"\0"))) // BLOCK
            blocks += zero
            stream.skip(zero * BLOCK)
            break
        self._ended = True
        if blocks == 1:
            self._report.warn("one zero block stands where two end an archive")

    def _end(self, block: bytes) -> None:
        if self._ended:
            if block.strip(b"\0"):
                self._report.warn(f"{len(block)} bytes stand after the end of the archive")
            return
        where = "within a header" if block else "without its end mark"
        self._report.warn(f"the archive ends {where}: it was cut, members may be missing")
        self._report.cut()

    def _recover(self, block: bytes) -> Header | None:
        """What follows a block that is no header: a header that can be guessed, or the next sound one."""
        start = self._stream.offset - BLOCK
        header = None if self._ended else guess(block)
        if header is not None:
            self._report.warn(
                f"the header at byte {start} is damaged: the member is taken as {header.name!r}, "
                "its name and size may be wrong"
            )
            return header
        tail = b""
        for data in self._until_header(None):
            tail = (tail + data)[-2 * BLOCK :]
        size = self._stream.offset - start
        if self._ended:
            self._report.warn(f"{size} bytes after the end of the archive are not read")
        else:
            self._report.warn(f"{size} bytes at byte {start} are damaged and were skipped")
            self._report.lost(start, size)
            self._ended = tail == ZEROS[: 2 * BLOCK]
        return None

    def _until_header(self, limit: int | None) -> Iterator[bytes]:
        """The bytes before the next sound header, at most ``limit``."""
        stream = self._stream
        while limit is None or limit > 0:
            data = stream.peek(WINDOW + BLOCK - 1)
            at = find(data)
            if at < 0 and not self._magic:
                at = next(
                    (n for n in range(0, len(data) - BLOCK + 1, BLOCK) if parse(data[n : n + BLOCK])), -1
                )
            take = at if at >= 0 else min(WINDOW, len(data))
            if limit is not None:
                take = min(take, limit)
                limit -= take
            if not take:
                return
            stream.skip(take)
            if at == take:
                yield data[:take].rstrip(b"\0")
                return
            yield data[:take]

    def _extend(self, header: Header, into: Extended) -> None:
        """Reads a pax or long-name header; one that is absurdly long is left out."""
        stream = self._stream
        padded = -(-header.size // BLOCK) * BLOCK
        if header.size > MAX_EXTENDED:
            self._report.warn(f"an extended header of {header.size} bytes is not read")
            stream.skip(padded)
            return
        data = stream.read(header.size)
        if len(data) < header.size:
            return
        stream.skip(padded - header.size)
        if header.type == b"L":
            into.name = paths.decode(data)
        elif header.type == b"K":
            into.link = paths.decode(data)
        elif not read_pax(data, into):
            self._report.warn("a pax header is damaged: the name or size of a member may be wrong")

    def _entry(self, header: Header, extended: Extended, shared: Extended) -> Iterator[Entry]:
        """One entry; whatever of its body is left afterwards is skipped."""
        name = extended.name or shared.name or header.name
        mtime = extended.mtime if extended.mtime is not None else header.mtime
        link = extended.link or header.link
        stored = extended.size if extended.size is not None else header.size
        if header.type in b"123456":
            stored = 0
        if not header.sound:
            yield from self._guessed(header, name, mtime)
            return
        span = Span(self._stream, stored, self._report.short)
        body: Iterator[Buffer] = span
        size: int | None = stored
        if header.sparse is not None or extended.sparse or extended.offsets:
            name = extended.sparse.get("name", name)
            data = Stream(span)
            holes = read_map(header, extended, self._stream, data)
            body = data.rest()
            if holes is not None:
                size = holes[1]
                body = fill(data, *holes, self._max_hole, self._left_out)
        yield Entry(name, header.type, size, mtime, link, header.is_file, True, body)
        span.finish()
        self._stream.skip(-stored % BLOCK)

    def _left_out(self, hole: int) -> None:
        self._report.warn(
            f"a hole of {hole} bytes in a sparse member is left out {option('ratio_free_bytes')}"
        )
        self._report.short()

    def _guessed(self, header: Header, name: str, mtime: float | None) -> Iterator[Entry]:
        """The body of a member whose header is damaged: up to its size or to the next sound header."""
        start = self._stream.offset
        body = self._until_header(header.size)
        yield Entry(name, header.type, None, mtime, "", True, False, body)
        for _ in body:
            pass
        if self._stream.offset - start == header.size:
            self._stream.skip(-header.size % BLOCK)
