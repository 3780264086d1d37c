"""An output never replaces a bundle, nor a file of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "fixtures" / "bundles" / "c12-einval-size0" / "bundle.tar.gz"
FOLDER = ROOT / "tests" / "cases" / "flat-folder-at-the-limit" / "bundle"


def analyze(*arguments: object, **streams: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analyzer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **streams)  # type: ignore[call-overload,no-any-return]


def refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("analyze: ")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copy(BUNDLE, tmp_path / "x.tgz"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "bundle"))


@pytest.mark.parametrize(
    "command",
    [("x.tgz",), ("compare", "x.tgz", BUNDLE), ("compare", BUNDLE, "x.tgz"), ("notebook", "x.tgz"), ("fleet", "x.tgz")],
    ids=lambda command: command[0],
)  # fmt: skip
@pytest.mark.parametrize("link", [None, os.symlink, os.link], ids=["itself", "symbolic", "hard"])
def test_the_bundle_is_not_written_over(command: tuple[object, ...], link: object, bundle: Path) -> None:
    output = "x.tgz"
    if callable(link):
        output = "other.tgz"
        link(bundle, bundle.parent / output)
    refused(analyze(*command, "-o", output, cwd=bundle.parent))
    assert bundle.read_bytes() == BUNDLE.read_bytes()


def test_what_standard_input_reads_is_not_written_over(bundle: Path) -> None:
    with bundle.open("rb") as file:
        refused(analyze("-", "-o", bundle, stdin=file))
    assert bundle.read_bytes() == BUNDLE.read_bytes()


def test_the_key_of_the_pseudonyms_is_not_written_over(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    refused(analyze(BUNDLE, "--redact", "--redact-key", key, "-o", key))
    assert key.read_bytes() == b"secret"


def test_a_file_of_the_bundles_folder_is_not_written_over(folder: Path) -> None:
    member = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    before = member.read_bytes()
    refused(analyze(folder, "-o", member))
    assert member.read_bytes() == before


def test_an_earlier_report_in_the_bundles_folder_is(folder: Path) -> None:
    for face, word in (("json", '"schema_version"'), ("text", "THE TWO QUESTIONS"), ("html", "<html")):
        done = analyze(folder, "--format", face, "-o", folder / "report.txt")
        assert done.returncode == 1, done.stderr
        assert word in (folder / "report.txt").read_text()


def test_all_faces_into_the_bundles_folder_replace_none_of_its_files(folder: Path) -> None:
    (folder / "ticket.txt").write_text("what the customer wrote")
    refused(analyze(folder, "-o", folder))
    assert not (folder / "report.txt").exists(), "nothing is written where not all can be"
    (folder / "ticket.txt").unlink()
    for _ in range(2):  # the second run replaces what the first one wrote
        assert analyze(folder, "-o", folder).returncode == 1


def test_all_faces_beside_a_log_of_a_reports_name_leave_it(tmp_path: Path) -> None:
    log = tmp_path / "report.txt"
    log.write_text("level=info msg=started\n")
    refused(analyze(log, "-o", tmp_path))
    assert log.read_text() == "level=info msg=started\n"


WITHOUT_PYARROW = """\
import sys
sys.modules["pyarrow"] = None
from importlib import util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "pyarrow" else found(name, *rest)
from analyzer import cli
cli.main(sys.argv[1:])
"""


def test_a_folder_without_pyarrow_gets_all_but_the_frames(bundle: Path) -> None:
    report = bundle.parent / "report"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW, bundle, "-o", report],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, "the verdict's status"
    assert "frames need pyarrow: pip install 'ingester-postmortem[fleet]'" in done.stderr
    assert (report / "report.html").exists()
    assert not (report / "frames").exists()
