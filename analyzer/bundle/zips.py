"""A zip archive: by its directory where that is sound, else by its local headers, front to back."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from isal import isal_zlib
from msgspec import Struct

from analyzer.bundle.codecs import BZIP2, DEFLATE, IN_BYTES, XZ, ZSTD, Codec, Decompressor, Report, frame
from analyzer.bundle.limits import Meter
from analyzer.bundle.stream import Buffer, Span, Stream

STORED, LZMA = 0, 14
_CODECS = {8: DEFLATE, 12: BZIP2, 93: ZSTD, 95: XZ}
_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 98: "ppmd", 99: "AES encryption"}
_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_WINDOW = 64 << 10
_MAX_DIRECTORY = 16 << 20  # bytes of a directory that is loaded; a larger one is passed over
SEALED = "{}: is a zip encrypted with a password: unpack it first"
_BAD = (
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
    OverflowError,
    MemoryError,
)


class Entry(Struct, frozen=True):
    """One file of a zip. ``packed`` is None when its local header does not tell."""

    name: str
    size: int | None
    packed: int | None
    method: int
    flags: int
    crc: int | None
    mtime: float | None
    mode: int  # Unix file mode, 0 when not told

    @property
    def is_dir(self) -> bool:
        return self.name.endswith("/")

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def problem(self) -> str:
        """Why the body cannot be read, or ""."""
        if self.flags & 0x41 or self.method == 99:
            return "encrypted with a password"
        if self.method not in (STORED, LZMA, *_CODECS):
            return f"compressed by {_NAMES.get(self.method, f'method {self.method}')}: not read"
        if self.packed is None and self.method == STORED:
            return "of unknown length"
        kind = stat.S_IFMT(self.mode)
        if kind not in (0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR):
            return "a device, socket or pipe"
        return ""


def _moment(extra: bytes) -> float | None:
    """The UTC time of the extended timestamp field (0x5455); a zip's own time has no zone."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 0x5455 and size >= 5 and at + 9 <= len(extra) and extra[at + 4] & 1:
            return float(struct.unpack_from("<i", extra, at + 5)[0])
        at += 4 + size
    return None


def _name(text: str) -> str:
    """Backslashes are folders where a Windows tool wrote the name."""
    return text.replace("\\", "/") if "/" not in text else text


def _directory_size(tail: bytes) -> int | None:
    """The bytes of the directory as the record at the zip's end tells; None without that record."""
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        return None
    size: int = struct.unpack_from("<I", tail, at + 12)[0]
    if size == 0xFFFFFFFF:
        wide = tail.rfind(b"PK\x06\x06", 0, at)
        return int.from_bytes(tail[wide + 40 : wide + 48], "little") if wide >= 0 else None
    return size


def directory(file: BinaryIO) -> list[zipfile.ZipInfo] | None:
    """The directory at the end of the zip; None when it is missing, damaged or absurdly long."""
    try:
        end = file.seek(0, 2)
        file.seek(max(end - (66 << 10), 0))
        size = _directory_size(file.read(66 << 10))
        if size is None or size > _MAX_DIRECTORY:
            return None
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except _BAD:
        return None


def all_encrypted(infos: list[zipfile.ZipInfo]) -> bool:
    """Whether every file of the directory is encrypted."""
    files = [info for info in infos if not info.filename.endswith("/")]  # is_dir fails on ""
    return bool(files) and all(info.flag_bits & 1 for info in files)


def listed(
    file: BinaryIO, infos: list[zipfile.ZipInfo], damaged: Callable[[str, str], None]
) -> Iterator[tuple[Entry, Stream]]:
    """The files of a directory with their packed bodies, in the order of their place in the archive."""
    infos = sorted(infos, key=lambda info: info.header_offset)
    end = 0
    for info in infos:
        name = _name(info.filename)
        try:
            file.seek(max(info.header_offset, 0))
            local = file.read(30)
        except (OSError, ValueError, OverflowError):
            local = b""
        if local[:4] != _LOCAL or len(local) < 30:
            damaged(name, "its header in the zip is damaged")
            continue
        if info.header_offset < end:
            damaged(name, "it overlaps another member of the zip")
            continue
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", local, 26))
        end = start + info.compress_size
        mode = info.external_attr >> 16 if info.create_system == 3 else 0
        method = info.compress_type
        entry = Entry(
            name,
            info.file_size,
            info.compress_size,
            method,
            info.flag_bits,
            info.CRC,
            _moment(info.extra),
            mode,
        )
        yield entry, Stream(_blocks(file, start, info.compress_size))


