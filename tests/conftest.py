"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from captured import FIXTURES


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of captured data."""
    return FIXTURES
