"""The pictures of the README are made from what the program says now."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_pictures.py"


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_picture_is_stale(pictures: ModuleType) -> None:
    assert pictures.stale() == [], "run python docs/make_pictures.py and look at the pictures"


def test_pictures_are_svg_without_script_or_request(pictures: ModuleType) -> None:
    files = sorted(pictures.PICTURES.iterdir())
    assert {path.name for path in files} == set(pictures.pictures())
    for path in files:
        text = path.read_text("utf-8")
        ET.fromstring(text)
        assert "<script" not in text
        assert "@font-face" not in text
        assert not re.search(r'(?:href|src)="(?!#)', text)
