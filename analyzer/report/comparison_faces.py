"""The faces of a comparison: terminal, ticket, Markdown, HTML and JSON."""

from __future__ import annotations

from analyzer.report import jsonface, words
from analyzer.report.comparison import FIX_WORDS, Comparison, SubjectComparison

_STYLES = {"fixed": "green", "nothing_to_fix": "green", "unknown": "magenta"}
_TONES = {"fixed": "good", "nothing_to_fix": "good", "unknown": "unsure"}


def render(comparison: Comparison, face: str, *, width: int | None = None, color: bool = False) -> str:
    """The comparison as ``face``: text, ticket, markdown, html or json.

    Raises:
        ValueError: there is no such face.
    """
    if face == "text":
        return _text(comparison, max(40, width or 100), color)
    if face == "ticket":
        return _ticket(comparison)
    if face == "markdown":
        return _markdown(comparison)
    if face == "html":
        return _html(comparison)
    if face == "json":
        return jsonface.encode(comparison)
    raise ValueError(f"no such face: {face}")


def outlook(pair: SubjectComparison) -> str:
    """``12,345 mappings of headroom; +150 a day (the need of both bundles, 1.0 d apart): 82 days to the limit``."""
    parts = []
    if pair.headroom is not None:
        parts.append(f"{pair.headroom:,} mappings of headroom")
    if pair.growth_per_day is not None:
        growth = f"{pair.growth_per_day:+,.0f} a day (from {pair.growth_basis})"
        parts.append(
            growth
            + (f": {pair.days_to_limit:,.0f} days to the limit" if pair.days_to_limit is not None else "")
        )
    return "; ".join(parts)


def _bundles(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        (side, f"{words.clean(info.bundle, 120)}, {words.moment(info.captured_at)}")
        for side, info in (("before", comparison.before), ("after", comparison.after))
    ]


def _text(comparison: Comparison, width: int, color: bool) -> str:
    from analyzer.report.paint import Page, ink

    page = Page(width)
    style = _STYLES.get(comparison.verdict, "red")
    page.raw(ink(f"● {FIX_WORDS[comparison.verdict]}", f"bold {style}"))
    page.put(ink(words.clean(comparison.summary), "bold"), indent=2)
    for side, text in _bundles(comparison):
        page.put(ink(f"{side:<7}{text}", "dim"), indent=2)
    for pair in comparison.subjects:
        page.title(f"{FIX_WORDS[pair.verdict]}: {words.clean(pair.subject)}")
        if len(comparison.subjects) > 1:
            page.put(ink(words.clean(pair.summary)), indent=2)
        rows = [
            ["*" if row.changed else "", row.what, row.before or "not known", row.after or "not known"]
            for row in pair.changes
        ]
        page.table(["", "", "before", "after"], rows)
        if outlook(pair):
            page.put(ink(outlook(pair)), indent=2)
    if comparison.notes:
        page.title("NOTES")
        for note in comparison.notes:
            page.put(ink(f"! {words.clean(note)}", "magenta"), indent=2, hanging=4)
    return page.text(color)


def _ticket(comparison: Comparison) -> str:
    lines = [f"{FIX_WORDS[comparison.verdict]}: {words.clean(comparison.summary, 400)}"]
    lines += [f"{side}: {text}" for side, text in _bundles(comparison)]
    for pair in comparison.subjects[:1]:
        lines.append(f"Subject: {words.clean(pair.subject, 200)}")
        changed = [f"{row.what} {row.before} -> {row.after}" for row in pair.changes if row.changed]
        lines += [f"Changed: {text}" for text in changed[:7]]
        if outlook(pair):
            lines.append(f"Outlook: {outlook(pair)}")
    if len(comparison.subjects) > 1:
        lines.append(f"and {words.plural(len(comparison.subjects) - 1, 'other subject')} in both bundles")
    if comparison.notes:
        lines.append(f"Note: {'; '.join(words.clean(note, 120) for note in comparison.notes[:3])}")
    return "\n".join(lines[:15]) + "\n"


def _markdown(comparison: Comparison) -> str:
    from analyzer.report.markdown import escape, table

    out = [f"# {FIX_WORDS[comparison.verdict]}", "", f"**{escape(comparison.summary)}**", ""]
    out += [f"- {side}: {escape(text)}" for side, text in _bundles(comparison)] + [""]
    for pair in comparison.subjects:
        out += [f"## {escape(pair.subject)}: {FIX_WORDS[pair.verdict].lower()}", "", escape(pair.summary), ""]
        rows = [
            [
                escape(row.what),
                escape(row.before or "not known"),
                escape(row.after or "not known"),
                "changed" if row.changed else "",
            ]
            for row in pair.changes
        ]
        out += table(["", "before", "after", ""], rows)
        if outlook(pair):
            out += [escape(outlook(pair)), ""]
    out += [f"- {escape(note)}" for note in comparison.notes]
    return "\n".join(out).rstrip("\n") + "\n"


def _html(comparison: Comparison) -> str:
    from analyzer.report.html import environment, style_sheet

    return environment().get_template("compare").render(
        css=style_sheet(),
        headline=FIX_WORDS[comparison.verdict],
        tone=_TONES.get(comparison.verdict, "bad"),
        comparison=comparison,
        bundles=_bundles(comparison),
        pairs=[
            {"pair": pair, "word": FIX_WORDS[pair.verdict], "tone": _TONES.get(pair.verdict, "bad"), "outlook": outlook(pair)}
            for pair in comparison.subjects
        ],
    )  # fmt: skip
