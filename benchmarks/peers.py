"""Other tools on the same bundle: seconds, memory, and how many of the 27 planted lines they find.

None of them knows this failure, so hotsos and insights-core are given a rule for it (``peer_rules/``).
Each is installed in an environment of its own in the work folder: a virtual environment with pip, or
the unpacked package of lnav. What cannot be installed is left out, with a word.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import inputs
from benchmarks.measure import ANALYZE, MIB, Figure, Run, figure, seconds_of, shell, side_by_side

RULES = Path(__file__).parent / "peer_rules"
TEXT = "cannot allocate memory"
PLANTED = re.compile(rb"PLANTED=(\d+)")
Command = tuple[str, ...]


def _environment(work: Path, package: str) -> Path:
    """The ``bin`` of a virtual environment with ``package``. Raises CalledProcessError when pip cannot."""
    folder = work / "peers" / package
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", package]
        subprocess.run(pip, check=True, capture_output=True)
        (folder / "done").touch()
    return folder / "bin"


def _hotsos(work: Path, bundle: Path) -> Command:
    program = _environment(work, "hotsos") / "hotsos"
    package = next((program.parents[1] / "lib").glob("python*/site-packages/hotsos/defs"))
    rules = work / "peers" / "hotsos-defs"
    if not rules.exists():
        shutil.copytree(package, rules)
    shutil.copy(RULES / "hotsos_map_limit.yaml", rules / "scenarios" / "kernel" / "map_limit.yaml")
    options = ("--kernel", "--force", "--all-logs", "--quiet", "--defs-path", str(rules))
    return (str(program), *options, str(bundle))


def _insights(work: Path, bundle: Path) -> Command:
    program = _environment(work, "insights-core") / "insights"
    return ("env", f"PYTHONPATH={RULES}", str(program), "run", "-p", "insights_map_limit", str(bundle))


def _lnav(work: Path, bundle: Path) -> Command:
    program = shutil.which("lnav") or str(_unpacked(work / "peers" / "lnav"))
    subprocess.run([program, "-V"], check=True, capture_output=True)
    home = work / "peers" / "home"
    home.mkdir(parents=True, exist_ok=True)
    return ("env", f"HOME={home}", program, "-n", "-N", "-c", f":filter-in {TEXT}", str(bundle))


def _unpacked(folder: Path) -> Path:
    """lnav out of its Debian package, without installing it."""
    program = folder / "usr" / "bin" / "lnav"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "lnav"], cwd=folder, check=True, capture_output=True)
        package = next(folder.glob("lnav_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True, capture_output=True)
    return program


def _zgrep(work: Path, bundle: Path) -> Command:
    return ("zgrep", "-a", "-c", TEXT, str(bundle))


def _tar_rg(work: Path, bundle: Path) -> Command:
    return shell(f"tar -xzOf {shlex.quote(str(bundle))} | rg -c '{TEXT}'")


def _analyze(work: Path, bundle: Path) -> Command:
    return (*ANALYZE, str(bundle), "--format", "json")


PEERS = {
    "analyze": _analyze,
    "tar -xzO | rg -c": _tar_rg,
    "zgrep -c": _zgrep,
    "lnav -n": _lnav,
    "insights-core": _insights,
    "hotsos --all-logs": _hotsos,
}


def found_by(name: str, run: Run) -> int:
    """How many of the planted lines a tool's output tells of."""
    if name == "analyze":
        return inputs.failures_in(run.output)[0]
    if (told := PLANTED.search(run.output)) is not None:
        return int(told[1])
    if run.output.strip().isdigit():
        return int(run.output)
    return run.output.count(TEXT.encode()) and sum(TEXT.encode() in line for line in run.output.splitlines())


def peers(work: Path, megabytes: int, rounds: int) -> Iterator[Figure]:
    """All tools that could be had, taking turns on one bundle, each from the archive to its answer."""
    bundle = inputs.log_bundle(work, megabytes)
    commands: dict[str, Command] = {}
    for name, command in PEERS.items():
        try:
            commands[name] = command(work, bundle)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            print(f"peers: {name} is left out: {type(error).__name__}", file=sys.stderr)
    runs = side_by_side(commands, min(rounds, 3), work)
    theirs = seconds_of(runs["tar -xzO | rg -c"])
    for name, results in runs.items():
        yield figure(
            "peers",
            f"{name}, {megabytes} MB",
            seconds_of(results) / theirs,
            seconds=seconds_of(results),
            peak_mib=round(max(run.peak for run in results) / MIB, 1),
            found=found_by(name, results[0]),
            planted=inputs.FAILING_LINES,
            status=results[0].status,
        )
