"""The table of all figures, and the one of the peers as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.measure import Figure

SHOWN = 6  # figures of one line's detail


def line(found: Figure) -> str:
    """One figure as one line of the table."""
    target = "" if found.target is None else f"<= {found.target:g}"
    met = {None: "", True: "met", False: "NOT MET"}[found.met]
    unit = "" if found.unit == "ratio" else f" {found.unit}"
    detail = ", ".join(f"{key} {value}" for key, value in list(found.detail.items())[:SHOWN])
    return f"{found.group:<9}{found.name:<52}{f'{found.value:g}{unit}':>20}{target:>10}  {met:<8}{found.load:>6}  {detail}"


def header() -> str:
    """The head of the table."""
    return f"{'group':<9}{'what':<52}{'value':>20}{'target':>10}  {'':<8}{'load':>6}  made of"


def peers_markdown(figures: Iterable[Figure]) -> str:
    """The peers as a Markdown table, quickest first."""
    rows = sorted((found for found in figures if found.group == "peers"), key=lambda found: found.value)
    if not rows:
        return ""
    lines = [
        "| tool | time | of `tar \\| rg` | peak of its largest process | planted lines found |",
        "|---|---|---|---|---|",
    ]
    for found in rows:
        name, detail = found.name.rpartition(",")[0].replace("|", "\\|"), found.detail
        lines.append(
            f"| `{name}` | {detail['seconds']:.2f} s | {found.value:.2f} | {detail['peak_mib']:.0f} MiB "
            f"| {detail['found']} of {detail['planted']} |"
        )
    return "\n".join(lines)
