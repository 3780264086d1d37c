"""One process for bundles, seen from outside: started, given bundles, watched, ended, replaced.

The same cell serves a thread of this machine (:mod:`analyzer.fleet.local`) and a thread of a Dask
worker (:mod:`analyzer.fleet.cluster`), so that both give the same rows.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec import Struct

from analyzer.errors import EXIT_FAULT, AnalyzerError
from analyzer.fleet.child import over_memory, over_time
from analyzer.fleet.rows import ErrorKind, Limits, Outcome, Row, error_row
from analyzer.fleet.sources import is_address

LOOK = 0.05  # seconds between two looks at a busy process
START_TIME = 120.0  # seconds a process may take for its imports
RETIRE_SHARE = 0.5  # a process that keeps more than this share of its limit is replaced

# -P and the parent's own sys.path: no module is taken from the folder the analyst stands in.
_BOOT = (
    "import json, sys; config = json.loads(sys.stdin.readline()); sys.path[:] = config['path'];"
    " from analyzer.fleet.child import main; main(config)"
)

Decide = Callable[[str], bool]  # digest -> whether the bundle is to be diagnosed


class Options(Struct, frozen=True):
    """What every process of one run is told.

    ``folder`` is where relative paths start, ``spool`` the folder for copies of remote bundles.
    """

    limits: Limits
    tool_version: str
    diagnose: str
    folder: str
    spool: str


class ClosedError(Exception):
    """The cell was closed while it had a bundle: the bundle is lost here, and no fault."""


class Cell:
    """A process that reads bundles. Not for use by two threads at once, but for :meth:`close`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process and wait until its imports are done.

        Raises :class:`AnalyzerError` (status 4) where no process can serve, which is a fault of
        the installation and no bundle's, and :class:`ClosedError` after :meth:`close`.
        """
        options = self.options
        with self._lock:
            if self._closed:
                raise ClosedError
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            self._process = process
        # A queue for each process: the end of the one before must not be read as this one's.
        self._replies = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(process, self._replies), daemon=True).start()
        self._send(
            {
                "path": sys.path,
                "diagnose": options.diagnose,
                "memory": options.limits.memory,
                "time": options.limits.time,
                "tool_version": options.tool_version,
            }
        )
        try:
            reply = self._replies.get(timeout=START_TIME)
        except queue.Empty:
            reply = {"failed": f"no answer in {START_TIME:g} s"}
        if reply is None or "ready" not in reply:
            self._end()
            if self._closed:
                raise ClosedError
            why = (reply or {}).get("failed", f"it ended with {_status(process)}")
            raise AnalyzerError(f"a process for bundles cannot start: {why}", EXIT_FAULT)

    def examine(self, source: str, decide: Decide) -> Outcome:
        """Have ``source`` read; whatever becomes of the process, there is an outcome.

        A process that ended by itself is replaced once and the bundle tried again: the kernel may
        have killed it for its neighbour's memory. ``decide`` is asked once. Raises
        :class:`AnalyzerError` only where no process can be started, :class:`ClosedError` after
        :meth:`close`.
        """
        outcome = self._spooled(source, decide)
        if self._closed:
            raise ClosedError
        if outcome.row is not None and outcome.row["error_kind"] == "crash":
            known = outcome.digest
            outcome = self._spooled(source, decide if known is None else lambda _: True)
        return outcome

    def _spooled(self, source: str, decide: Decide) -> Outcome:
        if not is_address(source):
            return self._try(source, "", decide)
        with tempfile.TemporaryDirectory(
            prefix="bundle-", dir=self.options.spool, ignore_cleanup_errors=True
        ) as folder:
            return self._try(source, folder, decide)

    def _try(self, source: str, folder: str, decide: Decide) -> Outcome:
        if self._process is not None and self._process.poll() is not None:
            self._end()  # it ended while it had nothing to do: that is no bundle's fault
        if self._process is None:
            self.start()
        assert self._process is not None
        watch = _Watch(self._process.pid, self.options.limits, time.monotonic())
        location = source if is_address(source) else os.path.join(self.options.folder, source)
        self._send({"source": source, "location": location, "spool": folder})
        digest: str | None = None
        while True:
            reply, why = self._next(watch)
            if reply is None:
                return self._broken(source, digest, why, watch)
            if "digest" in reply:
                digest = str(reply["digest"])
                self._send({"go": decide(digest)})
                continue
            row: Row | None = reply["row"]
            if row is not None and (row["error_kind"] == "memory" or self._swollen()):
                self._end()  # an interpreter that ran out of memory, or keeps it, serves no other
            return Outcome(source, digest, row, reply["evidence"])

    def close(self) -> None:
        """End the process for good; a bundle in work is given up. Safe from another thread."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            _finish(process)

    def _next(self, watch: _Watch) -> tuple[dict[str, Any] | None, tuple[ErrorKind, str] | None]:
        while True:
            try:
                return self._replies.get(timeout=LOOK), None
            except queue.Empty:
                if (why := watch.look()) is not None:
                    return None, why

    def _broken(
        self, source: str, digest: str | None, why: tuple[ErrorKind, str] | None, watch: _Watch
    ) -> Outcome:
        """The outcome of a bundle whose process ended, by our hand or by itself."""
        assert self._process is not None
        process = self._process
        self._end()
        kind, text = why or ("crash", f"the process that read it ended with {_status(process)}")
        if process.returncode == -getattr(signal, "SIGALRM", 0):
            kind, text = "time", over_time(self.options.limits)  # its own alarm was first
        row = error_row(
            source,
            digest,
            kind,
            text,
            self.options.limits,
            self.options.tool_version,
            duration=round(time.monotonic() - watch.started, 6),
            peak_memory=watch.peak or None,
        )
        return Outcome(source, digest, row, [])

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            pass  # the end of its replies tells

    def _swollen(self) -> bool:
        assert self._process is not None
        resident = resident_memory(self._process.pid)
        return resident is not None and resident > self.options.limits.memory * RETIRE_SHARE

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _finish(process)


def _finish(process: subprocess.Popen[str]) -> None:
    """End a process; what was not sent to it is not missed. May be called twice."""
    process.kill()
    process.wait()
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


class _Watch:
    """Looks at a busy process: its resident memory and its time against their limits."""

    def __init__(self, pid: int, limits: Limits, started: float) -> None:
        self.pid, self.limits, self.started = pid, limits, started
        self.peak = 0

    def look(self) -> tuple[ErrorKind, str] | None:
        resident = resident_memory(self.pid)
        if resident is not None:
            self.peak = max(self.peak, resident)
            if resident > self.limits.memory:
                return "memory", over_memory(self.limits)
        if time.monotonic() - self.started > self.limits.time:
            return "time", over_time(self.limits)
        return None


def resident_memory(pid: int) -> int | None:
    """Resident memory of a process in bytes, from ``/proc/PID/statm``; None where there is none."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def _pump(process: subprocess.Popen[str], replies: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        try:
            for line in stream:
                replies.put(json.loads(line))
        except ValueError:
            pass  # a reply cut by the process's end
    replies.put(None)


def _status(process: subprocess.Popen[str]) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "no exit status"
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
