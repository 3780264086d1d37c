"""Where a bundle's bytes come from: a file, a pipe, a folder or, only when asked for, a remote address."""

from __future__ import annotations

import hashlib
import os
import select
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzer import lazy
from analyzer.bundle.codecs import IN_BYTES
from analyzer.errors import AnalyzerError

_REMOTE = lazy.pattern(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")
READ_BYTES = 1 << 20  # at once: each time the reading thread holds up the others for the interpreter's lock
_POLL_SECONDS = 0.2


class Raw:
    """The bytes of one file, read once, counted and, if asked for, hashed.

    ``path`` is set for a regular file, which can be read a second time. ``problem`` says why reading ended
    before the end of the file, or is empty.
    """

    def __init__(self, handle: BinaryIO, size: int | None, path: str | None, hashed: bool) -> None:
        self.handle = handle
        self.size = size
        self.path = path
        self.done = 0
        self.problem = ""
        self._hash = hashlib.sha256() if hashed else None
        self._whole = False
        self._cancelled = False
        self._poll = _pollable(handle)

    def blocks(self) -> Iterator[bytes]:
        """The bytes, front to back."""
        read = getattr(self.handle, "read1", self.handle.read)
        while not self._cancelled:
            try:
                if self._poll is not None and not select.select([self._poll], [], [], _POLL_SECONDS)[0]:
                    continue
                data = read(READ_BYTES)
            except (OSError, ValueError) as error:
                self.problem = str(error)
                return
            if not data:
                self._whole = True
                return
            self.done += len(data)
            if self._hash is not None:
                self._hash.update(data)
            yield data

    def again(self, offset: int, size: int) -> Iterator[bytes]:
        """A part of a regular file once more."""
        if self.path is None:
            return
        try:
            with open(self.path, "rb", buffering=0) as handle:
                handle.seek(offset)
                while size and (data := handle.read(min(IN_BYTES, size))):
                    size -= len(data)
                    yield data
        except OSError:
            return

    def cancel(self) -> None:
        """Ends :meth:`blocks`, also while it waits for a pipe."""
        self._cancelled = True

    @property
    def sha256(self) -> str | None:
        """The checksum of the whole file as hex digits; None until its end was read."""
        return self._hash.hexdigest() if self._hash is not None and self._whole else None


def _pollable(handle: BinaryIO) -> int | None:
    """The descriptor of a pipe, socket or terminal, where a read may wait for ever."""
    if os.name != "posix":
        return None
    try:
        descriptor = handle.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode) else None


def is_remote(source: str) -> bool:
    """Whether ``source`` is an address (``s3://bucket/key``) and not a path."""
    return _REMOTE.match(source) is not None


def reason(error: OSError) -> str:
    """The words of the operating system, without the number and the path."""
    return (error.strerror or str(error)).lower()


def open_local(path: str) -> Raw:
    """Opens a file that may be read; raises :class:`AnalyzerError` for anything else."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode):
            raise AnalyzerError(f"{path}: is a device or socket, not a bundle")
        handle = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by the bundle
    except (OSError, ValueError) as error:
        raise AnalyzerError(f"{path}: {reason(error) if isinstance(error, OSError) else error}") from None
    regular = stat.S_ISREG(mode)
    size = os.fstat(handle.fileno()).st_size if regular else None
    return Raw(handle, size, path if regular else None, hashed=True)


def open_remote(address: str) -> Raw:
    """Opens a remote address through fsspec; raises :class:`AnalyzerError` when that fails."""
    try:
        import fsspec
    except ImportError:
        raise AnalyzerError(
            f"{address}: remote bundles need fsspec: pip install 'ingester-postmortem[fleet]'"
        ) from None
    try:
        handle: Any = fsspec.open(address, "rb").open()
    except Exception as error:  # every file system behind fsspec raises its own errors
        raise AnalyzerError(f"{address}: cannot be opened: {str(error) or type(error).__name__}") from None
    size = getattr(handle, "size", None)
    return Raw(handle, size if isinstance(size, int) else None, None, hashed=True)
