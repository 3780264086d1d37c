"""What `analyze fleet` costs: bundles per second, cores, a cluster, memory, proportion.

    python -m benchmarks.fleet                         all of it, about half an hour on two cores
    python -m benchmarks.fleet --quick                 a few bundles, one round: does it all work
    python -m benchmarks.fleet --bundles 400 --rounds 5 --sizes "" --output fleet.json

Takes the real bundles of ``fixtures/``, each repeated with another time stamp in its gzip header (so
that no two have the same digest), and runs the fleet on them in processes of its own, bound to one
core or two, and on a Dask cluster on this machine. Beside it a plain pool of processes that calls the
analysis and keeps nothing: what the fleet costs above it is digests, limits, the journal and the store, and
what two cores fall short of twice one there is the machine's share (caches, memory) and not the fleet's. Every
ratio is of runs side by side in one
invocation, the rounds interleaved, the median taken. Prints a table and writes JSON; status 1 when the
efficiency is below its target.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bundles"
DIAGNOSE = "analyzer.pipeline:diagnose"
EFFICIENCY = 0.85  # the share of two cores' work that two cores must do
MIB = 1 << 20

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: bundles of the comparison, rounds, and the sizes that show proportion."""

    bundles: int
    rounds: int
    sizes: str


WHOLE = Extent(200, 3, "50,100,200,500,1000")
QUICK = Extent(30, 1, "15,30")


def make_bundles(folder: Path, count: int) -> list[str]:
    """``count`` bundles of distinct digests, the fixtures in turn."""
    fixtures = [(path.parent.name, path.read_bytes()) for path in sorted(FIXTURES.glob("*/bundle.tar.gz"))]
    made = []
    for number, (name, data) in zip(range(count), itertools.cycle(fixtures), strict=False):
        path = folder / f"{number:04}-{name}.tar.gz"
        path.write_bytes(data[:4] + (number + 1).to_bytes(4, "little") + data[8:])
        made.append(str(path))
    return made


def plain_pool(told: Figures) -> Figures:
    """The same bundles by a pool of processes that calls the analysis and keeps nothing."""
    elsewhere, started = busy_seconds() - own_seconds(), time.perf_counter()
    module, _, name = told["diagnose"].partition(":")
    diagnose = getattr(import_module(module), name)
    with multiprocessing.get_context("fork").Pool(told["workers"]) as pool:
        for _ in pool.imap_unordered(Discarded(diagnose), told["sources"]):
            pass
        pool.close()
        pool.join()
    seconds = time.perf_counter() - started
    elsewhere = busy_seconds() - own_seconds() - elsewhere
    return {
        "seconds": seconds,
        "cpu_seconds": own_seconds(),
        "cores_busy_elsewhere": elsewhere / seconds,
        "analysed": len(told["sources"]),
        "errors": 0,
    }


class Discarded:
    """A function whose result stays in its process."""

    def __init__(self, function: Callable[[str], object]) -> None:
        self.function = function

    def __call__(self, source: str) -> None:
        self.function(source)


def one_run(told: Figures) -> Figures:
    """One run in this process: its seconds, and the memory of its processes in MiB."""
    if told["cores"]:
        os.sched_setaffinity(0, told["cores"])
    return plain_pool(told) if told["plain"] else fleet_run(told)


def fleet_run(told: Figures) -> Figures:
    """One fleet run in this process."""
    import resource

    import pyarrow.parquet as pq

    from analyzer import fleet

    output = Path(told["output"])
    elsewhere = busy_seconds() - own_seconds()
    started = time.perf_counter()
    summary = fleet.run(
        told["sources"],
        output,
        workers=told["workers"],
        scheduler=told["scheduler"],
        diagnose=told["diagnose"],
        tool_version="benchmark",
    )
    seconds = time.perf_counter() - started
    elsewhere = busy_seconds() - own_seconds() - elsewhere
    parent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before the store is read here
    assert summary.run is not None
    peaks = [peak for peak in pq.read_table(output)["peak_memory"].to_pylist() if peak is not None]
    return {
        "seconds": seconds,
        "cpu_seconds": own_seconds(),
        "cores_busy_elsewhere": elsewhere / seconds,
        "analysed": summary.run.analysed,
        "errors": summary.run.errors,
        "worker_median_mib": statistics.median(peaks) / MIB,
        "worker_max_mib": max(peaks) / MIB,
        "parent_mib": parent,
    }


