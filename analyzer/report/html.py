"""The HTML report: one file, no script, no request; the pictures inline, evidence linked to its lines.

Every string that the template writes passes :func:`words.clean` and is then escaped; only the style
sheet and the pictures, made here, go in as they are.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from analyzer.diagnosis.model import Diagnosis, EvidenceView, LifeView, Question, Remedy, SubjectReport
from analyzer.report import phrases, view, words

if TYPE_CHECKING:
    from jinja2 import Environment

_TONES = {
    "confirmed": "bad",
    "likely": "bad",
    "possible": "unsure",
    "undetermined": "unsure",
    "healthy": "good",
}
_RIVAL_TONES = {"ruled_out": "good", "untestable": "unsure"}
_QUOTE, _EXCERPT = 4000, 400
_TIMELINE, _LIVES, _FAILURES, _TENANTS, _SNAPSHOTS, _SKIPPED, _SUBJECTS = 60, 40, 40, 25, 40, 200, 50
_PICTURED = 3
"""Subjects that get pictures: the worst ones; of the others the tables say the same."""


def _shown(value: Any) -> Any:
    """What a ``{{ }}`` writes: plain strings cleaned, None as a dash; markup made here unchanged."""
    if type(value) is str:
        return words.clean(value)
    return "-" if value is None else value


def _pre(lines: list[str]) -> Any:
    from markupsafe import Markup

    return Markup("\n").join(lines)


@lru_cache(maxsize=1)
def environment() -> Environment:
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = files("analyzer.report").joinpath("templates")
    sources = {name: folder.joinpath(f"{name}.html.j2").read_text("utf-8") for name in ("report", "compare")}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.globals["no_risk"] = view.NO_RISK
    environment.filters |= {
        "moment": words.moment,
        "integer": words.integer,
        "percent": words.percent,
        "pre": _pre,
    }
    return environment


def style_sheet() -> Any:
    """The style sheet of all pages."""
    from markupsafe import Markup

    return Markup(files("analyzer.report").joinpath("templates", "report.css").read_text("utf-8").strip())


def _plain(item: Any, **more: Any) -> dict[str, Any]:
    """A record as a shallow dict with ``more`` in it."""
    assert isinstance(item, Struct)
    return structs.asdict(item) | more


def _gauge(gauge: view.Gauge, tone: str | None = None) -> dict[str, Any]:
    if tone is None:
        tone = "good" if gauge.ratio < 0.8 else "unsure" if gauge.ratio < 1 else "bad"
    share = f"{max(0.0, min(100.0, gauge.ratio * 100)):.1f}"
    return _plain(gauge, figures=gauge.figures, share=share, tone=tone)


def _question(asked: Question, subject: SubjectReport) -> dict[str, Any]:
    memory = asked.id == "free_memory"
    gauges = view.memory_gauges(subject) if memory else view.map_gauges(subject)
    good = "yes" if memory else "no"
    tone = "unsure" if asked.answer == "unknown" else "good" if asked.answer == good else "bad"
    calm = "good" if memory and asked.answer == "yes" else None
    facts = [_plain(fact, text=phrases.fact_text(fact)) for fact in asked.facts]
    return _plain(
        asked,
        text=phrases.QUESTIONS[asked.id],
        gauges=[_gauge(g, calm) for g in gauges],
        tone=tone,
        facts=facts,
    )


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return _plain(remedy, commands=view.shell(remedy.commands), forbidden=view.forbidden(remedy))


def _life(life: LifeView) -> dict[str, Any]:
    took = words.seconds_between(life.started, life.ended)
    return _plain(
        life,
        took=words.duration(took) if took is not None else "-",
        end=phrases.life_end(life),
        blocks=words.integer(life.blocks_opened) if life.blocks_opened is not None else "-",
        outcome=phrases.outcome(life),
    )


def _mappings(subject: SubjectReport) -> dict[str, Any] | None:
    mappings = subject.mappings
    if mappings is None:
        return None
    kinds = [_plain(k, size=words.size(k.bytes) if k.bytes is not None else "-") for k in mappings.by_kind]
    tenants = [
        _plain(t, blocks=words.integer(t.blocks) if t.blocks is not None else "-")
        for t in mappings.by_tenant[:_TENANTS]
    ]
    total = sum(kind.count for kind in mappings.by_kind)
    return _plain(
        mappings, sentence=phrases.mappings_sentence(mappings), kinds=kinds, tenants=tenants, total=total
    )


def _subject(diagnosis: Diagnosis, subject: SubjectReport, number: int) -> dict[str, Any]:
    index = view.evidence_by_id(diagnosis)
    steps = view.plan(subject)
    rivals = [
        _plain(
            h,
            word=phrases.rival_word(h.status),
            tone=_RIVAL_TONES.get(h.status, "unsure"),
            margin=phrases.margin_text(h),
        )
        for h in view.rivals(subject)
    ]
    timeline = view.telling(subject.timeline, _TIMELINE)
    return {
        "headline": phrases.headline(subject.verdict),
        "tone": _TONES.get(subject.verdict.status, "unsure"),
        "summary": subject.verdict.summary,
        "identity": phrases.identity(subject),
        "questions": [_question(asked, subject) for asked in subject.questions],
        "strongest": [
            _quote(evidence, _EXCERPT, view.top_folder(diagnosis))
            for evidence in view.strongest(subject, index, 4)
        ],
        "rivals_heading": view.rivals_heading(subject),
        "rivals": rivals,
        "has_remedies": bool(subject.remedies),
        "do_not": [_remedy(r) for r in steps.do_not],
        "now": [_remedy(r) for r in steps.now],
        "for_good": [_remedy(r) for r in steps.for_good],
        "later": [_remedy(r) for r in steps.later],
        "ask": [_plain(ask, commands=view.shell([ask.command])) for ask in subject.ask],
        "stake": phrases.stake(subject),
        "episodes_heading": view.episodes_heading(subject),
        "episodes": [phrases.episode(episode) for episode in view.other_episodes(subject)[-_LIVES:]],
        "pictures": _pictures(diagnosis, subject, number),
        "timeline": [_plain(entry, bad=entry.kind in view.BAD_EVENTS) for entry in timeline],
        "timeline_more": len(subject.timeline) - len(timeline),
        "lives": [_life(life) for life in subject.lives[-_LIVES:]],
        "lives_more": max(0, len(subject.lives) - _LIVES),
        "mappings": _mappings(subject),
        "failures": [
            {"what": phrases.failure_what(f), "details": phrases.failure_details(f), "evidence": f.evidence}
            for f in subject.failures[:_FAILURES]
        ],
        "chain": subject.chain,
        "snapshots": [
            _plain(
                s,
                mappings=words.integer(s.mappings) if s.mappings is not None else "-",
                life=", ".join(s.life_candidates) or "no life",
                link=f"{s.link_basis} {s.note}".strip(),
            )
            for s in subject.snapshots[:_SNAPSHOTS]
        ],
    }


def _pictures(diagnosis: Diagnosis, subject: SubjectReport, number: int) -> list[Any]:
    if number >= _PICTURED:
        return []
    from markupsafe import Markup

    from analyzer.report import svg

    return [Markup(picture) for _, picture in svg.pictures(diagnosis, subject.id, f"p{number}")]


def _quote(evidence: EvidenceView, limit: int, top: str = "") -> dict[str, Any]:
    text = _pre(words.lines(evidence.text, limit))
    excerpt = words.excerpt(evidence.text, limit)
    return {
        "id": evidence.id,
        "where": phrases.where(evidence, top),
        "time": evidence.time,
        "text": text,
        "excerpt": excerpt,
    }


def render(diagnosis: Diagnosis) -> str:
    """The whole page."""
    verdict = diagnosis.verdict
    found = view.subjects(diagnosis)
    top = view.top_folder(diagnosis)
    anchors = {evidence.id: f"q{number}" for number, evidence in enumerate(diagnosis.evidence, 1)}
    risks = [
        _gauge(view.Gauge(risk.limit, risk.ratio, 1.0, ""), "unsure")
        | {"figures": lambda: "", "text": risk.text, "subject": risk.subject}
        for risk in view.risks(diagnosis)
    ]
    return environment().get_template("report").render(
        css=style_sheet(),
        headline=phrases.headline(verdict),
        status=phrases.STATUS_WORDS.get(verdict.status, verdict.status),
        title=phrases.sentence_case(phrases.title(verdict)),
        tone=_TONES.get(verdict.status, "unsure"),
        confidence=phrases.CONFIDENCE.get(verdict.status, ""),
        verdict=verdict,
        facts=phrases.verdict_facts(diagnosis, found),
        bundle=diagnosis.bundle,
        tool=diagnosis.tool,
        exit_status=diagnosis.exit_status,
        notes=phrases.notes(diagnosis),
        risks=risks,
        subjects=[_subject(diagnosis, subject, number) for number, subject in enumerate(found[:_SUBJECTS])],
        anchors=anchors,
        places={evidence.id: phrases.where(evidence, top) for evidence in diagnosis.evidence},
        top=top,
        quotes=[_quote(e, _QUOTE) | {"anchor": anchors[e.id]} for e in diagnosis.evidence],
        coverage=phrases.coverage_sentence(diagnosis),
        skipped=diagnosis.coverage.members_skipped[:_SKIPPED],
        skipped_count=len(diagnosis.coverage.members_skipped),
    )  # fmt: skip
