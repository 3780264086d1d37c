"""The patterns of the scan: what makes a line worth parsing, and what is only counted.

Literals are without quotes and ``level=`` where they can be, so that they match in every framing; the
levels cannot, so each form of theirs stands here: ``level=error``, ``"level":"error"``, and the same
inside docker's JSON.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from analyzer.logs import godump, kernel, meaning
from analyzer.logs.engine import Patterns

PARTIALS: Patterns = (
    b" stdout P",
    b" stderr P",
    rb're:(?:[^n]|[^\\]n|[^\\]\\\\n)","stream":"',  # docker: "log" does not end in \n
)
SECTION = b"==== START logs for container "  # kubectl cluster-info dump
LEVEL_FORMS = (b"level=%s", b'level":"%s', b'level\\":\\"%s')
LEVEL_WORDS = {"error": (b"error", b"ERROR"), "warn": (b"warn", b"WARN")}
OWN = {"goroutine": (b"goroutine ",), "kernel_line": (b" kernel: ", b'"kernel"')}
"""Counted for the reader itself: the goroutines of a dump; whether a journal holds the kernel's lines."""
HEALTHY = "healthy_block"


class PatternSet(Struct, frozen=True):
    """``parsed`` and ``counted`` as the scanner takes them; ``names`` name the counted ones.

    ``kernel`` are the ids of parsed patterns that only a kernel line holds, ``healthy``, ``levels`` and
    ``own`` (see OWN) those of counted ones.
    """

    parsed: Patterns
    counted: Patterns
    names: tuple[str, ...]
    kernel: frozenset[int]
    healthy: int
    levels: frozenset[int]
    own: frozenset[int]

    def name(self, pattern: int) -> str:
        """The name of a counted pattern by its id."""
        return self.names[pattern - len(self.parsed)]


@lru_cache(maxsize=1)
def pattern_set() -> PatternSet:
    """The one set for all logs: framings and loggers mix within a member."""
    interesting = (*meaning.LITERALS, *godump.STARTS, *PARTIALS, SECTION)
    parsed = tuple(dict.fromkeys((*interesting, *kernel.LITERALS)))
    only_kernel = frozenset(kernel.LITERALS) - frozenset(interesting)
    forms = [
        (name, form % word) for name, words in LEVEL_WORDS.items() for word in words for form in LEVEL_FORMS
    ]
    own_forms = [(name, literal) for name, literals in OWN.items() for literal in literals]
    names = (*meaning.COUNTED, *(name for name, _ in forms), *(name for name, _ in own_forms))
    counted = (
        *meaning.COUNTED.values(),
        *(literal for _, literal in forms),
        *(literal for _, literal in own_forms),
    )
    first = len(parsed)
    return PatternSet(
        parsed,
        counted,
        names,
        frozenset(index for index, literal in enumerate(parsed) if literal in only_kernel),
        first + names.index(HEALTHY),
        frozenset(first + index for index, name in enumerate(names) if name in LEVEL_WORDS),
        frozenset(first + index for index, name in enumerate(names) if name in OWN),
    )
