"""The notebooks run top to bottom on real bundles, and ``analyze notebook`` writes one that did."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from captured import BUNDLES
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from analyzer import notebook
from analyzer.errors import AnalyzerError

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BUNDLE = BUNDLES / "cortex-startup_logfmt_1.11.1" / "bundle.tar.gz"
SMALL = BUNDLES / "c13-emfile" / "bundle.tar.gz"

SHOWN = {"04-many-bundles"}
"""Committed with outputs: its answers are read where no kernel is, beside the queries they are of."""

AGAIN = "jupyter execute --inplace"

CLAIMS = {
    "01-first-bundle": (
        "assert (diagnosis.cause, diagnosis.status) == ('max_map_count', 'confirmed')\n"
        "assert case.snapshots['count'].min() < 10 and case.snapshots['ratio'].max() == 1\n"
        "assert not case.lives['ready'].any() and case.members['size'].max() < 5000\n"
        "of_files = mappings.dropna(subset=['block'])\n"
        "assert not of_files.duplicated(['snapshot', 'path']).any() and not mappings['deleted'].any()"
    ),
    "02-who-holds-the-mappings": (
        "assert table.loc['runs', 'mapped_of_limit'] < 0.5 and table.loc['cannot start', 'need_of_limit'] > 1\n"
        "assert not again.any() and not files['deleted'].any()\n"
        "blocks_of = per_tenant['blocks'].astype(int).groupby('case', observed=True)\n"
        "assert (blocks_of.max() < 2 * blocks_of.median()).all()\n"
        "assert need[need.index < cases['cannot start'].lives['started'].min()].max() > subject['map_limit']\n"
        "assert after['block'].nunique() > 0"
    ),
    "03-look-alikes": (
        "assert lines['first_line'].nunique() == 1\n"
        "told = pd.DataFrame(rows).T\n"
        "assert set(told['status']) == {'confirmed'} and told['cause'].nunique() == 6\n"
        "assert ((used > 80).sum(axis=1) == 1).all()\n"
        "assert tops['c03'] < 4 < tops['c02'] and holes.max() < asked"
    ),
    "04-many-bundles": (
        "assert len(answers) == 5 and all(len(by_sql) for by_sql, _ in answers.values())\n"
        "for by_sql, by_pandas in answers.values():\n"
        "    pd.testing.assert_frame_equal(\n"
        "        by_sql.convert_dtypes(), by_pandas.convert_dtypes(), check_dtype=False\n"
        "    )\n"
        "assert set(cases['bundle']) == {str(path) for path in paths} and cases['error'].isna().all()\n"
        "assert dict(zip(cases['bundle'], cases['signature'])) == {\n"
        "    str(path): verdicts.loc[path.parent.name, 'signature'] for path in paths\n"
        "}\n"
        "assert len(verdicts) == len(paths) and alike['causes'].str.contains(',').any()\n"
        "assert highest['c11-near-limit-but-rlimit_as'] > 0.9\n"
        "assert verdicts.loc['c11-near-limit-but-rlimit_as', 'cause'] != 'max_map_count'"
    ),
}
"""What the prose of each notebook says, as code that runs after it."""


def run(held: Any, folder: Path, work: Path) -> None:
    """Run a notebook in a kernel of this interpreter, described below ``folder`` alone."""
    spec = folder / "kernels" / "here"
    spec.mkdir(parents=True)
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "here", "language": "python"})
    )
    found = KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)
    client = NotebookClient(held, timeout=300, resources={"metadata": {"path": str(work)}})
    client.km = AsyncKernelManager(kernel_name="here", kernel_spec_manager=found)
    client.km.connection_file = str(folder / "connection.json")
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")})


def outputs(held: Any) -> list[Any]:
    return [output for cell in held.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures(held: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(held))


def test_the_four_notebooks_are_there() -> None:
    names = ["01-first-bundle", "02-who-holds-the-mappings", "03-look-alikes", "04-many-bundles"]
    assert [path.stem for path in NOTEBOOKS] == names


def code_cells(held: Any) -> list[Any]:
    return [cell for cell in held.cells if cell.cell_type == "code"]


def tables(held: Any) -> dict[str, str]:
    """What the cells that ask a store show, by their ids: rows in an order that is told, no pictures."""
    return {
        cell.id: cell.outputs[0].data["text/plain"] for cell in code_cells(held) if "db.sql(" in cell.source
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_or_with_all_of_one_run(path: Path) -> None:
    held = nbformat.read(path, as_version=4)
    nbformat.validate(held)
    assert held.cells[0].source.startswith("# ")
    assert str(ROOT) not in path.read_text("utf-8")
    assert tempfile.gettempdir() not in "".join(str(output) for output in outputs(held))
    counts = [cell.execution_count for cell in code_cells(held)]
    if path.stem in SHOWN:
        assert counts == list(range(1, len(counts) + 1)), f"run {AGAIN} {path.name}"
        assert {output.output_type for output in outputs(held)} <= {"execute_result", "display_data"}
    else:
        assert outputs(held) == []
        assert set(counts) == {None}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_top_to_bottom_and_shows_what_it_says(path: Path, tmp_path: Path) -> None:
    held = nbformat.read(path, as_version=4)
    committed = tables(held) if path.stem in SHOWN else {}
    held.cells.insert(-1, nbformat.v4.new_code_cell(CLAIMS[path.stem]))
    run(held, tmp_path, path.parent)
    assert pictures(held) >= 3
    told = [output for output in outputs(held) if output.output_type == "stream" and output.name == "stderr"]
    assert [output.text for output in told] == []
    if path.stem in SHOWN:
        assert len(committed) >= 6
        assert tables(held) == committed, f"run {AGAIN} {path.name}"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebook") / "case.ipynb"
    notebook.write(str(BUNDLE), path)
    return path


def test_a_written_notebook_was_executed_on_this_bundle(written: Path) -> None:
    held = nbformat.read(written, as_version=4)
    nbformat.validate(held)
    code = [cell for cell in held.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)
    assert not [output for output in outputs(held) if output.output_type == "error"]
    assert str(BUNDLE) in code[0].source
    assert "CONFIRMED max_map_count" in code[1].outputs[0].data["text/html"]
    assert pictures(held) >= 5
    questions = [cell.source for cell in held.cells if cell.source.startswith("## ")]
    assert len(questions) >= 10
    assert held.metadata.kernelspec.name == "python3"


def test_only_the_notebook_is_written(written: Path) -> None:
    assert [path.name for path in written.parent.iterdir()] == ["case.ipynb"]
    assert {path.name for path in BUNDLE.parent.iterdir()} == {"bundle.tar.gz", "truth.json"}


def test_a_log_alone_and_hostile_names_make_a_notebook_too(tmp_path: Path) -> None:
    name = "a'b\"]\\<script>alert(1)<script>.log"
    path = tmp_path / name
    path.write_text(
        'level=error ts=2026-11-22T21:57:16Z msg=x err="mmap, size 5: cannot allocate memory"\n' * 3
    )
    notebook.write(str(path), tmp_path / "case.ipynb")
    held = nbformat.read(tmp_path / "case.ipynb", as_version=4)
    pages = [output.data["text/html"] for output in outputs(held) if "text/html" in output.get("data", {})]
    assert pages
    assert not any("<script" in page for page in pages)
    assert not any("<script" in cell.source for cell in held.cells if cell.cell_type == "markdown")


def test_the_command_writes_one_with_the_questions_that_the_bundle_answers(tmp_path: Path) -> None:
    target = tmp_path / "case.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", "notebook", str(SMALL), "--output", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    held = nbformat.read(target, as_version=4)
    assert pictures(held) >= 2
    sources = "\n".join(cell.source for cell in held.cells)
    assert 'breakdown(by="tenant")' not in sources
    assert "case.mappings" not in sources
    assert "case.plot.memory()" in sources


def test_what_is_in_the_way_is_said_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source, output, words in (
        ("-", tmp_path / "case.ipynb", "standard input"),
        (str(tmp_path / "gone.tar.gz"), tmp_path / "case.ipynb", "no such file"),
        (str(SMALL), tmp_path, "it is a folder"),
        (str(SMALL), tmp_path / "no" / "case.ipynb", "there is no folder"),
    ):
        with pytest.raises(AnalyzerError, match=words) as caught:
            notebook.write(source, output)
        assert caught.value.status == 2
    monkeypatch.setattr(
        notebook, "find_spec", lambda name: None if name == "ipykernel" else importlib.util.find_spec(name)
    )
    with pytest.raises(
        AnalyzerError, match=r"pip install 'ingester-postmortem\[notebook\]' \(ipykernel not found\)"
    ):
        notebook.write(str(SMALL), tmp_path / "case.ipynb")
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_does_not_start_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'No module named ipykernel_launcher' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(AnalyzerError, match="kernel failed: No module named ipykernel_launcher") as caught:
        notebook.write(str(SMALL), tmp_path / "case.ipynb")
    assert caught.value.status == 4
    assert not (tmp_path / "case.ipynb").exists()


def test_an_interrupt_ends_the_kernel_and_is_no_fault(tmp_path: Path) -> None:
    target = tmp_path / "case.ipynb"
    running = subprocess.Popen(
        [sys.executable, "-m", "analyzer", "notebook", str(BUNDLE), "--output", str(target)],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("analyze-nb-*/connection.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert b"Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_cell_that_fails_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "_cells", lambda case: [notebook._Cell("## Fails", "case.no_such_frame")])
    with pytest.raises(AnalyzerError, match="a cell of the notebook failed: AttributeError") as caught:
        notebook.write(str(SMALL), tmp_path / "case.ipynb")
    assert caught.value.status == 4
    assert not (tmp_path / "case.ipynb").exists()
