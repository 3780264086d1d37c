"""Patterns that are compiled when they are first used.

The project knows some 450 expressions and a bundle meets a few dozen of them; compiling all took a
fifth of a second at every start. A lazy pattern stands at the top of its module like a compiled one and
is used like one. Each is compiled by a test, so that a wrong one is found there and not by a customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, AnyStr, cast

if TYPE_CHECKING:
    import regex

METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")


class Lazy:
    """Stands for a compiled pattern. Its first use takes over the methods of the real one, so that
    each further use costs what it costs there."""

    def __init__(self, module: str, pattern: str | bytes, flags: int, lists: dict[str, list[str]]) -> None:
        self.pattern = pattern
        self._made = (module, flags, lists)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy and pickle before there is a state
            raise AttributeError(name)
        module, flags, lists = self._made
        compiled: Any
        if module == "re":
            compiled = re.compile(self.pattern, flags)
        else:
            import regex

            compiled = cast("Any", regex.compile)(self.pattern, flags, **lists)
        self.__dict__.update((method, getattr(compiled, method)) for method in METHODS)
        return getattr(compiled, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """``re.compile(text, flags)``, later. Raises ``re.error`` at the first use of a wrong one."""
    return cast("re.Pattern[AnyStr]", Lazy("re", text, flags, {}))


def grammar(text: AnyStr, flags: int = 0, **lists: Iterable[str]) -> regex.Pattern[AnyStr]:
    """``regex.compile(text, flags, **lists)``, later; a list is named in the text as ``\\L<name>``."""
    named = {name: list(words) for name, words in lists.items()}
    return cast("regex.Pattern[AnyStr]", Lazy("regex", text, flags, named))
