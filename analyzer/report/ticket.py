"""The ticket: at most fifteen plain lines to paste; finding, confidence, evidence, action, ask."""

from __future__ import annotations

from analyzer.diagnosis.model import Diagnosis, Remedy, SubjectReport
from analyzer.report import phrases, view, words

MAX_LINES = 15
_LINE = 240


def _cut(text: str, limit: int = _LINE) -> str:
    """One line of at most ``limit`` characters."""
    text = words.clean(text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _question_line(subject: SubjectReport, name: str) -> str | None:
    asked = view.question(subject, name)
    if asked is None:
        return None
    gauges = view.memory_gauges(subject) if name == "free_memory" else view.map_gauges(subject)
    figures = "".join(f" [{g.figures()}, {words.percent(g.used, g.limit)}]" for g in gauges[:1])
    return _cut(f"{phrases.QUESTIONS[name]} {asked.answer.upper()}{figures}: {asked.why}")


def _action(label: str, remedies: list[Remedy]) -> list[str]:
    """One line of titles, and one of the commands: a command is never cut, only left out."""
    if not remedies:
        return []
    found = [_cut(f"{label}: {'; '.join(remedy.title for remedy in remedies)}")]
    commands = view.shell(command for remedy in remedies for command in remedy.commands)
    if commands:
        found.append("  " + " ; ".join(commands[:3]))
        if len(commands) > 3:
            found[-1] += " ; # and more in the full report"
    return found


def _subject_lines(diagnosis: Diagnosis, subject: SubjectReport) -> list[tuple[int, str]]:
    """Lines with the order in which they may be dropped: the highest number goes first."""
    lines: list[tuple[int, str]] = []
    others = len(diagnosis.subjects) - 1
    more = f"; {words.plural(others, 'other subject')} in the bundle" if others else ""
    lines.append((0, _cut(f"Subject: {', '.join(phrases.identity(subject))}{more}")))
    hypothesis = view.convicting(subject)
    confidence = (
        f"Confidence: {subject.verdict.status} ({phrases.CONFIDENCE.get(subject.verdict.status, '')})"
    )
    lines.append((1, _cut(confidence + (f": {hypothesis.why}" if hypothesis else ""))))
    for name in ("free_memory", "map_limit"):
        line = _question_line(subject, name)
        if line:
            lines.append((0, line))
    index = view.evidence_by_id(diagnosis)
    for place, evidence in enumerate(view.strongest(subject, index, 3)):
        when = f" ({words.moment(evidence.time)})" if evidence.time else ""
        lines.append(
            (
                4 + place,
                _cut(f"Evidence: {phrases.where(evidence)}{when} {words.excerpt(evidence.text, 180)}"),
            )
        )
    episodes = view.other_episodes(subject)
    if episodes:
        left = f"; {len(episodes) - 1:,} more" if len(episodes) > 1 else ""
        lines.append((4, _cut(f"{view.episodes_heading(subject)}: {phrases.episode(episodes[-1])}{left}")))
    out = [h for h in view.rivals(subject) if h.status == "ruled_out"]
    if out:
        lines.append(
            (7, _cut("Ruled out: " + "; ".join(f"{h.cause} ({words.clean(h.why, 60)})" for h in out[:4])))
        )
    open_rivals = [h for h in view.rivals(subject) if h.status in ("confirmed", "likely", "possible")]
    if open_rivals:
        lines.append((3, _cut("Still open: " + "; ".join(f"{h.cause} ({h.why})" for h in open_rivals[:3]))))
    steps = view.plan(subject)
    if steps.do_not:
        lines.append((2, _cut("; ".join(f"Do NOT {view.forbidden(remedy)}" for remedy in steps.do_not))))
    lines += [(1, line) for line in _action("Now", steps.now)]
    lines += [(3, line) for line in _action("For good", steps.for_good)]
    for place, ask in enumerate(view.asks(subject, 3)):
        lines.append((2 + 3 * place, _cut(f"Please send: {ask.need}: {words.clean(ask.command)}", 400)))
    return lines


def render(diagnosis: Diagnosis) -> str:
    """At most :data:`MAX_LINES` lines of plain text, each on its own feet."""
    verdict = diagnosis.verdict
    bundle = diagnosis.bundle
    lines = [(0, _cut(f"{phrases.headline(verdict)}: {verdict.summary}", 400))]
    found = view.subjects(diagnosis)
    if found:
        lines += _subject_lines(diagnosis, found[0])
    for risk in view.risks(diagnosis)[:2]:
        lines.append((6, _cut(f"At risk: {risk.text}")))
    notes = phrases.notes(diagnosis, 2)
    if notes:
        lines.append((2, _cut(f"Note: {'; '.join(notes)}")))
    source = f"Source: {words.clean(bundle.name, 120)}, {phrases.maker(diagnosis)}, times are UTC"
    lines.append((1, _cut(source)))
    while len(lines) > MAX_LINES:
        worst = max(range(len(lines)), key=lambda place: (lines[place][0], place))
        del lines[worst]
    return "\n".join(line for _, line in lines) + "\n"
