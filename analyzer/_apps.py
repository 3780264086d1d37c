"""The commands as Typer reads them: ``analyze BUNDLE`` with its options, and the sub-commands; thin."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer._command import QuickCommand
from analyzer._outputs import spare
from analyzer.cli import COMMANDS, Face, answer, diagnosis_of, note, read_key, terminal, write
from analyzer.errors import AnalyzerError
from analyzer.version import __version__

if TYPE_CHECKING:
    from analyzer.case.build import Filter
    from analyzer.facts import Stamp

_EPILOG = "Commands: " + ", ".join(f"analyze {name}" for name in COMMANDS) + " (each has its own --help)."


class FleetFace(StrEnum):
    """The faces of a fleet's summary."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def _app(**options: Any) -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **options)


analyze_app = _app()
commands_app = _app(no_args_is_help=True)


def _version(value: bool) -> None:
    if value:
        print(f"ingester-postmortem {__version__}")
        raise typer.Exit


@analyze_app.command(cls=QuickCommand, epilog=_EPILOG)
def analyze(
    bundle: Annotated[
        str, typer.Argument(help="Archive of any kind, folder, bare log, or - for standard input.")
    ],
    format: Annotated[Face, typer.Option("--format", "-f", help="Face of the report.")] = Face.text,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this file; a folder (or a name ending in /) gets all faces, frames and fix files.",
        ),
    ] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Replace names by stable pseudonyms.")] = False,
    redact_key: Annotated[
        Path | None,
        typer.Option(
            "--redact-key",
            help="File with the key of the pseudonyms (same key, same names); implies --redact.",
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only lives that end after this time (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Only lives that start before this time.")] = None,
    at: Annotated[str | None, typer.Option(help="The episode that encloses this time.")] = None,
    pid: Annotated[int | None, typer.Option(help="Only the process with this pid.")] = None,
    pod: Annotated[str | None, typer.Option(help="Only pods whose name contains this.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's failures in the list.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All of the report.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The verdict line alone.")] = False,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 also when a cause is found or open.")
    ] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Allow s3:// and https:// addresses (needs fsspec).")
    ] = False,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Raise a limit on what is unpacked, as the warning that it was reached names it; repeatable.",
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a fault.", hidden=True)
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find out why an ingester of Cortex, Prometheus, Mimir or Thanos died.

    Exit status: 0 healthy, 1 cause confirmed or likely, 2 wrong usage or unreadable input,
    3 undetermined or only possible, 4 fault of the tool.
    """
    status = answer(
        bundle,
        format,
        only=_filter(since, until, at, pid, pod, tenant),
        output=output,
        redact=redact,
        redact_key=redact_key,
        verbose=verbose,
        quiet=quiet,
        remote=remote,
        limits=limit or (),
    )
    if not exit_zero or status not in (1, 3):
        raise typer.Exit(status)


def _filter(
    since: str | None, until: str | None, at: str | None, pid: int | None, pod: str | None, tenant: str | None
) -> Filter:
    from analyzer.case.build import Filter

    return Filter(_time(since, "--since"), _time(until, "--until"), _time(at, "--at"), pid, pod, tenant)


def _time(text: str | None, option: str) -> Stamp | None:
    if text is None:
        return None
    from analyzer.clock import parse_stamp

    stamp = parse_stamp(text)
    if stamp is None:
        raise AnalyzerError(f"{option}: {text!r} is no time; write it as 2026-11-22T21:54:45Z")
    return stamp


@commands_app.command()
def explain(
    cause: Annotated[str | None, typer.Argument(help="Name of a cause; all are listed without one.")] = None,
) -> None:
    """What a cause is, how it shows, how it is told from its rivals, how it is fixed."""
    from analyzer.diagnosis.explain import EXPLANATIONS, explanation, text

    if cause is None:
        lines = [f"{item.cause:<22}{item.what}" for item in EXPLANATIONS]
        write("\n".join(lines) + "\n", None)
    else:
        write(text(explanation(cause)), None)


@commands_app.command()
def schema() -> None:
    """Print the JSON Schema of the JSON report."""
    import json

    from analyzer.report import schema as _schema

    write(json.dumps(_schema(), indent=2) + "\n", None)


@commands_app.command()
def compare(
    before: Annotated[str, typer.Argument(help="The bundle from before the fix.")],
    after: Annotated[str, typer.Argument(help="The bundle from after the fix.")],
    format: Annotated[Face, typer.Option("--format", "-f", help="Face of the comparison.")] = Face.text,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Replace names by stable pseudonyms.")] = False,
    redact_key: Annotated[
        Path | None,
        typer.Option("--redact-key", help="File with the key of the pseudonyms; implies --redact."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """Did the fix work: limits, counts, need, headroom and failures before and after.

    The exit status is that of the bundle from after the fix.
    """
    from analyzer import report
    from analyzer.case.build import Filter

    if output is not None:
        spare([output], [before, after, *([str(redact_key)] if redact_key is not None else [])])
    key = read_key(redact_key) if redact_key is not None else None
    old, _ = diagnosis_of(before, Filter(), False, with_frames=False)
    new, _ = diagnosis_of(after, Filter(), False, with_frames=False)
    if redact or key is not None:
        key = key or os.urandom(16)  # one for both, so that a name is the same in both
        old, new = report.redact(old, key), report.redact(new, key)
    color, width = terminal(output)
    write(report.render_comparison(report.compare(old, new), format.value, width=width, color=color), output)
    raise typer.Exit(new.exit_status)


@commands_app.command()
def notebook(
    bundle: Annotated[str, typer.Argument(help="Archive of any kind, folder or bare log.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The notebook to write.")],
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """Write a notebook that opens this bundle, already executed (needs the extra "notebook")."""
    from analyzer.notebook import write

    write(bundle, output)
    note(f"wrote {output}")


@commands_app.command()
def fleet(
    bundles: Annotated[
        list[str],
        typer.Argument(help="Bundles, folders, globs, addresses; - reads a list from standard input."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Parquet file: one row per bundle, added to when it exists."),
    ],
    format: Annotated[
        FleetFace, typer.Option("--format", "-f", help="Face of the summary.")
    ] = FleetFace.text,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running Dask scheduler, tcp://HOST:PORT.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Local processes; all cores when not given.")] = None,
    memory_limit: Annotated[int | None, typer.Option(help="Memory of one bundle in MiB (2048).")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for one bundle (600).")] = None,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """Analyse many bundles: one row each, and a summary of which fault is seen how often."""
    from analyzer import fleet as _fleet

    try:
        with _fleet.orderly(), _fleet.bar(sys.stderr) as progress:
            found = _fleet.run(
                _fleet.expand(bundles, sys.stdin),
                output,
                scheduler=scheduler,
                workers=workers,
                memory_limit=_fleet.MEMORY_LIMIT if memory_limit is None else memory_limit << 20,
                time_limit=_fleet.TIME_LIMIT if time_limit is None else time_limit,
                progress=progress,
                tool_version=__version__,
            )
    except KeyboardInterrupt as error:
        note(f"interrupted: what is finished is in {output}; the same command goes on from there")
        raise typer.Exit(_fleet.exit_status(error)) from None
    color, width = terminal(None)
    write(_fleet.render(found, format.value, width=width or 100, color=color), None)


@commands_app.command()
def collect() -> None:
    """Print the capture script that a customer runs (POSIX sh): analyze collect > collect.sh."""
    from analyzer.collect import script

    write(script(), None)
