"""The time line says where a text is cut, and cuts between words."""

from __future__ import annotations

import io

import pytest

from analyzer.diagnosis.timeline import _short
from analyzer.pipeline import diagnose


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("cannot allocate memory", 22, "cannot allocate memory"),
        ("cannot allocate memory", 20, "cannot allocate…"),
        ("x" * 30, 10, "x" * 9 + "…"),
        ("a " + "x" * 60, 40, "a " + "x" * 37 + "…"),
    ],
)
def test_a_long_text_is_cut_between_words_and_says_so(text: str, most: int, kept: str) -> None:
    assert _short(text, most) == kept
    assert len(_short(text, most)) <= most


def test_a_long_reason_of_a_panic_ends_with_an_ellipsis() -> None:
    reason = "opening storage failed: " + "; ".join(["mmap, size 4096: cannot allocate memory"] * 5)
    log = f'ts=2026-11-22T21:59:47.17Z level=info msg="Starting Cortex"\npanic: {reason}\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:1 +0x1\n'
    entries = diagnose(io.BytesIO(log.encode())).subjects[0].timeline
    told = next(entry.text for entry in entries if entry.kind == "fatal")
    assert told.endswith("…")
    assert told.removesuffix("…").split()[-1] in reason.split()
