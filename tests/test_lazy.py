"""Patterns that are compiled at their first use: each compiles, and answers as the compiled one does."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer import lazy

POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")


def patterns_in(value: object, depth: int = 0) -> Iterator[lazy.Lazy]:
    """The lazy patterns in a module's value, in tables too."""
    if isinstance(value, lazy.Lazy):
        yield value
    elif depth < 4 and isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from patterns_in(item, depth + 1)
    elif depth < 4 and isinstance(value, dict):
        yield from patterns_in(list(value.values()), depth + 1)


def modules() -> list[str]:
    return sorted(
        found.name
        for found in pkgutil.walk_packages(analyzer.__path__, "analyzer.")
        if not found.name.endswith("__main__")
    )


def lazy_patterns() -> Iterator[tuple[str, lazy.Lazy]]:
    for name in modules():
        for value in vars(importlib.import_module(name)).values():
            for pattern in patterns_in(value):
                yield name, pattern


def test_every_pattern_of_the_project_compiles() -> None:
    compiled = 0
    for _, pattern in lazy_patterns():
        pattern.flags  # noqa: B018 - compiles it
        compiled += 1
    assert compiled > 300


@given(st.text(max_size=40))
def test_it_answers_as_the_compiled_one_does(text: str) -> None:
    made, real = lazy.pattern(r"(\w)(\d+)|-", re.ASCII), re.compile(r"(\w)(\d+)|-", re.ASCII)
    for _ in range(2):  # the first use compiles, the second goes straight to the method
        assert made.findall(text) == real.findall(text)
        assert made.sub("<>", text) == real.sub("<>", text)
        assert [found.span() for found in made.finditer(text)] == [f.span() for f in real.finditer(text)]
    assert (made.pattern, made.flags, made.groups) == (real.pattern, real.flags, real.groups)


def test_no_group_is_possessive() -> None:
    """Before 3.11.5 re may match one wrongly whose inside can backtrack (python/cpython issue 106052); the
    strings of json_items can be matched in one way only."""
    assert POSSESSIVE_GROUP.search("(?:a|b)*+")
    others = [found for found in lazy_patterns() if found[0] != "analyzer.snapshots.json_items"]
    assert len(others) > 300
    for name, made in others:
        text = made.pattern if isinstance(made.pattern, str) else made.pattern.decode("latin-1")
        assert not POSSESSIVE_GROUP.search(text), (name, text)


def test_a_wrong_pattern_says_so_at_its_first_use() -> None:
    wrong = lazy.pattern("(")
    with pytest.raises(re.error):
        wrong.search("text")
    with pytest.raises(re.error):
        wrong.search("text")
