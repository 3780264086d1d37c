"""How a case, a diagnosis and evidence look in a notebook: small tables, inline style, no script.

Every text is cleaned and escaped here; the outer class keeps MathJax away from the dollar signs of a
log. Colours are those of the page, so that it reads in the dark as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from analyzer.case.model import Case
from analyzer.diagnosis.model import Diagnosis, EvidenceView
from analyzer.report import phrases, view, words

_MOST_ROWS = 100
_QUOTE = 300
_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0"
_TONES = {"confirmed": "#d1495b", "likely": "#d1495b", "healthy": "#2e9e5b"}
_UNSURE = "#c98a1b"


def text(value: object, limit: int = 400) -> str:
    """A value of the bundle for HTML: cleaned of what acts, cut, escaped; None is a dash."""
    return "–" if value is None else escape(words.clean(str(value), limit))


def _code(value: object, limit: int = 400) -> str:
    return f"<code>{text(value, limit)}</code>"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """``rows`` are markup already; the header is text."""
    head = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _outer(*parts: str) -> str:
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def _more(count: int) -> str:
    return f"<p>… and {count - _MOST_ROWS:,} more</p>" if count > _MOST_ROWS else ""


def case(held: Case) -> str:
    """Name, layout, what was read, and one row a subject."""
    coverage = held.coverage
    lines = sum(log.lines for log in held.logs)
    size = f", {words.size(held.size_bytes)}" if held.size_bytes is not None else ""
    head = f"<p><b>{text(held.name)}</b> ({text(held.layout)}{size})</p>"
    read = (
        f"<p>{coverage.members_read:,} of {words.plural(coverage.members_total, 'member')} read, "
        f"{words.size(coverage.bytes_read)}, {words.plural(lines, 'log line')}</p>"
    )
    rows = [
        (
            _code(subject.id),
            text(" ".join(p for p in (subject.product, subject.version) if p) or None),
            f"{len(subject.lives):,}",
            f"{sum(life.failing for life in subject.lives):,}",
            f"{sum(group.count for life in subject.lives for group in life.failures):,}",
            f"{len(subject.captures):,}",
        )
        for subject in held.subjects[:_MOST_ROWS]
    ]
    names = ("subject", "product", "lives", "failing lives", "failures", "snapshots")
    table = _table(names, rows) if rows else "<p>no process of an ingester in it</p>"
    return _outer(head, read, table, _more(len(held.subjects)), _warnings(list(dict.fromkeys(held.warnings))))


def _warnings(found: Sequence[str]) -> str:
    if not found:
        return ""
    items = "".join(f"<li>{text(warning)}</li>" for warning in found[:10])
    rest = f"<li>… and {len(found) - 10:,} more</li>" if len(found) > 10 else ""
    return f"<p>Warnings:</p><ul>{items}{rest}</ul>"


def diagnosis(found: Diagnosis) -> str:
    """The verdict, the two questions, what was weighed, what to do, and the strongest evidence."""
    verdict = found.verdict
    tone = _TONES.get(verdict.status, _UNSURE)
    head = (
        f'<p style="border-left:4px solid {tone};padding-left:10px"><b>{text(phrases.headline(verdict))}</b>: '
        f"{text(phrases.title(verdict))}<br>{text(verdict.summary, 2000)}</p>"
    )
    subject = view.pick(found, None)
    if subject is None:
        return _outer(head, _warnings(found.warnings))
    questions = [
        (f"<b>{text(phrases.QUESTIONS[q.id])}</b>", f"<b>{text(q.answer)}</b>", text(q.why, 1000))
        for q in subject.questions
    ]
    first = view.convicting(subject)
    weighed = [
        (
            _code(h.cause),
            text(phrases.rival_word(h.status)),
            text(phrases.margin_text(h) or None),
            text(h.why, 600),
        )
        for h in ([first] if first is not None else []) + view.rivals(subject)
    ]
    quoted = view.strongest(subject, view.evidence_by_id(found), 5)
    remedies = [
        r for r in sorted(subject.remedies, key=lambda r: r.order) if r.kind == "do" and r.when == "now"
    ]
    acts = "".join(f"<li>{text(r.title)}</li>" for r in remedies[:5])
    asked = "".join(f"<li>{text(a.need)}: {_code(a.command, 1000)}</li>" for a in view.asks(subject, 3))
    return _outer(
        head,
        f"<p>{text(' · '.join(phrases.identity(subject)), 1000)}</p>",
        _table(("", "", ""), questions),
        f"<details><summary>{len(weighed)} causes weighed</summary>"
        f"{_table(('cause', 'status', 'used of limit', 'why'), weighed)}</details>",
        f"<p><b>Now</b></p><ul>{acts}</ul>" if acts else "",
        f"<p><b>Ask for</b></p><ul>{asked}</ul>" if asked else "",
        _evidence_table(quoted),
        _warnings(found.warnings),
    )


def _evidence_table(quoted: Sequence[EvidenceView]) -> str:
    rows = [
        (text(q.id), _code(phrases.where(q)), text(q.time), _code(words.excerpt(q.text, _QUOTE), _QUOTE + 1))
        for q in quoted[:_MOST_ROWS]
    ]
    return _table(("", "where", "time", "text"), rows) if rows else ""


def evidence(quoted: Sequence[EvidenceView]) -> str:
    """Quoted lines with their places."""
    return _outer(_evidence_table(quoted) or "<p>no evidence</p>", _more(len(quoted)))
