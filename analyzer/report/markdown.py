"""The Markdown report: GitHub's flavour, tables by tabulate, every text of the bundle escaped.

Prose is escaped character by character; what is quoted or copied stands in code spans or fences
longer than any run of backticks inside.
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.diagnosis.model import Diagnosis, EvidenceView, Remedy, SubjectReport
from analyzer.report import phrases, view, words

# An underscore inside a word, as in max_map_count, is no emphasis on GitHub and stays readable.
_SPECIAL = lazy.pattern(r"[\\`*{}\[\]<>|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_MENTION = lazy.pattern(r"(?<![\w`])@[\w-]+")
_BLOCK_START = lazy.pattern(r"^(\s*)([-+=]|\d+[.)])(?=\s|$|[-=])")
_QUOTE, _TIMELINE, _TENANTS, _LIVES, _QUOTES = 2000, 40, 12, 20, 40


def escape(text: str) -> str:
    """Prose in which nothing is Markdown or HTML; a ``@name`` stands in a code span, so it pings nobody."""

    def safe(piece: str) -> str:
        piece = piece.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return _SPECIAL.sub(lambda match: "\\" + match.group(), piece)

    text = words.clean(text)
    parts, last = [], 0
    for match in _MENTION.finditer(text):
        parts += [safe(text[last : match.start()]), f"`{match.group()}`"]
        last = match.end()
    parts.append(safe(text[last:]))
    return _BLOCK_START.sub(r"\1\\\2", "".join(parts))


def code(text: str, cell: bool = False) -> str:
    """A code span; inside a table (``cell``) a pipe is escaped, as GitHub wants it."""
    text = words.clean(text).strip() or " "
    if cell:
        text = text.replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fenced(lines: list[str], language: str = "") -> list[str]:
    """A fenced block whose fence is longer than any inside."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *lines, fence]


def table(header: list[str], rows: list[list[str]], right: tuple[int, ...] = ()) -> list[str]:
    """A GitHub table of cells that are Markdown already."""
    from tabulate import tabulate

    align = ["right" if n in right else "left" for n in range(len(header))]
    text = tabulate(
        rows, header, tablefmt="github", disable_numparse=True, colalign=align, preserve_whitespace=False
    )
    return [*text.split("\n"), ""]


