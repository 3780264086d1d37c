"""The whole run, from a bundle to its diagnosis. The command, the library and the fleet call this."""

from __future__ import annotations

import os
from typing import BinaryIO

from analyzer.bundle import Limits
from analyzer.case.build import Filter, build
from analyzer.case.model import Case
from analyzer.diagnosis.build import diagnose as _diagnose
from analyzer.diagnosis.model import Diagnosis
from analyzer.intake import DEFAULTS, Progress, read


def case_of(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    only: Filter | None = None,
    detail: bool = False,
    progress: Progress | None = None,
    allow_remote: bool = False,
    limits: Limits = DEFAULTS,
) -> Case:
    """Read a bundle and join it. Raises AnalyzerError (status 2) for input that cannot be read."""
    intake = read(source, detail=detail, progress=progress, allow_remote=allow_remote, limits=limits)
    return build(intake, only)


def diagnose(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    only: Filter | None = None,
    progress: Progress | None = None,
    allow_remote: bool = False,
    limits: Limits = DEFAULTS,
) -> Diagnosis:
    """Read a bundle and diagnose it: the same object that ``analyze --format json`` prints."""
    case = case_of(source, only=only, progress=progress, allow_remote=allow_remote, limits=limits)
    return _diagnose(case, only)
