"""The store: two plain Parquet files, and a journal while a run writes.

``cases.parquet`` holds one row a bundle, ``cases.evidence.parquet`` the evidence. A finished bundle
is one line of ``cases.parquet.journal`` at once. Now and then, and at the end of a run however it
ends, the journal goes into the Parquet files: each is written anew beside the old one and renamed
over it, evidence first, then the cases, then the journal is emptied. Whatever is interrupted
between, the rows are still in the journal and go in again; a row replaces the row of the same
bundle, so that going in twice is going in once.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from analyzer.errors import EXIT_FAULT, AnalyzerError
from analyzer.fleet.arrays import array_of, list_of
from analyzer.fleet.journal import Journal, Key, Lines, journal_path, key_of
from analyzer.fleet.rows import Limits, Outcome, Row
from analyzer.fleet.schema import CASES, EVIDENCE, METADATA_KEY, STORE_VERSION, Column, arrow_schema

BATCH = 2000  # rows of one Parquet row group
COMPACT_SECONDS = 30.0  # the journal goes into the Parquet files at most this often
COMPACT_SHARE = 0.02  # and takes at most this share of the time
RETRIED = ("crash", "lost", "missing")  # errors that the next run may not meet again


def evidence_path(store: Path) -> Path:
    """``cases.evidence.parquet`` beside ``cases.parquet``."""
    return store.with_name(f"{store.name.removesuffix('.parquet')}.evidence.parquet")


class Store:
    """The store of one run, held by a lock; a context manager that leaves plain Parquet behind.

    Raises :class:`AnalyzerError` on entry where the output cannot be written, is not a store of
    this tool, or another run writes it, and later where the disk fails; what is in the journal
    stays there for the next run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written: set[Key] = set()  # bundles of this run
        self._compacted = time.monotonic()
        self._pause = COMPACT_SECONDS

    def __enter__(self) -> Store:
        _require_pyarrow()
        for path in (self.path, evidence_path(self.path)):
            _check(path)
        self._journal = Journal(journal_path(self.path))
        try:
            _sweep(self.path)
            if len(self._journal):
                self.compact()
        except BaseException:
            self._journal.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if len(self._journal) or (kind is None and not self.path.exists()):
                self.compact()
            self._journal.remove()
        finally:
            self._journal.close()

    def done(self, tool_version: str, limits: Limits) -> frozenset[str]:
        """Digests of the bundles that need no reading again.

        An error counts as done where the same version would meet it again: not one that a higher
        limit may cure, and none that came from outside the bundle.
        """
        if not self.path.exists():
            return frozenset()
        columns = ["digest", "tool_version", "error_kind", "memory_limit", "time_limit"]
        found = set()
        for row in _read(self.path, columns):
            kind = row["error_kind"]
            if row["digest"] is None or row["tool_version"] != tool_version or kind in RETRIED:
                continue
            if kind == "memory" and limits.memory > (row["memory_limit"] or 0):
                continue
            if kind == "time" and limits.time > (row["time_limit"] or 0):
                continue
            found.add(row["digest"])
        return frozenset(found)

    def append(self, outcome: Outcome) -> bool:
        """Write one finished bundle to the journal; False where this run has written it already."""
        assert outcome.row is not None
        key = key_of(outcome.row)
        if key in self.written:
            return False
        try:
            self._journal.append(outcome)
        except OSError as error:
            raise _disk_error(self.path, error) from error
        self.written.add(key)
        if time.monotonic() - self._compacted > self._pause:
            self.compact()
        return True

    def compact(self) -> None:
        """Put the journal into the Parquet files and empty it."""
        started = time.monotonic()
        journal = self._journal.path
        try:
            lines = Lines.of(journal)
            _rewrite(evidence_path(self.path), EVIDENCE, lines.replaced, lines.rows(journal, "evidence"))
            _rewrite(self.path, CASES, lines.replaced, lines.rows(journal, "row"))
            self._journal.clear()
        except OSError as error:
            raise _disk_error(self.path, error) from error
        self._compacted = time.monotonic()
        self._pause = max(COMPACT_SECONDS, (self._compacted - started) / COMPACT_SHARE)


