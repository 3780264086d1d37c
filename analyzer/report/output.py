"""``--output DIR``: every face of one diagnosis, the fix files, and the frames as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
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
    diagnosis: Diagnosis, directory: str | Path, frames: Mapping[str, pd.DataFrame] | None = None
) -> list[Path]:
    """Write all faces, ``fix/`` and ``frames/NAME.parquet`` below ``directory``; the paths written.

    Files of these names are replaced, nothing else in the directory is touched. A redacted diagnosis
    wants redacted frames: see :meth:`redaction.Redactor.frames`.

    Raises:
        AnalyzerError: the directory cannot be written to, or frames are given without pyarrow.
    """
    from analyzer.report import fixes, render

    root = Path(directory)
    contents = {name: render(diagnosis, face, verbose=face == "text") for face, name in FACE_FILES.items()}  # type: ignore[arg-type]
    contents |= {f"fix/{name}": text for name, text in fixes.files(diagnosis).items()}
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
            _write_frame(frame, path)
            written.append(path)
    except OSError as error:
        raise AnalyzerError(f"cannot write {error.filename or root}: {error.strerror or error}") from error
    return written


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    try:
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise AnalyzerError("Parquet needs pyarrow: pip install 'ingester-postmortem[fleet]'") from error
