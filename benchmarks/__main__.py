"""All benchmarks in one run: one table on stdout, the figures as JSON in a file.

    python -m benchmarks                                   everything, about half an hour on two cores
    python -m benchmarks --quick                           small inputs, few rounds: does it all work
    python -m benchmarks --only whole --sizes 500          one group, one size (megabytes of log)
    python -m benchmarks --only peers --work FOLDER        inputs and installed peers are kept in FOLDER

Groups: whole (with memory), startup, mappings, linear, floor (with profile), peers. Every figure is a
ratio to a command run in turns with it, the median of several rounds, with the machine's load beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure
from benchmarks.floor import floor
from benchmarks.linear import linear
from benchmarks.maps import mappings
from benchmarks.peers import peers
from benchmarks.startup import startup
from benchmarks.table import header, line, peers_markdown
from benchmarks.whole import whole

GROUPS = ("startup", "whole", "mappings", "linear", "floor", "peers")
SIZES, QUICK_SIZES = "500,2000,5000", "20,40"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="groups, separated by commas")
    parser.add_argument("--quick", action="store_true", help="small inputs, one round")
    parser.add_argument("--sizes", help=f"megabytes of log, separated by commas (default {SIZES})")
    parser.add_argument("--rounds", type=int, help="rounds of each side (default 5)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="the JSON file")
    parser.add_argument("--work", type=Path, help="folder for inputs and peers, kept; else a temporary one")
    return parser.parse_args()


def figures(given: argparse.Namespace, groups: list[str], work: Path) -> Iterator[measure.Figure]:
    """All figures of the groups asked for, as they are taken."""
    sizes = sorted(int(size) for size in (given.sizes or (QUICK_SIZES if given.quick else SIZES)).split(","))
    rounds = given.rounds or (1 if given.quick else 5)
    runs = {
        "startup": lambda: startup(work, rounds, given.quick),
        "whole": lambda: whole(work, sizes, rounds),
        "mappings": lambda: mappings(work, 100_000 if given.quick else 1_000_000, rounds),
        "linear": lambda: linear(work, min(rounds, 3), given.quick),
        "floor": lambda: floor(work, min(sizes), rounds),
        "peers": lambda: peers(work, min(sizes), rounds),
    }
    for group in groups:
        yield from runs[group]()


def main() -> int:
    """Run, print the table, write the JSON. Status 1 when a target is not met."""
    given = options()
    groups = given.only.split(",") if given.only else list(GROUPS)
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        print(f"benchmarks: no group {unknown[0]!r}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    work = given.work or Path(tempfile.mkdtemp(prefix="benchmarks-"))
    work.mkdir(parents=True, exist_ok=True)
    # As installed programs, both sides run from compiled modules, wherever the checkout lies.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(work / "pycache")
    machine = measure.machine()
    print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, load {machine['load_at_start']}"
    )
    print(header())
    taken = []
    try:
        for found in figures(given, groups, work):
            print(line(found), flush=True)
            taken.append(found)
    finally:
        if given.work is None:
            shutil.rmtree(work)
        rows = [found.row() for found in taken]
        given.output.write_text(json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n")
    if table := peers_markdown(taken):
        print(f"\n{table}")
    return 1 if any(found.met is False for found in taken) else 0


if __name__ == "__main__":
    sys.exit(main())
