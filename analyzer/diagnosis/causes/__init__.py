"""One file per cause. Each exports ``CAUSE``; :func:`causes` finds them all by walking this package."""

from __future__ import annotations

import functools
import importlib

from analyzer import lazy
from analyzer.diagnosis.weigh import Cause


@functools.cache
def causes() -> tuple[Cause, ...]:
    """All causes, in the order of their names."""
    return tuple(importlib.import_module(f"{__name__}.{name}").CAUSE for name in lazy.modules(__path__))
