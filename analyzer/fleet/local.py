"""Bundles on this machine: as many processes as asked for, each driven by a thread of its own."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Sequence

from analyzer.errors import AnalyzerError
from analyzer.fleet.cell import Cell, ClosedError, Decide, Options
from analyzer.fleet.rows import Outcome


def default_workers() -> int:
    """The processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Once:
    """Says of each digest once that its bundle is to be diagnosed; safe for many threads."""

    def __init__(self, done: frozenset[str]) -> None:
        self._seen = set(done)
        self._lock = threading.Lock()

    def __call__(self, digest: str) -> bool:
        with self._lock:
            new = digest not in self._seen
            self._seen.add(digest)
            return new


def outcomes(
    sources: Sequence[str], options: Options, decide: Decide, workers: int
) -> Generator[Outcome, None, None]:
    """The outcome of every source, as each is finished. Closing the iterator ends all processes.

    Raises :class:`AnalyzerError` where processes cannot be started.
    """
    pending: queue.SimpleQueue[str] = queue.SimpleQueue()
    for source in sources:
        pending.put(source)
    results: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
    cells = [Cell(options) for _ in range(max(1, min(workers, len(sources))))]
    threads = [
        threading.Thread(target=_drive, args=(cell, pending, decide, results), daemon=True) for cell in cells
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in sources:
            result = results.get()
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        while not pending.empty():
            try:
                pending.get_nowait()
            except queue.Empty:
                break
        for cell in cells:
            cell.close()
        for thread in threads:
            if thread.ident is not None:
                thread.join(timeout=10)


def _drive(
    cell: Cell,
    pending: queue.SimpleQueue[str],
    decide: Decide,
    results: queue.SimpleQueue[Outcome | Exception],
) -> None:
    while True:
        try:
            source = pending.get_nowait()
        except queue.Empty:
            return
        try:
            results.put(cell.examine(source, decide))
        except ClosedError:
            return
        except AnalyzerError as error:
            results.put(error)
            return
        except Exception as error:  # a fault here must not leave the run waiting for this thread
            results.put(AnalyzerError(f"{source}: {type(error).__name__}: {error}", 4))
            return