def _blocks(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    end = start + size
    while start < end:
        try:
            file.seek(start)
            data = file.read(min(IN_BYTES, end - start))
        except (OSError, ValueError, OverflowError):
            return
        if not data:
            return
        start += len(data)
        yield data


def scanned(stream: Stream, short: Callable[[], None]) -> Iterator[tuple[Entry, Stream]]:
    """The files by their local headers, for a zip whose directory is missing.

    Where a length is not told the body is the stream itself and must be read to its end.
    """
    while _to_local(stream):
        head = stream.read(30)
        flags, method = struct.unpack_from("<HH", head, 6)
        crc, packed, size, name_size, extra_size = struct.unpack_from("<IIIHH", head, 14)
        raw = stream.read(name_size)
        extra = stream.read(extra_size)
        if len(raw) < name_size or len(extra) < extra_size:
            return
        if packed == 0xFFFFFFFF or size == 0xFFFFFFFF:
            size, packed = _zip64(extra, size, packed)
        unknown = bool(flags & 8) and not packed
        name = _name(raw.decode("utf-8", "backslashreplace").split("\0", 1)[0])
        entry = Entry(
            name,
            None if unknown else size,
            None if unknown else packed,
            method,
            flags,
            None if unknown else crc,
            _moment(extra),
            0,
        )
        if unknown:
            yield entry, stream
            continue
        span = Span(stream, packed, short)
        yield entry, Stream(span)
        span.finish()


def _zip64(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            wide: tuple[int, int] = struct.unpack_from("<QQ", extra, at + 4)
            return wide
        at += 4 + length
    return size, packed


def _to_local(stream: Stream) -> bool:
    """Moves to the next local header; False at the directory or the end."""
    while True:
        data = stream.peek(_WINDOW)
        at = data.find(_LOCAL)
        central = data.find(_CENTRAL)
        if central >= 0 and (at < 0 or central < at):
            return False
        if at >= 0 and len(data) - at >= 30:
            stream.skip(at)
            return True
        if len(data) < _WINDOW:
            return False
        stream.skip(at if at > 0 else _WINDOW - 3)


def _lzma_codec(stream: Stream, window: int) -> Codec | None:
    """LZMA as zip writes it: version 2 bytes, length 2, then properties 1 and dictionary size 4."""
    head = stream.read(9)
    if len(head) < 9 or head[2:4] != b"\x05\0" or head[4] >= 225:
        return None
    rest, lc = divmod(head[4], 9)
    pb, lp = divmod(rest, 5)
    size = int.from_bytes(head[5:9], "little")
    if size > window:
        return None
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": max(size, 4096), "lc": lc, "lp": lp, "pb": pb}]

    def new(window: int) -> Decompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=chain)

    return Codec("lzma", lambda head: False, new, XZ.error)


def unpack(
    entry: Entry, packed: Stream, meter: Meter, report: Report, cut: Callable[[], None]
) -> Iterator[Buffer]:
    """The body of a file; what is wrong is reported when its end is reached."""
    problem: list[str] = []
    codec = _lzma_codec(packed, meter.window) if entry.method == LZMA else _CODECS.get(entry.method)
    chunks: Iterator[Buffer]
    if codec is not None:
        chunks = frame(codec, packed, meter.window, None, problem)
    elif entry.method == STORED:
        chunks = packed.rest()
    else:
        report(f"the lzma stream is damaged, or needs more than {meter.window} bytes of memory")
        cut()
        return
    crc = given = 0
    start = packed.offset
    for data in limited(chunks, meter, partial(lambda: packed.offset - start), problem):
        crc = isal_zlib.crc32(data, crc)
        given += len(data)
        yield data
        if entry.size is not None and given >= entry.size and codec is not None and codec.name == "lzma":
            break  # raw LZMA need not carry an end mark
    if problem == ["ends early"] and given == entry.size:
        problem = []
    if not problem and ((entry.size not in (None, given)) or entry.crc not in (None, crc)):
        problem.append("does not match its checksum")
    if problem:
        report(f"the body {problem[0]}")
        cut()


def limited(
    chunks: Iterator[Buffer], meter: Meter, taken: Callable[[], int], problem: list[str]
) -> Iterator[Buffer]:
    """The chunks as far as the limits allow."""
    for data in chunks:
        why = meter.count(taken(), len(data))
        if why:
            problem.append(f"is not read further: it {why}")
            return
        yield data
