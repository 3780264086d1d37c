"""matplotlib Axes as SVG to stand inside an HTML page: text as text, ids of its own, no date."""

from __future__ import annotations

import re
import warnings
from html import escape
from io import StringIO
from typing import Any

from analyzer.diagnosis.model import Diagnosis
from analyzer.report.plots import INK, PLOTS, Plot

_RULES: Any = {"svg.fonttype": "none", "svg.hashsalt": "ingester-postmortem", "font.family": ["DejaVu Sans"]}


def inline(plot: Plot, diagnosis: Diagnosis, subject: str, prefix: str) -> str:
    """The picture as one ``<svg>``; the same diagnosis gives the same bytes.

    Ids begin with ``prefix``, so that several pictures may stand in one page. Ink takes the colour
    of the page's text, so that it reads in the dark as well.
    """
    import matplotlib as mpl

    with mpl.rc_context(_RULES), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = plot.draw(diagnosis, subject, None).get_figure(root=True)
        assert figure is not None
        out = StringIO()
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
        )
    return _for_page(out.getvalue(), prefix, plot.title)


def _for_page(document: str, prefix: str, title: str) -> str:
    text = document[document.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'((?:xlink:)?href)="#([^"]+)"', rf'\1="#{prefix}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = text.replace(INK, "currentColor")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px sans-serif", text)
    text = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", text)
    head = f'<svg role="img" aria-label="{escape(title)}" class="plot" style="stroke-linejoin:round;stroke-linecap:butt" '
    text = re.sub(r"<svg ", lambda _: head, text, count=1)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", text, count=1)
    return re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1)


def pictures(diagnosis: Diagnosis, subject: str, prefix: str) -> list[tuple[str, str]]:
    """All pictures of this subject whose facts are there, as (title, svg)."""
    report = next(candidate for candidate in diagnosis.subjects if candidate.id == subject)
    return [
        (plot.title, inline(plot, diagnosis, subject, f"{prefix}-{plot.name}"))
        for plot in PLOTS
        if plot.present(report)
    ]
