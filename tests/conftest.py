"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from captured import FIXTURES
from hypothesis import settings

# A deadline makes a timed test of every property: a machine that does other work fails it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of captured data."""
    return FIXTURES
