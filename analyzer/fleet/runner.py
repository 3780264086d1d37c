"""One run: which bundles are new, where they are read, and every row into the store at once."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec.structs import replace

from analyzer.errors import AnalyzerError
from analyzer.fleet.cell import Options
from analyzer.fleet.progress import Progress, silent
from analyzer.fleet.rows import Limits, Outcome
from analyzer.fleet.sources import is_address
from analyzer.fleet.store import Store
from analyzer.fleet.summary import RunCounts, Summary, summarise

DIAGNOSE = "analyzer.pipeline:diagnose"
MEMORY_LIMIT = 2 << 30  # bytes one bundle may hold in memory
TIME_LIMIT = 600.0  # seconds one bundle may take


def run(
    sources: Iterable[str],
    output: Path,
    *,
    tool_version: str,
    scheduler: str | None = None,
    workers: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
    time_limit: float = TIME_LIMIT,
    progress: Progress = silent,
    diagnose: str = DIAGNOSE,
) -> Summary:
    """Diagnose every source into the store at ``output`` and summarise the store.

    ``sources`` are paths and addresses as :func:`analyzer.fleet.expand` gives them; those in the
    store already, by digest and ``tool_version``, are skipped. ``memory_limit`` (bytes, resident)
    and ``time_limit`` (seconds) hold for each bundle; ``workers`` processes run on this machine,
    one a core unless told, or the Dask cluster at ``scheduler`` is used. ``diagnose`` names the
    function that reads one bundle, ``module:function``.

    A bundle that fails is a row with its error. Raises :class:`AnalyzerError` where the store or
    the cluster cannot be used; then, and on :class:`KeyboardInterrupt`, which is passed on, all
    finished rows are in the store.
    """
    started = time.monotonic()
    limits = Limits(memory_limit, time_limit)
    _check(limits, scheduler, workers)
    names = list(dict.fromkeys(sources))
    counts = RunCounts(bundles=len(names))
    with Store(output) as store, _spool(names) as spool:
        done = store.done(tool_version, limits)
        options = Options(limits, tool_version, diagnose, os.getcwd(), spool)
        progress(0, len(names), None)
        with closing(_outcomes(names, options, done, scheduler, workers)) as outcomes:
            for number, outcome in enumerate(outcomes, 1):
                counts = _count(counts, outcome, store, done)
                progress(number, len(names), outcome)
    counts = replace(counts, seconds=round(time.monotonic() - started, 3))
    return replace(summarise(output), run=counts)


@contextmanager
def _spool(sources: Sequence[str]) -> Iterator[str]:
    """A folder for the copies of remote bundles; none is made, and none left, where all are local."""
    if not any(is_address(source) for source in sources):
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="analyze-fleet-", ignore_cleanup_errors=True) as folder:
        yield folder


def _check(limits: Limits, scheduler: str | None, workers: int | None) -> None:
    if limits.memory <= 0 or limits.time <= 0:
        raise AnalyzerError("the limits of memory and time must be above 0")
    if workers is not None and workers < 1:
        raise AnalyzerError("the number of workers must be at least 1")
    if workers is not None and scheduler is not None:
        raise AnalyzerError("the number of workers is for this machine; a cluster has its own")


def _outcomes(
    sources: Sequence[str], options: Options, done: frozenset[str], scheduler: str | None, workers: int | None
) -> Generator[Outcome, None, None]:
    if scheduler is None:
        from analyzer.fleet import local

        return local.outcomes(sources, options, local.Once(done), workers or local.default_workers())
    try:
        from analyzer.fleet import cluster
    except ImportError as error:
        raise AnalyzerError("a cluster needs dask: pip install 'ingester-postmortem[fleet]'") from error
    return cluster.outcomes(sources, options, done, scheduler)


def _count(counts: RunCounts, outcome: Outcome, store: Store, done: frozenset[str]) -> RunCounts:
    """Write the outcome and count it."""
    if outcome.row is None:
        if outcome.digest in done:
            return replace(counts, skipped=counts.skipped + 1)
        return replace(counts, duplicates=counts.duplicates + 1)
    if not store.append(outcome):
        return replace(counts, duplicates=counts.duplicates + 1)
    if outcome.row["error"] is not None:
        return replace(counts, errors=counts.errors + 1)
    return replace(counts, analysed=counts.analysed + 1)
