"""What the tests of the capture script share: shells to run it under, a way to run it, its bundle."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import analyzer.collect

SHELLS: dict[str, list[str]] = {
    name: command
    for name, command in {
        "dash": ["dash"],
        "bash": ["bash", "--norc"],
        "ash": ["busybox", "ash"],
    }.items()
    if shutil.which(command[0])
}


@dataclass
class Bundle:
    """An unpacked bundle. ``files`` are its members below the top folder."""

    root: Path
    files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = {str(p.relative_to(self.root)): p for p in sorted(self.root.rglob("*")) if p.is_file()}

    def text(self, member: str) -> str:
        return self.files[member].read_text(errors="replace")

    @property
    def capture(self) -> dict[str, Any]:
        return json.loads(self.text("capture.json"))

    @property
    def manifest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text("manifest.jsonl").splitlines()]

    @property
    def counts(self) -> list[dict[str, str]]:
        lines = self.text("series/counts.tsv").splitlines()
        names = lines[0].split("\t")
        return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]

    def everything(self) -> bytes:
        return b"\n".join(path.read_bytes() for path in self.files.values())


@dataclass
class Run:
    """One run of the script and what it wrote."""

    status: int
    out: bytes
    err: str
    folder: Path

    @property
    def written(self) -> list[str]:
        return sorted(os.listdir(self.folder))

    def bundle(self) -> Bundle:
        """The one archive or folder that the run left."""
        names = [name for name in self.written if not name.endswith(".unpacked") and name[0] != "."]
        assert len(names) == 1, (names, self.err)
        path = self.folder / names[0]
        return Bundle(path) if path.is_dir() else unpack(path)


def unpack(archive: Path) -> Bundle:
    target = archive.with_name(archive.name + ".unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    tops = list(target.iterdir())
    assert len(tops) == 1
    assert tops[0].name.startswith("ingester-postmortem-")
    return Bundle(tops[0])


class Collector:
    """Runs the script in a folder of its own."""

    def __init__(self, folder: Path, shell: list[str]) -> None:
        self.shell = shell
        self.folder = folder / "out"
        self.folder.mkdir()
        self.script = folder / "collect.sh"
        self.script.write_text(analyzer.collect.script())

    def start(self, *options: str, **popen: Any) -> subprocess.Popen[bytes]:
        popen.setdefault("cwd", self.folder)
        return subprocess.Popen(
            [*self.shell, str(self.script), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **popen,
        )

    def finish(self, process: subprocess.Popen[bytes], timeout: float = 60) -> Run:
        out, err = process.communicate(timeout=timeout)
        return Run(process.returncode, out, err.decode(), self.folder)

    def run(self, *options: str, **popen: Any) -> Run:
        return self.finish(self.start(*options, **popen))

    def call(self, body: str) -> subprocess.CompletedProcess[bytes]:
        """Runs ``body`` with the script's functions, and without its last line, which starts it."""
        library = self.script.with_name("library.sh")
        library.write_text(analyzer.collect.script().replace('{ main "$@"; }\n', "") + body)
        return subprocess.run([*self.shell, str(library)], capture_output=True, check=False, timeout=60)


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.fixture
def collector(tmp_path: Path, shell: list[str]) -> Collector:
    return Collector(tmp_path, shell)


@pytest.fixture
def dash_collector(tmp_path: Path) -> Collector:
    """For what does not depend on the shell."""
    return Collector(tmp_path, SHELLS.get("dash") or next(iter(SHELLS.values())))


@contextmanager
def limit_lock(exclusive: bool) -> Iterator[None]:
    """Held by tests that lower vm.max_map_count (exclusive), or that need it as it is (shared)."""
    with open(Path(tempfile.gettempdir()) / "max_map_count.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


@pytest.fixture
def usual_limit() -> Iterator[None]:
    with limit_lock(exclusive=False):
        yield


@pytest.fixture
def sole_limit() -> Iterator[None]:
    with limit_lock(exclusive=True):
        yield


TARGET = """
import mmap, sys, time
count = int(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    maps = [mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED) for _ in range(count)]
    print("ready", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@contextmanager
def holding(folder: Path, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process with ``count`` mappings of one file and secrets among its arguments and environment."""
    data = folder / "data.bin"
    data.write_bytes(b"x" * 4096)
    arguments = [
        str(count),
        str(data),
        "120",
        "-target=ingester",
        "--s3.secret-access-key=hunter2",
        "-token",
        "hunter3",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", TARGET, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "INGESTER_PASSWORD": "hunter4"},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with holding(tmp_path, 300) as process:
        yield process


@pytest.fixture
def large_target(tmp_path: Path, usual_limit: None) -> Iterator[subprocess.Popen[bytes]]:
    with holding(tmp_path, 3000) as process:
        yield process
