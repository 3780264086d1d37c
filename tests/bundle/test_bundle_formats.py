"""The same files are read from every kind of archive, at any depth, by content and never by name."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bundle_packing import (
    ARCHIVES,
    COMPRESSIONS,
    FIXTURES,
    MTIME,
    bodies,
    fixture_files,
    folder,
    gz,
    is_clean,
    read,
    tar,
    zipped,
    zst,
)

from analyzer.bundle import Limits, open_bundle
from analyzer.errors import AnalyzerError

FILES = fixture_files("c01b-max_map_count-multierror")
FEW = {name: data for name, data in FILES.items() if len(data) < 20_000}
LOG = b'level=info ts=2026-11-22T21:57:16Z msg="Starting Cortex"\n' * 500


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FIXTURES.glob("*/bundle.tar.gz")))
def test_every_fixture_reads_as_the_standard_library_reads_it(name: str) -> None:
    path = FIXTURES / name / "bundle.tar.gz"
    found, bundle = read(path)
    assert found == fixture_files(name)
    assert bundle.coverage.members_read == bundle.coverage.members_total == len(found)
    assert bundle.coverage.bytes_read == sum(map(len, found.values()))
    assert is_clean(bundle)
    assert bundle.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert bundle.size_bytes == path.stat().st_size


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("way", ["file", "stream"])
def test_every_archive_kind_under_a_name_that_says_nothing(kind: str, way: str, tmp_path: Path) -> None:
    packed = ARCHIVES[kind](FILES)
    path = tmp_path / "attachment"
    path.write_bytes(packed)
    found, bundle = read(path if way == "file" else packed)
    assert found == FILES
    assert bundle.sha256 == hashlib.sha256(packed).hexdigest()
    assert bundle.size_bytes == len(packed)
    assert is_clean(bundle)


@pytest.mark.parametrize("outer", ARCHIVES)
@pytest.mark.parametrize("inner", ["tar", "tar.xz", "tar.zst", "zip"])
def test_archives_inside_archives(outer: str, inner: str) -> None:
    packed = ARCHIVES[outer]({"a.log": LOG, "deep/inner.bin": ARCHIVES[inner](FEW), "z.log": LOG})
    found, bundle = read(packed)
    expected = {f"deep/inner.bin!{name}": data for name, data in FEW.items()}
    assert found == {"a.log": LOG, **expected, "z.log": LOG}
    assert bundle.coverage.members_total == len(found)
    assert not bundle.coverage.warnings


def test_a_packed_folder_inside_a_report_inside_a_collection() -> None:
    report = gz(
        tar({"sosreport-n1/proc/fs.tar": tar({"fs/xfs/stat": b"1\n"}), "sosreport-n1/proc/meminfo": b"m\n"})
    )
    found, _ = read(zipped({"collector.tar": tar({"sosreport-n1.tar.gz": report})}))
    assert found == {
        "collector.tar!sosreport-n1.tar.gz!sosreport-n1/proc/fs.tar!fs/xfs/stat": b"1\n",
        "collector.tar!sosreport-n1.tar.gz!sosreport-n1/proc/meminfo": b"m\n",
    }


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_rotated_logs_keep_their_name_and_give_their_text(kind: str) -> None:
    name = f"var/log/app.log.1.{kind}"
    found, _ = read(tar({name: COMPRESSIONS[kind](LOG), "var/log/app.log": LOG}))
    assert found == {name: LOG, "var/log/app.log": LOG}


@pytest.mark.parametrize("kind", ["plain", *COMPRESSIONS])
def test_a_bare_log_is_a_bundle_of_one(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ingester.log"
    path.write_bytes(LOG if kind == "plain" else COMPRESSIONS[kind](LOG))
    found, bundle = read(path)
    assert found == {"ingester.log": LOG}
    assert bundle.paths == ["ingester.log"]
    assert bundle.name == "ingester.log"


@pytest.mark.parametrize("pack", [gz, zst, COMPRESSIONS["bz2"], COMPRESSIONS["xz"]])
def test_streams_of_several_frames_are_read_whole(pack: object) -> None:
    found, bundle = read(pack(LOG[:100]) + pack(b"") + pack(LOG[100:]))  # type: ignore[operator]
    assert list(found.values()) == [LOG]
    assert not bundle.coverage.warnings


def test_a_gzip_header_with_every_field() -> None:
    plain = gzip.compress(LOG, mtime=0)
    header = bytes([0x1F, 0x8B, 8, 0x1E]) + plain[4:10] + b"\x04\0ABCD" + b"name.log\0" + b"comment\0" + b"xx"
    found, bundle = read(header + plain[10:])
    assert list(found.values()) == [LOG]
    assert not bundle.coverage.warnings


def test_a_folder_and_the_archives_in_it(tmp_path: Path) -> None:
    folder(tmp_path / "case", {**FILES, "logs.tgz": gz(tar({"a.log": LOG})), "b.log.gz": gz(LOG)})
    (tmp_path / "case" / "inner.zip").write_bytes(zipped({"c.log": LOG}))
    found, bundle = read(tmp_path / "case")
    assert found == {**FILES, "logs.tgz!a.log": LOG, "b.log.gz": LOG, "inner.zip!c.log": LOG}
    assert bundle.name == "case"
    assert (bundle.sha256, bundle.size_bytes) == (None, None)


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    packed = zipped(FILES)
    script = (
        "import sys; from analyzer.bundle import open_bundle\n"
        "with open_bundle(sys.stdin.buffer) as b:\n"
        "    n = sum(len(c) for m in b.members() for c in m.body)\n"
        "print(b.name, n, b.sha256)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=packed, capture_output=True, check=True)
    name, size, checksum = done.stdout.decode().split()
    assert (name, int(size)) == ("stdin", sum(map(len, FILES.values())))
    assert checksum == hashlib.sha256(packed).hexdigest()


def test_newest_modification_time_is_kept() -> None:
    assert read(tar(FILES))[1].mtime == MTIME


def test_bodies_left_unread_are_passed_over_and_not_counted_as_read() -> None:
    with open_bundle(io.BytesIO(gz(tar(FILES)))) as bundle:
        paths = [member.path for member in bundle.members()]
    assert paths == list(FILES)
    assert bundle.coverage.members_read == 0
    assert bundle.coverage.members_total == len(FILES)
    assert bundle.sha256 is not None


def test_read_stops_at_its_limit_and_the_next_member_follows() -> None:
    with open_bundle(io.BytesIO(tar({"a": LOG, "b": LOG}))) as bundle:
        assert [member.read(10) for member in bundle.members()] == [LOG[:10], LOG[:10]]


def test_progress_reports_bytes_taken_of_the_total(tmp_path: Path) -> None:
    path = tmp_path / "big.tar"
    path.write_bytes(tar({"a": os.urandom(16 << 20)}))
    seen: list[tuple[int, int | None]] = []
    with open_bundle(path, progress=lambda done, total: seen.append((done, total))) as bundle:
        bodies(bundle)
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert {total for _, total in seen} == {path.stat().st_size}


def test_the_dump_of_a_cluster_gives_one_member_per_container() -> None:
    def log(container: str, text: str) -> str:
        mark = f"logs for container {container} of pod cortex/ingester-0 ===="
        return f"==== START {mark}\n{text}==== END {mark}\n"

    both = log("init", "preparing\n") + log("ingester", "level=error\nlevel=info\n" * 9000)
    found, _ = read(tar({"cortex/ingester-0/logs.txt": both.encode()}))
    assert found == {
        "cortex/ingester-0/logs.txt!cortex/ingester-0/init": b"preparing\n",
        "cortex/ingester-0/logs.txt!cortex/ingester-0/ingester": b"level=error\nlevel=info\n" * 9000,
    }
    nodes = '{\n    "kind": "NodeList",\n    "items": []\n}\n'
    pods = '{\n    "kind": "PodList",\n    "items": [\n    {}\n    ]\n}\n'
    found, _ = read(tar({"dump.txt": (nodes + pods + both).encode()}))
    assert list(found) == [
        "dump.txt",
        "dump.txt!2/pods.json",
        "dump.txt!cortex/ingester-0/init",
        "dump.txt!cortex/ingester-0/ingester",
    ]
    assert found["dump.txt"].decode() == nodes
    assert found["dump.txt!2/pods.json"].decode() == pods


def test_an_empty_container_log_in_a_dump_is_an_empty_member() -> None:
    text = b"==== START logs for container a of pod n/p ====\n==== END logs for container a of pod n/p ====\n"
    assert read(tar({"n/p/logs.txt": text}))[0] == {"n/p/logs.txt!n/p/a": b""}


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("missing", None, "no such file"),
        ("empty", b"", "is empty"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z"),
        ("a.gpg", b"\x8c\x0d\x04\x09\x03\x08" + bytes(60), "OpenPGP"),
        ("a.asc", b"-----BEGIN PGP MESSAGE-----\n\nhQ", "OpenPGP"),
        ("a.enc", b"Salted__" + bytes(60), "openssl"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_clear_line(
    name: str, data: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(AnalyzerError, match=words) as caught:
        open_bundle(path)
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)


def test_folders_without_files_and_odd_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(AnalyzerError, match="no files"):
        open_bundle(tmp_path)
    with pytest.raises(AnalyzerError, match="null"):
        open_bundle("a\0b")


def test_remote_addresses_are_read_only_when_asked_for(tmp_path: Path) -> None:
    address = "memory://cases/bundle.tar.gz"
    with pytest.raises(AnalyzerError, match="only read when asked for"):
        open_bundle(address)
    with pytest.raises(AnalyzerError, match="cannot be opened"):
        open_bundle(address, allow_remote=True)
    import fsspec

    with fsspec.open(address, "wb") as out:
        out.write(gz(tar(FILES)))
    with open_bundle(address, allow_remote=True) as bundle:
        assert bodies(bundle) == FILES
        assert bundle.name == "bundle.tar.gz"


def test_one_pass_only() -> None:
    with open_bundle(io.BytesIO(tar(FILES))) as bundle:
        list(bundle.members())
        with pytest.raises(RuntimeError):
            bundle.members()


def test_a_zip_written_to_a_pipe_has_its_lengths_after_the_bodies() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(data)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[type-var]
        for name, data in FILES.items():
            archive.writestr(name, data)
    assert read(pipe.data)[0] == FILES
    directory = pipe.data.index(b"PK\x01\x02")
    found, bundle = read(pipe.data[:directory])
    assert found == FILES
    assert bundle.coverage.warnings


def test_small_limits_are_kept_and_said(tmp_path: Path) -> None:
    nested = tar({"x": LOG})
    for _ in range(4):
        nested = tar({"inner.tar": nested})
    found, bundle = read(nested, Limits(max_depth=3))
    assert found == {}
    assert "deeper than 3" in bundle.coverage.skipped[0][1]
    found, bundle = read(gz(gz(gz(LOG))), Limits(max_layers=2))
    assert found == {}
    assert "more than 2 times" in bundle.coverage.skipped[0][1]
    found, bundle = read(tar({"a.zip": zipped({"x": os.urandom(5000)})}), Limits(max_spool_bytes=4000))
    assert found == {}
    assert "larger than 4000" in bundle.coverage.skipped[0][1]
    found, bundle = read(tar(FILES), Limits(max_members=5))
    assert len(found) == 5
    assert "more than 5 members" in bundle.coverage.warnings[-1]
