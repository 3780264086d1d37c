"""Docs never drift: README's blocks run, every command, cause and exit status is documented."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from analyzer import _apps, cli
from analyzer.diagnosis.causes import causes
from analyzer.diagnosis.explain import EXPLANATIONS
from analyzer.diagnosis.model import CauseName

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BUNDLE = ROOT / "fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz"
# Blocks that need a cluster, set up an environment, or take a bundle that is not there.
SLOW = ("make", "kubectl", "analyze notebook", "analyze fleet")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_every_python_block_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # What asks a store of many bundles is run by tests/fleet/test_fleet_docs.py, which makes one.
    found = [block for block in blocks("python") if "cases.parquet" not in block]
    assert found
    for block in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "README.md", "exec"), {})
        assert "max_map_count" in printed.getvalue()


def shell_lines() -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("analyze") and not line.startswith(SLOW)]


@pytest.mark.parametrize("line", shell_lines())
def test_every_command_of_the_readme_runs(line: str, tmp_path: Path) -> None:
    for name in ("bundle.tar.gz", "before.tar.gz", "after.tar.gz"):
        (tmp_path / name).symlink_to(BUNDLE)
    words = shlex.split(line.split(">")[0])[1:]
    environment = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"}
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *words],
        cwd=tmp_path,
        capture_output=True,
        env=environment,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout or list(tmp_path.iterdir())
    assert b"Traceback" not in done.stderr


def test_every_command_is_in_the_readme_and_in_the_help() -> None:
    for name in cli.COMMANDS:
        assert f"analyze {name}" in README
    registered = {c.callback.__name__ for c in _apps.commands_app.registered_commands if c.callback}
    assert registered == set(cli.COMMANDS)


def test_every_part_and_every_extra_is_in_the_readme() -> None:
    parts = {p.name for p in (ROOT / "analyzer").glob("[!_]*.py")} | {
        f"{p.parent.name}/" for p in (ROOT / "analyzer").glob("*/__init__.py")
    }
    assert {part for part in parts if f"\n      {part} " not in README} == set()
    for extra in ("fleet", "notebook"):
        assert f"pip install '.[{extra}]'" in README


def test_every_cause_is_explained_documented_and_has_its_file() -> None:
    names = set(get_args(CauseName))
    assert {e.cause for e in EXPLANATIONS} == names
    assert {c.name for c in causes()} == names - {"none", "undetermined"}
    for name in names:
        assert f"`{name}`" in README


def test_the_page_of_causes_is_what_explain_says() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_causes
    finally:
        sys.path.pop(0)
    assert make_causes.TARGET.read_text(encoding="utf-8") == make_causes.text()


def test_every_exit_status_is_in_the_readme() -> None:
    from analyzer import errors

    for name, value in vars(errors).items():
        if name.startswith("EXIT_"):
            assert f"| {value} |" in README, name


def test_links_of_the_readme_point_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
