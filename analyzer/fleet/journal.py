"""The journal of a run: one JSON line a finished bundle, on the disk before the next is asked for.

    {"row": {"bundle": "acme.tar.gz", "digest": "0f3c...", ...}, "evidence": [{...}, ...]}

Holding it open is holding the store's lock. A line without its newline was torn by the end of a
process or machine and is cut off; its bundle is read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from analyzer.errors import AnalyzerError
from analyzer.fleet.rows import Outcome, Row, complete

CHUNK = 1 << 20

Key = tuple[str, str]


def journal_path(store: Path) -> Path:
    """``cases.parquet.journal`` beside ``cases.parquet``."""
    return store.with_name(f"{store.name}.journal")


def key_of(row: Row) -> Key:
    """What makes a row the row of one bundle: its digest, or its path where it could not be read."""
    if row.get("digest"):
        return "digest", str(row["digest"])
    return "bundle", str(row["bundle"])


class Journal:
    """The journal opened for writing under an exclusive lock that ends with its process.

    Raises :class:`AnalyzerError` where it cannot be written or another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _locked(path)
        self._cut_torn_line()

    def append(self, outcome: Outcome) -> None:
        """Write one bundle; it is on the disk when this returns."""
        entry = {"row": outcome.row, "evidence": outcome.evidence}
        rest = memoryview((json.dumps(entry) + "\n").encode())
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())

    def __len__(self) -> int:
        """Bytes in the journal."""
        return os.fstat(self._file.fileno()).st_size

    def clear(self) -> None:
        """Forget all lines: they are in the Parquet files."""
        self._file.truncate(0)
        os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Remove an empty journal while its lock is held."""
        if len(self) == 0:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        end = position = 0
        while chunk := self._file.read(CHUNK):
            if (found := chunk.rfind(b"\n")) >= 0:
                end = position + found + 1
            position += len(chunk)
        if end != position:
            self._file.truncate(end)


def _locked(path: Path) -> FileIO:
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        return FileIO(path, "a+")
    while True:
        try:
            file = FileIO(path, "a+")
        except OSError as error:
            raise AnalyzerError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise AnalyzerError(f"{path}: another analyze fleet writes this store") from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()  # the run before removed it between our opening and our lock


class Lines(Struct):
    """What stands in a journal: for each bundle its last line, and the keys those lines replace."""

    last: dict[Key, int] = field(default_factory=dict)
    replaced: set[Key] = field(default_factory=set)

    @classmethod
    def of(cls, journal: Path) -> Lines:
        """The lines of ``journal``; none where there is no journal."""
        found = cls()
        for number, entry in _entries(journal):
            row = entry["row"]
            # A bundle that can be read now replaces its own earlier "cannot be read".
            unread = ("bundle", str(row["bundle"]))
            found.last.pop(unread, None)
            found.last[key_of(row)] = number
            found.replaced |= {unread, key_of(row)}
        return found

    def rows(self, journal: Path, part: Literal["row", "evidence"]) -> Iterator[Row]:
        """The rows, or the evidence, of the last line of each bundle."""
        wanted = set(self.last.values())
        if not wanted:
            return
        for number, entry in _entries(journal):
            if number in wanted:
                rows = [entry["row"]] if part == "row" else entry["evidence"]
                yield from complete(rows, evidence=part == "evidence")


def _entries(journal: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with suppress(FileNotFoundError), open(journal, "rb") as file:
        for number, line in enumerate(file):
            if not line.endswith(b"\n"):
                return
            try:
                entry = json.loads(line)
                if isinstance(entry["evidence"], list) and entry["row"]["bundle"]:
                    yield number, entry
            except (ValueError, KeyError, TypeError):
                continue  # damaged on the disk: its bundle is read again
