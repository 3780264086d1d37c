"""The faces of a summary: terminal, JSON, Markdown, HTML. Text of bundles is hostile in all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field, to_builtins

from analyzer import lazy
from analyzer.fleet.summary import Cluster, Summary
from analyzer.report.words import clean, percent, plural

Format = Literal["text", "json", "markdown", "html"]
FORMATS: tuple[Format, ...] = ("text", "json", "markdown", "html")

ROWS = 20  # lines of one table; the rest is counted
CELL = 160  # characters of one cell
NUMBERS = ("bundles", "ratio")  # the columns that are read down their right side


class Table(Struct, frozen=True):
    """One table of the summary; ``notes`` say what is not shown.

    On a terminal too narrow for a line each, a row becomes an entry headed by its first ``lead``
    cells, so that no name is cut up into a column; 0 where folded cells read well.
    """

    title: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    lead: int = 0


def render(summary: Summary, format: Format = "text", *, width: int = 100, color: bool = False) -> str:
    """The summary as text. ``width`` (columns) and ``color`` are for the terminal's face."""
    if format == "json":
        return json.dumps(to_builtins(summary), indent=2, ensure_ascii=False) + "\n"
    if format == "markdown":
        return _markdown(summary)
    if format == "html":
        return _html(summary)
    return _text(summary, width, color)


def headline(summary: Summary) -> str:
    """The summary in one sentence."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in summary.statuses.items())
    failed = f", {summary.failed:,} without a verdict" if summary.failed else ""
    return plural(summary.bundles, "bundle") + (f": {statuses}" if statuses else "") + failed


def run_line(summary: Summary) -> str | None:
    """What this run did, in one sentence."""
    run = summary.run
    if run is None:
        return None
    parts = [f"{run.analysed:,} analysed"]
    parts += [f"{run.errors:,} failed"] if run.errors else []
    parts += [f"{run.skipped:,} already done"] if run.skipped else []
    parts += [f"{run.duplicates:,} the same as another"] if run.duplicates else []
    return f"This run: {', '.join(parts)}, in {run.seconds:,.1f} s"


def store_line(summary: Summary) -> str:
    """Where the rows are, and where the bundles are that they name."""
    folder = f"; bundles in {clean(summary.folder)}" if summary.folder else ""
    return f"Store: {clean(summary.store)}{folder}"


def tables(summary: Summary) -> list[Table]:
    """The tables of the summary, those without a line left out."""
    found = [_causes(summary), _clusters(summary), _near(summary), _versions(summary), _errors(summary)]
    return [table for table in found if table.rows]


def _table(title: str, headers: tuple[str, ...], rows: Iterable[Sequence[object]], lead: int = 0) -> Table:
    every = list(rows)
    shown = [tuple(clean("" if cell is None else str(cell), CELL) for cell in row) for row in every[:ROWS]]
    left_out = len(every) - len(shown)
    return Table(title, headers, shown, [f"and {left_out:,} more"] if left_out else [], lead)


def _causes(summary: Summary) -> Table:
    rows = [(each.cause, f"{each.bundles:,}", _counts(each.statuses)) for each in summary.causes]
    return _table("Causes", ("cause", "bundles", "status"), rows)


def _clusters(summary: Summary) -> Table:
    """What more than one bundle has; a failure of one bundle is no line but is counted."""
    shared = [each for each in summary.clusters if each.bundles > 1]
    rows = [
        (f"{each.bundles:,}", *_chain(each), _since(each), _examples(summary, each.examples))
        for each in shared
    ]
    table = _table("The same failure", ("bundles", "cause", "signature", "versions", "for example"), rows, 3)
    alone = len(summary.clusters) - len(shared)
    if alone and table.rows:
        table.notes.append(f"and {plural(alone, 'failure')} of one bundle each")
    return table


def _chain(cluster: Cluster) -> tuple[str, str]:
    """Cause and signature; what the cause says the signature need not repeat."""
    if len(cluster.causes) > 1:
        return _counts(cluster.causes), cluster.signature
    cause = "".join(cluster.causes)
    return cause, cluster.signature.removeprefix(f"{cause} > ")


def _since(cluster: Cluster) -> str:
    """``cortex 1.11.1 to 1.17.2, since 2026-11-22``."""
    products: dict[str, list[str]] = {}
    for each in cluster.versions:
        product, _, version = each.partition(" ")
        products.setdefault(product, []).append(version)
    spans = [
        f"{name} {' to '.join(dict.fromkeys((seen[0], seen[-1])))}".strip() for name, seen in products.items()
    ]
    since = [f"since {cluster.first_seen[:10]}"] if cluster.first_seen else []
    return ", ".join([*spans, *since])


def _examples(summary: Summary, names: list[str]) -> str:
    """The first name, without what all names have in common."""
    return names[0].removeprefix(summary.folder) if names else ""


def _near(summary: Summary) -> Table:
    rows = [
        (
            percent(each.ratio, 1),
            each.limit,
            each.text,
            each.bundle.removeprefix(summary.folder),
            each.subject,
            each.cause,
        )
        for each in summary.near
    ]
    return _table("Near a limit", ("ratio", "limit", "in numbers", "bundle", "subject", "cause"), rows, 3)


def _versions(summary: Summary) -> Table:
    rows = [
        (each.product or "unknown", each.version or "unknown", f"{each.bundles:,}", _counts(each.causes))
        for each in summary.versions
    ]
    return _table("Versions", ("product", "version", "bundles", "cause"), rows)


def _errors(summary: Summary) -> Table:
    rows = [
        (f"{each.bundles:,}", each.kind, each.example, _examples(summary, each.examples))
        for each in summary.errors
    ]
    return _table("Without a verdict", ("bundles", "error", "one reason", "for example"), rows, 3)


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.items())


def _text(summary: Summary, width: int, color: bool) -> str:
    from rich.console import Console
    from rich.text import Text

    stream = StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    console.print(Text(headline(summary), style="bold"))
    if (line := run_line(summary)) is not None:
        console.print(Text(line))
    for table in tables(summary):
        console.print(Text(f"\n{table.title}\n", style="bold"))
        entries = table.lead and _line_width(table) > width
        console.print(_entries(table) if entries else _grid(table))
        for note in table.notes:
            console.print(Text(f"\n{note}"))
    console.print(Text("\n" + store_line(summary)))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


GAP = 3  # columns between two cells


def _line_width(table: Table) -> int:
    """Columns that the table takes with each row on a line of its own."""
    from rich.cells import cell_len

    columns = zip(table.headers, *table.rows, strict=True)
    return sum(max(map(cell_len, column)) + GAP for column in columns) - GAP


def _grid(table: Table) -> Any:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in table.headers:
        grid.add_column(header, justify="right" if header in NUMBERS else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*map(Text, row))
    return grid


def _entries(table: Table) -> Any:
    """Each row as an entry: its number at the left, the other cells below each other."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in table.rows:
        counted = {"bundles": " bundle" if row[0] == "1" else " bundles"}
        number = row[0] + counted.get(table.headers[0], "")
        named = zip(table.headers[table.lead :], row[table.lead :], strict=True)
        lines = ["   ".join(filter(None, row[1 : table.lead]))]
        lines += [f"{header}: {cell}" for header, cell in named if cell]
        grid.add_row(Text(number), Text("\n".join(lines)))
    return grid


