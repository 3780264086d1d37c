"""The reference never drifts from the code, its examples run, and what is public is typed and explained."""

from __future__ import annotations

import doctest
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import analyzer
from analyzer import _diagnosed, api

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import make_reference

    monkeypatch.delitem(sys.modules, "make_reference")
    return make_reference


def test_the_pages_are_what_the_code_says(reference: ModuleType) -> None:
    for page, text in reference.PAGES.items():
        assert (ROOT / "docs" / page).read_text("utf-8") == text(), "run python docs/make_reference.py"


@pytest.mark.parametrize("module", [api, _diagnosed], ids=lambda module: module.__name__)
def test_the_examples_run(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(module)
    assert found.attempted >= 4
    assert found.failed == 0


def public() -> list[tuple[str, object]]:
    """Public functions and the public members of public classes."""
    found: list[tuple[str, object]] = []
    for name in analyzer.__all__:
        value = getattr(analyzer, name)
        if inspect.isfunction(value):
            found.append((name, value))
        elif inspect.isclass(value):
            found.append((name, value))
            members = {k: v for k, v in vars(value).items() if not k.startswith("_")}
            found.extend(
                (f"{name}.{key}", member.fget if isinstance(member, property) else member)
                for key, member in members.items()
                if isinstance(member, property) or inspect.isfunction(member)
            )
    return found


@pytest.mark.parametrize(("name", "value"), public(), ids=[name for name, _ in public()])
def test_what_is_public_is_typed_explained_and_in_the_reference(name: str, value: object) -> None:
    assert (value.__doc__ or "").strip(), name
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert f"analyzer.{name}\n" in page or f"### {name.rpartition('.')[2]}" in page
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert signature.return_annotation is not inspect.Signature.empty
        arguments = [p for key, p in signature.parameters.items() if key != "self"]
        assert all(p.annotation is not inspect.Parameter.empty for p in arguments)


def test_modules_of_the_facade_that_are_not_public_are_underscored() -> None:
    top = {path.stem for path in (ROOT / "analyzer").glob("*.py")}
    helpers = {name for name in top if name.startswith("_") and not name.startswith("__")}
    assert helpers == {"_apps", "_command", "_diagnosed", "_html", "_outputs", "_plots", "_sources"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "analyzer" / "py.typed").exists()


def test_what_the_docs_teach_of_the_fleet_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    taught = "".join(
        path.read_text("utf-8") for path in [*ROOT.glob("notebooks/*.ipynb"), ROOT / "docs" / "fleet.md"]
    )
    names = set(re.findall(r"(?<!analyzer\.)\bfleet\.(\w+)\(", taught)) - {"md"}
    assert names
    assert {name for name in names if f"### fleet.{name}()" not in page} == set()
