"""The program ``analyze``: which command the arguments ask for, and how each run ends.

Two apps, chosen by the first argument: a sub-command's name, or a bundle; ``./explain`` for a bundle that is
called like a command. Both are Typer's and stand in ``_apps``, which is imported where it is needed: that takes
a seventh of a small bundle's time, and ``analyze BUNDLE``, with or without a face, does without.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from errno import ENOSPC
from typing import TYPE_CHECKING, Any, TextIO

from analyzer.errors import EXIT_FAULT, EXIT_INTERRUPT, EXIT_USAGE, AnalyzerError

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.case.build import Filter
    from analyzer.diagnosis.model import Diagnosis

COMMANDS = ("explain", "compare", "collect", "notebook", "fleet", "schema")


class Face(StrEnum):
    """The faces of a report."""

    text = "text"
    markdown = "markdown"
    html = "html"
    json = "json"
    ticket = "ticket"


def answer(
    bundle: str,
    face: Face = Face.text,
    *,
    only: Filter | None = None,
    output: Path | None = None,
    redact: bool = False,
    redact_key: Path | None = None,
    verbose: bool = False,
    quiet: bool = False,
    remote: bool = False,
    limits: Sequence[str] = (),
) -> int:
    """Diagnose a bundle, show the report, return its exit status. A key of pseudonyms asks for them. Raises
    AnalyzerError where bundle or key cannot be read."""
    key = read_key(redact_key) if redact_key is not None else None
    in_folder = is_folder(output)
    if output is not None and not in_folder:
        from analyzer._outputs import spare

        spare([output], [bundle, *([str(redact_key)] if redact_key is not None else [])])
    lacking = _lacking_for_frames() if in_folder else None
    with_frames = in_folder and lacking is None
    diagnosis, frames = diagnosis_of(bundle, only, remote, with_frames=with_frames, raised=limits)
    if redact or key is not None:
        from analyzer.report import redactor

        names = redactor(diagnosis, key)
        diagnosis = names.diagnosis(diagnosis)
        frames = names.frames(frames) if frames is not None else None
    for warning in diagnosis.warnings:
        note(f"warning: {warning}")
    if in_folder and output is not None:
        from analyzer import report

        report.write_all(diagnosis, output, frames, sources=[bundle])
        if lacking is not None:
            note(f"warning: {lacking}; all else is written")
        note(f"wrote all faces to {output}")
    else:
        _emit(diagnosis, face, output, verbose=verbose, quiet=quiet)
    return diagnosis.exit_status


def read_key(path: Path) -> bytes:
    """The key of the pseudonyms. Raises AnalyzerError where it cannot be read, or is empty."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise AnalyzerError(f"--redact-key: cannot read {path}: {error.strerror or error}") from None
    if not key:
        raise AnalyzerError(f"--redact-key: {path} is empty")
    return key


def note(text: str) -> None:
    """One line on stderr; text from a bundle cannot move the cursor."""
    line = "".join(c if c.isprintable() else "�" for c in text)
    try:
        print(f"analyze: {line[:400]}", file=sys.stderr)
    except BrokenPipeError:
        _silence(sys.stderr)


def is_folder(output: Path | None) -> bool:
    """Whether all faces are wanted: an existing folder, or a name without an ending that does not exist."""
    return output is not None and (output.is_dir() or (output.suffix == "" and not output.exists()))


def diagnosis_of(
    bundle: str, only: Filter | None, remote: bool, *, with_frames: bool, raised: Sequence[str] = ()
) -> tuple[Diagnosis, dict[str, Any] | None]:
    """The diagnosis of a bundle, and its frames by name if they are wanted. Raises AnalyzerError where it cannot be
    read."""
    _import_msgspec()
    from analyzer.bundle import Limits
    from analyzer.case.build import Filter
    from analyzer.diagnosis.build import diagnose
    from analyzer.pipeline import case_of
    from analyzer.progress import Progress

    only = only or Filter()
    limits = Limits().changed(raised)
    if bundle == "-" and sys.stdin is None:
        raise AnalyzerError("-: standard input is closed: name a file, or give a bundle to it")
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


