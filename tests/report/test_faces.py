"""What holds of every face of every diagnosis."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import typing
from typing import Any, get_args, get_origin, get_type_hints

import diagnoses
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import FACES, render

ACTIVE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@pytest.mark.parametrize("face", FACES)
def test_every_face_of_every_diagnosis(any_diagnosis: Diagnosis, face: Any) -> None:
    before = copy.deepcopy(any_diagnosis)
    text = render(any_diagnosis, face)
    assert any_diagnosis == before, "a face must not change the diagnosis"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not ACTIVE.search(text)
    text.encode("utf-8")
    assert render(any_diagnosis, face) == text, "the same diagnosis gives the same bytes"


@pytest.mark.parametrize("face", FACES)
def test_the_two_numbers_of_the_case_stand_in_every_face(face: Any) -> None:
    text = render(diagnoses.startup(), face)
    assert re.search("16,?000", text)
    assert re.search("262,?144", text)
    assert "var/log/cortex/ingester.log" in text
    assert "delete blocks or the WAL" in text


def test_verbose_cuts_nothing_short_of_quotes() -> None:
    found = diagnoses.several()
    text = render(found, "text", verbose=True)
    for subject in found.subjects:
        assert f"  {subject.id}\n" in text
    for tenant in found.subjects[0].mappings.by_tenant:  # type: ignore[union-attr]
        assert tenant.tenant in text
    assert "--verbose" not in text


def test_no_such_face() -> None:
    with pytest.raises(ValueError, match="no such face: pdf"):
        render(diagnoses.startup(), "pdf")  # type: ignore[arg-type]


def test_importing_the_report_loads_nothing_heavy() -> None:
    code = (
        "import sys, analyzer.report as r\n"
        "heavy = {'rich', 'jinja2', 'matplotlib', 'pandas', 'numpy', 'tabulate', 'regex'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_text_face_needs_neither_matplotlib_nor_pandas() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/report'); import diagnoses, analyzer.report as r\n"
        "[r.render(diagnoses.startup(), f) for f in ('text', 'ticket', 'json', 'markdown')]\n"
        "print(sorted({'jinja2', 'matplotlib', 'pandas', 'numpy', 'rich.table', 'rich.markdown'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def _strategy(annotation: Any, depth: int) -> st.SearchStrategy[Any]:
    """Any value of a field of the model: every optional may be None, every list empty."""
    origin = get_origin(annotation)
    if origin is typing.Literal:
        return st.sampled_from(get_args(annotation))
    if origin is list:
        return st.lists(_strategy(get_args(annotation)[0], depth + 1), max_size=2)
    if origin is dict:
        return st.dictionaries(st.text(max_size=8), st.integers(0, 9), max_size=2)
    if origin is not None or isinstance(annotation, typing.types.UnionType):  # type: ignore[attr-defined]
        return st.one_of(*(_strategy(kind, depth) for kind in get_args(annotation)))
    if annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(-5, 2**40)
    if annotation is float:
        return st.floats(allow_nan=True, allow_infinity=True, width=32)
    if annotation is str:
        return st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                ["2026-11-22T22:00:12Z", "a/b.log", "e1", "bytes", "kB", diagnoses.EVIL, "\x1b[2J\x9b\u202e"]
            ),
        )
    assert issubclass(annotation, msgspec.Struct)
    hints = get_type_hints(annotation)
    return st.builds(
        annotation, **{name: _strategy(hints[name], depth) for name in annotation.__struct_fields__}
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(_strategy(Diagnosis, 0))
def test_no_diagnosis_breaks_a_face(diagnosis: Diagnosis) -> None:
    for face in ("text", "ticket", "markdown", "json"):
        text = render(diagnosis, face)
        assert text.endswith("\n")
        assert not ACTIVE.search(text)
    assert render(diagnosis, "text", width=40, color=True, verbose=True)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(_strategy(Diagnosis, 0))
def test_no_diagnosis_breaks_the_page(diagnosis: Diagnosis) -> None:
    assert not ACTIVE.search(render(diagnosis, "html"))
