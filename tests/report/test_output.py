"""--output DIR: all faces, fix/ and the frames."""

from __future__ import annotations

import json
import os
from pathlib import Path

import diagnoses
import pandas as pd
import pytest

from analyzer.errors import AnalyzerError
from analyzer.report import render, write_all
from analyzer.report.output import FACE_FILES


def test_all_faces_fix_files_and_frames(tmp_path: Path) -> None:
    found = diagnoses.startup()
    frame = pd.DataFrame({"tenant": ["a", None], "size": [1, 2]})
    written = write_all(found, tmp_path / "out", {"failures": frame})
    assert all(path.exists() for path in written)
    names = {str(path.relative_to(tmp_path / "out")) for path in written}
    assert set(FACE_FILES.values()) <= names
    assert "fix/raise-max-map-count.sh" in names
    assert os.access(tmp_path / "out/fix/raise-max-map-count.sh", os.X_OK)
    assert json.loads((tmp_path / "out/report.json").read_text("utf-8"))["exit_status"] == 1
    assert (tmp_path / "out/report.txt").read_text("utf-8") == render(found, "text", verbose=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out/frames/failures.parquet"), frame)


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_all(diagnoses.startup(), tmp_path)
    (tmp_path / "mine.txt").write_text("kept")
    write_all(diagnoses.undecided(), tmp_path)
    assert "UNDETERMINED" in (tmp_path / "ticket.txt").read_text("utf-8")
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnalyzerError, match="cannot write") as caught:
        write_all(diagnoses.startup(), tmp_path / "file" / "out")
    assert caught.value.status == 2


def test_hostile_text_is_written_as_utf_8(tmp_path: Path) -> None:
    for path in write_all(diagnoses.hostile(), tmp_path):
        path.read_text("utf-8")
