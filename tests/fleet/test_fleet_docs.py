"""docs/fleet.md and README.md say what is: the tables are the schema, every query runs on a real store."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import duckdb
import pytest

from analyzer import fleet
from analyzer.fleet import sources
from analyzer.fleet.rows import ErrorKind
from analyzer.fleet.schema import CASES, with_tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fleet.md"
README = ROOT / "README.md"
CONTRACT = (
    "bundle digest layout product version cause status driver subject first_seen maps limit need ratio failures"
    " tenants blocks restarts risks duration peak_memory error"
)


def test_the_tables_of_the_page_are_the_schema() -> None:
    page = PAGE.read_text("utf-8")
    assert with_tables(page) == page, "run analyzer.fleet.schema.update('docs/fleet.md')"


def test_every_column_that_was_promised_is_there() -> None:
    assert set(CONTRACT.split()) <= {column.name for column in CASES}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of real bundles under the name that the pages use, and one that is gone."""
    folder = tmp_path_factory.mktemp("store")
    bundles = fleet.expand([str(ROOT / "fixtures" / "bundles" / "c[0-9]*"), str(folder / "gone")])
    fleet.run(bundles, folder / "cases.parquet", tool_version="1.0")
    return folder


def blocks(page: Path, language: str) -> list[str]:
    """The code of the page that asks a store."""
    found = re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in found if page == PAGE or "cases.parquet" in block]


@pytest.mark.parametrize(("page", "least"), [(PAGE, 7), (README, 1)])
def test_every_python_block_runs_and_finds_something(
    page: Path, least: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store)
    scope: dict[str, object] = {}
    answers = []
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, page.name, "exec"), scope)
        if isinstance(last, ast.Expr):
            answers.append(eval(compile(ast.Expression(last.value), page.name, "eval"), scope))
    assert len(answers) >= least
    assert all(len(answer) for answer in answers)  # type: ignore[arg-type]
    if page == PAGE:
        assert str(scope["page"]).startswith("<!doctype html>")


@pytest.mark.parametrize(("page", "least"), [(PAGE, 6), (README, 2)])
def test_every_sql_statement_runs_and_finds_something(
    page: Path, least: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store)
    statements = [each for block in blocks(page, "sql") for each in duckdb.extract_statements(block)]
    assert len(statements) >= least
    with duckdb.connect() as database:
        for statement in statements:
            assert len(database.sql(statement.query).df()), statement.query


def test_no_query_of_the_pages_stands_outside_a_block_that_is_run() -> None:
    for page in (PAGE, README):
        rest = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"read_parquet|SELECT ", rest), page


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
