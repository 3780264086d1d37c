"""The faces as they were looked at and found good. A change shows as a diff; regenerate.py writes them anew."""

from __future__ import annotations

import pytest
import regenerate


@pytest.mark.parametrize("name", sorted(regenerate.faces()))
def test_a_face_is_as_it_was_reviewed(name: str) -> None:
    path = regenerate.GOLDEN / name
    assert path.read_text("utf-8") == regenerate.faces()[name](), (
        "run python tests/report/regenerate.py and review the diff"
    )


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in regenerate.GOLDEN.iterdir()} == set(regenerate.faces())
