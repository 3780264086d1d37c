"""Broken bundles through the whole command: cut anywhere, flipped, damaged, sealed, unreadable."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hostile_runs import Run, assert_orderly, run
from layout_facts import Files, at_limit, below, sysctl, tar, tgz, zipped

FIXTURES = Path(__file__).parent.parent / "fixtures" / "bundles"
# One with a verdict from its snapshot, one whose log alone decides, one that is healthy when it is whole.
NAMES = (
    "c01b-max_map_count-multierror",
    "c07a-memcg-oomkill-go-heap",
    "cortex-healthy_1.11.1",
    "t03-truncated-maps",
)
TIMES = 50  # of each: 200 cuts and 200 flips


def packed(name: str) -> bytes:
    return (FIXTURES / name / "bundle.tar.gz").read_bytes()


def right_causes(name: str) -> set[str]:
    truth = json.loads((FIXTURES / name / "truth.json").read_text())
    return {truth["cause"], *truth["also_right"]}


def judge(folder: Path, data: bytes, name: str = "b.tar.gz") -> Run:
    path = folder / name
    path.write_bytes(data)
    found = run(path, "--format", "json")
    assert_orderly(found)
    return found


def assert_not_wrong(found: Run, name: str) -> None:
    """What is confirmed or likely is a right cause of the whole bundle."""
    if found.status == 1:
        assert found.verdict[0] in right_causes(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_anywhere_is_said_and_is_never_health(name: str, tmp_path: Path) -> None:
    whole = packed(name)
    places = random.Random(name)
    for _ in range(TIMES):
        found = judge(tmp_path, whole[: places.randrange(20, len(whole))])
        assert found.status in (1, 3)
        report = found.report
        assert report["coverage"]["truncated"]
        assert any("ends early" in text or "cut" in text for text in report["warnings"])
        assert "warning:" in found.err
        assert found.verdict != ("none", "healthy")
        assert_not_wrong(found, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_is_said_or_harmless(name: str, tmp_path: Path) -> None:
    whole = packed(name)
    expected = judge(tmp_path, whole).verdict
    places = random.Random(name)
    for _ in range(TIMES):
        data = bytearray(whole)
        data[places.randrange(len(data))] ^= 1 << places.randrange(8)
        found = judge(tmp_path, bytes(data))
        if found.status == 2:  # a flip in its first bytes: it is no archive of any kind any more
            continue
        assert found.verdict == expected or found.report["warnings"]
        assert found.status != 0 or not found.report["coverage"]["truncated"]
        assert_not_wrong(found, name)


# --- one member is damaged ---------------------------------------------------------------------------------


def case() -> Files:
    """The facts of a process at its limit; the members that decide stand before and after others."""
    own = at_limit()
    return below(
        "case",
        {
            "sysctl.txt": sysctl(own),
            "a.log": b"level=info msg=other\n" * 400,
            "ingester.log": own.log,
            "b.txt": random.Random(2).randbytes(4000).hex().encode(),
            "maps": own.proc["maps"],
            "limits": own.proc["limits"],
        },
    )


def header_of(data: bytes, name: str) -> int:
    return data.index(f"case/{name}\0".encode())


def test_a_damaged_header_in_the_middle_costs_its_member_only(tmp_path: Path) -> None:
    data = bytearray(tar(case()))
    at = header_of(data, "b.txt")
    data[at : at + 512] = b"\xff" * 512
    found = judge(tmp_path, bytes(data))
    assert found.verdict == ("max_map_count", "confirmed")
    assert "are damaged and were skipped" in found.err


@pytest.mark.parametrize("size", [0, 100, 10**6, 8**11 - 1])
def test_a_wrong_size_is_said(size: int, tmp_path: Path) -> None:
    data = bytearray(tar(case()))
    at = header_of(data, "b.txt")
    header = tarfile.TarInfo.frombuf(bytes(data[at : at + 512]), "utf-8", "strict")
    header.size = size
    data[at : at + 512] = header.tobuf(tarfile.USTAR_FORMAT)
    found = judge(tmp_path, bytes(data))
    assert found.report["warnings"]
    if size < 10**6:
        assert found.verdict == ("max_map_count", "confirmed")


def test_two_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    data = tar({**case()})
    first = tar({"case/ingester.log": b'level=info msg="an older copy"\n'})[:1024]
    found = judge(tmp_path, first + data)
    assert found.verdict == ("max_map_count", "confirmed")
    assert "more than once" in found.err


def test_a_damaged_member_of_a_zip(tmp_path: Path) -> None:
    data = bytearray(zipped(case()))
    at = data.index(b"case/b.txt") + 400
    data[at : at + 50] = bytes(50)
    found = judge(tmp_path, bytes(data), "b.zip")
    assert found.verdict == ("max_map_count", "confirmed")
    assert found.report["coverage"]["truncated"] == ["case/b.txt"]


def test_a_zip_without_its_directory_is_searched(tmp_path: Path) -> None:
    data = zipped(case())
    found = judge(tmp_path, data[: data.index(b"PK\x01\x02")], "b.zip")
    assert found.verdict == ("max_map_count", "confirmed")
    assert "directory is missing" in found.err


def test_a_nested_archive_that_is_cut_leaves_the_others(tmp_path: Path) -> None:
    own = at_limit()
    inner = tgz({"x.log": own.log})
    files = {"case/in.tgz": inner[: len(inner) // 2], **case()}
    found = judge(tmp_path, tgz(files))
    assert found.verdict == ("max_map_count", "confirmed")
    assert any("in.tgz" in path for path in found.report["coverage"]["truncated"])


# --- what cannot be read ---------------------------------------------------------------------------------


def locked(files: Files, names: set[str]) -> bytes:
    """A zip whose named members say that they are encrypted."""
    data = bytearray(zipped(files))
    for mark, flags, name_at, size_at in ((b"PK\x03\x04", 6, 30, 26), (b"PK\x01\x02", 8, 46, 28)):
        at = data.find(mark)
        while at >= 0:
            size = struct.unpack_from("<H", data, at + size_at)[0]
            if data[at + name_at : at + name_at + size].decode() in names:
                data[at + flags] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


@pytest.mark.parametrize(
    "data, word",
    [
        (locked(case(), set(case())), "password"),
        (b"\x85\x01\x0c\x03" + bytes(8) + b"\x01" + bytes(400), "OpenPGP"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", "OpenPGP"),
        (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(100), "7z"),
        (b"Rar!\x1a\x07\x01\0" + bytes(100), "rar"),
        (b"", "empty"),
        (bytes(5000), "neither"),
    ],
    ids=["zip", "gpg", "armored", "7z", "rar", "empty", "zeros"],
)
def test_what_is_sealed_or_no_bundle_is_one_clear_line(data: bytes, word: str, tmp_path: Path) -> None:
    found = judge(tmp_path, data, "bundle")
    assert found.status == 2
    assert word in found.err


def test_a_sealed_log_beside_open_facts_is_no_health(tmp_path: Path) -> None:
    files = case()
    found = judge(tmp_path, locked(files, {"case/ingester.log"}), "b.zip")
    assert found.status == 3
    skipped = {row["member"]: row["why"] for row in found.report["coverage"]["members_skipped"]}
    assert skipped == {"case/ingester.log": "encrypted with a password"}


def test_missing_paths_and_folders_without_files(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path, Path("/dev/null"), ""):
        found = run(path)
        assert_orderly(found)
        assert found.status == 2


def test_unreadable_folders_and_files_are_passed_over(tmp_path: Path) -> None:
    """As another user where this one may read everything."""
    for name, data in case().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    closed = tmp_path / "case" / "closed"
    closed.mkdir()
    (closed / "x.log").write_text("level=info\n")
    (tmp_path / "case" / "denied.log").write_text("level=info\n")
    script = (
        "import contextlib, io, os, sys, statistics\n"  # imported by the analyzer where it is used
        "from analyzer import cli\n"
        "def run(path):\n"
        "    cli.main([path, '--format', 'json'])\n"
        # All is imported before the rights are given away: the packages may be this user's alone.
        "with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.suppress(SystemExit):\n"
        "    run(sys.argv[2])\n"
        "os.getuid() or os.setuid(65534)\n"
        "run(sys.argv[1])\n"
    )
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005 and parent.owner() == tmp_path.owner():
            os.chmod(parent, 0o755)
    closed.chmod(0)
    (tmp_path / "case" / "denied.log").chmod(0)
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                script,
                str(tmp_path / "case"),
                str(FIXTURES / NAMES[1] / "bundle.tar.gz"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        closed.chmod(0o755)
    found = Run(done.returncode, done.stdout, done.stderr)
    assert_orderly(found)
    assert found.verdict == ("max_map_count", "confirmed")
    skipped = {row["member"]: row["why"] for row in found.report["coverage"]["members_skipped"]}
    assert skipped == {
        "closed": "unreadable: permission denied",
        "denied.log": "unreadable: permission denied",
    }


def test_standard_input_is_cut_too() -> None:
    whole = packed(NAMES[0])
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", "-", "--format", "json"],
        input=whole[: len(whole) // 2],
        capture_output=True,
        check=False,
    )
    found = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert_orderly(found)
    assert found.status == 3
    assert found.report["coverage"]["truncated"]


def test_gzip_members_one_after_the_other_and_garbage_behind(tmp_path: Path) -> None:
    data = tar(case())
    half = len(data) // 2
    found = judge(tmp_path, gzip.compress(data[:half]) + gzip.compress(data[half:]) + b"garbage")
    assert found.verdict == ("max_map_count", "confirmed")
    assert "after the end" in found.err


def test_a_comment_before_a_zip(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = b"PK\x05\x06 is not the end" * 20
        for name, body in case().items():
            archive.writestr(name, body)
    found = judge(tmp_path, out.getvalue(), "b.zip")
    assert found.verdict == ("max_map_count", "confirmed")
