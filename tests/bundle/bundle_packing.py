"""Packs the same files in every way a customer might."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from analyzer.bundle import Bundle, Limits, open_bundle

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bundles"
MTIME = 1_700_000_000

Files = Mapping[str, bytes]


def fixture_files(name: str) -> dict[str, bytes]:
    """The regular files of a fixture bundle, as the standard library reads them."""
    files = {}
    with tarfile.open(FIXTURES / name / "bundle.tar.gz") as archive:
        for info in archive:
            if info.isreg():
                extracted = archive.extractfile(info)
                assert extracted is not None
                files[info.name] = extracted.read()
    return files


def tar(files: Files, fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = MTIME
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zst(data: bytes) -> bytes:
    packed: bytes = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    return packed


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gz,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zst,
}

ARCHIVES: dict[str, Callable[[Files], bytes]] = {
    "tar": tar,
    "tar-gnu": lambda files: tar(files, tarfile.GNU_FORMAT),
    "tar-ustar": lambda files: tar(files, tarfile.USTAR_FORMAT),
    "zip": zipped,
    "zip-stored": lambda files: zipped(files, zipfile.ZIP_STORED),
    "zip-bzip2": lambda files: zipped(files, zipfile.ZIP_BZIP2),
    "zip-lzma": lambda files: zipped(files, zipfile.ZIP_LZMA),
    **{f"tar.{name}": (lambda files, pack=pack: pack(tar(files))) for name, pack in COMPRESSIONS.items()},
}


def folder(root: Path, files: Files) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def bodies(bundle: Bundle) -> dict[str, bytes]:
    """Every member's whole body. Checks what holds for all members alike."""
    found = {}
    for member in bundle.members():
        if member.link is not None:
            continue
        body = b"".join(bytes(chunk) for chunk in member.body)
        assert member.head == body[:8192]
        assert member.path not in found
        found[member.path] = body
    assert set(found) <= set(bundle.paths)
    return found


def read(source: Path | bytes, limits: Limits | None = None) -> tuple[dict[str, bytes], Bundle]:
    """The bodies of a bundle given as a path, or as bytes that come through a stream."""
    given = io.BytesIO(source) if isinstance(source, bytes) else source
    with open_bundle(given, limits=limits or Limits()) as bundle:
        return bodies(bundle), bundle


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def is_clean(bundle: Bundle) -> bool:
    """Whether the coverage tells of nothing that was not read."""
    coverage = bundle.coverage
    return not [*coverage.warnings, *coverage.truncated, *coverage.skipped]


def common(one: bytes, other: bytes) -> int:
    """The number of bytes in which both begin alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
