"""Whatever is broken: no error but the one with an exit status, and all that precedes the damage."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from bundle_packing import (
    ARCHIVES,
    COMPRESSIONS,
    FIXTURES,
    bodies,
    common,
    fixture_files,
    folder,
    gz,
    read,
    tar,
    zipped,
    zst,
)

from analyzer.bundle import codecs, open_bundle
from analyzer.errors import AnalyzerError

REAL = (FIXTURES / "cortex-startup_logfmt_1.11.1" / "bundle.tar.gz").read_bytes()
REAL_FILES = fixture_files("cortex-startup_logfmt_1.11.1")
FILES = {f"top/{n}.log": b"".join(b"%d level=info line %d\n" % (n, i) for i in range(300)) for n in range(6)}


def noise(size: int, seed: int = 1) -> bytes:
    """Text that hardly compresses, so that a stream of it is long."""
    return random.Random(seed).randbytes(size // 2).hex().encode()


def is_prefix(found: dict[str, bytes], whole: dict[str, bytes]) -> bool:
    """Whether all that was found is true: whole members, but for the last, which may be cut."""
    names = list(found)
    return all(whole[name] == found[name] for name in names[:-1]) and all(
        whole[name].startswith(found[name]) for name in names[-1:]
    )


def test_cuts_of_a_real_bundle_give_all_that_precedes_them() -> None:
    sizes = []
    for cut in range(20, len(REAL) - 1, len(REAL) // 60):
        found, bundle = read(REAL[:cut])
        assert bundle.coverage.warnings, cut
        assert bundle.coverage.truncated, cut
        assert bundle.sha256 is not None
        sizes.append(bundle.coverage.bytes_read)
        if len(found) > 1:
            assert is_prefix(found, REAL_FILES)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 0.9 * sum(map(len, REAL_FILES.values()))


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_cut_at_any_byte_is_said_and_what_precedes_it_is_delivered(kind: str) -> None:
    packed = ARCHIVES[kind](FILES)
    end = len(packed) - (10240 if kind.startswith("tar-") or kind == "tar" else 0)
    for cut in range(1, end, max(len(packed) // 70, 1)):
        found, bundle = read(packed[:cut])
        if cut > 600:
            assert bundle.coverage.warnings
            assert bundle.coverage.truncated
            assert is_prefix({name: data for name, data in found.items() if name != "stdin"}, FILES)
    # Both pack so little text into one block, which is there whole or not at all.
    assert len(found) >= (1 if kind in ("tar.bz2", "tar.zst") else 5)


def test_what_precedes_a_cut_is_exactly_what_tar_delivers() -> None:
    plain = tar(FILES)
    for cut in range(512, len(plain) - 10240, 997):
        found, bundle = read(plain[:cut])
        expected, at = {}, 0
        for name, data in FILES.items():
            body = at + 512
            if cut - at >= 512:
                expected[name] = data[: max(cut - body, 0)]
            at = body + len(data) + -len(data) % 512
        assert found == expected
        assert bundle.coverage.truncated


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_never_raise_and_are_said(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        data = bytearray(REAL)
        at = chance.randrange(10, len(data))
        data[at] ^= 1 << chance.randrange(8)
        bundle = read(bytes(data))[1]
        assert bundle.coverage.warnings, at
        assert bundle.coverage.bytes_read > 0 or at < 2000


@pytest.mark.parametrize("kind", ARCHIVES)
def test_flipped_bits_in_every_format(kind: str) -> None:
    chance = random.Random(7)
    packed = ARCHIVES[kind](FILES)
    for _ in range(40):
        data = bytearray(packed)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with contextlib.suppress(AnalyzerError):
            read(bytes(data))


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_flip_in_a_short_stream_loses_nothing_before_it(kind: str) -> None:
    text = noise(300_000)
    packed = bytearray(COMPRESSIONS[kind](text))
    at = len(packed) // 2
    packed[at : at + 4] = b"\xff\xff\xff\xff"
    found, bundle = read(bytes(packed))
    body = next(iter(found.values()))
    assert bundle.coverage.truncated == ["stdin"]
    assert any("damaged" in text or "checksum" in text for text in bundle.coverage.warnings)
    kept = common(body, text) / len(text)
    assert kept > {"gz": 0.49, "xz": 0.49, "zst": 0.4, "bz2": -1}[kind]  # the last two by whole blocks


@pytest.mark.parametrize("way", ["file", "stream"])
def test_a_flip_in_a_long_stream_is_read_again_where_it_can_be(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs, "TAPE_BYTES", 100_000)
    text = noise(1_500_000)
    packed = bytearray(gz(text))
    at = len(packed) * 9 // 10
    packed[at : at + 6] = b"\xff\xff\xff\xff\xff\xff"
    path = tmp_path / "long.log.gz"
    path.write_bytes(packed)
    found, bundle = read(path if way == "file" else bytes(packed))
    body = next(iter(found.values()))
    kept = common(body, text)
    assert bundle.coverage.truncated
    if way == "file":
        assert kept > len(text) * 89 // 100
    else:  # the call that met the damage is lost, and no more
        assert kept > len(text) * 89 // 100 - codecs.OUT_BYTES


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_cut_compressed_log_gives_what_its_library_gives(kind: str) -> None:
    text = noise(400_000)
    packed = COMPRESSIONS[kind](text)
    cut = packed[: len(packed) * 3 // 4]
    reference = {
        "gz": lambda: gzip.zlib.decompressobj(31).decompress(cut),  # type: ignore[attr-defined]
        "bz2": lambda: bz2.BZ2Decompressor().decompress(cut),
        "xz": lambda: lzma.LZMADecompressor().decompress(cut),
        "zst": lambda: codecs.ZSTD.new(1 << 27).decompress(cut),
    }[kind]()
    found, bundle = read(cut)
    body = b"".join(found.values())
    assert text.startswith(body)
    assert len(body) >= len(reference) - 4
    assert bundle.coverage.truncated == ["stdin"]


def test_a_gzip_whose_trailer_lies_or_is_missing_is_said() -> None:
    packed = gz(tar(FILES))
    for broken in (packed[:-8] + struct.pack("<II", 1, 2), packed[:-4], packed[:-8]):
        found, bundle = read(broken)
        assert found == FILES
        assert any("checksum" in text for text in bundle.coverage.warnings)


def test_padding_after_a_gzip_is_fine_and_garbage_is_said() -> None:
    packed = gz(tar(FILES))
    assert read(packed + bytes(5000))[1].coverage.warnings == []
    found, bundle = read(packed + bytes(100) + b"garbage")
    assert found == FILES
    assert "7 bytes after the end" in bundle.coverage.warnings[0]  # wherever the reads cut the padding


def header_at(packed: bytes, name: str) -> int:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.getmember(name).offset


@pytest.mark.parametrize("field, at", [("mode", 102), ("size", 130), ("checksum", 150), ("name", 3)])
def test_a_damaged_header_in_the_middle_loses_no_member(field: str, at: int) -> None:
    packed = bytearray(tar(FILES))
    packed[header_at(bytes(packed), "top/2.log") + at] ^= 0x01
    found, bundle = read(bytes(packed))
    others = {name: data for name, data in found.items() if name in FILES and name != "top/2.log"}
    assert others == {name: data for name, data in FILES.items() if name != "top/2.log"}
    salvaged = next(data for name, data in found.items() if name not in others)
    assert FILES["top/2.log"].startswith(salvaged[:1000])
    if field != "size":
        assert salvaged == FILES["top/2.log"]
    assert bundle.coverage.truncated
    assert any("damaged" in text for text in bundle.coverage.warnings)


def test_an_erased_header_loses_its_member_only() -> None:
    packed = bytearray(tar(FILES))
    at = header_at(bytes(packed), "top/3.log")
    packed[at : at + 512] = random.Random(3).randbytes(512)
    found, bundle = read(gz(bytes(packed)))
    assert found == {name: data for name, data in FILES.items() if name != "top/3.log"}
    assert "damaged bytes" in bundle.coverage.skipped[0][1]


def test_lost_bytes_in_the_middle_are_jumped_over() -> None:
    packed = tar(FILES)
    at = header_at(packed, "top/2.log")
    found, bundle = read(packed[: at + 700] + packed[at + 1000 :])
    assert {f"top/{n}.log" for n in (0, 1, 4, 5)} <= found.keys()
    assert bundle.coverage.warnings


def test_a_header_with_a_wrong_size_does_not_hide_the_rest() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(4):
            info = tarfile.TarInfo(f"{number}.log")
            info.size = 3000
            archive.addfile(info, io.BytesIO(FILES["top/0.log"][:3000]))
    packed = bytearray(out.getvalue())
    info = tarfile.TarInfo("1.log")
    info.size = 100  # the truth is 3000
    packed[3584 : 3584 + 512] = info.tobuf()
    found, bundle = read(bytes(packed))
    assert list(found) == ["0.log", "1.log", "2.log", "3.log"]
    assert len(found["1.log"]) == 100
    assert bundle.coverage.skipped


def test_a_first_header_damaged_beyond_recognition() -> None:
    packed = bytearray(tar({"0": b"short", **FILES}))
    packed[0:512] = bytes(range(256)) * 2
    found, bundle = read(bytes(packed))
    assert found == FILES
    assert bundle.coverage.warnings


def test_archives_one_after_the_other_and_garbage_behind() -> None:
    found, bundle = read(tar({"a": b"1"}) + tar({"b": b"2"}))
    assert found == {"a": b"1", "b": b"2"}
    assert "several archives" in bundle.coverage.warnings[0]
    found, bundle = read(tar({"a": b"1"}) + b"garbage" * 300)
    assert found == {"a": b"1"}
    assert "after the end" in bundle.coverage.warnings[0]
    assert bundle.coverage.truncated == []


def test_an_archive_without_its_end_mark_is_said() -> None:
    packed = tar(FILES).rstrip(b"\0")
    packed += bytes(-len(packed) % 512)
    found, bundle = read(packed)
    assert found == FILES
    assert "without its end mark" in bundle.coverage.warnings[0]
    assert bundle.coverage.truncated == ["stdin"]


def test_a_member_that_stands_twice_is_read_twice() -> None:
    found, bundle = read(tar({"a/x": b"1"})[:1024] + tar({"a/x": b"2"}))
    assert found == {"a/x": b"1", "#2/a/x": b"2"}
    assert "more than once" in bundle.coverage.warnings[-1]


def test_damage_inside_a_nested_archive_stays_there() -> None:
    inner = gz(tar(FILES))
    found, bundle = read(tar({"in.tgz": inner[: len(inner) // 2], "z.log": b"z"}))
    assert found["z.log"] == b"z"
    assert "in.tgz" in bundle.coverage.truncated
    assert all("in.tgz" in text for text in bundle.coverage.warnings)


def test_a_damaged_zip_member_does_not_hide_the_others() -> None:
    packed = bytearray(zipped(FILES))
    with zipfile.ZipFile(io.BytesIO(bytes(packed))) as archive:
        infos = archive.infolist()
    packed[infos[1].header_offset] ^= 0xFF
    packed[infos[3].header_offset + 60] ^= 0xFF
    found, bundle = read(bytes(packed))
    assert {"top/0.log", "top/2.log", "top/4.log", "top/5.log"} <= {
        name for name, data in found.items() if data == FILES[name]
    }
    assert ("top/1.log", "its header in the zip is damaged") in bundle.coverage.skipped
    assert bundle.coverage.truncated == ["top/3.log"]


def test_a_zip_without_its_directory_is_searched() -> None:
    packed = zipped(FILES)
    found, bundle = read(packed[: packed.index(b"PK\x01\x02")])
    assert found == FILES
    assert bundle.coverage.truncated == ["stdin"]


def test_unreadable_files_of_a_folder_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, {"a.log": b"1", "b.log": b"2"})
    real = os.open

    def refuse(path: str, flags: int) -> int:
        if path.endswith("b.log"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    found, bundle = read(tmp_path)
    assert found == {"a.log": b"1"}
    assert bundle.coverage.skipped == [("b.log", "unreadable: permission denied")]
    assert bundle.coverage.members_total == 2


def test_a_source_that_fails_midway_is_a_cut() -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            data = super().read1(1000)
            if self.tell() > 20_000:
                raise OSError(5, "Input/output error")
            return data

    with open_bundle(Failing(tar(FILES))) as bundle:
        assert len(bodies(bundle)) > 1
    assert "Input/output error" in " ".join(bundle.coverage.warnings)
    assert bundle.sha256 is None


@pytest.mark.parametrize("kind", ["gz", "xz", "zst", "bz2"])
def test_nothing_but_a_header_is_no_error(kind: str) -> None:
    packed = COMPRESSIONS[kind](b"")
    for cut in range(1, len(packed) + 1):
        read(packed[:cut])
    assert read(zst(b"") + gz(b""))[1].coverage.warnings
