"""docs/fleet.md says what is: its tables are the schema, its queries run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from analyzer import fleet
from analyzer.fleet import sources
from analyzer.fleet.rows import ErrorKind
from analyzer.fleet.schema import CASES, with_tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fleet.md"
CONTRACT = (
    "bundle digest layout product version cause status driver subject first_seen maps limit need ratio failures"
    " tenants blocks restarts risks duration peak_memory error"
)


def test_the_tables_of_the_page_are_the_schema() -> None:
    page = PAGE.read_text("utf-8")
    assert with_tables(page) == page, "run analyzer.fleet.schema.update('docs/fleet.md')"


def test_every_column_that_was_promised_is_there() -> None:
    assert set(CONTRACT.split()) <= {column.name for column in CASES}


def test_the_queries_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bundles = [str(ROOT / "fixtures" / "bundles"), str(tmp_path / "gone")]
    fleet.run(
        fleet.expand(bundles), Path("cases.parquet"), tool_version="1.0", diagnose="fleet_stub:diagnose"
    )
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    scope: dict[str, object] = {}
    answers = []
    for block in blocks:
        tree = ast.parse(block)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "docs/fleet.md", "exec"), scope)
        if isinstance(last, ast.Expr):
            answers.append(eval(compile(ast.Expression(last.value), "docs/fleet.md", "eval"), scope))
    assert len(answers) >= 5
    assert all(len(answer) for answer in answers)  # type: ignore[arg-type]
    assert str(scope["page"]).startswith("<!doctype html>")


def test_the_sql_of_the_page_names_only_columns_that_exist() -> None:
    (block,) = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    words = set(re.findall(r"\b[a-z_]+\b", re.sub(r"'[^']*'", "", block)))
    known = {column.name for column in CASES} | {"member", "line", "text"}
    assert words - known == {"bundles", "since", "causes", "required", "count", "min", "list", "c", "e"}


def test_every_kind_of_error_is_explained() -> None:
    page = PAGE.read_text("utf-8")
    for kind in ErrorKind.__args__:  # type: ignore[attr-defined]
        assert f"`{kind}`" in page


def test_every_mark_of_an_unpacked_bundle_that_the_page_names_is_one(tmp_path: Path) -> None:
    paragraph = PAGE.read_text("utf-8").partition("is an unpacked bundle when")[2].partition("at its top")[0]
    names = re.findall(r"`([^`]+)`", paragraph)
    assert len(names) > 12
    for name in names:
        top = tmp_path / f"case-{name}"
        top.mkdir()
        is_folder = sources._FOLDER_MARK.fullmatch(name)
        (top / name).mkdir() if is_folder else (top / name).write_text("x")
        assert list(fleet.expand([str(top)])) == [str(top)], name


def test_the_limits_that_the_page_names_are_the_defaults() -> None:
    page = PAGE.read_text("utf-8")
    assert f"MiB, {fleet.MEMORY_LIMIT >> 20:,} unless told" in page
    assert f"seconds, {fleet.TIME_LIMIT:g} unless told" in page
