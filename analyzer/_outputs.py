"""What an output may replace: an earlier output, but never a bundle, and no file of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from analyzer import lazy
from analyzer.errors import AnalyzerError

# What this tool's reports and notebooks say of themselves. A capture of its script says "-capture" there.
_OURS = lazy.pattern(rb'ingester-postmortem(?: \d|",)|# What happened in this bundle')


def spare(outputs: Iterable[Path], sources: Iterable[str]) -> None:
    """Refuse to write where a bundle would be lost.

    Raises:
        AnalyzerError: one of ``outputs`` is one of the ``sources`` by whatever name, or an existing file inside
            a bundle that is a folder, and no earlier output.
    """
    there = [output for output in outputs if output.exists()]
    for source in sources:
        for output in there:
            if _is_same(output, source):
                raise AnalyzerError(f"cannot write {output}: it is what is to be read; name another file")
        if not os.path.isdir(source):
            continue
        folder = Path(source).resolve()
        for output in there:
            if output.is_file() and output.resolve().is_relative_to(folder) and not _is_ours(output):
                raise AnalyzerError(f"cannot write {output}: it is a file of the bundle; name another file")


def _is_same(output: Path, source: str) -> bool:
    try:
        if source == "-":
            return sys.stdin is not None and os.path.samestat(os.stat(output), os.fstat(sys.stdin.fileno()))
        return output.is_file() and os.path.samefile(output, source)
    except (OSError, ValueError):  # an address, a file that is not there: nothing that could be lost
        return False


def _is_ours(path: Path) -> bool:
    if path.suffix == ".parquet":  # it says nothing of itself: the report beside its folder does
        path = path.parent.parent / "report.json"
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return _OURS.search(content) is not None
