"""Every module's sample is real: its doctest runs, and every parser's docstring begins with one."""

import doctest
import importlib
import pkgutil

import pytest

from analyzer import snapshots
from analyzer.snapshots import parsers
from analyzer.snapshots.registry import PARSERS

MODULES = [f"analyzer.snapshots.{m.name}" for m in pkgutil.iter_modules(snapshots.__path__)] + [
    f"analyzer.snapshots.parsers.{m.name}" for m in pkgutil.iter_modules(parsers.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0


@pytest.mark.parametrize("name", [n for n in MODULES if ".parsers." in n])
def test_a_parser_shows_a_sample_and_is_tested_on_it(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert "\n    " in module.__doc__.split(">>>")[0]
    assert doctest.testmod(module).attempted > 0


def test_each_file_of_the_package_is_one_parser() -> None:
    assert len(PARSERS) == len(list(pkgutil.iter_modules(parsers.__path__)))
    assert len({parser.kind for parser in PARSERS}) == len(PARSERS)
