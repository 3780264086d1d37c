"""The command line, and the table of a run over all targets."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz import __doc__ as usage

_ROOT = Path(__file__).resolve().parent.parent.parent
_SECONDS = 60
_STATUS = re.compile(r"cov: (\d+) ft: (\d+)")
_DONE = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)
_COUNT = re.compile(r"^#(\d+)\t", re.MULTILINE)
_FAULTS = ("crash-*", "timeout-*", "oom-*")


@dataclass(frozen=True)
class Outcome:
    """What one target's run gave. ``cov`` and ``features`` are the fuzzer's: edges of the analyzer's code,
    and edges told apart by how often they were taken."""

    name: str
    executions: int
    seconds: float
    cov: int
    features: int
    faults: tuple[Path, ...]
    status: int

    @property
    def fine(self) -> bool:
        return not self.faults and self.status == 0 and self.executions > 0


def _options(argv: Sequence[str], names: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="?", choices=sorted(names), metavar="TARGET", help=", ".join(names))
    parser.add_argument("files", nargs="*", type=Path, help="run the target over these files, without fuzzer")
    parser.add_argument(
        "--all", action="store_true", help="each target in a process of its own, then a table"
    )
    parser.add_argument("--seconds", type=int, help=f"for each target ({_SECONDS} when --runs is not given)")
    parser.add_argument("--runs", type=int, default=0, help="executions of each target")
    parser.add_argument(
        "--work", type=Path, help="corpora and failing inputs are kept here, and go on growing"
    )
    given = parser.parse_args(argv)
    if given.all == (given.target is not None):
        parser.error("name one target, or --all")
    if given.seconds is None:
        given.seconds = 0 if given.runs else _SECONDS
    return given


def main(argv: Sequence[str]) -> int:
    """Exit status 0 when nothing was found, 1 when something was, 2 when the fuzzer is not there."""
    names = _names()
    given = _options(argv, names)
    if given.files:
        return _replay(given.target, given.files)
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: the fuzzer is missing: pip install 'ingester-postmortem[fuzz]'", file=sys.stderr)
        return 2
    work = (given.work or Path(tempfile.mkdtemp(prefix="fuzz-"))).resolve()
    if given.all:
        return _all(names, given, work)
    from fuzz.drive import drive

    drive(given.target, given.seconds, given.runs, work / given.target)
    return 0


def _names() -> tuple[str, ...]:
    """Without importing a target: under the fuzzer the analyzer must be imported by ``drive``."""
    table = (Path(__file__).parent / "registry.py").read_text(encoding="utf-8")
    return tuple(re.findall(r"^ {8}of_(\w+)\.TARGET,$", table, re.MULTILINE))


def _replay(name: str, files: Sequence[Path]) -> int:
    from fuzz.registry import TARGETS

    for path in files:
        TARGETS[name].run(path.read_bytes())
        print(f"{path}: holds")
    return 0


def _all(names: Iterable[str], given: argparse.Namespace, work: Path) -> int:
    outcomes = []
    print(f"{'target':<12}{'executions':>12}{'exec/s':>9}{'edges':>8}{'features':>10}  faults", flush=True)
    for name in names:
        outcomes.append(_apart(name, given.seconds, given.runs, work))
        print(_row(outcomes[-1]), flush=True)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _apart(name: str, seconds: int, runs: int, work: Path) -> Outcome:
    """One target in a process of its own: a fault ends its process, never the run."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds), "--runs", str(runs)]
    with open(folder / "output", "w+b") as output:
        done = subprocess.run(
            [*command, "--work", str(work)], cwd=_ROOT, stdout=output, stderr=output, check=False
        )
        output.seek(0)
        return outcome_of(name, output.read().decode("utf-8", "replace"), folder, done.returncode)


def outcome_of(name: str, text: str, folder: Path, status: int) -> Outcome:
    """Reads what the fuzzer printed; a run that a fault ended has no final statistics."""
    executed = [int(number) for number in _DONE.findall(text) or _COUNT.findall(text)]
    seconds = re.search(r"^Done \d+ runs in (\d+) second", text, re.MULTILINE)
    rate = re.search(r"^stat::average_exec_per_sec: +(\d+)$", text, re.MULTILINE)
    reached = _STATUS.findall(text)
    executions = executed[-1] if executed else 0
    took = float(seconds[1]) if seconds else executions / int(rate[1]) if rate and int(rate[1]) else 0.0
    faults = sorted(path for pattern in _FAULTS for path in folder.glob(pattern))
    cov, features = (int(number) for number in (reached[-1] if reached else ("0", "0")))
    return Outcome(name, executions, took, cov, features, tuple(faults), status)


def _row(found: Outcome) -> str:
    rate = found.executions / found.seconds if found.seconds else 0
    faults = ", ".join(map(str, found.faults)) or (
        "none" if found.fine else f"status {found.status}: see output"
    )
    return f"{found.name:<12}{found.executions:>12}{rate:>9.0f}{found.cov:>8}{found.features:>10}  {faults}"
