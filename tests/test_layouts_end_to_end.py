"""Each layout, packed from real facts, through the whole pipeline: recognised, attributed, judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_builds import BUILDS, Build, Expected
from layout_decoys import DECOYS

from analyzer.diagnosis.model import SubjectReport
from analyzer.pipeline import diagnose


@pytest.mark.parametrize("title", BUILDS)
def test_a_layout_is_recognised_attributed_and_judged(title: str, tmp_path: Path) -> None:
    check(BUILDS[title], tmp_path)


@pytest.mark.parametrize("title", DECOYS)
def test_what_deceives_does_not(title: str, tmp_path: Path) -> None:
    check(DECOYS[title], tmp_path)


def check(build: Build, tmp_path: Path) -> None:
    """All that is said of the bundle's subjects."""
    found = diagnose(build.write(tmp_path))
    assert found.bundle.layout == build.layout
    assert {s.id for s in found.subjects} == build.subjects.keys()
    for subject in found.subjects:
        assert _place(subject, build.subjects[subject.id]) == build.subjects[subject.id]
    assert build.warns in " ".join(found.warnings)
    assert not [text for text in found.warnings if "could not be parsed" in text]


def _place(subject: SubjectReport, expected: Expected) -> Expected:
    """What is said of the subject, where the layout tells."""
    limit = subject.mappings.limit if subject.mappings else None
    need = subject.mappings.need if subject.mappings else None
    return Expected(
        verdict=_verdict(subject, expected),
        host=subject.host if expected.host else None,
        node=subject.node if expected.node else None,
        namespace=subject.namespace,
        pod=subject.pod,
        container=subject.container,
        pid=subject.pid,
        container_id=subject.container_id if expected.container_id else None,
        limit=limit,
        need=need is not None if expected.need else False,
    )


def _verdict(subject: SubjectReport, expected: Expected) -> tuple[str, str]:
    """The subject's verdict; where several are right, all of them when it is one of these."""
    own = (subject.verdict.cause, subject.verdict.status)
    fits = all(word in allowed.split(" or ") for word, allowed in zip(own, expected.verdict, strict=True))
    return expected.verdict if fits else own
