"""The terminal report: the first screen of 100x40 holds the whole finding, the details follow.

Only named ANSI colours and no background, so that it reads on light and dark alike; without colour
it is plain text, character for character the same. Nothing is read from the environment.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text

from analyzer.diagnosis.model import Diagnosis, EvidenceView, HypothesisView, Question, SubjectReport
from analyzer.report import phrases, view, words
from analyzer.report.paint import Page, ink, status_style

SCREEN_ROWS = 38
"""Rows of the first screen: 40 less the command that was typed and the prompt."""
DEFAULT_WIDTH = 100
_NARROW = 80
EPISODES = 2


class Room(Struct, frozen=True):
    """How much of each list the first screen shows; shrunk until the screen holds all sections."""

    evidence: int = 4
    evidence_rows: int = 2
    rivals: int = 8
    rest_rows: int = 2
    steps: int = 4
    commands: int = 3
    why_rows: int = 2
    asks: int = 3
    gap: bool = True


_SHRINK: tuple[dict[str, Any], ...] = (
    {"evidence": 3},
    {"rivals": 6},
    {"why_rows": 1},
    {"rivals": 5},
    {"commands": 2},
    {"rivals": 4},
    {"steps": 3},
    {"gap": False},
    {"rivals": 3},
    {"rest_rows": 1},
    {"commands": 1},
    {"steps": 2},
    {"evidence": 2},
    {"evidence_rows": 1},
    {"asks": 2, "rivals": 2},
    {"steps": 1},
    {"evidence": 1, "rivals": 1},
)


def verdict_line(diagnosis: Diagnosis) -> str:
    """The one line of ``--quiet``: ``CONFIRMED max_map_count: <summary>``."""
    return f"{phrases.headline(diagnosis.verdict)}: {words.clean(diagnosis.verdict.summary)}\n"


def render(
    diagnosis: Diagnosis,
    *,
    width: int | None = None,
    color: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> str:
    """The report as text of at most ``width`` columns (commands and paths to copy are not broken).

    ``color`` adds ANSI colours, ``verbose`` lifts every cut, ``quiet`` leaves the verdict line.
    """
    width = max(40, width or DEFAULT_WIDTH)
    if quiet:
        page = Page(width)
        line = verdict_line(diagnosis).rstrip("\n")
        head = len(phrases.headline(diagnosis.verdict))
        text = ink(line)
        text.stylize(f"bold {status_style(diagnosis.verdict.status)}", 0, head)
        page.raw(text)
        return page.text(color)
    page = first_screen(diagnosis, width)
    from analyzer.report import terminal_details

    terminal_details.add(page, diagnosis, verbose)
    return page.text(color)


def first_screen(diagnosis: Diagnosis, width: int) -> Page:
    """The summary, its lists shrunk as little as needed to fit :data:`SCREEN_ROWS`."""
    rooms = [Room()]
    for change in _SHRINK:
        rooms.append(replace(rooms[-1], **change))
    page = _summary(diagnosis, width, rooms[0])
    if page.rows <= SCREEN_ROWS:
        return page
    # Each room holds less than the one before, so the first that fits is found by halving.
    low, high = 1, len(rooms) - 1
    fitting = None
    while low < high:
        middle = (low + high) // 2
        page = _summary(diagnosis, width, rooms[middle])
        if page.rows <= SCREEN_ROWS:
            high, fitting = middle, page
        else:
            low = middle + 1
    return fitting or _summary(diagnosis, width, rooms[low])


def _summary(diagnosis: Diagnosis, width: int, room: Room) -> Page:
    page = Page(width, room.gap)
    found = view.subjects(diagnosis)
    _verdict(page, diagnosis, found)
    if found:
        first = found[0]
        index = view.evidence_by_id(diagnosis)
        _questions(page, first, room)
        _evidence(page, first, index, room, view.top_folder(diagnosis))
        _rivals(page, first, room)
        _fix(page, first, room)
        _ask(page, first, room)
        episodes(page, first, EPISODES)
    _risks(page, diagnosis)
    _others(page, found[1:])
    return page


def _verdict(page: Page, diagnosis: Diagnosis, found: list[SubjectReport]) -> None:
    verdict = diagnosis.verdict
    style = status_style(verdict.status)
    head = ink()
    head.append(f"● {phrases.headline(verdict)}", f"bold {style}")
    head.append(f"  {phrases.CONFIDENCE.get(verdict.status, '')}", "dim")
    page.put(head, rows=1)
    page.put(ink(words.clean(verdict.summary, 600), "bold"), indent=2, rows=3)
    facts = phrases.verdict_facts(diagnosis, found)
    page.put(ink(" · ".join(facts), "dim"), indent=2, rows=2)
    notes = phrases.notes(diagnosis, 0 if found and not phrases.gaps(diagnosis) else 1)
    left = len(diagnosis.warnings) - (1 if phrases.gaps(diagnosis) or not found else 0)
    if left > 0:
        notes.append(f"{words.plural(left, 'warning')} under COVERAGE")
    if notes:
        page.put(ink(f"! {'; '.join(notes)}", "magenta"), indent=2, hanging=4, rows=2)


def _answer(asked: Question) -> Text:
    good = {("free_memory", "yes"): "green", ("free_memory", "no"): "red"}
    bad = {("map_limit", "yes"): "red", ("map_limit", "no"): "green"}
    style = (good | bad).get((asked.id, asked.answer), "magenta")
    return ink(asked.answer.upper(), f"bold {style}")


def _questions(page: Page, subject: SubjectReport, room: Room) -> None:
    if not subject.questions:
        return
    page.title("THE TWO QUESTIONS")
    for number, name in enumerate(("free_memory", "map_limit"), 1):
        asked = view.question(subject, name)
        if asked is None:
            continue
        head = ink(f"{number} {phrases.QUESTIONS[name]} ")
        head.append_text(_answer(asked))
        gauges = view.memory_gauges(subject) if name == "free_memory" else view.map_gauges(subject)
        if asked.answer == "no" and name == "map_limit":
            gauges = [gauge for gauge in gauges[:1] if gauge.ratio < 0.8] or gauges
        bars = [
            gauge_line(gauge, page.width, ok=name == "free_memory" and asked.answer == "yes")
            for gauge in gauges[:2]
        ]
        if bars and head.cell_len + bars[0].cell_len + 4 <= page.width:
            head.append("  ").append_text(bars.pop(0))
        page.put(head, indent=2, rows=2)
        for bar in bars:
            page.put(bar, indent=4, rows=1)
        page.put(ink(words.clean(asked.why, 400), "dim"), indent=4, rows=room.why_rows)

    met = view.verdict_gauge(subject)
    if met is not None:
        page.put(ink("  The limit that was met: ").append_text(gauge_line(met, page.width)), indent=2, rows=1)


def gauge_line(gauge: view.Gauge, width: int, ok: bool = False) -> Text:
    """``16,000 / 16,000 mappings ████████████ 100 %``."""
    if ok or gauge.ratio < 0.8:
        style = "green"
    else:
        style = "red" if gauge.ratio >= 1 else "magenta"
    line = ink()
    if gauge.label != gauge.unit:
        line.append(f"{gauge.label} ", "dim")
    line.append(f"{gauge.figures()} ", "bold")
    line.append(words.bar(gauge.used, gauge.limit, 8 if width < _NARROW else 12), style)
    line.append(f" {words.percent(gauge.used, gauge.limit)}", f"bold {style}")
    return line


def _evidence(
    page: Page, subject: SubjectReport, index: dict[str, EvidenceView], room: Room, top: str
) -> None:
    chosen = view.strongest(subject, index, room.evidence)
    if not chosen:
        return
    page.title("EVIDENCE", f" in {words.clean(top, 80)}" if top else "")
    for evidence in chosen:
        line = ink(phrases.where(evidence, top), "cyan")
        if evidence.time:
            line.append(f" {words.clock(evidence.time)}", "dim")
        slack = 18 if room.evidence_rows > 1 else 0
        available = (page.width - 4) * room.evidence_rows - line.cell_len - 2 - slack
        line.append(f"  {words.excerpt(evidence.text, max(30, available))}")
        page.put(line, indent=2, hanging=4, rows=room.evidence_rows, fold=True)


def _rivals(page: Page, subject: SubjectReport, room: Room) -> None:
    others = view.rivals(subject)
    if not others:
        return
    page.title(view.rivals_heading(subject).upper())
    for rival in others[: room.rivals]:
        page.put(rival_line(rival), indent=2, rows=1)
    rest = others[room.rivals :]
    by_status: dict[str, list[str]] = {}
    for rival in sorted(rest, key=lambda r: r.status != "untestable"):
        by_status.setdefault(phrases.rival_word(rival.status), []).append(rival.cause)
    if rest:
        text = "; ".join(f"{status}: {', '.join(causes)}" for status, causes in by_status.items())
        page.put(ink(f"also {text}", "dim"), indent=2, hanging=4, rows=room.rest_rows)


def rival_line(rival: HypothesisView) -> Text:
    """``✗ rlimit_as  ruled out  Max address space is unlimited``."""
    mark, style = {"ruled_out": ("✗", "green"), "untestable": ("?", "magenta")}.get(
        rival.status, ("!", "magenta")
    )
    line = ink(f"{mark} ", style)
    line.append(f"{rival.cause:<19}")
    line.append(f" {phrases.rival_word(rival.status):<11}", style)
    line.append(f" {words.clean(rival.why, 300)}")
    return line


def _fix(page: Page, subject: SubjectReport, room: Room) -> None:
    steps = view.plan(subject)
    if not subject.remedies:
        return
    page.title("WHAT TO DO")
    if steps.do_not:
        line = ink("do NOT ", "bold red")
        for number, remedy in enumerate(steps.do_not):
            if number:  # each with its own words: a list of them is read as what to do
                line.append("; ").append("do NOT ", "bold red")
            line.append(words.clean(view.forbidden(remedy), 160))
        page.put(line, indent=2, hanging=4, rows=2)
    lasting = "for good " if steps.now else "now and for good "
    for label, remedies in (("now ", steps.now), (lasting, steps.for_good)):
        for remedy in remedies[: room.steps]:
            line = ink(label, "bold")
            line.append(words.clean(remedy.title, 300))
            scope = f" ({remedy.scope})"
            if remedy.scope not in remedy.title and line.cell_len + len(scope) <= page.width - 4:
                line.append(scope, "dim")
            page.put(line, indent=2, hanging=4, rows=2)
            commands = view.shell(remedy.commands)
            for command in commands[: room.commands]:
                page.command(command)
            if len(commands) > room.commands:
                left = words.plural(len(commands) - room.commands, "more command")
                page.put(ink(f"and {left} under EVERY STEP", "dim"), indent=4, rows=1)
        if len(remedies) > room.steps:
            page.put(
                ink(
                    f"{label}and {words.plural(len(remedies) - room.steps, 'more step')} under EVERY STEP",
                    "dim",
                ),
                indent=2,
                rows=1,
            )
    if not steps.now and not steps.for_good:
        for remedy in steps.later[: room.steps]:
            page.put(ink(f"later {words.clean(remedy.title, 300)}"), indent=2, rows=2)


def _ask(page: Page, subject: SubjectReport, room: Room) -> None:
    wanted = view.asks(subject, room.asks)
    if not wanted:
        return
    page.title("PLEASE ASK FOR")
    for number, ask in enumerate(wanted, 1):
        line = ink(f"{number} {words.clean(ask.need, 300)}")
        if ask.decides:
            line.append(f" (decides {', '.join(words.clean(cause, 40) for cause in ask.decides[:4])})", "dim")
        page.put(line, indent=2, hanging=4, rows=2)
        for command in view.shell([ask.command])[:2]:
            page.command(command)


def _risks(page: Page, diagnosis: Diagnosis) -> None:
    found = view.risks(diagnosis)
    if not found:
        return
    page.title("AT RISK")
    for risk in found[:3]:
        line = ink("! ", "magenta")
        line.append(f"{words.clean(risk.limit, 80)} ", "bold")
        line.append(words.bar(risk.ratio, 1.0), "magenta")
        line.append(f" {words.percent(risk.ratio, 1.0)} ", "magenta")
        line.append(f"{words.clean(risk.text, 300)}")
        if risk.subject != diagnosis.verdict.subject:
            line.append(f" ({words.clean(risk.subject, 80)})", "dim")
        page.put(line, indent=2, hanging=4, rows=2)


def episodes(page: Page, subject: SubjectReport, most: int) -> None:
    """One line for each episode that the verdict is not about, the last ones kept."""
    found = view.other_episodes(subject)
    if not found:
        return
    page.title(
        view.episodes_heading(subject).upper(), f" (the verdict is for one of {len(subject.episodes):,})"
    )
    if len(found) > most:
        page.put(ink(f"{len(found) - most:,} more before these: --verbose", "dim"), indent=2)
    for episode in found[-most:]:
        page.put(ink(phrases.episode(episode)), indent=2, hanging=4, rows=2)


def _others(page: Page, rest: list[SubjectReport]) -> None:
    if not rest:
        return
    page.title("OTHER SUBJECTS")
    for subject in rest[:6]:
        line = ink(f"{phrases.headline(subject.verdict)} ", f"bold {status_style(subject.verdict.status)}")
        line.append(f"{', '.join(phrases.identity(subject))}: {words.clean(subject.verdict.summary, 300)}")
        page.put(line, indent=2, rows=1)
    if len(rest) > 6:
        page.put(ink(f"and {len(rest) - 6:,} more, all in --verbose and in the JSON report", "dim"), indent=2)
