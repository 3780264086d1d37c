"""Runs the command as it is called, in this process or in one of its own, and tells what it did."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer import cli


@dataclass(frozen=True)
class Run:
    """What one call gave."""

    status: int
    out: str
    err: str
    peak_kib: int = 0  # of a process of its own

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def verdict(self) -> tuple[str, str]:
        verdict = self.report["verdict"]
        return verdict["cause"], verdict["status"]


def run(*arguments: str | Path) -> Run:
    """``analyze ARGUMENTS`` in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main([str(argument) for argument in arguments])
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    out.flush()
    return Run(status, out.buffer.getvalue().decode("utf-8"), err.getvalue())  # type: ignore[attr-defined]


# What getrusage tells is that of the parent, when that was larger; the kernel's own mark is not.
_MEASURED = """
import sys
from analyzer import cli
try:
    cli.main(sys.argv[1:])
finally:
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print("peak", peak, file=sys.stderr)
"""


def run_apart(*arguments: str | Path, feed: Sequence[bytes] | None = None, seconds: float = 120) -> Run:
    """``analyze ARGUMENTS`` in a process of its own, whose peak of memory is measured.

    ``feed`` is written to its standard input, piece by piece, so that it never is in memory as a whole.
    """
    command = [sys.executable, "-c", _MEASURED, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for piece in feed or ():
                process.stdin.write(piece)
        out, err = process.communicate(timeout=seconds)
    text = err.decode("utf-8", "replace")
    peak = re.search(r"^peak (\d+)$", text, re.MULTILINE)
    assert peak is not None, text
    return Run(process.returncode, out.decode("utf-8"), text, int(peak[1]))


def assert_orderly(found: Run) -> None:
    """A contract exit status and no traceback: what holds for every input."""
    assert found.status in (0, 1, 2, 3), found.err
    assert "Traceback" not in found.err
    assert "internal fault" not in found.err
    assert "could not be parsed" not in found.err
    if found.status == 2:
        assert found.out == ""
        assert found.err.count("\n") == 1