def all_rows(store: Path) -> Iterator[Row]:
    """Every case of a store, also of one whose run was killed or still goes on.

    Raises :class:`AnalyzerError` where there is no store at ``store``.
    """
    _require_pyarrow()
    journal = journal_path(store)
    if not (store.exists() or journal.exists()):
        raise AnalyzerError(f"{store}: there is no such store")
    # The journal first: a run that empties it in between has put its rows into the Parquet file.
    lines = Lines.of(journal)
    pending = list(lines.rows(journal, "row"))
    _check(store)
    if store.exists():
        for row in _read(store, [column.name for column in CASES]):
            if key_of(row) not in lines.replaced:
                yield row
    for row in pending:
        yield {name: _value(name, value) for name, value in row.items()}


def _read(path: Path, columns: list[str]) -> Iterator[Row]:
    """Rows of a Parquet file, a batch at a time; columns that an older file lacks are null."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        empty: Row = dict.fromkeys(columns)
        for batch in file.iter_batches(BATCH, columns=there):
            for values in zip(*map(list_of, batch.columns), strict=True):
                yield empty | dict(zip(batch.schema.names, values, strict=True))


def _require_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise AnalyzerError(
            "analyze fleet needs pyarrow: pip install 'ingester-postmortem[fleet]'"
        ) from error


def _check(path: Path) -> None:
    """Raise :class:`AnalyzerError` where ``path`` cannot be, or is not, a table of this tool."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.parent.is_dir():
        raise AnalyzerError(f"{path}: there is no folder {path.parent}")
    if not path.exists():
        return
    if not path.is_file():
        raise AnalyzerError(f"{path}: is not a file; name the Parquet file to write")
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise AnalyzerError(f"{path}: exists and is no readable Parquet file; name another") from error
    version = metadata.get(METADATA_KEY.encode())
    if version is None:
        raise AnalyzerError(f"{path}: exists and was not written by analyze fleet; name another")
    if version != STORE_VERSION.encode():
        raise AnalyzerError(f"{path}: was written by another version of analyze fleet; name another")


def _disk_error(path: Path, error: OSError) -> AnalyzerError:
    return AnalyzerError(f"{path}: cannot be written: {error.strerror or error}", EXIT_FAULT)


def _sweep(store: Path) -> None:
    """Remove what a killed run left half-written."""
    for path in (store, evidence_path(store)):
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            left.unlink(missing_ok=True)


def _rewrite(path: Path, columns: tuple[Column, ...], drop: set[Key], rows: Iterator[Row]) -> None:
    """Write ``path`` anew: its rows but those of the bundles in ``drop``, then ``rows``."""
    import pyarrow.parquet as pq

    schema = arrow_schema(columns)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            if path.exists():
                kept = _read(path, schema.names)
                _write(writer, schema, (row for row in kept if key_of(row) not in drop))
            _write(writer, schema, rows)
        _publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(writer: Any, schema: Any, rows: Iterator[Row]) -> None:
    import pyarrow as pa

    batch: list[Row] = []

    def write() -> None:
        columns = [
            array_of([_value(name, row[name]) for row in batch], schema.field(name)) for name in schema.names
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        batch.clear()

    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            write()
    if batch:
        write()


_TIMES = frozenset(column.name for column in (*CASES, *EVIDENCE) if column.kind == "timestamp")


def _value(name: str, value: Any) -> Any:
    """A value as Arrow takes it: times written as text become times; what is none becomes null."""
    if name not in _TIMES or not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _publish(temporary: Path, path: Path) -> None:
    """Rename over ``path``, the bytes on the disk first."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    with suppress(OSError):  # not every file system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
