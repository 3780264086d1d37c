"""Make the pictures of the README from the real output: ``python docs/make_pictures.py``.

Each picture is an SVG that says in a comment from what text it was made, so that
``python docs/make_pictures.py --check`` (and a test) can tell a stale one, whatever versions of the
drawing libraries are installed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

from analyzer.diagnosis.model import Diagnosis, SubjectReport
from analyzer.pipeline import diagnose
from analyzer.report import plots, render, svg, view
from analyzer.report.terminal import first_screen

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
BUNDLE = ROOT / "fixtures" / "bundles" / "cortex-startup_logfmt_1.11.1" / "bundle.tar.gz"
COLUMNS = 100

# What the pictures show, as the text that they are as fresh as.
_SHOWN: dict[str, Callable[[SubjectReport], object]] = {
    "mappings": lambda s: s.mappings and (s.mappings.count, s.mappings.limit, s.mappings.need and (s.mappings.need.low, s.mappings.need.high)),
    "lives": lambda s: ([(life.id, life.started, life.ended, life.exit_code) for life in s.lives], sorted({str(f.first) for f in s.failures})),
}  # fmt: skip
_MARK = re.compile(r"<!-- made from (?P<mark>[0-9a-f]{64}) -->")
# A page of the README may be light or dark: a middle grey reads on both.
_INK = "#7d8590"
_TERMINAL = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>{lines}</defs>
<rect fill="#16191d" width="{width}" height="{height}" rx="8"/>
<g transform="translate(24, 16)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal(diagnosis: Diagnosis) -> tuple[str, Callable[[], str]]:
    """The first screen of the text report: the text that it shows, and how it is drawn."""
    rows = len(first_screen(diagnosis, COLUMNS).text(False).splitlines())
    shown = "\n".join(render(diagnosis, "text", width=COLUMNS, color=True).split("\n")[:rows])

    def draw() -> str:
        from io import StringIO

        from rich.console import Console
        from rich.terminal_theme import TerminalTheme
        from rich.text import Text

        theme = TerminalTheme(
            (22, 25, 29), (208, 215, 222),
            [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (210, 168, 255), (57, 197, 207), (177, 186, 196)],
        )  # fmt: skip
        console = Console(
            file=StringIO(),
            record=True,
            width=COLUMNS,
            force_terminal=True,
            color_system="standard",
            _environ={},
        )
        console.print(Text("$ analyze bundle.tar.gz", "bold"))
        console.print(Text.from_ansi(shown))
        return console.export_svg(title="", theme=theme, code_format=_TERMINAL, unique_id="screen")

    return shown, draw


def plot(diagnosis: Diagnosis, name: str) -> tuple[str, Callable[[], str]]:
    """One picture of the HTML report; it is as fresh as the subject that it shows."""
    chosen = next(found for found in plots.PLOTS if found.name == name)
    subject = view.subjects(diagnosis)[0]
    source = f"{name} {_SHOWN[name](subject)!r}"

    def draw() -> str:
        return svg.inline(chosen, diagnosis, subject.id, name).replace("currentColor", _INK)

    return source, draw


def pictures() -> dict[str, tuple[str, Callable[[], str]]]:
    """File name to its source text and what draws it."""
    found = diagnose(BUNDLE)
    return {
        "terminal.svg": terminal(found),
        "mappings.svg": plot(found, "mappings"),
        "lives.svg": plot(found, "lives"),
    }


def mark(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def stale() -> list[str]:
    """The pictures that were not made from what the program says now."""
    found = []
    for name, (source, _) in pictures().items():
        path = PICTURES / name
        made = _MARK.search(path.read_text("utf-8")) if path.exists() else None
        if made is None or made["mark"] != mark(source):
            found.append(name)
    return found


def main() -> int:
    """Write all pictures, or with ``--check`` only say which are stale (exit 1)."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where a picture is stale")
    if parser.parse_args().check:
        names = stale()
        print("stale: " + ", ".join(names) if names else "all pictures are fresh")
        return 1 if names else 0
    PICTURES.mkdir(exist_ok=True)
    for name, (source, draw) in pictures().items():
        (PICTURES / name).write_text(f"{draw().rstrip()}\n<!-- made from {mark(source)} -->\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
