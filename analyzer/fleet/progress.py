"""The progress bar of a run: on standard error, and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from analyzer.fleet.rows import Outcome


class Progress(Protocol):
    """Told of each bundle as it is finished: ``done`` of ``total``, and what came of it."""

    def __call__(self, done: int, total: int, outcome: Outcome | None) -> None: ...


def silent(done: int, total: int, outcome: Outcome | None) -> None:
    """No progress shown."""


@contextmanager
def bar(stream: TextIO) -> Iterator[Progress]:
    """A progress bar on ``stream`` while the context lasts; nothing where it is no terminal."""
    if not stream.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[errors]} errors"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[current]}", markup=False),
    )
    with Bar(*columns, console=Console(file=stream), transient=True, refresh_per_second=4) as shown:
        task = shown.add_task("", total=None, errors=0, current="")
        errors = 0

        def advance(done: int, total: int, outcome: Outcome | None) -> None:
            nonlocal errors
            if outcome is None:
                shown.update(task, completed=done, total=total)
                return
            errors += outcome.row is not None and outcome.row["error"] is not None
            name = "".join(c for c in outcome.source if c.isprintable())[-40:]
            shown.update(task, completed=done, total=total, errors=errors, current=name)

        yield advance
