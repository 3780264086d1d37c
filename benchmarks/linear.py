"""Twice the input takes at most 2.2 times the time; a log of failures alone is read at a steady price.

The time is the processor's, of all threads: what grows is the work, and it is known to a few per cent
also on a machine that does something else beside.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import inputs, synthetic
from benchmarks.measure import ANALYZE, MIB, Figure, Run, figure, run, side_by_side

DOUBLED = 2.2
FAILURE_MICROSECONDS = 25.0
PEAK_MIB = 200


@dataclass(frozen=True, slots=True)
class Growth:
    """A thing that grows: how much of it, and what writes an input with that much."""

    name: str
    amount: int
    suffix: str
    make: Callable[[Path, int], object]


GROWTHS = (
    Growth("log bytes", 300_000_000, ".log", synthetic.ingester_log),
    Growth("failures", 200_000, ".log", inputs.failing_log),
    Growth("members in one line", 1_000_000, ".log", inputs.one_line),
    Growth("mappings", 500_000, "", inputs.mapping_folder),
    Growth("mappings of smaps", 100_000, "", lambda path, amount: inputs.mapping_folder(path, amount, smaps=True)),
    Growth("archive members", 8_000, ".tar", inputs.many_members),
)  # fmt: skip


def _cpu(runs: Sequence[Run]) -> float:
    return statistics.median(result.cpu for result in runs)


def linear(work: Path, rounds: int, quick: bool) -> Iterator[Figure]:
    """Each growth once and twice; the time of the start is taken off, so that it hides nothing."""
    idle = work / "idle.log"
    idle.write_text(f'ts={inputs.STAMP} level=info msg="hello"\n')
    for growth in GROWTHS:
        amount = growth.amount // (10 if quick else 1)
        paths = {"once": work / f"grow-once{growth.suffix}", "twice": work / f"grow-twice{growth.suffix}"}
        for number, path in enumerate(paths.values(), 1):
            growth.make(path, number * amount)
        sides = {side: (*ANALYZE, str(path), "--format", "json") for side, path in paths.items()}
        found = side_by_side({**sides, "idle": (*ANALYZE, str(idle), "--format", "json")}, rounds, work)
        for path in paths.values():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        start = _cpu(found["idle"])
        once, twice = _cpu(found["once"]) - start, _cpu(found["twice"]) - start
        assert all(result.status in (0, 1, 3) for side in paths for result in found[side])
        peaks = {side: round(max(result.peak for result in found[side]) / MIB, 1) for side in paths}
        yield figure(
            "linear",
            f"{growth.name}: {2 * amount:,} to {amount:,}",
            twice / once,
            DOUBLED,
            once_seconds=once,
            twice_seconds=twice,
            start_seconds=start,
            peak_once_mib=peaks["once"],
            peak_twice_mib=peaks["twice"],
        )
    for form in inputs.FAILING:
        yield from _only_failures(work, 1_000_000 // (10 if quick else 1), start, form)


def _only_failures(work: Path, lines: int, start: float, form: str) -> Iterator[Figure]:
    """A log in which every line is a failure."""
    path = work / "failures.log"
    inputs.failing_log(path, lines, form)
    found = run((*ANALYZE, str(path), "--format", "json"), work)
    path.unlink()
    counted, _ = inputs.failures_in(found.output)
    assert counted == lines, f"{counted} of {lines} failing lines counted"
    each = (found.cpu - start) / lines * 1e6
    name = f"every line of {lines:,} a failure: {form}"
    yield figure(
        "linear", name, each, FAILURE_MICROSECONDS, "µs each", cpu_seconds=found.cpu, seconds=found.seconds
    )
    yield figure("memory", name, found.peak / MIB, PEAK_MIB, "MiB", report_megabytes=len(found.output) / 1e6)
