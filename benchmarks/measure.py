"""Running commands side by side: seconds, peak memory, output; and the machine they ran on.

A command is started by a small Python of its own, which measures it: the peak that the kernel
reports for a child includes what its parent held when it forked, and the benchmark itself may hold
much. The rounds of two sides alternate, so that a change of the machine's speed meets both.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

MIB = 1 << 20
ANALYZE = (sys.executable, "-m", "analyzer")
PACKAGES = ("hyperscan", "isal", "regex", "msgspec", "typer", "pandas")
LAUNCH = """\
import json, os, sys, time
command, output, report = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
null = os.open(os.devnull, os.O_RDWR)
files = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
begin = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
_, status, used = os.wait4(pid, 0)
seconds = time.perf_counter() - begin
with open(report, "w") as stream:
    json.dump([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status)], stream)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: wall seconds, CPU seconds, the largest process's peak in bytes."""

    seconds: float
    cpu: float
    peak: int
    status: int
    output: bytes


def run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Run:
    """Run ``command`` to its end; ``folder`` takes its output meanwhile. Raises OSError when it cannot start."""
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    output, report = folder / "run.out", folder / "run.json"
    report.unlink(missing_ok=True)
    told = json.dumps([str(word) for word in command])
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCH, told, str(output), str(report)],
        env={**os.environ, **(env or {})},
        check=True,
    )
    seconds, cpu, peak, status = json.loads(report.read_text())
    return Run(seconds, cpu, peak * 1024, status, output.read_bytes())


def shell(line: str) -> tuple[str, ...]:
    """A pipeline as a command."""
    return ("sh", "-c", line)


def side_by_side(
    sides: Mapping[str, Sequence[str]], rounds: int, folder: Path, env: Mapping[str, str] | None = None
) -> dict[str, list[Run]]:
    """Each command ``rounds`` times, taking turns; one round before them warms the caches."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for number in range(rounds + (rounds > 1)):
        for name, command in sides.items():
            result = run(command, folder, env)
            if number or rounds == 1:
                runs[name].append(result)
    return runs


def seconds_of(runs: Sequence[Run]) -> float:
    """The median of the wall seconds."""
    return statistics.median(result.seconds for result in runs)


def timed(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each call within this process, taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            begin = time.perf_counter()
            action()
            taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in taken.items()}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``value`` is a ratio unless ``unit`` says otherwise; ``target`` is the most
    that is allowed, None where nothing is. ``detail`` holds what the value was made of."""

    group: str
    name: str
    value: float
    target: float | None
    unit: str
    detail: dict[str, Any]
    load: float

    @property
    def met(self) -> bool | None:
        """Whether the value keeps its target; None without one."""
        return None if self.target is None else self.value <= self.target

    def row(self) -> dict[str, Any]:
        """The figure as JSON."""
        return {**asdict(self), "met": self.met}


def figure(
    group: str, name: str, value: float, target: float | None = None, unit: str = "ratio", **detail: Any
) -> Figure:
    """A figure with the load of the machine when it was taken."""
    shown = {key: round(item, 4) if isinstance(item, float) else item for key, item in detail.items()}
    return Figure(group, name, round(value, 3), target, unit, shown, round(os.getloadavg()[0], 2))


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _package(name) for name in PACKAGES},
        "tools": {name: _tool(name) for name in ("tar", "gzip", "rg", "zstd", "awk")},
        "load_at_start": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _package(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        return "not installed"
    flags = ("-W", "version") if os.path.realpath(path).endswith("mawk") else ("--version",)
    done = subprocess.run([path, *flags], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
