"""Decompression that never raises: all that can be inflated is given, then the damage is reported.

Every format has a decompressor with the interface of :class:`bz2.BZ2Decompressor`, so one loop serves
all: 128 KiB in, at most 1 MiB out (smaller chunks change hands more often, larger ones fall out of the cache).
The libraries but gzip's are imported for the first stream of theirs: together they take 6 ms of a start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from isal import igzip_lib
from msgspec import Struct

from analyzer.bundle.limits import Meter, option
from analyzer.bundle.stream import Buffer, Stream

IN_BYTES = 128 << 10
OUT_BYTES = 1 << 20
TAPE_BYTES = 8 << 20  # input kept, so that what precedes a damage can be inflated byte by byte
FINE_BYTES = 64  # input fed at once near a damage

Report = Callable[[str], None]


class Decompressor(Protocol):
    """What the four libraries have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Buffer, max_length: int = -1) -> bytes: ...


class Codec(Struct, frozen=True):
    """One compressed format. ``new`` takes the bytes of memory that the decompressor may ask for (xz -9 needs
    65 MiB); ``error`` gives what its library raises for a damaged stream. ``begin`` reads what stands before a
    frame's data and ``end`` what stands after it; both return what is wrong, or ""."""

    name: str
    starts: Callable[[bytes], bool]
    new: Callable[[int], Decompressor]
    error: Callable[[], type[Exception]]
    begin: Callable[[Stream], str] = lambda stream: ""
    end: Callable[[Stream, Decompressor, int], str] = lambda stream, decoder, given: ""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a damaged stream can make the library raise."""
        return self.error(), EOFError, ValueError, MemoryError


Again = Callable[[int, int], Iterator[Buffer]]  # (offset, size): the same input once more


def _drain(decoder: Decompressor, data: Buffer, most: int) -> Iterator[bytes]:
    """All that ``data`` gives, at most ``most`` bytes at a time."""
    given = decoder.decompress(data, most)
    while given:
        yield given
        if decoder.eof or decoder.needs_input:
            return
        given = decoder.decompress(b"", most)


class _Tape:
    """The input of one frame, kept while it is small, or read again where that is possible."""

    def __init__(self, start: int, again: Again | None) -> None:
        self._start = start
        self._again = again
        self._pieces: list[Buffer] = []
        self._whole = True
        self.size = 0
        self.last = 0

    def add(self, piece: Buffer) -> None:
        self.last = len(piece)
        self.size += self.last
        if self._whole:
            self._pieces.append(piece)
            if self.size > TAPE_BYTES:
                self._whole = False
                self._pieces = []

    def play(self, fine: int) -> Iterator[Buffer]:
        """The input once more, the last ``fine`` bytes in small pieces; nothing when it is not kept."""
        if self._whole:
            pieces: Iterator[Buffer] = iter(self._pieces)
        elif self._again is not None:
            pieces = self._again(self._start, self.size)
        else:
            return
        at = 0
        for piece in pieces:
            size = len(piece)
            coarse = max(min(self.size - fine - at, size), 0)
            if coarse:
                yield piece[:coarse]
            for begin in range(coarse, size, FINE_BYTES):
                yield piece[begin : begin + FINE_BYTES]
            at += size


def _salvage(codec: Codec, window: int, tape: _Tape, given: int) -> Iterator[bytes]:
    """What a damaged frame holds beyond the ``given`` bytes: its last inputs again, in small pieces.

    The library drops what it inflated in the call that meets the damage.
    """
    passed = 0
    try:
        decoder = codec.new(window)
        for piece in tape.play(tape.last + IN_BYTES):
            for data in _drain(decoder, piece, FINE_BYTES << 6):
                fresh = data[max(given - passed, 0) :]
                passed += len(data)
                if fresh:
                    yield fresh
            if decoder.eof:
                return
    except codec.errors:
        return


def frame(
    codec: Codec, stream: Stream, window: int, again: Again | None, problem: list[str]
) -> Iterator[bytes]:
    """One frame, in at most ``window`` bytes of memory. What is wrong with it is appended to ``problem``."""
    if wrong := codec.begin(stream):
        problem.append(wrong)
        return
    tape = _Tape(stream.offset, again)
    given = 0
    try:
        decoder = codec.new(window)
        hungry = True
        while not decoder.eof:
            piece: Buffer = b""
            if hungry:
                piece = stream.piece(IN_BYTES)
                if not piece:
                    problem.append("ends early")
                    return
                tape.add(piece)
            data = decoder.decompress(piece, OUT_BYTES)
            hungry = decoder.needs_input or not data
            if data:
                given += len(data)
                yield data
    except codec.errors as error:
        yield from _salvage(codec, window, tape, given)
        problem.append(_in_words(error, window))
        return
    stream.unread(decoder.unused_data)
    if wrong := codec.end(stream, decoder, given):
        problem.append(wrong)


def _in_words(error: Exception, window: int) -> str:
    if "emory" in str(error):
        return f"needs more than {window} bytes of memory {option('max_window_bytes')}"
    return "is damaged"


def _between(codec: Codec, stream: Stream, report: Report) -> bool:
    """Whether another frame follows; anything else but padding zeros is reported."""
    if codec.starts(stream.peek(16)):
        return True
    garbage = 0
    for piece in stream.rest():
        garbage += len(piece) if garbage else len(bytes(piece).lstrip(b"\0"))
    if garbage:
        report(f"{garbage} bytes after the end of the {codec.name} stream are not read")
    return False


def decode(
    codec: Codec,
    stream: Stream,
    meter: Meter,
    report: Report,
    cut: Callable[[], None],
    again: Again | None = None,
) -> Iterator[bytes]:
    """The decompressed bytes of ``stream``, which begins with the codec's mark.

    All frames are read. ``report`` gets one sentence for each thing that is wrong, ``cut`` is called
    when bytes are missing. ``again`` reads the stream's input a second time where it can be.
    """
    while True:
        problem: list[str] = []
        for data in frame(codec, stream, meter.window, again, problem):
            why = meter.count(stream.offset, len(data))
            if why:
                report(f"is not read further: it {why}")
                cut()
                return
            yield data
        if problem:
            report(f"the {codec.name} stream {problem[0]}: what follows is not read")
            cut()
            return
        if not stream.peek(1) or not _between(codec, stream, report):
            return


_GZIP_EXTRA, _GZIP_NAME, _GZIP_COMMENT, _GZIP_CRC = 4, 8, 16, 2
_GZIP_TEXT_USUAL, _GZIP_TEXT_MAX = 256, 64 << 10


def _gzip_begin(stream: Stream) -> str:
    """Takes a gzip header: ten bytes, then what its flags announce."""
    head = stream.read(10)
    if len(head) < 10:
        return "ends early"
    flags = head[3]
    if head[:3] != b"\x1f\x8b\x08" or flags & 0xE0:
        return "is damaged"
    if flags & _GZIP_EXTRA:
        stream.skip(int.from_bytes(stream.read(2), "little"))
    for flag in (_GZIP_NAME, _GZIP_COMMENT):
        if flags & flag:
            text = stream.peek(_GZIP_TEXT_USUAL)
            end = text.find(b"\0")
            if end < 0:
                text = stream.peek(_GZIP_TEXT_MAX)
                end = text.find(b"\0")
            if end < 0:
                return "is damaged" if len(text) == _GZIP_TEXT_MAX else "ends early"
            stream.skip(end + 1)
    if flags & _GZIP_CRC:
        stream.skip(2)
    return ""


def _gzip_end(stream: Stream, decoder: Decompressor, given: int) -> str:
    """Takes the trailer and compares checksum and length with what was inflated."""
    trailer = stream.read(8)
    if len(trailer) < 8:
        return "ends within its checksum"
    crc = int.from_bytes(trailer[:4], "little")
    size = int.from_bytes(trailer[4:], "little")
    if crc != decoder.crc or size != given & 0xFFFFFFFF:  # type: ignore[attr-defined]
        return "does not match its checksum"
    return ""


def _gzip_new(window: int) -> Decompressor:
    decoder: Decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP_NO_HDR)
    return decoder


def _deflate_new(window: int) -> Decompressor:
    decoder: Decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    return decoder


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _zstd_new(window: int) -> Decompressor:
    zstd = _zstd()
    # The library takes a power of two, from 1 KiB to 2 GiB.
    power = min(max(window.bit_length() - 1, 10), 31)
    decoder: Decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: power})
    return decoder


def _bzip2_new(window: int) -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _xz_new(window: int) -> Decompressor:
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=window)


def _xz_error() -> type[Exception]:
    import lzma

    return lzma.LZMAError


def _isal_error() -> type[Exception]:
    return cast("type[Exception]", igzip_lib.IsalError)  # its stub calls it an instance


def _is_bzip2(head: bytes) -> bool:
    return (
        head[:3] == b"BZh" and head[3:4].isdigit() and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    )


def _is_zstd(head: bytes) -> bool:
    skippable = head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
    return head[:4] == b"\x28\xb5\x2f\xfd" or skippable


GZIP = Codec(
    "gzip",
    lambda head: head[:3] == b"\x1f\x8b\x08",
    _gzip_new,
    _isal_error,
    _gzip_begin,
    _gzip_end,
)
BZIP2 = Codec("bzip2", _is_bzip2, _bzip2_new, lambda: OSError)
XZ = Codec("xz", lambda head: head[:6] == b"\xfd7zXZ\0", _xz_new, _xz_error)
ZSTD = Codec("zstd", _is_zstd, _zstd_new, lambda: _zstd().ZstdError)
DEFLATE = Codec("deflate", lambda head: False, _deflate_new, _isal_error)

CODECS = (GZIP, BZIP2, XZ, ZSTD)
