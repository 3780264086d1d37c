"""One diagnosis, many faces: text, ticket, Markdown, HTML, JSON; redaction, comparison, fix files.

Nothing heavy is imported here: a face loads what it needs when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from analyzer.diagnosis.model import Diagnosis

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from analyzer.report.comparison import Comparison
    from analyzer.report.redaction import Redactor

Face = Literal["text", "markdown", "html", "json", "ticket"]
FACES: tuple[str, ...] = get_args(Face)


def render(
    diagnosis: Diagnosis,
    face: Face = "text",
    *,
    width: int | None = None,
    color: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> str:
    """``diagnosis`` as ``face``, ending in one newline.

    ``width`` (columns, 100 when not given), ``color``, ``verbose`` and ``quiet`` are the text face's alone.

    Raises:
        ValueError: there is no such face.
    """
    if face == "text":
        from analyzer.report import terminal

        return terminal.render(diagnosis, width=width, color=color, verbose=verbose, quiet=quiet)
    if face == "ticket":
        from analyzer.report import ticket

        return ticket.render(diagnosis)
    if face == "markdown":
        from analyzer.report import markdown

        return markdown.render(diagnosis)
    if face == "html":
        from analyzer.report import html

        return html.render(diagnosis)
    if face == "json":
        from analyzer.report import jsonface

        return jsonface.render(diagnosis)
    raise ValueError(f"no such face: {face}")


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the JSON report."""
    from analyzer.report import jsonface

    return jsonface.schema()


def write_all(
    diagnosis: Diagnosis,
    directory: str | Path,
    frames: Mapping[str, pd.DataFrame] | None = None,
    *,
    sources: Iterable[str] = (),
) -> list[Path]:
    """All faces, the fix files and the frames as Parquet below ``directory``; the paths written. No bundle at
    ``sources``, nor a file of it, is replaced.

    Raises:
        AnalyzerError: the directory cannot be written to, a bundle would be lost, or frames are given without pyarrow.
    """
    from analyzer.report import output

    return output.write_all(diagnosis, directory, frames, sources=sources)


def redact(diagnosis: Diagnosis, key: bytes | None) -> Diagnosis:
    """A copy without a customer's names; the same key gives the same pseudonyms, None a key for once."""
    from analyzer.report import redaction

    return redaction.redact(diagnosis, key)


def redactor(diagnosis: Diagnosis, key: bytes | None) -> Redactor:
    """What :func:`redact` uses, for the frames as well: ``.diagnosis(d)``, ``.frames(frames)``, ``.text(s)``."""
    from analyzer.report import redaction

    return redaction.redactor(diagnosis, key)


def compare(before: Diagnosis, after: Diagnosis) -> Comparison:
    """Whether the fix worked."""
    from analyzer.report import comparison

    return comparison.compare(before, after)


def render_comparison(
    comparison: Comparison, face: Face = "text", *, width: int | None = None, color: bool = False
) -> str:
    """A comparison as ``face``.

    Raises:
        ValueError: there is no such face.
    """
    from analyzer.report import comparison_faces

    return comparison_faces.render(comparison, face, width=width, color=color)