# What opens code, emphasis, a link, a cell or a formula; the underscore only at a word's edge.
_ACTIVE = lazy.pattern(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)


def _escape(cell: str) -> str:
    """Text of a bundle as Markdown that shows it and does nothing."""
    cell = cell.replace("&", "&amp;").replace("<", "&lt;")
    return _ACTIVE.sub(r"\\\g<0>", cell)


def _markdown(summary: Summary) -> str:
    from tabulate import tabulate

    parts = ["# Fleet summary", _escape(headline(summary))]
    if (line := run_line(summary)) is not None:
        parts.append(_escape(line))
    for table in tables(summary):
        cells = [[_escape(cell) for cell in row] for row in table.rows]
        grid = partial(tabulate, tablefmt="github", disable_numparse=True)
        sides = ["right" if header in NUMBERS else "left" for header in table.headers]
        parts += [f"## {table.title}", grid(cells, headers=table.headers, colalign=sides)]
        parts += table.notes
    parts.append(_escape(store_line(summary)))
    return "\n\n".join(parts) + "\n"


def _html(summary: Summary) -> str:
    import jinja2

    source = Path(__file__).with_name("summary.html.j2").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    shown: dict[str, Any] = {
        "headline": headline(summary),
        "run": run_line(summary),
        "tables": tables(summary),
        "most": max((each.bundles for each in summary.causes), default=1),
        "store": store_line(summary),
    }
    return environment.from_string(source).render(shown)
