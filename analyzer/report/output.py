"""``--output DIR``: every face of one diagnosis, the fix files, and the frames as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.diagnosis.model import Diagnosis
from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    import pandas as pd

FACE_FILES = {
    "text": "report.txt",
    "markdown": "report.md",
    "html": "report.html",
    "json": "report.json",
    "ticket": "ticket.txt",
}


def write_all(
    diagnosis: Diagnosis,
    directory: str | Path,
    frames: Mapping[str, pd.DataFrame] | None = None,
    *,
    sources: Iterable[str] = (),
) -> list[Path]:
    """Write all faces, ``fix/`` and ``frames/NAME.parquet`` below ``directory``; the paths written.

    Files of these names are replaced, nothing else in the directory is touched; where one of them is a bundle at
    ``sources``, or a file of it, nothing is written at all. A redacted diagnosis wants redacted frames: see
    :meth:`redaction.Redactor.frames`.

    Raises:
        AnalyzerError: the directory cannot be written to, a bundle would be lost, or frames are given without pyarrow.
    """
    from analyzer._outputs import spare
    from analyzer.report import fixes, render

    if frames:
        require_parquet()

    root = Path(directory)
    contents = {name: render(diagnosis, face, verbose=face == "text") for face, name in FACE_FILES.items()}  # type: ignore[arg-type]
    contents |= {f"fix/{name}": text for name, text in fixes.files(diagnosis).items()}
    spare(
        [root / name for name in (*contents, *(f"frames/{name}.parquet" for name in frames or ()))], sources
    )
    written = []
    try:
        for name, text in contents.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            if name.endswith(".sh"):
                path.chmod(0o755)
            written.append(path)
        for name, frame in (frames or {}).items():
            path = root / "frames" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(path, index=False)
            written.append(path)
    except OSError as error:
        raise AnalyzerError(f"cannot write {error.filename or root}: {error.strerror or error}") from error
    return written


def require_parquet() -> None:
    """Raises AnalyzerError, with the extra's name, where frames cannot be written."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise AnalyzerError("frames need pyarrow: pip install 'ingester-postmortem[fleet]'")
