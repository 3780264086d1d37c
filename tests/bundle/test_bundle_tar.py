"""The tar reader against the standard library's writer and reader, on random archives and every dialect."""

from __future__ import annotations

import io
import struct
import tarfile

import pytest
from bundle_packing import read
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.bundle import paths, tar, tarheader
from analyzer.bundle.stream import Stream

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\0"), min_size=1, max_size=300
)
MEMBERS = st.lists(
    st.tuples(NAMES, st.binary(max_size=3000), st.integers(0, 1 << 33)), min_size=1, max_size=6
)


def silent(seen: list[str]) -> tar.Report:
    return tar.Report(
        seen.append,
        lambda at, size: seen.append("lost"),
        lambda: seen.append("cut"),
        lambda: seen.append("short"),
    )


def entries(data: bytes, chunk: int = 1000) -> tuple[list[tuple[str, bytes, float | None]], list[str]]:
    seen: list[str] = []
    chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
    found = [
        (entry.name, b"".join(bytes(piece) for piece in entry.body), entry.mtime)
        for entry in tar.Reader(Stream(chunks), silent(seen), 1 << 20)
        if entry.is_file
    ]
    return found, seen


@settings(max_examples=80)
@given(MEMBERS, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 2000))
def test_what_the_standard_library_writes_is_read_back(
    members: list[tuple[str, bytes, int]], fmt: int, chunk: int
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt, errors="surrogateescape") as archive:
        for name, data, mtime in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), mtime
            archive.addfile(info, io.BytesIO(data))
    found, seen = entries(out.getvalue(), chunk)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        names = [info.name for info in archive]
    # The standard library cuts slashes off the end of a name, as does the path that a member gets.
    assert [paths.clean(name) for name, _, _ in found] == [paths.clean(name) for name in names]
    assert [data for _, data, _ in found] == [data for _, data, _ in members]
    assert [mtime for _, _, mtime in found] == [mtime or None for _, _, mtime in members]
    assert seen == []


@settings(max_examples=60)
@given(st.data())
def test_any_damage_to_an_archive_is_survived(data: st.DataObject) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(4):
            info = tarfile.TarInfo(f"{number}.log")
            info.size = 700
            archive.addfile(info, io.BytesIO(b"%d" % number * 700))
    packed = bytearray(out.getvalue()[:6144])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(packed) - 1))
        packed[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    found, _ = entries(bytes(packed))
    assert sum(len(body) for _, body, _ in found) <= len(packed)


@given(st.binary(max_size=1600))
def test_garbage_is_survived(data: bytes) -> None:
    entries(data)
    tarheader.read_pax(data, tarheader.Extended())


@pytest.mark.parametrize(
    "raw", [b"\x80" + (1 << 40).to_bytes(11, "big"), b"00000000017\0", b"         17 \0", b"\0" * 12]
)
def test_numbers_of_every_dialect(raw: bytes) -> None:
    assert tarheader.number(raw) == {0x80: 1 << 40, 0x30: 15, 0x20: 15, 0: 0}[raw[0]]


def test_numbers_that_are_none() -> None:
    assert tarheader.number(b"0000x000\0\0\0\0") is None
    assert tarheader.number(b"-1\0") is None
    assert tarheader.number(b"\xff" * 12) == -1


SPARSE = b"head" + bytes(9996) + b"tail" + bytes(5000)


def sparse_pax(version: str) -> bytes:
    info = tarfile.TarInfo("GNUSparseFile.1/s.log")
    body = b"headtail"
    if version == "0.1":
        info.pax_headers = {
            "GNU.sparse.size": str(len(SPARSE)),
            "GNU.sparse.name": "s.log",
            "GNU.sparse.map": "0,4,10000,4",
        }
    else:
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "s.log",
            "GNU.sparse.realsize": str(len(SPARSE)),
        }
        body = b"2\n0\n4\n10000\n4\n".ljust(512, b"\0") + body
    info.size = len(body)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info, io.BytesIO(body))
        archive.addfile(tarfile.TarInfo("after"))
    return out.getvalue()


def sparse_gnu() -> bytes:
    info = tarfile.TarInfo("s.log")
    info.type, info.size = b"S", 8
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:482] = bytes(96)
    block[386:410] = b"%011o\0%011o\0" % (0, 4)
    block[482] = 1
    block[483:495] = b"%011o\0" % len(SPARSE)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more = (b"%011o\0%011o\0" % (10000, 4)).ljust(512, b"\0")
    return (
        bytes(block) + more + b"headtail".ljust(512, b"\0") + tarfile.TarInfo("after").tobuf() + bytes(1024)
    )


@pytest.mark.parametrize(
    "packed", [sparse_pax("0.1"), sparse_pax("1.0"), sparse_gnu()], ids=["0.1", "1.0", "gnu"]
)
def test_sparse_members_get_their_holes_back(packed: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        extracted = archive.extractfile("s.log")
        assert extracted is not None
        assert extracted.read() == SPARSE
    found, bundle = read(packed)
    assert found == {"s.log": SPARSE, "after": b""}
    assert not bundle.coverage.warnings


@pytest.mark.parametrize("text", ["", "x", "0,4,1", "9" * 40, "-1,4"])
def test_a_damaged_sparse_map_gives_what_is_stored(text: str) -> None:
    info = tarfile.TarInfo("s")
    info.pax_headers = {"GNU.sparse.size": "100", "GNU.sparse.map": text}
    info.size = 4
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info, io.BytesIO(b"data"))
        archive.addfile(tarfile.TarInfo("after"))
    found, _ = read(out.getvalue())
    assert list(found) == ["s", "after"]


def test_old_archives_without_a_magic_are_read_through_damage() -> None:
    def header(name: bytes, size: int) -> bytes:
        block = bytearray(512)
        block[0 : len(name)] = name
        block[124:136] = b"%011o " % size
        block[136:148] = b"%011o " % 1_000_000
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block)

    packed = [header(b"%d.log" % n, 600) + (b"%d" % n * 600).ljust(1024, b"\0") for n in range(4)]
    found, bundle = read(b"".join(packed) + bytes(1024))
    assert found == {f"{n}.log": b"%d" % n * 600 for n in range(4)}
    assert not bundle.coverage.warnings
    packed[1] = b"\xff" * 20 + packed[1][20:]
    found, bundle = read(b"".join(packed) + bytes(1024))
    assert list(found) == ["0.log", "2.log", "3.log"]
    assert bundle.coverage.skipped


def test_signed_checksums_of_old_writers() -> None:
    block = bytearray(tarfile.TarInfo("a\xe9").tobuf(tarfile.USTAR_FORMAT, "latin-1"))
    unsigned, signed = tarfile.calc_chksums(bytes(block))
    assert unsigned != signed
    block[148:156] = b"%06o\0 " % signed
    assert tarheader.parse(bytes(block)) is not None
    struct.pack_into("B", block, 0, 0x62)
    assert tarheader.parse(bytes(block)) is None
