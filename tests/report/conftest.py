"""The diagnoses of diagnoses.py as fixtures: one test a case."""

from __future__ import annotations

from collections.abc import Callable

import diagnoses
import pytest

from analyzer.diagnosis.model import Diagnosis


@pytest.fixture(params=sorted(diagnoses.ALL))
def any_diagnosis(request: pytest.FixtureRequest) -> Diagnosis:
    """Each of the diagnoses in turn."""
    build: Callable[[], Diagnosis] = diagnoses.ALL[request.param]
    return build()