def own_seconds() -> float:
    """Processor time of this process and the children that it has waited for."""
    return sum(os.times()[:4])


def busy_seconds() -> float:
    """Processor time that this machine has spent on any process."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def measure(
    sources: list[str],
    diagnose: str,
    *,
    workers: int | None = None,
    cores: int = 0,
    scheduler: str | None = None,
    plain: bool = False,
) -> Figures:
    """One run in a fresh process, bound to the first ``cores`` cores, 0 for all."""
    with tempfile.TemporaryDirectory() as folder:
        told = {
            "sources": sources,
            "output": f"{folder}/cases.parquet",
            "workers": workers,
            "scheduler": scheduler,
            "cores": sorted(os.sched_getaffinity(0))[:cores],
            "diagnose": diagnose,
            "plain": plain,
        }
        done = subprocess.run(
            [sys.executable, __file__, "--one-run"],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        found: Figures = json.loads(done.stdout.splitlines()[-1])
    if found["analysed"] + found["errors"] != len(sources):
        raise SystemExit(f"{found['analysed'] + found['errors']} rows of {len(sources)} bundles")
    return found


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """A Dask cluster on this machine, its address."""
    import logging

    import distributed

    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as started:
        yield started.scheduler_address


def median(rounds: list[Figures], name: str) -> float:
    return statistics.median(each[name] for each in rounds)


def ratio(these: list[Figures], those: list[Figures]) -> float:
    """The median over the rounds of the one's seconds to the other's in the same round."""
    return statistics.median(a["seconds"] / b["seconds"] for a, b in zip(these, those, strict=True))


def compare(sources: list[str], rounds: int, diagnose: str) -> Figures:
    """One core, two cores, a cluster of two workers and plain pools, rounds interleaved."""
    runs: tuple[list[Figures], ...] = ([], [], [], [], [])
    one, two, spread, pool_one, pool_two = runs
    for _ in range(rounds):
        one.append(measure(sources, diagnose, workers=1, cores=1))
        two.append(measure(sources, diagnose, workers=2, cores=2))
        pool_one.append(measure(sources, diagnose, workers=1, cores=1, plain=True))
        pool_two.append(measure(sources, diagnose, workers=2, cores=2, plain=True))
        with cluster(2) as address:  # not while the others run: an idle cluster is not quite idle
            spread.append(measure(sources, diagnose, scheduler=address))
    count = len(sources)
    seconds = {
        "one": median(one, "seconds"),
        "two": median(two, "seconds"),
        "cluster": median(spread, "seconds"),
        "pool_one": median(pool_one, "seconds"),
        "pool_two": median(pool_two, "seconds"),
    }
    return {
        "bundles": count,
        "errors": max(each["errors"] for run in runs for each in run),
        "seconds": seconds,
        "cores_busy_elsewhere": max(each["cores_busy_elsewhere"] for run in (one, two) for each in run),
        "cpu_seconds": {"one": median(one, "cpu_seconds"), "two": median(two, "cpu_seconds")},
        "bundles_per_second": {name: count / value for name, value in seconds.items()},
        "efficiency_on_two_cores": ratio(one, two) / 2,
        "efficiency_of_a_plain_pool": ratio(pool_one, pool_two) / 2,
        "fleet_over_pool": {"one": ratio(one, pool_one), "two": ratio(two, pool_two)},
        "cluster_over_local": ratio(spread, two),
        "worker_median_mib": median(two, "worker_median_mib"),
        "worker_max_mib": max(each["worker_max_mib"] for each in two),
        "parent_mib": median(two, "parent_mib"),
    }


def grow(sources: list[str], sizes: list[int], rounds: int, diagnose: str) -> list[Figures]:
    """The cost of more and more bundles on two cores."""
    found: dict[int, list[Figures]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            found[size].append(measure(sources[:size], diagnose, workers=2, cores=2))
    return [
        {
            "bundles": size,
            "seconds": median(runs, "seconds"),
            "ms_per_bundle": 1000 * median(runs, "seconds") / size,
            "cpu_ms_per_bundle": 1000 * median(runs, "cpu_seconds") / size,
            "cores_busy_elsewhere": max(each["cores_busy_elsewhere"] for each in runs),
            "worker_max_mib": max(each["worker_max_mib"] for each in runs),
            "parent_mib": median(runs, "parent_mib"),
        }
        for size, runs in found.items()
    ]


def machine() -> Figures:
    """What this was measured on."""
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def table(found: Figures) -> str:
    """The figures to read."""
    from tabulate import tabulate

    both, rate = found["compare"], found["compare"]["bundles_per_second"]
    verdict = "met" if both["efficiency_on_two_cores"] >= EFFICIENCY else "missed"
    rows = [
        ("bundles", both["bundles"], f"{both['errors']} without a verdict"),
        ("bundles per second, one core", f"{rate['one']:.1f}", ""),
        ("bundles per second, two cores", f"{rate['two']:.1f}", ""),
        (
            "parallel efficiency",
            f"{both['efficiency_on_two_cores']:.2f}",
            f"at least {EFFICIENCY}: {verdict}",
        ),
        ("parallel efficiency of a plain pool", f"{both['efficiency_of_a_plain_pool']:.2f}", "the machine's"),
        (
            "fleet / plain pool, time",
            f"{both['fleet_over_pool']['one']:.2f}, {both['fleet_over_pool']['two']:.2f}",
            "on one core, on two",
        ),
        ("cores busy with other work meanwhile", f"{both['cores_busy_elsewhere']:.2f}", "0 in a fair run"),
        (
            "processor time, two cores / one",
            f"{both['cpu_seconds']['two'] / both['cpu_seconds']['one']:.2f}",
            "",
        ),
        ("bundles per second, cluster of two", f"{rate['cluster']:.1f}", ""),
        ("cluster / local, time", f"{both['cluster_over_local']:.2f}", ""),
        ("memory of a process, median", f"{both['worker_median_mib']:.0f} MiB", ""),
        ("memory of a process, most", f"{both['worker_max_mib']:.0f} MiB", ""),
        ("memory of the parent", f"{both['parent_mib']:.0f} MiB", ""),
    ]
    parts = [tabulate(rows, headers=("figure", "value", ""), tablefmt="github", disable_numparse=True)]
    if found["grow"]:
        cells = [
            (
                each["bundles"],
                f"{each['seconds']:.1f}",
                f"{each['ms_per_bundle']:.1f}",
                f"{each['cpu_ms_per_bundle']:.1f}",
                f"{each['cores_busy_elsewhere']:.2f}",
                f"{each['worker_max_mib']:.0f}",
                f"{each['parent_mib']:.0f}",
            )
            for each in found["grow"]
        ]
        headers = (
            "bundles",
            "seconds",
            "ms a bundle",
            "processor ms a bundle",
            "cores busy elsewhere",
            "process MiB",
            "parent MiB",
        )
        parts.append(tabulate(cells, headers=headers, tablefmt="github", disable_numparse=True))
    return "\n\n".join(parts)


def main() -> int:
    """Run, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="write the figures as JSON here")
    parser.add_argument("--quick", action="store_true", help="30 bundles, one round")
    parser.add_argument("--bundles", type=int, help="bundles of the comparison (200)")
    parser.add_argument("--rounds", type=int, help="rounds of each side (3)")
    parser.add_argument("--sizes", help="numbers of bundles, or empty (50,100,200,500,1000)")
    parser.add_argument("--diagnose", default=DIAGNOSE, help="the function that reads one bundle")
    parser.add_argument("--one-run", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one_run:
        print(json.dumps(one_run(json.load(sys.stdin))))
        return 0
    default = QUICK if told.quick else WHOLE
    bundles, rounds = told.bundles or default.bundles, told.rounds or default.rounds
    sizes = [int(each) for each in (default.sizes if told.sizes is None else told.sizes).split(",") if each]
    found: Figures = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        sources = make_bundles(Path(folder), max([bundles, *sizes]))
        found["compare"] = compare(sources[:bundles], rounds, told.diagnose)
        found["grow"] = grow(sources, sizes, rounds, told.diagnose)
    print(
        f"{found['machine']['cpu']}, {found['machine']['cores']} cores, Python {found['machine']['python']}\n"
    )
    print(table(found))
    if told.output is not None:
        told.output.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if told.quick or found["compare"]["efficiency_on_two_cores"] >= EFFICIENCY else 1


if __name__ == "__main__":
    sys.exit(main())
