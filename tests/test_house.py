"""The house: a folder imports only from those before it; causes are pure; nothing heavy at start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "analyzer"
# The order in which data flows; what stands on one line may import from its own line.
ORDER = (
    ("facts", "errors", "lazy", "version"),
    ("clock",),
    ("collect",),
    ("bundle",),
    ("logs",),
    ("snapshots",),
    ("intake",),
    ("case",),
    ("diagnosis",),
    ("pipeline",),
    ("report",),
    ("fleet",),
)
RANK = {name: i for i, names in enumerate(ORDER) for name in names}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, first name below ``analyzer``) of each import, type-checking ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "analyzer":
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analyzer."):
            yield node.lineno, str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("analyzer."):
                    yield node.lineno, alias.name.split(".")[1]


def test_a_folder_imports_only_from_those_before_it() -> None:
    wrong: list[str] = []
    for path in sorted(ROOT.rglob("*.py")):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own not in RANK:
            continue  # cli, api and their like stand above all
        for line, name in imports(path):
            if name in RANK and RANK[name] > RANK[own]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
            if name in ("cli", "api", "notebook"):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


@pytest.mark.parametrize("path", sorted((ROOT / "diagnosis" / "causes").glob("*.py")), ids=lambda p: p.stem)
def test_a_cause_reads_no_file_and_prints_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"open", "print", "input", "exec", "eval"}
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert not imported & {"os", "sys", "subprocess", "pathlib", "io", "socket"}


def test_nothing_heavy_is_imported_by_a_whole_text_report() -> None:
    bundle = ROOT.parent / "fixtures/bundles/c02-rlimit_as/bundle.tar.gz"
    code = (
        "import sys\nfrom analyzer.cli import main\n"
        f"try:\n    main([{str(bundle)!r}, '--format', 'json'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'pyarrow', 'dask', 'jinja2', 'rich'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("[]"), done.stderr
