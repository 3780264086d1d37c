"""Input made to harm: bombs, paths and links that lead out, devices, passwords, endless lists."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
from bundle_packing import folder, gz, open_descriptors, read, tar, zipped, zst
from hypothesis import given
from hypothesis import strategies as st

from analyzer.bundle import Limits, open_bundle, paths
from analyzer.errors import AnalyzerError

SMALL = Limits(ratio_free_bytes=1 << 20, max_ratio=1100)


def tar_of(*infos: tarfile.TarInfo, body: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info in infos:
            info.size = len(body) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def entry(name: str, type_: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type_
    info.linkname = link
    return info


# --- names -------------------------------------------------------------------------------------------


def test_absolute_and_climbing_names_stay_inside() -> None:
    names = ["/etc/shadow", "../../etc/passwd", "a/../../b", "./c//d", "..", "e\x1b]0;x\x07"]
    found, _ = read(tar_of(*(entry(name) for name in names)))
    assert list(found) == ["etc/shadow", "etc/passwd", "b", "c/d", "unnamed", "e\x1b]0;x\x07"]
    found, _ = read(zipped({"..\\..\\windows\\x.log": b"1", "/abs": b"2"}))
    assert list(found) == ["windows/x.log", "abs"]


@given(st.text(max_size=60) | st.from_regex(r"(\.\./|/|\./|a|b/|\.\.){0,12}", fullmatch=True))
def test_a_cleaned_name_never_leads_out_and_cleaning_again_changes_nothing(name: str) -> None:
    cleaned = paths.clean(name)
    assert not cleaned.startswith("/")
    assert not {"", ".", ".."} & set(cleaned.split("/") if cleaned else [])
    assert paths.clean(cleaned) == cleaned


@given(st.binary(max_size=80))
def test_decoded_names_can_always_be_printed(raw: bytes) -> None:
    assert "\0" not in paths.decode(raw)
    paths.decode(raw).encode("utf-8")


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    st.lists(st.sampled_from(["..", ".", "", "a", "x"]), max_size=8),
)
def test_a_link_resolves_as_the_file_system_would(link: list[str], target: list[str]) -> None:
    resolved = paths.resolve("/".join(link), "/".join(["x", *target]))
    top = "/R/S/T/U/V/W/X/Y/Z"
    expected = os.path.normpath("/".join([top, *link[:-1], "x", *target]))
    if resolved is not None:
        assert expected == os.path.normpath(f"{top}/{resolved}")
    else:
        assert expected != top
        assert not expected.startswith(top + "/")


# --- links -------------------------------------------------------------------------------------------


def test_links_inside_are_told_and_links_out_are_reported() -> None:
    packed = tar_of(
        entry("top/free", tarfile.SYMTYPE, "sos_commands/memory/free"),
        entry("top/var/log/containers/p_n_c.log", tarfile.SYMTYPE, "/var/log/pods/n_p_u/c/0.log"),
        entry("top/hard", tarfile.LNKTYPE, "top/sos_commands/memory/free"),
        entry("top/out", tarfile.SYMTYPE, "../../../etc/shadow"),
        entry("top/away", tarfile.SYMTYPE, "/etc/shadow"),
        entry("top/var/log/pods/n_p_u/c/0.log"),
    )
    with open_bundle(io.BytesIO(packed)) as bundle:
        links = {member.path: member.link for member in bundle.members() if member.link is not None}
    assert (
        bundle.links
        == links
        == {
            "top/free": "top/sos_commands/memory/free",
            "top/var/log/containers/p_n_c.log": "top/var/log/pods/n_p_u/c/0.log",
            "top/hard": "top/sos_commands/memory/free",
        }
    )
    assert "2 links lead out of the bundle" in bundle.coverage.warnings[0]
    assert bundle.coverage.members_total == 1


def test_links_inside_nested_archives_stay_in_them() -> None:
    inner = tar_of(entry("a/l", tarfile.SYMTYPE, "b"), entry("a/m", tarfile.SYMTYPE, "../../outer.log"))
    _, bundle = read(tar({"in.tar": inner, "outer.log": b"1"}))
    assert bundle.links == {"in.tar!a/l": "in.tar!a/b"}


def test_a_link_in_a_zip() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("d/l")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "t")
        archive.writestr("d/t", "1")
    found, bundle = read(out.getvalue())
    assert found == {"d/t": b"1"}
    assert bundle.links == {"d/l": "d/t"}


def test_a_folder_is_never_left(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    case = folder(tmp_path / "case", {"a/x.log": b"1"})
    (case / "in").symlink_to("a/x.log")
    (case / "whole").symlink_to(case / "a" / "x.log")
    (case / "out").symlink_to("../secret")
    (case / "loop").symlink_to(".")
    (case / "far").symlink_to("/etc/hostname")
    found, bundle = read(case)
    assert found == {"a/x.log": b"1"}
    assert bundle.links == {"in": "a/x.log", "whole": "a/x.log"}
    assert "lead out of the bundle" in bundle.coverage.warnings[0]


def test_a_link_to_the_top_of_the_bundle_leads_out_of_nothing(tmp_path: Path) -> None:
    case = folder(tmp_path / "case", {"a/x.log": b"1"})
    (case / "self").symlink_to(".")
    (case / "whole").symlink_to(case)
    (case / "a" / "up").symlink_to("..")
    packed = tar_of(entry("self", tarfile.SYMTYPE, "."), entry("a/up", tarfile.SYMTYPE, ".."), entry("x.log"))
    for source in (case, packed):
        _, bundle = read(source)
        assert bundle.coverage.warnings == []
        assert bundle.links == {}


def test_devices_sockets_and_pipes_are_skipped_and_named(tmp_path: Path) -> None:
    packed = tar_of(
        entry("d", tarfile.CHRTYPE), entry("b", tarfile.BLKTYPE), entry("f", tarfile.FIFOTYPE), entry("x")
    )
    found, bundle = read(packed)
    assert found == {"x": b""}
    assert bundle.coverage.skipped == [("d", "a device"), ("b", "a device"), ("f", "a pipe")]
    assert bundle.coverage.members_total == 4
    case = folder(tmp_path / "c", {"x": b"1"})
    os.mkfifo(case / "fifo")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(str(case / "s"))
        found, bundle = read(case)
    assert found == {"x": b"1"}
    assert bundle.coverage.skipped == [
        ("fifo", "a device, socket or pipe"),
        ("s", "a device, socket or pipe"),
    ]


# --- bombs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_nested_bomb_is_refused_and_the_rest_is_read(pack: object) -> None:
    bomb = pack(pack(bytes(40 << 20)))  # type: ignore[operator]
    others = {f"{n}.log": random.Random(n).randbytes(40_000) for n in range(3)}
    packed = tar({"a.gz": bomb, **others})
    found, bundle = read(packed, SMALL)
    assert len(found.pop("a.gz")) < 4 << 20
    assert found == others
    assert bundle.coverage.truncated == ["a.gz"]
    assert "expands to more than 1100 times" in bundle.coverage.warnings[0]


def test_a_bundle_that_is_nothing_but_a_bomb_ends_early() -> None:
    layer = bytes(3 << 20)
    for _ in range(3):
        layer = zipped({f"{n}.zip": layer for n in range(8)})
    start = time.monotonic()
    _, bundle = read(layer, SMALL)
    assert time.monotonic() - start < 5
    assert bundle.coverage.bytes_read < 30 << 20
    assert any("what follows is not read" in text for text in bundle.coverage.warnings)
    assert bundle.coverage.truncated


def test_the_total_is_limited_whatever_the_ratio() -> None:
    noise = random.Random(1).randbytes(1 << 20)
    _, bundle = read(gz(tar({f"{n}": noise for n in range(6)})), Limits(max_total_bytes=2 << 20))
    assert bundle.coverage.bytes_read <= 3 << 20
    assert "bytes expanded" in " ".join(bundle.coverage.warnings)


def test_a_plain_gzip_of_zeros_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "zeros.log.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        for _ in range(300):
            out.write(bytes(1 << 20))
    script = (
        "import re, sys; from analyzer.bundle import open_bundle\n"
        "with open_bundle(sys.argv[1]) as b:\n"
        "    n = sum(len(c) for m in b.members() for c in m.body)\n"
        # What getrusage tells is that of the parent, when that was larger.
        "print(n, re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True)
    size, peak = map(int, done.stdout.split())
    assert size == 300 << 20
    assert peak < 100_000  # kB


def test_a_sparse_member_of_an_exabyte_gives_its_data_and_a_word() -> None:
    info = tarfile.TarInfo("GNUSparseFile.0/huge.log")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "huge.log",
        "GNU.sparse.size": str(1 << 59),
        "GNU.sparse.map": f"0,4,{1 << 58},4",
    }
    found, bundle = read(tar_of(info, body=b"headtail"), SMALL)
    assert found == {"huge.log": b"headtail"}
    assert bundle.coverage.truncated == ["huge.log"]
    assert "is left out" in bundle.coverage.warnings[0]


def test_a_member_that_claims_an_exabyte_is_a_cut() -> None:
    info = entry("a.log")
    info.size = 1 << 59
    found, bundle = read(info.tobuf(tarfile.GNU_FORMAT) + b"text\n")
    assert found == {"a.log": b"text\n"}
    assert "a.log" in bundle.coverage.truncated


def test_twenty_thousand_nested_headers() -> None:
    long = entry("././@LongLink", b"L")
    long.size = 5
    block = long.tobuf(tarfile.GNU_FORMAT) + b"name\0".ljust(512, b"\0")
    start = time.monotonic()
    found, _ = read(block * 20_000 + tar_of(entry("x"), body=b"1"))
    assert found == {"name": b"1"}
    assert time.monotonic() - start < 5


def test_extended_headers_of_absurd_length_are_left_out() -> None:
    long = entry("././@LongLink", b"L")
    long.size = 3 << 20
    packed = long.tobuf(tarfile.GNU_FORMAT) + b"n" * (3 << 20) + tar_of(entry("x"), body=b"1")
    found, bundle = read(packed)
    assert found == {"x": b"1"}
    assert "extended header" in bundle.coverage.warnings[0]


def test_text_full_of_magics_behind_a_damage_costs_no_more() -> None:
    packed = bytearray(tar({"a": b"1", "b": b"ustar" * 400_000, "c": b"3"}))
    packed[1024:1536] = b"ustar".ljust(512, b"\xff")
    start = time.monotonic()
    found, _ = read(bytes(packed))
    assert time.monotonic() - start < 3
    assert found == {"a": b"1", "c": b"3"}


def test_a_device_is_no_bundle() -> None:
    with pytest.raises(AnalyzerError, match="device"):
        open_bundle("/dev/zero")


def test_lists_of_troubles_do_not_grow_without_end() -> None:
    packed = tar_of(*(entry(f"d{n}", tarfile.CHRTYPE) for n in range(1500)))
    _, bundle = read(packed)
    assert len(bundle.coverage.skipped) == 1000
    assert bundle.coverage.members_total == 1500
    assert "500 more entries" in bundle.coverage.warnings[-1]


def test_the_same_name_thousands_of_times_costs_linear_time() -> None:
    start = time.monotonic()
    found, _ = read(tar_of(*(entry("x") for _ in range(5000))))
    assert len(found) == 5000
    assert time.monotonic() - start < 5


def test_overlapping_zip_members_are_refused() -> None:
    packed = bytearray(zipped({"a": b"1" * 500, "b": b"2" * 500}))
    second = packed.rindex(b"PK\x01\x02")
    packed[second + 42 : second + 46] = struct.pack("<I", 0)
    found, bundle = read(bytes(packed))
    assert len(found) == 1
    assert "overlaps" in bundle.coverage.skipped[0][1]


# --- passwords ---------------------------------------------------------------------------------------


def encrypted(files: dict[str, bytes], which: set[str]) -> bytes:
    """A zip whose named files say that they are encrypted."""
    packed = bytearray(zipped(files))
    for mark, name_at, flag_at in ((b"PK\x03\x04", 30, 6), (b"PK\x01\x02", 46, 8)):
        at = packed.find(mark)
        while at >= 0:
            size = struct.unpack_from("<H", packed, at + name_at - (4 if mark[2] == 3 else 18))[0]
            if bytes(packed[at + name_at : at + name_at + size]).decode() in which:
                packed[at + flag_at] |= 1
            at = packed.find(mark, at + 4)
    return bytes(packed)


def test_an_encrypted_member_is_skipped_with_the_reason(tmp_path: Path) -> None:
    packed = encrypted({"a.log": b"1", "b.log": b"2"}, {"b.log"})
    found, bundle = read(packed)
    assert found == {"a.log": b"1"}
    assert bundle.coverage.skipped == [("b.log", "encrypted with a password")]


def test_a_zip_encrypted_as_a_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted({"a.log": b"1", "b.log": b"2"}, {"a.log", "b.log"}))
    with pytest.raises(AnalyzerError, match="password"):
        open_bundle(path)
    with pytest.raises(AnalyzerError, match="password"):
        read(path.read_bytes())
    _, bundle = read(tar({"x.zip": path.read_bytes(), "y.log.gpg": b"\x85\x01\x0c\x03" + bytes(8) + b"\1"}))
    assert [why for _, why in bundle.coverage.skipped] == ["encrypted with a password"] * 2 + [
        "encrypted with OpenPGP"
    ]


# --- what is left behind -------------------------------------------------------------------------------


def test_nothing_is_written_but_the_spool_which_is_always_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed = tar({"in.zip": zipped({"x": random.Random(1).randbytes(6 << 20)}), "z": b"1"})
    with open_bundle(io.BytesIO(packed)) as bundle:
        for member in bundle.members():
            if member.path == "in.zip!x":
                break
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", ["never", "first", "middle", "raise"])
def test_a_hundred_bundles_leave_no_thread_and_no_descriptor(stop: str, tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    path.write_bytes(
        gz(tar({"a": random.Random(1).randbytes(3 << 20), "b.gz": gz(b"x" * 100_000), "c": b""}))
    )
    before = open_descriptors()
    for _ in range(25):
        with contextlib.suppress(ZeroDivisionError), open_bundle(path) as bundle:
            for member in bundle.members():
                if stop == "first":
                    break
                for _chunk in member.body:
                    if stop == "middle":
                        break
                    if stop == "raise":
                        raise ZeroDivisionError
    assert open_descriptors() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bundle-")]


def test_a_pipe_that_never_ends_does_not_hold_its_bundle(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        threading.Thread(target=sink.write, args=(b"level=info\n" * 40_000,), daemon=True).start()
        start = time.monotonic()
        with open_bundle(source) as bundle:
            for member in bundle.members():
                size = 0
                for chunk in member.body:
                    size += len(chunk)
                    if size > 400_000:
                        break
                break
        assert time.monotonic() - start < 5
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("bundle-")]


@given(st.binary(max_size=600))
def test_garbage_of_any_kind_is_a_bundle_or_one_clear_error(data: bytes) -> None:
    with contextlib.suppress(AnalyzerError):
        read(data)


@given(
    st.sampled_from(
        [b"\x1f\x8b\x08\0", b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06"]
    ),
    st.binary(max_size=400),
)
def test_garbage_behind_a_mark_is_said(mark: bytes, data: bytes) -> None:
    _, bundle = read(mark + data)
    assert bundle.coverage.warnings or bundle.coverage.members_read


def test_a_zip_member_without_a_name() -> None:
    packed = zipped({"x": b"1"}).replace(struct.pack("<HH", 1, 0) + b"x", struct.pack("<HH", 0, 1) + b"x")
    at = packed.index(b"PK\x01\x02")
    packed = packed[: at + 28] + struct.pack("<H", 0) + struct.pack("<H", 1) + packed[at + 32 :]
    found, _ = read(packed)
    assert found == {"unnamed": b"1"}
