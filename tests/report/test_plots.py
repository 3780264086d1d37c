"""The pictures: drawn from the diagnosis alone, on Axes of their own, as SVG that may stand in a page."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET

import diagnoses
import pytest
from matplotlib.figure import Figure

from analyzer.diagnosis.model import Diagnosis, SnapshotView
from analyzer.report import plots, svg


@pytest.mark.parametrize("plot", plots.PLOTS, ids=lambda plot: plot.name)
def test_every_plot_of_every_diagnosis(plot: plots.Plot, any_diagnosis: Diagnosis) -> None:
    ax = plot.draw(any_diagnosis, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]


def test_plots_draw_on_given_axes_and_for_a_named_subject() -> None:
    found = diagnoses.several()
    ax = Figure().subplots()
    assert plots.plot_mappings(found, "node-3/cortex/ingester-2", ax) is ax
    assert "8,706" in ax.get_xlabel()
    with pytest.raises(KeyError):
        plots.plot_mappings(found, "nobody")


def test_what_is_not_known_is_said_and_not_drawn_as_zero() -> None:
    ax = plots.plot_mappings(diagnoses.empty())
    assert not ax.patches
    assert "not in the bundle" in ax.texts[0].get_text()


def test_the_limit_line_and_the_need() -> None:
    ax = plots.plot_mappings(diagnoses.startup())
    assert [patch.get_width() for patch in ax.patches] == [16000, 20413]
    assert ax.lines[0].get_xdata()[0] == 16000  # type: ignore[index]


def test_dated_snapshots_become_a_line_over_time() -> None:
    found = diagnoses.startup()
    found.subjects[0].snapshots = [
        SnapshotView(f"2026-11-22T22:00:{10 + n:02d}Z", 20656, ["vm:3"], "series", "series.csv", n * 4000)
        for n in range(5)
    ]
    ax = plots.plot_mappings(found)
    assert list(ax.lines[0].get_ydata()) == [0, 4000, 8000, 12000, 16000]
    assert list(ax.lines[1].get_ydata()) == [16000, 16000]


def test_a_failure_is_marked_in_the_life_it_happened_in() -> None:
    ax = plots.plot_lives(diagnoses.startup())
    rows = sorted(int(y) for _, y in ax.collections[0].get_offsets())  # type: ignore[attr-defined]
    assert rows == [0, 2, 3, 4]


def test_pyplot_is_never_used() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/report'); import diagnoses; from analyzer.report import plots\n"
        "[p.draw(diagnoses.startup(), None, None) for p in plots.PLOTS]\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_svg_for_a_page(any_diagnosis: Diagnosis) -> None:
    pictures = []
    for number, subject in enumerate(any_diagnosis.subjects):
        pictures += [text for _, text in svg.pictures(any_diagnosis, subject.id, f"p{number}")]
    ids: list[str] = []
    for text in pictures:
        root = ET.fromstring(text)
        ids += [element.get("id", "") for element in root.iter() if element.get("id")]
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        assert "<metadata" not in text
        assert "<style" not in text
        for target in re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text):
            assert "".join(target).startswith("#p")
    assert len(ids) == len(set(ids)), "ids are unique in the page"


def test_text_is_text_in_the_page_s_own_ink() -> None:
    found = diagnoses.startup()
    text = dict(svg.pictures(found, found.subjects[0].id, "p"))["Mappings against the limit"]
    assert "19,934 to 20,413</text>" in text
    assert "currentColor" in text
    assert plots.INK not in text


def test_mathtext_in_a_name_is_only_text() -> None:
    found = diagnoses.hostile()
    text = dict(svg.pictures(found, found.subjects[0].id, "p"))["Mappings by tenant"]
    assert "$x$ $\\frac$" in text
