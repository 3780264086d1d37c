"""The inputs of the benchmarks: made once in a work folder from the seeded generator, and kept there."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks import synthetic
from benchmarks.maps import write_maps

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bundles"
FAILING_LINES = 27
STAMP = "2026-11-22T21:54:45.000000000Z"


def made(path: Path, make: Callable[[Path], object]) -> Path:
    """``path``, made first where it is not there yet; a half-made file never stays under its name."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        make(part)
        part.rename(path)
    return path


def log_bundle(folder: Path, megabytes: int, framing: synthetic.Framing = "bare") -> Path:
    """A tar.gz with one ingester log of ``megabytes``, gzip's usual level, and one process's snapshots."""
    path = folder / f"{framing}-{megabytes}.tar.gz"
    return made(path, lambda part: synthetic.bundle(part, megabytes * 1_000_000, framing))


def zst_of(bundle: Path) -> Path:
    """The same tar as tar.zst."""
    path = bundle.with_name(bundle.name.removesuffix(".gz") + ".zst")

    def make(part: Path) -> None:
        with part.open("wb") as out:
            inflate = subprocess.Popen(["gzip", "-dc", str(bundle)], stdout=subprocess.PIPE)
            subprocess.run(["zstd", "-q", "-3", "-c"], stdin=inflate.stdout, stdout=out, check=True)
            inflate.wait()

    return made(path, make)


def shipped() -> list[Path]:
    """The real bundles that come with the project."""
    return sorted(FIXTURES.glob("*/bundle.tar.gz"))


def _compaction(rng: random.Random, tenant: str) -> str:
    return (
        f'caller=compact.go:500 level=error org_id={tenant} msg="compaction failed" err="compact head: persist '
        f'head block: mmap, size {rng.randint(1, 999999)}: cannot allocate memory"'
    )


def _file(rng: random.Random, tenant: str) -> str:
    ulid = "01M8" + "".join(rng.choices(synthetic.ULID_LETTERS, k=22))
    path = f"/data/tsdb/{tenant}/{ulid}/chunks/{rng.randint(1, 9):06d}"
    return f'caller=compact.go:500 level=error org_id={tenant} msg="compaction failed" err="open {path}: too many open files"'


def _start(rng: random.Random, tenant: str) -> str:
    return (
        'caller=cortex.go:446 level=error msg="module failed" module=ingester-service err="invalid service state: '
        "Failed, expected: Running, failure: opening existing TSDBs: unable to open TSDB for user "
        f"{tenant}: failed to open TSDB: /data/tsdb/{tenant}: mmap, size {rng.randint(1, 999999)}: cannot "
        'allocate memory"'
    )


def _ten(rng: random.Random, tenant: str) -> str:
    files = ("", "mmap files: ")
    errors = "; ".join(
        f"{files[rng.random() < 0.5]}mmap, size {rng.randint(1, 99999)}: cannot allocate memory"
        for _ in range(10)
    )
    return f'caller=ingester.go:2300 level=warn msg="TSDB blocks compaction for user has failed" user={tenant} err="10 errors: {errors}"'


FAILING: Mapping[str, Callable[[random.Random, str], str]] = {
    "a compaction": _compaction,
    "a file of a block": _file,
    "a failed start": _start,
    "ten errors": _ten,
}
"""What every line of a log may say."""


def failing_log(path: Path, lines: int, form: str = "a compaction") -> None:
    """A log in which every line is a failure: ``lines`` of them, of 500 tenants and many files; 50 where a line
    holds ten errors."""
    rng = random.Random(lines)
    make, tenants = FAILING[form], 50 if form == "ten errors" else 500
    with path.open("w") as out:
        for number in range(lines):
            second, tenant = number // 1000, f"team-{rng.randrange(tenants):03d}"
            stamp = f"2026-11-{1 + second // 86400:02d}T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            out.write(f"ts={stamp}.{number % 1000:03d}Z {make(rng, tenant)}\n")


def one_line(path: Path, members: int) -> None:
    """A log of a start and one failure whose single line holds ``members`` errors."""
    rng = random.Random(members)
    with path.open("w") as out:
        out.write(
            f'ts={STAMP} caller=main.go:216 level=info msg="Starting Cortex" version="(version=1.11.1)"\n'
            f'ts={STAMP} caller=cortex.go:414 level=error msg="module failed" module=ingester-service err="'
            "opening existing TSDBs: unable to open TSDB for user team-1: failed to open TSDB: /data/tsdb/team-1: "
            f"{members} errors: "
        )
        for number in range(members):
            separator = "; " if number else ""
            out.write(f"{separator}mmap, size {rng.randint(1, 99999)}: cannot allocate memory")
        out.write('"\n')


def mapping_folder(path: Path, mappings: int, smaps: bool = False) -> None:
    """A folder as a bundle: limits and one process with ``mappings`` mappings."""
    process = path / "proc" / "4321"
    process.mkdir(parents=True, exist_ok=True)
    write_maps(process / ("smaps" if smaps else "maps"), mappings, smaps=smaps)
    (process / "limits").write_bytes(synthetic.LIMITS)
    (path / "sysctl_-a").write_bytes(synthetic.SYSCTL)


def many_members(path: Path, members: int) -> None:
    """A tar of ``members`` small files: logs, snapshots of processes and files of no known kind."""
    kinds = (
        ("proc/{}/limits", synthetic.LIMITS),
        ("proc/{}/status", synthetic.STATUS),
        ("var/log/pods/ns_ingester-{0}_{0}/ingester/0.log", f'ts={STAMP} level=info msg="hello"\n'.encode()),
        ("etc/unknown/{}.conf", b"key = value\n" * 20),
    )
    with tarfile.open(path, "w") as archive:
        for number in range(members):
            name, content = kinds[number % len(kinds)]
            entry = tarfile.TarInfo("sosreport-x/" + name.format(number + 1))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def failures_in(report: bytes) -> tuple[int, int]:
    """(failing lines, distinct failures) that a JSON report lists; (0, 0) when it is no report."""
    try:
        subjects = json.loads(report)["subjects"]
    except (ValueError, KeyError):
        return 0, 0
    failures = [failure for subject in subjects for failure in subject["failures"]]
    return sum(row["lines"] for row in failures), sum(row["count"] for row in failures)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """``path``, deleted afterwards."""
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def inflated(bundle: Path) -> IO[bytes]:
    """The plain tar of a tar.gz as a stream."""
    done = subprocess.Popen(["gzip", "-dc", str(bundle)], stdout=subprocess.PIPE)
    assert done.stdout is not None
    return done.stdout


def python(code: str) -> tuple[str, ...]:
    """A command that runs ``code`` in a Python of its own."""
    return (sys.executable, "-c", code)
