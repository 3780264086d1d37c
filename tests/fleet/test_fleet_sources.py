"""Which bundles an argument names, and how they are told apart."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from analyzer.errors import AnalyzerError
from analyzer.fleet.sources import digest, expand, fetch, is_address

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "fixtures" / "bundles"


def test_a_folder_is_searched_for_bundles_by_content() -> None:
    found = list(expand([str(BUNDLES)]))
    assert found == sorted(str(path) for path in BUNDLES.glob("*/bundle.tar.gz"))


def test_names_do_not_matter_and_other_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes((BUNDLES / "c13-emfile" / "bundle.tar.gz").read_bytes())
    with tarfile.open(tmp_path / "plain", "w") as archive:
        archive.add(__file__, "log")
    (tmp_path / "truth.json").write_text("{}")
    (tmp_path / "ingester.log").write_text("level=info\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mail.txt").write_text("hello")
    names = [os.path.basename(source) for source in expand([str(tmp_path)])]
    assert names == ["ingester.log", "plain", "upload"]


@pytest.mark.parametrize(
    "member", ["proc/7/maps", "sos_commands/date", "maps", "1.maps", "meminfo.txt", "sysctl_-a", "nodes.json"]
)
def test_an_unpacked_bundle_is_one_bundle(tmp_path: Path, member: str) -> None:
    top = tmp_path / "acme" / "sosreport-host"
    (top / member).parent.mkdir(parents=True)
    (top / member).write_text("x")
    (top / "ingester.log.1.gz").write_bytes(b"\x1f\x8b")
    assert list(expand([str(tmp_path)])) == [str(top)]


def test_a_file_about_maps_and_a_case_named_maps_are_no_marks(tmp_path: Path) -> None:
    for name in ("maps.tar.gz", "t03-truncated-maps/bundle.tgz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x1f\x8b")
    assert [Path(each).name for each in expand([str(tmp_path)])] == ["maps.tar.gz", "bundle.tgz"]


def test_a_folder_without_a_bundle_is_given_as_one(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("nothing here")
    assert list(expand([str(tmp_path)])) == [str(tmp_path)]


def test_globs_lists_and_repetitions(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.txt"):
        (tmp_path / name).write_text("x")
    listed = io.StringIO(f"{tmp_path}/a.log\n\n{tmp_path}/c.txt\r\ns3://cases/x.tgz\n")
    found = list(expand([f"{tmp_path}/*.log", "-", f"{tmp_path}/a.log", "gone.tgz"], listed))
    assert found == [
        f"{tmp_path}/a.log",
        f"{tmp_path}/b.log",
        f"{tmp_path}/c.txt",
        "s3://cases/x.tgz",
        "gone.tgz",
    ]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "case[1].log"
    odd.write_text("x")
    assert list(expand([str(odd)])) == [str(odd)]


def test_what_matches_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(AnalyzerError, match="matches no file"):
        list(expand([f"{tmp_path}/*.tgz"]))
    with pytest.raises(AnalyzerError, match="matches no bundle"):
        list(expand([f"file://{tmp_path}/*.tgz"]))
    with pytest.raises(AnalyzerError, match="cannot be listed"):
        list(expand(["nosuch://bucket/*"]))
    with pytest.raises(AnalyzerError, match="standard input"):
        list(expand(["-"]))


def test_addresses_their_globs_and_their_folders(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"a")
    (tmp_path / "notes.txt").write_bytes(b"b")
    assert list(expand(["https://host/a.tgz?signature=x"])) == ["https://host/a.tgz?signature=x"]
    assert list(expand([f"file://{tmp_path}/*.tgz"])) == [f"file://{tmp_path}/a.tgz"]
    assert list(expand([f"file://{tmp_path}/"])) == [f"file://{tmp_path}/a.tgz"]
    assert is_address("zip::s3://b/c.zip")
    assert not is_address("C:/cases/a.tgz")


def test_a_remote_bundle_is_fetched_with_its_digest(tmp_path: Path) -> None:
    bundle = BUNDLES / "c13-emfile" / "bundle.tar.gz"
    path, found = fetch(f"file://{bundle}", str(tmp_path))
    assert Path(path).parent == tmp_path
    assert Path(path).read_bytes() == bundle.read_bytes()
    assert found == digest(str(bundle)) == hashlib.sha256(bundle.read_bytes()).hexdigest()


def test_the_digest_of_a_folder_is_of_its_names_and_bytes(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, str]) -> str:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return str(tmp_path / name)

    first = digest(folder("first", {"a/b": "x", "c": "y"}))
    assert digest(folder("again", {"c": "y", "a/b": "x"})) == first
    assert digest(folder("named", {"a/d": "x", "c": "y"})) != first
    assert digest(folder("moved", {"a/b": "xc", "c": "y"})) != first
    outside = tmp_path / "outside"
    outside.write_text("secret")
    (tmp_path / "first" / "link").symlink_to(outside)
    os.mkfifo(tmp_path / "first" / "pipe")
    assert digest(str(tmp_path / "first")) == first


def test_a_device_is_no_bundle() -> None:
    with pytest.raises(OSError, match="neither a file nor a folder"):
        digest("/dev/zero")
