"""Bundles on an existing Dask cluster: the same processes with the same limits, on its workers.

Each thread of a worker drives a :class:`~analyzer.fleet.cell.Cell` of its own, so that a bad bundle
costs that process and not the worker. A worker that is lost takes no bundle with it: the scheduler
gives its bundles to others, and what the scheduler gives up is submitted again.

This module needs ``dask[distributed]`` and is imported only where a scheduler is named.
"""

from __future__ import annotations

import queue
import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import distributed
from distributed.diagnostics.plugin import WorkerPlugin
from msgspec.structs import replace

from analyzer.errors import EXIT_FAULT, AnalyzerError
from analyzer.fleet.cell import Cell, ClosedError, Options
from analyzer.fleet.rows import ErrorKind, Outcome, error_row

dask: Any = distributed  # half typed

CONNECT_SECONDS = 20
WINDOW = 2000  # bundles submitted at once at most
LOST_LIMIT = 5  # times one bundle is submitted again


class Cells(WorkerPlugin):
    """The processes of one run on one worker; they end with the run, or with the worker."""

    def __init__(self, options: Options, done: frozenset[str]) -> None:
        self.options, self.done = options, done

    def setup(self, worker: Any) -> None:
        """Called by Dask on each worker, also on one that joins later."""
        self.options = replace(self.options, spool=worker.local_directory)
        self.idle: queue.SimpleQueue[Cell] = queue.SimpleQueue()
        self.cells: list[Cell] = []

    def teardown(self, worker: Any) -> None:
        """Called by Dask when the run is over or the worker closes."""
        for cell in list(self.cells):
            cell.close()

    def examine(self, source: str) -> Outcome:
        """One bundle in a process of this worker."""
        try:
            cell = self.idle.get_nowait()
        except queue.Empty:
            cell = Cell(self.options)
            self.cells.append(cell)
        try:
            return cell.examine(source, lambda digest: digest not in self.done)
        finally:
            self.idle.put(cell)


def _examine(source: str, plugin: str) -> Outcome:
    """The task that Dask runs."""
    cells: Cells = dask.get_worker().plugins[plugin]
    return cells.examine(source)


def _installed() -> str:
    """The analyzer's version where this runs."""
    try:
        return version("ingester-postmortem")
    except PackageNotFoundError:
        return "none"


def outcomes(
    sources: Sequence[str], options: Options, done: frozenset[str], scheduler: str
) -> Generator[Outcome, None, None]:
    """The outcome of every source, as each is finished, from the cluster at ``scheduler``.

    Raises :class:`AnalyzerError` where the cluster cannot be reached, is lost, or cannot run this
    version of the analyzer. Closing the iterator takes back what is not finished.
    """
    try:
        client = dask.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="analyze-fleet")
    except (OSError, ValueError) as error:
        raise AnalyzerError(f"{scheduler}: no Dask scheduler answers there: {error}") from error
    plugin = f"analyze-fleet-{uuid.uuid4().hex}"
    run = _Run(client, plugin, options)
    try:
        _check_versions(client)
        client.register_plugin(Cells(options, done), name=plugin)
        yield from run.outcomes(sources)
    finally:
        run.stop()


def _installed_here() -> str:
    return _installed()


def _check_versions(client: Any) -> None:
    """Raise :class:`AnalyzerError` unless scheduler and workers have this very analyzer."""
    here = _installed_here()
    try:
        found = {"the scheduler": client.run_on_scheduler(_installed), **client.run(_installed)}
    except Exception as error:  # an import that fails over there fails here in many forms
        raise AnalyzerError(
            f"the cluster cannot run the analyzer: {error}; install ingester-postmortem[fleet] {here}"
            " on its scheduler and workers",
            EXIT_FAULT,
        ) from error
    for where, there in found.items():
        if there != here:
            raise AnalyzerError(
                f"{where} has version {there} of the analyzer, this machine has {here}", EXIT_FAULT
            )


class _Run:
    """One run on one cluster: what is submitted, what is lost, what comes back."""

    def __init__(self, client: Any, plugin: str, options: Options) -> None:
        self.client, self.plugin, self.options = client, plugin, options
        self.sources: dict[Any, str] = {}
        self.lost: Counter[str] = Counter()
        self.completed = dask.as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def outcomes(self, sources: Sequence[str]) -> Iterator[Outcome]:
        waiting = iter(sources)
        for source, _ in zip(waiting, range(WINDOW), strict=False):
            self.submit(source)
        for future, result in self.completed:
            source = self.sources.pop(future)
            outcome = self.outcome(source, future, result)
            future.release()
            following = next(waiting, None)
            if following is not None:
                self.submit(following)
            if outcome is not None:
                yield outcome

    def submit(self, source: str) -> None:
        # A key of its own for each attempt: Dask must not answer with the failure it remembers.
        key = f"analyze-{uuid.uuid4().hex}"
        try:
            future = self.client.submit(_examine, source, self.plugin, key=key, pure=False)
        except Exception as error:
            raise AnalyzerError(f"the cluster was lost: {error}; run again to go on", EXIT_FAULT) from error
        self.sources[future] = source
        self.completed.add(future)

    def outcome(self, source: str, future: Any, result: Any) -> Outcome | None:
        """What came of one attempt; None where the bundle was submitted again."""
        if future.status == "finished" and isinstance(result, Outcome):
            return result
        error = result[1] if isinstance(result, tuple) and len(result) == 3 else result
        if self.client.status != "running":
            raise AnalyzerError("the cluster was lost; run again to go on", EXIT_FAULT)
        if isinstance(error, AnalyzerError):
            raise error
        self.lost[source] += 1
        if self.lost[source] <= LOST_LIMIT:
            self.submit(source)
            return None
        why = f"given up after {LOST_LIMIT + 1} attempts on the cluster: {type(error).__name__}: {error}"
        lost = future.cancelled() or isinstance(error, (dask.KilledWorker, ClosedError))
        kind: ErrorKind = "lost" if lost else "fault"
        row = error_row(source, None, kind, why, self.options.limits, self.options.tool_version)
        return Outcome(source, None, row, [])

    def stop(self) -> None:
        """Take back what is not finished, end the processes on the workers, leave the cluster."""
        try:
            if self.client.status == "running":
                self.client.cancel(list(self.sources), force=True)
                self.client.unregister_worker_plugin(self.plugin)
        except Exception:
            pass  # the cluster went away, and its workers' processes with it
        finally:
            self.client.close(timeout=5)
