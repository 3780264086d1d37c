"""A bundle that can be read again: a path, bytes, or a binary file."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from analyzer.errors import AnalyzerError


class _Named(io.BytesIO):
    """Bytes with the name that the report shows."""

    name = ""


class Source:
    """Where a bundle's bytes are read from, as often as needed; nothing stays open between two reads.

    A path is opened anew each time. Bytes are held. A binary file is read from where it stood; one that
    cannot be rewound (a pipe) is copied to an unnamed temporary file, which :meth:`close` removes. The
    caller's own file is never closed.
    """

    def __init__(self, source: str | Path | bytes | BinaryIO, name: str | None = None) -> None:
        self._path: str | Path | None = None
        self._bytes: bytes | None = None
        self._file: BinaryIO | None = None
        self._copy: BinaryIO | None = None
        self._start = 0
        self._name = name
        self._closed = False
        if isinstance(source, str | Path):
            self._path = source
        elif isinstance(source, bytes | bytearray | memoryview):
            self._bytes = bytes(source)
        else:
            self._take(source)

    def _take(self, file: BinaryIO) -> None:
        if not hasattr(file, "read") or hasattr(file, "encoding"):
            raise TypeError("a bundle is a path, bytes or a file opened in binary mode")
        if self._name is None:
            name = getattr(file, "name", None)
            self._name = Path(name).name if isinstance(name, str) else None
        if hasattr(file, "seekable") and file.seekable():
            self._file, self._start = file, file.tell()
            return
        copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        try:
            shutil.copyfileobj(file, copy, 1 << 20)
        except OSError as error:
            copy.close()
            raise AnalyzerError(f"{self._name or 'bundle'}: {error.strerror or error}") from None
        except BaseException:
            copy.close()
            raise
        self._file = self._copy = copy

    def read(self) -> str | Path | BinaryIO:
        """What the next pass reads. Raises AnalyzerError when the source is closed."""
        if self._closed:
            raise AnalyzerError("the case is closed: open the bundle again")
        if self._path is not None:
            return self._path
        if self._bytes is not None:
            named = _Named(self._bytes)
            named.name = self._name or "bytes"
            return named
        assert self._file is not None
        try:
            self._file.seek(self._start)
        except ValueError:
            raise AnalyzerError(f"{self._name or 'bundle'}: the file was closed: open it again") from None
        return self._file

    @property
    def location(self) -> str | None:
        """The path or address, None for bytes and files."""
        return str(self._path) if self._path is not None else None

    def close(self) -> None:
        """Give back what is held. Safe to call twice."""
        self._closed = True
        self._bytes = None
        self._file = None
        if self._copy is not None:
            self._copy.close()
            self._copy = None
