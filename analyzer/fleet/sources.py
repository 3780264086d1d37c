"""Which bundles: files, folders, globs, lists and remote addresses become single sources.

A source is a local path or an fsspec address (``s3://cases/acme.tar.gz``). Nothing here opens a
bundle but for the first bytes that tell an archive from other files.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from analyzer import lazy
from analyzer.errors import AnalyzerError

CHUNK = 1 << 20

_ADDRESS = lazy.pattern(r"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z][A-Za-z0-9+.-]*)*://")
_SECRET = lazy.pattern(r"(://)[^/@]*@")
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c")
_TAR = slice(257, 262)
_ARCHIVE_NAME = lazy.pattern(r"\.(tar|tgz|tbz2?|txz|tzst|zip|gz|bz2|xz|zst)$", re.IGNORECASE)
_LOG_NAME = lazy.pattern(r"\.log(\.\d+)?$", re.IGNORECASE)

# A folder or file that only an unpacked bundle has at its top: see docs/fleet.md.
_FOLDER_MARK = lazy.pattern(
    r"proc|sos_(commands|logs|reports)|cluster-(scoped-)?resources|host-collectors|syscalls|yamls"
)
_FILE_MARK = lazy.pattern(
    r"(.+[._-])?(s?maps|meminfo|sysctl)([._-].+)?|nodes\.json|maps_count.*|event-filter\.html", re.IGNORECASE
)


def is_address(source: str) -> bool:
    """Whether ``source`` is an fsspec address (``s3://...``) rather than a local path."""
    return _ADDRESS.match(source) is not None


def shown(source: str) -> str:
    """``source`` as it may stand in a row: an address without its password and signature.

    >>> shown("https://user:secret@host/acme.tgz?signature=secret")
    'https://host/acme.tgz'
    """
    if not is_address(source):
        return source
    return _SECRET.sub(r"\1", source.partition("?")[0])


def expand(arguments: Iterable[str], stdin: TextIO | None = None) -> Iterator[str]:
    """Every bundle that ``arguments`` name, once each.

    An argument is a file, a folder to search, a glob (``**`` too), ``-`` for a list on ``stdin``
    (one bundle a line, taken as it stands), or an fsspec address, its globs and folders (with a
    ``/`` at the end) included. A path that does not exist is passed on: its bundle gets a row that
    says so. Raises :class:`AnalyzerError` for a glob or remote folder that matches nothing.
    """
    seen: set[str] = set()
    for argument in arguments:
        for source in _expand_one(argument, stdin):
            if source not in seen:
                seen.add(source)
                yield source


def _expand_one(argument: str, stdin: TextIO | None) -> Iterator[str]:
    if argument == "-":
        yield from _listed(stdin)
    elif is_address(argument):
        yield from _expand_address(argument)
    elif os.path.isdir(argument):
        yield from _search(argument)
    elif not os.path.lexists(argument) and glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True))
        if not matches:
            raise AnalyzerError(f"{argument}: matches no file")
        for match in matches:
            yield from _search(match) if os.path.isdir(match) else (match,)
    else:
        yield argument


def _listed(stdin: TextIO | None) -> Iterator[str]:
    if stdin is None:
        raise AnalyzerError("-: there is no standard input to read a list of bundles from")
    for line in stdin:
        if name := line.strip("\r\n"):
            yield name


def _search(folder: str) -> Iterator[str]:
    """The bundles in ``folder``: the folder itself where nothing in it is one."""
    found = False
    for source in _walk(folder):
        found = True
        yield source
    if not found:
        yield folder


def _walk(folder: str) -> Iterator[str]:
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            with os.scandir(current) as entries:
                here = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield current  # its row will say why it cannot be read
            continue
        if any(_is_mark(entry) for entry in here):
            yield current
            continue
        for entry in here:
            if entry.is_file() and (_LOG_NAME.search(entry.name) or _is_archive(entry.path)):
                yield entry.path
        pending += [entry.path for entry in reversed(here) if entry.is_dir(follow_symlinks=False)]


def _is_mark(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir():
        return _FOLDER_MARK.fullmatch(entry.name) is not None
    # `maps.tar.gz` is an archive about maps, and not a member of an unpacked bundle.
    return _FILE_MARK.fullmatch(entry.name) is not None and _ARCHIVE_NAME.search(entry.name) is None


def _is_archive(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError:
        return _ARCHIVE_NAME.search(path) is not None
    return head.startswith(_MAGIC) or head[_TAR] == b"ustar"


def _expand_address(address: str) -> Iterator[str]:
    if "*" not in address and not address.endswith("/"):  # `?` begins the query of a signed address
        yield address
        return
    try:
        filesystem, path = _fsspec().core.url_to_fs(address)
        if address.endswith("/"):
            names = [
                name for name in filesystem.find(path) if _ARCHIVE_NAME.search(name) or _LOG_NAME.search(name)
            ]
        else:
            names = filesystem.glob(path)
        found = sorted(filesystem.unstrip_protocol(name) for name in names)
    except AnalyzerError:
        raise
    except Exception as error:  # each file system of fsspec raises errors of its own
        raise AnalyzerError(f"{address}: cannot be listed: {error}") from error
    if not found:
        raise AnalyzerError(f"{address}: matches no bundle")
    yield from found


def _fsspec() -> Any:
    try:
        import fsspec  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise AnalyzerError(
            "a remote bundle needs fsspec: pip install 'ingester-postmortem[fleet]'"
        ) from error
    return fsspec


def fetch(source: str, folder: str) -> tuple[str, str]:
    """The bundle as a local path, and its digest.

    A local bundle stays where it is and is read once for its digest; a remote one is copied into
    ``folder`` while it is digested. Raises :class:`OSError` where it cannot be read, and whatever
    the file system of a remote address raises.
    """
    if not is_address(source):
        return source, digest(source)
    # The name is kept at the end, bounded and tame: a report may show it.
    name = re.sub(r"[^A-Za-z0-9._-]", "_", source.rstrip("/").rpartition("/")[2])[-100:] or "bundle"
    path = os.path.join(folder, name)
    hashed = hashlib.sha256()
    with _fsspec().open(source, "rb") as remote, open(path, "wb") as local:
        while chunk := remote.read(CHUNK):
            hashed.update(chunk)
            local.write(chunk)
    return path, hashed.hexdigest()


def digest(path: str) -> str:
    """SHA-256 of a file; of a folder, over path, size and bytes of each regular file in order.

    Links are not followed, and devices, sockets and FIFOs are left out: nothing outside is read.
    """
    if not os.path.isdir(path):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OSError(f"{path}: is neither a file nor a folder")
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    hashed = hashlib.sha256()
    for name in _files(Path(path)):
        try:
            with open(os.path.join(path, name), "rb") as file:
                _heading(hashed, name, os.fstat(file.fileno()).st_size)
                _update(hashed, file)
        except OSError:
            _heading(hashed, name, -1)  # the diagnosis says what it could not read
    return hashed.hexdigest()


def _heading(hashed: Any, name: str, size: int) -> None:
    path = os.fsencode(name)
    hashed.update(b"%d %d\n%b" % (len(path), size, path))


def _update(hashed: Any, file: BinaryIO) -> None:
    while chunk := file.read(CHUNK):
        hashed.update(chunk)


def _files(root: Path) -> list[str]:
    found = []
    os.listdir(root)  # raises where os.walk would find an empty folder
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found.append(os.path.relpath(path, root).replace(os.sep, "/"))
    return sorted(found)
