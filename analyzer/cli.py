"""The commands; thin. Two apps, chosen by the first argument: a sub-command's name, or a bundle.

``./explain`` for a bundle that is called like a command.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer._command import QuickCommand
from analyzer.errors import EXIT_FAULT, EXIT_INTERRUPT, EXIT_USAGE, AnalyzerError
from analyzer.version import __version__

if TYPE_CHECKING:
    from analyzer.case.build import Filter
    from analyzer.diagnosis.model import Diagnosis
    from analyzer.facts import Stamp

COMMANDS = ("explain", "compare", "collect", "notebook", "fleet", "schema")
_EPILOG = "Commands: " + ", ".join(f"analyze {name}" for name in COMMANDS) + " (each has its own --help)."


class Face(StrEnum):
    """The faces of a report."""

    text = "text"
    markdown = "markdown"
    html = "html"
    json = "json"
    ticket = "ticket"


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
        typer.Option("--redact-key", help="File with the key of the pseudonyms: same key, same names."),
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
    only = _filter(since, until, at, pid, pod, tenant)
    diagnosis, frames = _diagnose(bundle, only, remote, with_frames=_is_folder(output), raised=limit or ())
    if redact:
        from analyzer.report import redactor

        names = redactor(diagnosis, redact_key.read_bytes() if redact_key is not None else None)
        diagnosis = names.diagnosis(diagnosis)
        frames = names.frames(frames) if frames is not None else None
    for warning in diagnosis.warnings:
        _note(f"warning: {warning}")
    _emit(diagnosis, format, output, frames, verbose=verbose, quiet=quiet)
    if not exit_zero or diagnosis.exit_status not in (1, 3):
        raise typer.Exit(diagnosis.exit_status)


def _note(text: str) -> None:
    """One line on stderr; text from a bundle cannot move the cursor."""
    line = "".join(c if c.isprintable() else "�" for c in text)
    print(f"analyze: {line[:400]}", file=sys.stderr)


def _is_folder(output: Path | None) -> bool:
    return output is not None and (output.is_dir() or (output.suffix == "" and not output.exists()))


def _diagnose(
    bundle: str, only: Filter, remote: bool, *, with_frames: bool, raised: Sequence[str] = ()
) -> tuple[Diagnosis, dict[str, Any] | None]:
    from analyzer.bundle import Limits
    from analyzer.diagnosis.build import diagnose
    from analyzer.pipeline import case_of
    from analyzer.progress import Progress

    limits = Limits().changed(raised)

    with Progress(sys.stderr) as progress:
        source: Any = sys.stdin.buffer if bundle == "-" else bundle
        case = case_of(
            source, only=only, detail=with_frames, progress=progress, allow_remote=remote, limits=limits
        )
    diagnosis = diagnose(case, only)
    if not with_frames:
        return diagnosis, None
    from analyzer.case.frames import all_frames, keys_of
    from analyzer.diagnosis import frames as judged

    return diagnosis, all_frames(case) | {
        name: judged.frame(diagnosis, name, keys_of(case)) for name in judged.NAMES
    }


def _emit(
    diagnosis: Diagnosis,
    face: Face,
    output: Path | None,
    frames: dict[str, Any] | None,
    *,
    verbose: bool,
    quiet: bool,
) -> None:
    from analyzer import report

    if output is not None and _is_folder(output):
        report.write_all(diagnosis, output, frames)
        _note(f"wrote all faces to {output}")
        return
    color, width = _terminal(output)
    text = report.render(diagnosis, face.value, width=width, color=color, verbose=verbose, quiet=quiet)
    _write(text, output)


def _terminal(output: Path | None) -> tuple[bool, int | None]:
    """Whether to use colour, and the width: only for a terminal; NO_COLOR and pipes are honoured."""
    if output is not None or sys.stdout is None or not sys.stdout.isatty():
        return False, None
    color = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return color, os.get_terminal_size(sys.stdout.fileno()).columns


def _write(text: str, output: Path | None) -> None:
    """To the file, or to stdout as UTF-8 whatever the locale says."""
    data = text.encode("utf-8", "replace")
    if output is not None:
        try:
            output.write_bytes(data)
        except OSError as error:
            raise AnalyzerError(f"cannot write {output}: {error.strerror or error}") from None
        return
    if sys.stdout is None:
        raise AnalyzerError("standard output is closed: name a file with --output")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AnalyzerError(f"cannot write to standard output: {error.strerror or error}") from None


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
        _write("\n".join(lines) + "\n", None)
    else:
        _write(text(explanation(cause)), None)


@commands_app.command()
def schema() -> None:
    """Print the JSON Schema of the JSON report."""
    import json

    from analyzer.report import schema as _schema

    _write(json.dumps(_schema(), indent=2) + "\n", None)


@commands_app.command()
def compare(
    before: Annotated[str, typer.Argument(help="The bundle from before the fix.")],
    after: Annotated[str, typer.Argument(help="The bundle from after the fix.")],
    format: Annotated[Face, typer.Option("--format", "-f", help="Face of the comparison.")] = Face.text,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Replace names by stable pseudonyms.")] = False,
    redact_key: Annotated[
        Path | None, typer.Option("--redact-key", help="File with the key of the pseudonyms.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """Did the fix work: limits, counts, need, headroom and failures before and after.

    The exit status is that of the bundle from after the fix.
    """
    from analyzer import report
    from analyzer.case.build import Filter

    old, _ = _diagnose(before, Filter(), False, with_frames=False)
    new, _ = _diagnose(after, Filter(), False, with_frames=False)
    if redact:
        key = redact_key.read_bytes() if redact_key is not None else os.urandom(16)
        old, new = report.redact(old, key), report.redact(new, key)
    color, width = _terminal(output)
    _write(report.render_comparison(report.compare(old, new), format.value, width=width, color=color), output)
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
    _note(f"wrote {output}")


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
        _note(f"interrupted: what is finished is in {output}; the same command goes on from there")
        raise typer.Exit(_fleet.exit_status(error)) from None
    color, width = _terminal(None)
    _write(_fleet.render(found, format.value, width=width or 100, color=color), None)


@commands_app.command()
def collect() -> None:
    """Print the capture script that a customer runs (POSIX sh): analyze collect > collect.sh."""
    from analyzer.collect import script

    _write(script(), None)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: choose the app, run it, turn every end into the contract's exit status."""
    # A run makes many objects and few cycles: collecting rarely saves a twentieth of the time.
    gc.set_threshold(100_000, 20, 100)
    arguments = list(sys.argv[1:] if argv is None else argv)
    app = commands_app if arguments and arguments[0] in COMMANDS else analyze_app
    debug = "--debug" in arguments
    try:
        app(arguments, standalone_mode=True, prog_name="analyze")
    except AnalyzerError as error:
        _note(str(error))
        sys.exit(error.status)
    except KeyboardInterrupt:
        _note("interrupted")
        sys.exit(EXIT_INTERRUPT)
    except BrokenPipeError:
        # A closed pipe is no fault; point stdout elsewhere so that the interpreter's flush is silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _note("out of memory while reading the bundle")
        sys.exit(EXIT_FAULT)
    except Exception as error:
        if debug:
            raise
        _note(f"internal fault: {type(error).__name__}: {error} (run again with --debug for the traceback)")
        sys.exit(EXIT_FAULT)


def run() -> None:
    """The program ``analyze``: :func:`main`, and an end that leaves all memory to the system.

    Taking apart what a report was made of, object by object, costs a tenth of a small bundle's time. The
    sub-commands end as usual: a fleet and a notebook have processes and handlers of their own to close.
    """
    code = 0
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        code = end.code or 0
    if len(sys.argv) > 1 and sys.argv[1] not in COMMANDS:
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:  # it is where the caller closed the descriptor
                    stream.flush()
        except BrokenPipeError:
            pass  # a closed pipe is no fault
        except OSError as error:
            if not code:  # else it was said
                _note(f"cannot write to standard output: {error.strerror or error}")
                code = EXIT_USAGE
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
