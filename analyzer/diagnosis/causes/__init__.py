"""One file per cause. Each exports ``CAUSE``; :func:`causes` finds them all by walking this package."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from analyzer.diagnosis.weigh import Cause


@functools.cache
def causes() -> tuple[Cause, ...]:
    """All causes, in the order of their names."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").CAUSE for name in names)