class _Index(dict[str, EvidenceView]):
    """Evidence by id, and the folder that is left out of its members' paths."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(view.evidence_by_id(diagnosis))
        self.top = view.top_folder(diagnosis)


def _references(ids: list[str], index: _Index) -> str:
    return ", ".join(
        code(phrases.where(evidence, index.top), cell=True) for evidence in view.resolve(ids, index)
    )


def _questions(subject: SubjectReport, index: _Index) -> list[str]:
    rows = []
    for asked in subject.questions:
        gauges = view.memory_gauges(subject) if asked.id == "free_memory" else view.map_gauges(subject)
        figures = "<br>".join(
            f"{escape(g.label)} {escape(g.figures())} {words.bar(g.used, g.limit)} {words.percent(g.used, g.limit)}"
            for g in gauges[:3]
        )
        rows.append(
            [
                phrases.QUESTIONS[asked.id],
                f"**{asked.answer}**",
                figures,
                escape(asked.why),
                _references(asked.evidence, index),
            ]
        )
    if not rows:
        return []
    return ["## The two questions", "", *table(["question", "answer", "numbers", "why", "evidence"], rows)]


def _evidence(subject: SubjectReport, index: _Index) -> list[str]:
    found = view.strongest(subject, index, 4)
    if not found:
        return []
    out = ["## Strongest evidence", ""]
    for evidence in found:
        when = f" at {words.moment(evidence.time)}" if evidence.time else ""
        out += [f"{code(phrases.where(evidence, index.top))}{when}", ""]
        out += [*fenced([words.excerpt(evidence.text, 600)]), ""]
    return out


def _rivals(subject: SubjectReport, index: _Index) -> list[str]:
    rows = []
    for rival in view.rivals(subject):
        margin = phrases.margin_text(rival)
        missing = f". Missing: {', '.join(map(escape, rival.missing))}." if rival.missing else ""
        why = escape(rival.why) + (f" ({escape(margin)})" if margin else "") + missing
        rows.append(
            [
                code(rival.cause, cell=True),
                phrases.rival_word(rival.status),
                why,
                _references(rival.evidence, index),
            ]
        )
    if not rows:
        return []
    return [f"## {view.rivals_heading(subject)}", "", *table(["cause", "finding", "why", "evidence"], rows)]


def _steps(title: str, remedies: list[Remedy], forbid: bool = False) -> list[str]:
    if not remedies:
        return []
    out = [f"### {title}", ""]
    for number, remedy in enumerate(remedies, 1):
        name = view.forbidden(remedy) if forbid else remedy.title
        notes = escape(remedy.why)
        if remedy.risk not in view.NO_RISK:
            notes += f" Risk: {escape(remedy.risk)}."
        if remedy.data_loss and remedy.data_loss != "none":
            notes += f" **Data loss: {escape(remedy.data_loss)}.**"
        out.append(f"{number}. **{escape(name)}** ({remedy.scope}). {notes}")
        commands = view.shell(remedy.commands)
        if commands:
            out += ["", *(f"   {line}" for line in fenced(commands, "sh"))]
        out.append("")
    return out


def _remedies(subject: SubjectReport) -> list[str]:
    if not subject.remedies:
        return []
    steps = view.plan(subject)
    return [
        "## What to do",
        "",
        *_steps("Do not", steps.do_not, forbid=True),
        *_steps("Now", steps.now),
        *_steps("For good", steps.for_good),
        *_steps("After recovery", steps.later),
    ]


def _asks(subject: SubjectReport) -> list[str]:
    if not subject.ask:
        return []
    out = ["## Please ask for", ""]
    for number, ask in enumerate(subject.ask, 1):
        decides = f" Decides: {', '.join(map(escape, ask.decides))}." if ask.decides else ""
        out += [f"{number}. **{escape(ask.need)}**. {escape(ask.why)}{decides}", ""]
        commands = view.shell([ask.command])
        if commands:
            out += [*(f"   {line}" for line in fenced(commands, "sh")), ""]
    return out


def _timeline(subject: SubjectReport, index: _Index) -> list[str]:
    entries = view.telling(subject.timeline, _TIMELINE)
    if not entries:
        return []
    rows = [
        [
            words.moment(entry.time) if entry.time else "-",
            escape(entry.kind),
            escape(entry.text) + (f" × {entry.count:,}" if entry.count > 1 else ""),
            _references(entry.evidence[:1], index),
        ]
        for entry in entries
    ]
    out = ["## Time line (UTC)", "", *table(["time", "event", "what", "evidence"], rows)]
    left = len(subject.timeline) - len(entries)
    return [*out, f"and {left:,} more entries in the JSON report", ""] if left else out


def _episodes(subject: SubjectReport) -> list[str]:
    found = view.other_episodes(subject)
    if not found:
        return []
    items = [f"- {escape(phrases.episode(episode))}" for episode in found[-_LIVES:]]
    left = len(found) - len(items)
    more = [f"- and {left:,} before these in the JSON report"] if left else []
    return [f"## {view.episodes_heading(subject)}", "", *more, *items, ""]


def _lives(subject: SubjectReport) -> list[str]:
    rows = []
    for life in subject.lives[-_LIVES:]:
        took = words.seconds_between(life.started, life.ended)
        rows.append(
            [
                escape(life.id),
                str(life.pid) if life.pid is not None else "-",
                words.moment(life.started) if life.started else "-",
                words.duration(took) if took is not None else "-",
                phrases.life_end(life),
                words.integer(life.blocks_opened) if life.blocks_opened is not None else "-",
                escape(phrases.outcome(life)),
            ]
        )
    if not rows:
        return []
    head = ["life", "pid", "started", "lived", "end", "blocks", "outcome"]
    return ["## Lives", "", *table(head, rows, right=(1, 3, 5))]


def _mappings(subject: SubjectReport) -> list[str]:
    mappings = subject.mappings
    if mappings is None:
        return []
    out = ["## Mappings", "", escape(phrases.mappings_sentence(mappings)) + ".", ""]
    if mappings.need is not None:
        need = mappings.need
        out += [f"Need: {need.low:,} to {need.high:,} mappings, estimated: {escape(need.basis)}.", ""]
    total = sum(kind.count for kind in mappings.by_kind)
    if mappings.by_kind:
        kinds = [
            [
                escape(kind.kind),
                f"{kind.count:,}",
                words.percent(kind.count, total),
                words.size(kind.bytes) if kind.bytes is not None else "-",
            ]
            for kind in mappings.by_kind
        ]
        out += table(["kind", "mappings", "share", "addresses"], kinds, right=(1, 2, 3))
    if mappings.by_tenant:
        tenants = [
            [
                code(t.tenant, cell=True),
                f"{t.count:,}",
                words.integer(t.blocks) if t.blocks is not None else "-",
            ]
            for t in mappings.by_tenant[:_TENANTS]
        ]
        out += table(["tenant", "mappings", "blocks"], tenants, right=(1, 2))
        left = len(mappings.by_tenant) - len(tenants)
        out += [f"and {left:,} more tenants in the JSON report", ""] if left > 0 else []
    return out


def _failures(subject: SubjectReport, index: _Index) -> list[str]:
    rows = [
        [
            escape(phrases.failure_what(f)),
            escape(phrases.failure_details(f)),
            _references(f.evidence[:3], index),
        ]
        for f in subject.failures
    ]
    return ["## Failures", "", *table(["failure", "numbers", "evidence"], rows)] if rows else []


def _chain(subject: SubjectReport) -> list[str]:
    if not subject.chain:
        return []
    out = ["## From cause to consequence", ""]
    for number, link in enumerate(subject.chain, 1):
        out.append(f"{number}. {words.moment(link.time) + ' ' if link.time else ''}{escape(link.text)}")
    return [*out, ""]


def _stake(subject: SubjectReport) -> list[str]:
    stake = phrases.stake(subject)
    return ["## What is at stake", "", escape(stake), ""] if stake else []


def _others(found: list[SubjectReport]) -> list[str]:
    rows = [
        [
            f"**{phrases.headline(s.verdict)}**",
            escape(", ".join(phrases.identity(s))),
            escape(s.verdict.summary),
        ]
        for s in found[1:]
    ]
    return ["## Other subjects", "", *table(["verdict", "subject", "summary"], rows)] if rows else []


def _risks(diagnosis: Diagnosis) -> list[str]:
    rows = [
        [
            escape(r.limit),
            f"{words.bar(r.ratio, 1.0)} {words.percent(r.ratio, 1.0)}",
            escape(r.text),
            escape(r.subject),
        ]
        for r in view.risks(diagnosis)
    ]
    return ["## At risk", "", *table(["limit", "used", "what", "subject"], rows)] if rows else []


def _coverage(diagnosis: Diagnosis) -> list[str]:
    coverage = diagnosis.coverage
    out = ["## Coverage", "", escape(phrases.coverage_sentence(diagnosis)) + ".", ""]
    out += [f"- {escape(note)}" for note in phrases.notes(diagnosis)]
    out += [f"- skipped {code(k.member)}: {escape(k.why)}" for k in coverage.members_skipped[:12]]
    if len(coverage.members_skipped) > 12:
        out.append(f"- and {len(coverage.members_skipped) - 12:,} more skipped")
    return [*out, ""]


def _quotes(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.evidence:
        return []
    out = ["## Evidence, quoted", ""]
    top = view.top_folder(diagnosis)
    out += [f"Above, members are named without {code(top)}.", ""] if top else []
    for evidence in diagnosis.evidence[:_QUOTES]:
        when = f" at {words.moment(evidence.time)}" if evidence.time else ""
        out += [f"{code(phrases.where(evidence))}{when}", "", *fenced(words.lines(evidence.text, _QUOTE)), ""]
    left = len(diagnosis.evidence) - _QUOTES
    return [*out, f"and {left:,} more in the JSON report", ""] if left > 0 else out


def render(diagnosis: Diagnosis) -> str:
    """The whole report, one newline at its end."""
    verdict = diagnosis.verdict
    found = view.subjects(diagnosis)
    title = phrases.STATUS_WORDS.get(verdict.status, verdict.status)
    out: list[str] = [
        f"# {title}: {escape(phrases.title(verdict))}",
        "",
        f"**{escape(verdict.summary)}**",
        "",
    ]
    out += [f"{phrases.sentence_case(phrases.CONFIDENCE.get(verdict.status, ''))}.", ""]
    out += [escape(" · ".join(phrases.verdict_facts(diagnosis, found))), ""]
    notes = phrases.notes(diagnosis)
    if notes:
        out += [f"> {escape('; '.join(notes))}", ""]
    out += _risks(diagnosis)
    if found:
        first = found[0]
        index = _Index(diagnosis)
        sections: Any = (
            _questions(first, index), _evidence(first, index), _rivals(first, index), _remedies(first), _asks(first),
            _stake(first), _episodes(first), _timeline(first, index), _lives(first), _mappings(first), _failures(first, index), _chain(first),
        )  # fmt: skip
        out += [line for section in sections for line in section]
    out += _others(found) + _coverage(diagnosis) + _quotes(diagnosis)
    out += [f"{phrases.maker(diagnosis)}, exit status {diagnosis.exit_status}, times are UTC"]
    return "\n".join(out).rstrip("\n") + "\n"
