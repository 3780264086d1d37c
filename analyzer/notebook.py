"""``analyze notebook BUNDLE --output case.ipynb``: a notebook that was executed on this bundle.

Its cells are the questions that an engineer asks next, chosen by what the bundle holds; each opens no more
than the library does. It runs in a kernel of this interpreter, in an empty temporary folder: no kernel has
to be installed, no configuration of the analyst's is read, and nothing is written but the notebook.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from analyzer._outputs import spare
from analyzer.errors import EXIT_FAULT, AnalyzerError

if TYPE_CHECKING:
    from analyzer.api import CaseFile

_JUPYTER = ("nbformat", "nbclient", "jupyter_client", "ipykernel")
_NEEDS = "a notebook needs Jupyter: pip install 'ingester-postmortem[notebook]'"
_CELL_SECONDS = 900
_START_SECONDS = 120
_MOST_SOCKET = 90  # characters; a socket's path may have some 100
_MOST_LOG = 64 << 20
"""Bytes of logs up to which the notebook reads all records by itself; it says how, beyond."""


class _Cell(Struct, frozen=True):
    """A question in Markdown, then the code that answers it. No text of the bundle stands in either."""

    question: str
    code: str


def write(source: str, output: Path) -> None:
    """Write a notebook about the bundle at ``source`` to ``output``, already executed.

    Raises:
        AnalyzerError: the bundle cannot be read, Jupyter is not installed, ``output`` cannot be written
            (status 2), or a kernel does not start or a cell fails (status 4).
    """
    if source == "-":
        raise AnalyzerError("a notebook opens its bundle again: give a file or folder, not standard input")
    _check_output(output)
    spare([output], [source])
    missing = [name for name in _JUPYTER if find_spec(name) is None]
    if missing:
        raise AnalyzerError(f"{_NEEDS} ({', '.join(missing)} not found)")
    from analyzer import api

    path = str(Path(source).resolve())
    with api.open(path) as case:
        notebook = _notebook(path, list(_cells(case)))
    _execute(notebook)
    import nbformat

    writer: Any = nbformat
    try:
        output.write_text(writer.writes(notebook) + "\n", "utf-8")
    except OSError as error:
        raise AnalyzerError(f"cannot write {output}: {error.strerror or error}") from None


def _check_output(output: Path) -> None:
    """Say what is wrong with ``output`` before a minute is spent on it."""
    if output.is_dir():
        raise AnalyzerError(f"cannot write {output}: it is a folder; name a file, such as case.ipynb")
    if not output.resolve().parent.is_dir():
        raise AnalyzerError(f"cannot write {output}: there is no folder {output.parent}")


def _notebook(path: str, cells: list[_Cell]) -> Any:
    import nbformat.v4

    v4: Any = nbformat.v4
    opened = (
        "import analyzer\nimport pandas as pd\n\n"
        f'pd.set_option("display.max_colwidth", 160)\ncase = analyzer.open({path!r})\ncase'
    )
    made = [
        v4.new_markdown_cell("# What happened in this bundle", id="title"),
        v4.new_code_cell(opened, id="open"),
    ]
    for number, cell in enumerate(cells, 1):
        made.append(v4.new_markdown_cell(cell.question, id=f"question-{number}"))
        made.append(v4.new_code_cell(cell.code, id=f"answer-{number}"))
    notebook = v4.new_notebook(cells=made)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def _cells(case: CaseFile) -> Iterator[_Cell]:
    """The questions that this case has answers to."""
    yield _Cell("## What broke, and why do we believe it?", "diagnosis = case.diagnose()\ndiagnosis")
    yield _Cell(
        "## What else could it have been?",
        'case.hypotheses[["subject", "cause", "status", "used", "limit", "unit", "why", "missing"]]',
    )
    if len(case.lives):
        yield _Cell("## When did it start, fail and restart?", "case.plot.timeline()")
        yield _Cell(
            "Each life: how it ended, and how far it had come.",
            'case.lives[["subject", "life", "started", "ended", "outcome", "exit_code", "signal", "ready",'
            ' "episode", "blocks_opened", "failures", "lines", "errors"]]',
        )
    yield from _failure_cells(case)
    yield from _mapping_cells(case)
    yield from _need_cells(case)
    yield _Cell("## Was there enough memory?", "case.plot.memory()")
    yield _Cell(
        "The memory facts themselves: of the host, of its cgroups and of the process.",
        "memory = case.facts[case.facts[\"unit\"].eq(\"bytes\") & case.facts[\"state\"].eq(\"present\")]\n"
        "wanted = [\"MemTotal\", \"MemAvailable\", \"CommitLimit\", \"Committed_AS\", \"vm_peak\", \"vm_size\","
        " \"vm_hwm\",\n          \"memory_max\", \"memory_current\", \"memory_peak\", \"address_space.soft\","
        " \"data.soft\", \"memlock.soft\"]\n"
        "memory[memory[\"name\"].isin(wanted)].assign(GiB=lambda rows: rows[\"number\"] / 2**30)"
        "[[\"scope\", \"group\", \"name\", \"value\", \"GiB\", \"member\", \"line\"]]",
    )  # fmt: skip
    if len(case.events):
        yield _Cell(
            "## What happened, step by step?",
            'case.events.sort_values("time")[["time", "source", "kind", "life", "pid", "fields", "text"]].head(100)',
        )
    yield from _record_cells(case)
    yield _Cell("## Which lines does the verdict rest on?", "diagnosis.evidence")
    yield _Cell(
        "## What was not read?",
        'unread = case.coverage[case.coverage["state"].ne("read")]\nunread.sort_values("state").head(50)',
    )
    yield _Cell(
        "## What to ask for, and what to do?",
        'print(diagnosis.render("ticket"))',
    )


def _failure_cells(case: CaseFile) -> Iterator[_Cell]:
    if not len(case.failures):
        return
    yield _Cell(
        "## What failed, on which files, how often?",
        'what = ["operation", "file_kind", "errno"]\n'
        'case.failures.groupby(what, observed=True, dropna=False)[["count", "lines", "members"]].sum()'
        '.sort_values("members", ascending=False)',
    )
    yield _Cell("How loud was the log, and where are the errors?", "case.plot.failures()")
    if case.members["size"].notna().any():
        yield _Cell(
            "The sizes that could not be mapped. Tiny files that fail while memory is free speak for a count"
            " (`vm.max_map_count`), not for memory.",
            'case.members.dropna(subset=["size"]).sort_values("count", ascending=False)'
            '[["life", "file_kind", "errno", "tenant", "size", "count"]].head(20)',
        )


def _mapping_cells(case: CaseFile) -> Iterator[_Cell]:
    counted = case.snapshots["count"].notna()
    if not counted.any():
        return
    yield _Cell("## Was the limit on mappings reached?", "case.plot.mappings()")
    yield _Cell(
        "Every snapshot against the limit of its moment. One below the limit neither convicts nor acquits: it"
        " may be early, late, or of another process (`bystander`).",
        'case.snapshots[["snapshot", "pid", "time", "life_candidates", "bystander", "count", "limit", "ratio",'
        ' "basis", "lower_bound", "state", "threads", "fds"]].sort_values("count", ascending=False)',
    )
    yield _Cell("## Who holds the mappings?", "case.plot.breakdown()")
    if case.subjects["tenants"].fillna(0).gt(1).any():
        yield _Cell("By tenant:", 'case.plot.breakdown(by="tenant")')
    if case.snapshots["basis"].isin(["maps", "smaps"]).any():
        yield _Cell(
            "Files that are mapped again and again, or deleted and still mapped, speak for a leak; many distinct"
            " blocks, each mapped once, do not.",
            'mappings = case.mappings.query("counted")\n'
            'of_files = mappings.dropna(subset=["path"])\n'
            'again = of_files.duplicated(["snapshot", "path", "offset"])\n'
            "of_files.assign(again=again).groupby([\"snapshot\", \"kind\"], observed=True).agg(\n"
            '    mappings=("path", "size"), files=("path", "nunique"), blocks=("block", "nunique"),\n'
            '    mapped_again=("again", "sum"), deleted=("deleted", "sum"), MiB=("size", lambda s: s.sum() / 2**20)\n'
            ")",
        )  # fmt: skip


def _need_cells(case: CaseFile) -> Iterator[_Cell]:
    if not case.subjects["need_low"].notna().any():
        return
    yield _Cell(
        "## How many mappings will the next start need?",
        'case.subjects[["subject", "map_limit", "need_low", "need_high", "need_basis", "need_complete", "blocks",'
        ' "tenants"]]',
    )
    if len(case.files):
        yield _Cell(
            "By tenant, from the listing of the data directory: two mappings a block, one a further segment, one"
            " a head chunk file.",
            'case.files.groupby("tenant", dropna=False).agg(\n'
            '    mappings=("mappings", "sum"), blocks=("block", "nunique"), files=("files", "sum"),\n'
            '    GiB=("size", lambda sizes: sizes.sum() / 2**30)\n'
            ').sort_values("mappings", ascending=False).head(20)',
        )


def _record_cells(case: CaseFile) -> Iterator[_Cell]:
    logs = case.model.logs
    if not logs:
        return
    question = "## What stands in the log around the failure?"
    code = (
        'records = case.read_records(levels=["error", "warn"], limit=1000)\n'
        'records[["time", "life", "level", "caller", "tenant", "msg", "err", "member", "line"]].tail(20)'
    )
    if sum(log.size for log in logs) > _MOST_LOG:
        hint = f"\n\nThe logs are large: reading every record takes a while. Run this when you want it:\n\n```python\n{code}\n```"
        yield _Cell(question + hint, 'case.failures[["life", "first", "operation", "errno", "text"]]')
    else:
        yield _Cell(question, code)


def _execute(notebook: Any) -> None:
    """Run the notebook in place, in a kernel of this interpreter."""
    from nbclient.exceptions import CellExecutionError

    with tempfile.TemporaryDirectory(prefix="analyze-nb-") as name:
        try:
            _run(notebook, Path(name))
        except CellExecutionError as error:
            told = f"a cell of the notebook failed: {error.ename}: {error.evalue}"
            raise AnalyzerError(told, EXIT_FAULT) from error


def _run(notebook: Any, folder: Path) -> None:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    specs = folder / "kernels"
    spec = specs / "analyzer"
    spec.mkdir(parents=True)
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "analyzer", "language": "python"}), "utf-8"
    )
    (folder / "work").mkdir()
    found = KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False)
    manager = AsyncKernelManager(kernel_name="analyzer", kernel_spec_manager=found)
    manager.connection_file = str(folder / "connection.json")
    socket = str(folder / "ipc")
    if os.name == "posix" and len(socket) < _MOST_SOCKET:
        manager.transport, manager.ip = "ipc", socket  # no port that others on this machine could reach
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        startup_timeout=_START_SECONDS,
        ipython_hist_file=":memory:",
        resources={"metadata": {"path": str(folder / "work")}},
        record_timing=False,
    )
    client.km = manager
    complaints = folder / "stderr"
    with complaints.open("wb") as stderr:
        try:
            _interruptible(client, manager, env=_environment(folder), stderr=stderr)
        except CellExecutionError:
            raise
        except Exception as error:  # each release of Jupyter has errors of its own for a kernel that fails
            lines = complaints.read_text("utf-8", "replace").strip().splitlines() or str(error).splitlines()
            said = f": {lines[-1]}" if lines else ""
            raise AnalyzerError(f"the notebook's kernel failed{said}", EXIT_FAULT) from error
        finally:
            # nbclient would clean up once more at exit, and fail with a traceback where nothing is left.
            atexit.unregister(getattr(client, "_cleanup_kernel", _run))


def _interruptible(client: Any, manager: Any, **options: Any) -> None:
    """Execute in a thread: nbclient takes an interrupt for itself, and would turn it into a fault."""
    with ThreadPoolExecutor(1, "notebook") as pool:
        running = pool.submit(client.execute, **options)
        try:
            running.result()
        except KeyboardInterrupt:
            while not wait([running], timeout=0.2).done:
                if manager.has_kernel:
                    asyncio.run(manager.signal_kernel(getattr(signal, "SIGKILL", signal.SIGTERM)))
            raise


def _environment(folder: Path) -> dict[str, str]:
    """The kernel's environment: this package importable, no configuration or history of the analyst's."""
    package = str(Path(__file__).resolve().parent.parent)
    before = os.environ.get("PYTHONPATH")
    own = {
        name: str(folder / name.lower())
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    path = os.pathsep.join((package, before)) if before else package
    return {**os.environ, **own, "PYTHONPATH": path}
