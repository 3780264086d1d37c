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
from analyzer.logs.literals import HEALTHY

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


class PatternSet(Struct, frozen=True):
    """``parsed`` and ``counted`` as the scanner takes them.

    ``kernel`` are the ids of parsed patterns that only a kernel line holds; ``levels`` and ``own`` (see OWN)
    give the names of counted ones by their ids. ``frequent`` announces a healthy block.
    """

    parsed: Patterns
    counted: Patterns
    frequent: bytes
    kernel: frozenset[int]
    levels: dict[int, str]
    own: dict[int, str]


@lru_cache(maxsize=1)
def pattern_set() -> PatternSet:
    """The one set for all logs: framings and loggers mix within a member."""
    interesting = (*meaning.LITERALS, *godump.STARTS, *PARTIALS, SECTION)
    parsed = tuple(dict.fromkeys((*interesting, *kernel.LITERALS)))
    only_kernel = frozenset(kernel.LITERALS) - frozenset(interesting)
    levels = [
        (name, form % word) for name, words in LEVEL_WORDS.items() for word in words for form in LEVEL_FORMS
    ]
    own = [(name, literal) for name, literals in OWN.items() for literal in literals]
    first_own = len(parsed) + len(levels)
    return PatternSet(
        parsed,
        tuple(literal for _, literal in (*levels, *own)),
        HEALTHY,
        frozenset(index for index, literal in enumerate(parsed) if literal in only_kernel),
        {index: name for index, (name, _) in enumerate(levels, len(parsed))},
        {index: name for index, (name, _) in enumerate(own, first_own)},
    )