def _import_msgspec() -> None:
    """Without typing_extensions, which msgspec imports where it is installed, and does without where it is not.

    Since Python 3.11 typing has all that it takes from there, and the import brings inspect, ast and tokenize: a
    tenth of a small bundle's time.
    """
    if sys.modules.keys().isdisjoint({"msgspec", "typing_extensions"}):
        sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # "not installed"
        try:
            import msgspec  # noqa: F401
        finally:
            del sys.modules["typing_extensions"]


def _lacking_for_frames() -> str | None:
    """Why frames cannot be written, None where they can."""
    from analyzer.report.output import require_parquet

    try:
        require_parquet()
    except AnalyzerError as error:
        return str(error)
    return None


def _emit(diagnosis: Diagnosis, face: Face, output: Path | None, *, verbose: bool, quiet: bool) -> None:
    from analyzer import report

    color, width = terminal(output)
    text = report.render(diagnosis, face.value, width=width, color=color, verbose=verbose, quiet=quiet)
    write(text, output)


def terminal(output: Path | None) -> tuple[bool, int | None]:
    """Whether to use colour, and the width: only for a terminal; NO_COLOR and pipes are honoured."""
    if output is not None or sys.stdout is None or not sys.stdout.isatty():
        return False, None
    color = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return color, os.get_terminal_size(sys.stdout.fileno()).columns


def write(text: str, output: Path | None) -> None:
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
        _silence(sys.stdout)
    except OSError as error:
        raise AnalyzerError(f"cannot write to standard output: {error.strerror or error}") from None


def _fill_closed_streams() -> None:
    """Where the caller closed a standard stream, its descriptor leads nowhere: else the next file that is opened has
    it, and so do the processes that are started. What is said to a closed stderr is said to nobody; stdin and stdout
    stay None, since who wants to read or write there is to be told."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for as long as the program runs


def _silence(stream: TextIO) -> None:
    """A closed pipe is no fault, its reader has seen enough: the stream leads nowhere, so that its last flush is
    silent, and the status stays what it is."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(arguments: Sequence[str]) -> tuple[str, Face] | None:
    """The bundle and the face of ``analyze BUNDLE [--format FACE]``; None for all else, which Typer reads."""
    match arguments:
        case [bundle]:
            face = Face.text.value
        case [bundle, "--format" | "-f", face] | ["--format" | "-f", face, bundle]:
            pass
        case _:
            return None
    if bundle in COMMANDS or (bundle.startswith("-") and bundle != "-") or face not in list(Face):
        return None
    return bundle, Face(face)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: run what is asked for, turn every end into the contract's exit status."""
    # A run makes many objects and few cycles: collecting rarely saves a twentieth of the time.
    gc.set_threshold(100_000, 20, 100)
    # The threads that read and inflate need the interpreter's lock for microseconds, and are to have it before the
    # next scan lets go of it (2 to 4 % of the time of a large log; Python's own interval is 5 ms).
    sys.setswitchinterval(0.0001)
    _fill_closed_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        plain = _plain(arguments)
        if plain is not None:
            sys.exit(answer(*plain))
        from analyzer import _apps

        app = _apps.commands_app if arguments and arguments[0] in COMMANDS else _apps.analyze_app
        stdout = sys.stdout
        try:
            app(arguments, standalone_mode=True, prog_name="analyze")
        finally:
            if sys.stdout is not stdout:  # what Typer, with a status of 1, does where the pipe is closed
                raise BrokenPipeError
    except AnalyzerError as error:
        note(str(error))
        sys.exit(error.status)
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(EXIT_INTERRUPT)
    except BrokenPipeError as error:
        for stream in (sys.stdout, sys.stderr):
            _silence(stream)
        sys.exit(getattr(error.__context__, "exit_code", 0))  # wrong usage that nobody was there to be told
    except MemoryError:
        note("out of memory while reading the bundle")
        sys.exit(EXIT_FAULT)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno == ENOSPC:
            note(f"cannot write: {error.strerror}")
            sys.exit(EXIT_USAGE)
        note(f"internal fault: {type(error).__name__}: {error} (run again with --debug for the traceback)")
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
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it is where the caller closed the descriptor
                stream.flush()
        except BrokenPipeError:
            _silence(stream)  # a closed pipe is no fault
        except OSError as error:
            _silence(stream)
            if not code:  # else it was said
                note(f"cannot write to standard output: {error.strerror or error}")
                code = EXIT_USAGE
    if len(sys.argv) > 1 and sys.argv[1] not in COMMANDS:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
