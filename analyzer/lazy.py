"""What keeps a start short: patterns that are compiled when they are first used, packages without pkgutil.

The project knows some 450 expressions and a bundle meets a few dozen of them; compiling all took a
fifth of a second at every start. A lazy pattern stands at the top of its module like a compiled one and
is used like one. Each is compiled by a test, so that a wrong one is found there and not by a customer.

They are ``re``'s: it compiles them in a third of the time that ``regex`` takes, which costs 17 ms more to
import. Before 3.11.5 ``re`` may match a possessive *group* wrongly where the group can backtrack
(python/cpython issue 106052), so as a rule only single characters and classes are repeated possessively.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any, AnyStr, cast

METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")


class Lazy:
    """Stands for a compiled pattern. Its first use takes over the methods of the real one, so that
    each further use costs what it costs there."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy and pickle before there is a state
            raise AttributeError(name)
        compiled: Any = re.compile(self.pattern, self._flags)
        self.__dict__.update((method, getattr(compiled, method)) for method in METHODS)
        return getattr(compiled, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """``re.compile(text, flags)``, later. Raises ``re.error`` at the first use of a wrong one."""
    return cast("re.Pattern[AnyStr]", Lazy(text, flags))


def modules(places: Iterable[str]) -> list[str]:
    """The names of the modules of a package, given its ``__path__``, in order. pkgutil takes 3 ms to import."""
    names = {name for place in places for name in os.listdir(place) if name.endswith(".py")}
    return sorted(name.removesuffix(".py") for name in names if not name.startswith("_"))
