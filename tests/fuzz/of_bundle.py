"""Any bytes as a bundle: opened or refused in one line, walked to the end, within its limits."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.bundle import Bundle, Limits, open_bundle
from analyzer.errors import EXIT_USAGE, AnalyzerError
from fuzz import corpus
from fuzz.target import Target

MIB = 1 << 20
# Low enough that a bomb of one input is refused within its time.
LIMITS = Limits(max_total_bytes=8 * MIB, ratio_free_bytes=2 * MIB, max_window_bytes=8 * MIB, max_members=2000)
_ONE_PIECE = MIB  # what may come out before a limit is looked at


@dataclass(frozen=True)
class Walked:
    """What one pass gave."""

    members: tuple[tuple[str, int | None, str | None, str], ...]
    paths: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    truncated: tuple[str, ...]
    warnings: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


class Dripping(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(min(size or 7, 7) if size and size > 0 else 7)


def run(data: bytes) -> None:
    """The target."""
    whole = _walk(io.BytesIO(data), data)
    # Of a damaged stream the reads decide how much comes out before the damage.
    if len(data) <= 4096 and (whole is None or not whole.truncated):
        assert _walk(Dripping(data), data) == whole, "the size of the reads changes what is found"


def _walk(source: io.BytesIO, data: bytes) -> Walked | None:
    try:
        bundle = open_bundle(source, limits=LIMITS)
    except AnalyzerError as error:
        assert_one_line(error)
        return None
    with bundle:
        try:
            return _walked(bundle, data)
        except AnalyzerError as error:
            assert_one_line(error)
            return None


def assert_one_line(error: AnalyzerError) -> None:
    """A refusal as the contract has it."""
    assert error.status == EXIT_USAGE
    assert "\n" not in str(error)


def _walked(bundle: Bundle, data: bytes) -> Walked:
    found = []
    given = 0
    for member in bundle.members():
        _assert_clean(member.path)
        body = b"".join(bytes(piece) for piece in member.body)
        given += len(body)
        if member.link is None:
            assert body.startswith(bytes(member.head)), "the body does not begin with the head"
            assert len(member.head) == min(len(body), 8192)
        else:
            assert not body
            _assert_clean(member.link)
        found.append((member.path, member.size, member.link, hashlib.sha256(body).hexdigest()))
    coverage = bundle.coverage
    assert given == coverage.bytes_read
    assert given <= LIMITS.max_total_bytes + len(data) + _ONE_PIECE
    files = [path for path, _, link, _ in found if link is None]
    assert coverage.members_read == len(files) <= coverage.members_total
    assert len(set(files)) == len(files), "two members share a path"
    assert set(files) <= set(bundle.paths)
    assert bundle.size_bytes == len(data)
    assert bundle.sha256 == hashlib.sha256(data).hexdigest()
    for goal in bundle.links.values():
        _assert_clean(goal)
    return Walked(
        tuple(found),
        tuple(bundle.paths),
        tuple(coverage.skipped),
        tuple(coverage.truncated),
        tuple(coverage.warnings),
        tuple(bundle.links.items()),
    )


def _assert_clean(path: str) -> None:
    """What a path must be so that nothing is ever written or looked for outside of the bundle."""
    assert path
    assert "\0" not in path
    assert not path.startswith("/"), path
    assert ".." not in path.split("/"), path
    path.encode("utf-8")


def tar_of(files: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A plain tar: what is in it can be changed in place."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_795_384_636
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _with_links() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, target in (
            ("a/log", tarfile.SYMTYPE, "../b/log"),
            ("a/out", tarfile.SYMTYPE, "../../../etc/passwd"),
            ("a/hard", tarfile.LNKTYPE, "a/log"),
            ("a/abs", tarfile.SYMTYPE, "/b/log"),
            ("a/null", tarfile.CHRTYPE, ""),
            ("a/pipe", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return out.getvalue()


def _zip_of(files: list[tuple[str, bytes]], how: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 22, 21, 57, 16)), content, how)
    return out.getvalue()


def seeds() -> Iterator[bytes]:
    """Each kind of archive around the same few members, alone and in each other."""
    from backports import zstd

    files = [(path, content[:300]) for path, content in corpus.members()[::20]][:3]
    packed = tar_of(files)
    yield packed
    yield tar_of([(name * 4, body) for name, body in files])
    yield tar_of([("é" + name * 4, body) for name, body in files], tarfile.PAX_FORMAT)
    yield _with_links()
    yield gzip.compress(packed, mtime=0)
    yield gzip.compress(packed[:1500], mtime=0) + gzip.compress(packed[1500:], mtime=0)
    yield bz2.compress(packed)
    yield lzma.compress(packed)
    yield lzma.compress(packed, lzma.FORMAT_ALONE)
    yield zstd.compress(packed)
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield _zip_of(files, how)
    yield _zip_of([("in.tar", packed), ("in.zip", _zip_of(files, zipfile.ZIP_STORED))], zipfile.ZIP_DEFLATED)
    yield tar_of([("in.tgz", gzip.compress(packed, mtime=0)), ("in.log.gz", gzip.compress(b"a" * 500))])
    yield files[0][1]


TARGET = Target(
    "bundle",
    run,
    seeds,
    words=(
        b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08", b"\x1f\x8b\x08",
        b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"ustar\x0000", b"ustar  \x00", b"../",
        b"././@LongLink", b"././@PaxHeader", b" path=", b" size=", b"GNU.sparse.major=1", b"\x80\x00\x00\x00",
        b"\xff\xff\xff\xff", b"!/", b"#2/",
    ),
    length=16_384,
)  # fmt: skip
