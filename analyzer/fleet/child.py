"""What runs in a process of its own: one bundle after the other, each within limits.

The parent is :class:`analyzer.fleet.cell.Cell`. Both speak JSON, one object a line::

    parent  {"path": [...], "diagnose": "analyzer.pipeline:diagnose", "memory": 1073741824, ...}
    child   {"ready": 14508032}
    parent  {"source": "cases/acme.tar.gz", "location": "/srv/cases/acme.tar.gz", "spool": ""}
    child   {"digest": "0f3c..."}
    parent  {"go": true}
    child   {"row": {...}, "evidence": [...]}

The imports are paid once; the end of standard input ends the process at once, so that no child
outlives a parent that was killed.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TextIO

from analyzer.diagnosis.model import Diagnosis
from analyzer.errors import AnalyzerError
from analyzer.fleet.rows import ErrorKind, Limits, Row, case_row, error_row, evidence_rows, one_line
from analyzer.fleet.sources import fetch

# What a process reserves beyond what it uses: stacks, arenas of threads, mapped libraries.
ADDRESS_SLACK = 512 << 20
ALARM_GRACE = 5.0  # seconds after which a bundle over its time ends the process without a parent

Diagnose = Callable[[str], Diagnosis]


def load(name: str) -> Diagnose:
    """The function that ``module:function`` names. Raises :class:`AnalyzerError` if there is none."""
    module, _, function = name.partition(":")
    try:
        found: Diagnose = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise AnalyzerError(f"{name}: cannot be imported: {error}", 4) from error
    return found


def peak_memory() -> int | None:
    """Highest resident memory of this process since :func:`reset_peak`, in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak() -> None:
    """Forget the highest resident memory of the bundles before (Linux: clear_refs 5)."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
            control.write("5")
    except OSError:
        pass  # the peak is then that of the process, not of the bundle


def bound_address_space(memory: int) -> None:
    """Stop a sudden allocation between two looks of the parent at the resident memory."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = size + memory + ADDRESS_SLACK
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    except (ImportError, OSError, ValueError):
        pass  # the parent's watch remains


def diagnose_one(
    source: str, path: str, digest: str, diagnose: Diagnose, limits: Limits, tool_version: str
) -> tuple[Row, list[Row]]:
    """The row and evidence of one bundle; whatever goes wrong becomes the row's error."""
    kind: ErrorKind
    why: object
    try:
        found = diagnose(path)
        return case_row(source, digest, found, limits), evidence_rows(source, digest, found)
    except AnalyzerError as error:
        kind, why = ("unreadable" if error.status == 2 else "fault"), error
    except MemoryError:
        kind, why = "memory", over_memory(limits)
    except RecursionError as error:
        kind, why = "fault", f"RecursionError: {error}"
    except Exception as error:  # any fault of the tool is this bundle's row and stops nothing
        kind, why = "fault", f"{type(error).__name__}: {error} ({_place(error)})"
    return error_row(source, digest, kind, why, limits, tool_version), []


def over_memory(limits: Limits) -> str:
    """What the row of a bundle over its memory limit says."""
    return f"memory over its limit of {limits.memory / (1 << 20):,.0f} MiB"


def over_time(limits: Limits) -> str:
    """What the row of a bundle over its time limit says."""
    return f"time over its limit of {limits.time:g} s"


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "no place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


class _Child:
    """The loop of the process; ``ask`` and ``tell`` are its two ends of the conversation."""

    def __init__(self, config: dict[str, Any], ask: Callable[[], Any], tell: Callable[[Any], None]) -> None:
        self.limits = Limits(config["memory"], config["time"])
        self.tool_version: str = config["tool_version"]
        self.ask, self.tell = ask, tell
        self.diagnose = load(config["diagnose"])

    def serve(self) -> None:
        while True:
            job = self.ask()
            _alarm(self.limits.time + ALARM_GRACE)
            self.examine(job["source"], job["location"], job["spool"])
            _alarm(0)
            gc.collect()  # the case's cycles go with it, and not into the next one's peak

    def examine(self, source: str, location: str, spool: str) -> None:
        """One bundle: its digest, the parent's word, its row.

        ``source`` names it in the row, ``location`` is where it lies, ``spool`` a folder for its
        copy, which the parent removes.
        """
        reset_peak()
        started = time.monotonic()
        evidence: list[Row] = []
        try:
            path, digest = fetch(location, spool)
        except MemoryError:
            row = self._error(source, "memory", over_memory(self.limits))
        except Exception as error:  # each file system of fsspec raises errors of its own
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            row = self._error(source, "missing", f"cannot be read: {why or type(error).__name__}")
        else:
            self.tell({"digest": digest})
            if not self.ask()["go"]:
                self.tell({"row": None, "evidence": []})
                return
            row, evidence = diagnose_one(source, path, digest, self.diagnose, self.limits, self.tool_version)
        row["duration"] = round(time.monotonic() - started, 6)
        row["peak_memory"] = peak_memory()
        self.tell({"row": row, "evidence": evidence})

    def _error(self, source: str, kind: ErrorKind, why: str) -> Row:
        return error_row(source, None, kind, why, self.limits, self.tool_version)


def _alarm(seconds: float) -> None:
    """End this process after ``seconds`` even inside C code; 0 takes the alarm back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _reader(stream: TextIO) -> Callable[[], Any]:
    """The parent's messages, read in a thread so that the parent's end is seen at any time."""
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            messages.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return messages.get


def main(config: dict[str, Any]) -> None:
    """Serve the parent on standard input and output until it closes them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not reach the conversation

    def tell(message: Any) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        child = _Child(config, _reader(sys.stdin), tell)
    except AnalyzerError as error:
        tell({"failed": one_line(error)})
        return
    # What is imported stays: it is not looked through again with each bundle's objects. As in the
    # command, a bundle makes many objects and few cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    bound_address_space(child.limits.memory)
    tell({"ready": peak_memory()})
    child.serve()
