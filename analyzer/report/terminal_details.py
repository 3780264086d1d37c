"""What stands below the first screen: time line, mappings, failures, all subjects, coverage."""

from __future__ import annotations

from analyzer.diagnosis.model import (
    Diagnosis,
    EvidenceView,
    LifeView,
    SubjectReport,
)
from analyzer.report import phrases, view, words
from analyzer.report.paint import Page, ink, status_style
from analyzer.report.terminal import EPISODES, episodes

_TIMELINE, _FAILURES, _TENANTS, _LIVES, _SKIPPED = 14, 6, 6, 8, 4


def add(page: Page, diagnosis: Diagnosis, verbose: bool) -> None:
    """All details of the worst subject; with ``verbose`` those of every subject, nothing cut."""
    page.gap = True
    found = view.subjects(diagnosis)
    index = view.evidence_by_id(diagnosis)
    top = view.top_folder(diagnosis)
    for number, subject in enumerate(found if verbose else found[:1]):
        if number:
            page.blank()
            head = ink(
                f"● {phrases.headline(subject.verdict)} ", f"bold {status_style(subject.verdict.status)}"
            )
            page.put(head.append(", ".join(phrases.identity(subject))), hanging=2)
            page.put(ink(words.clean(subject.verdict.summary)), indent=2)
        if verbose:
            page.title("SUBJECT")
            page.put(ink(words.clean(subject.id)), indent=2, fold=True)
        if verbose and (number or len(view.other_episodes(subject)) > EPISODES):
            episodes(page, subject, len(subject.episodes))
        _timeline(page, subject, verbose)
        _lives(page, subject, verbose)
        _mappings(page, subject, verbose)
        _failures(page, subject, index, verbose, top)
        _chain(page, subject)
        if verbose:
            _hypotheses(page, subject)
            _facts(page, subject)
            _snapshots(page, subject)
        _remedies(page, subject)
        _blast(page, subject)
    if verbose and diagnosis.evidence:
        _quotes(page, diagnosis)
    _coverage(page, diagnosis, verbose)


def _more(page: Page, left: int, what: str) -> None:
    if left > 0:
        page.put(ink(f"and {left:,} more {what}: --verbose", "dim"), indent=2, rows=1)


def _timeline(page: Page, subject: SubjectReport, verbose: bool) -> None:
    entries = subject.timeline
    if not entries:
        return
    page.title("TIME LINE (UTC)")
    shown = entries if verbose else view.telling(entries, _TIMELINE)
    day = ""
    for entry in shown:
        date = words.date_of(entry.time)
        if date and date != day:
            page.raw(ink(f"  {date}", "dim"))
            day = date
        line = ink(f"{words.clock(entry.time) if entry.time else 'time unknown':<14}", "cyan")
        line.append(
            f"{words.clean(entry.kind, 20):<11} ",
            "bold red" if entry.kind in view.BAD_EVENTS else "",
        )
        line.append(words.clean(entry.text, 600))
        if entry.count > 1:
            line.append(f" x {entry.count:,}", "dim")
        page.put(line, indent=2, hanging=6, rows=None if verbose else 2)
    _more(page, len(entries) - len(shown), "entries")


def _levels(life: LifeView) -> str:
    return ", ".join(f"{words.clean(name, 20)} {count:,}" for name, count in life.levels.items())


def _lives(page: Page, subject: SubjectReport, verbose: bool) -> None:
    lives = subject.lives
    if not lives:
        return
    page.title(f"LIVES ({words.plural(len(lives), 'start')} seen)")
    shown = lives if verbose else lives[-_LIVES:]
    when = words.moment if page.width >= 90 else words.clock
    rows = []
    for life in shown:
        took = words.seconds_between(life.started, life.ended)
        rows.append(
            [
                words.clean(life.id, 40),
                str(life.pid) if life.pid is not None else "-",
                when(life.started) if life.started else "-",
                words.duration(took) if took is not None else "-",
                phrases.life_end(life),
                words.integer(life.blocks_opened) if life.blocks_opened is not None else "-",
                phrases.outcome(life) + (f"; {_levels(life)}" if verbose and life.levels else ""),
            ]
        )
    page.table(["life", "pid", "started", "lived", "end", "blocks", "outcome"], rows, right={1, 3, 5})
    _more(page, len(lives) - len(shown), "lives")


def _mappings(page: Page, subject: SubjectReport, verbose: bool) -> None:
    mappings = subject.mappings
    if mappings is None:
        return
    page.title("MAPPINGS")
    page.put(ink(phrases.mappings_sentence(mappings)), indent=2)
    if mappings.need is not None:
        need = mappings.need
        page.put(
            ink(f"need {need.low:,} to {need.high:,} mappings, estimated: {words.clean(need.basis, 300)}"),
            indent=2,
        )
    total = sum(kind.count for kind in mappings.by_kind)
    for kind in mappings.by_kind:
        line = ink(f"{words.clean(kind.kind, 24):<14} {kind.count:>9,}  ")
        line.append(words.bar(kind.count, total), "cyan")
        line.append(f" {words.percent(kind.count, total):>6}")
        if kind.bytes is not None:
            line.append(f"  {words.size(kind.bytes)} of addresses", "dim")
        page.put(line, indent=2, rows=1)
    if mappings.by_tenant:
        shown = mappings.by_tenant if verbose else mappings.by_tenant[:_TENANTS]
        rows = [
            [
                words.clean(t.tenant, 60),
                f"{t.count:,}",
                words.integer(t.blocks) if t.blocks is not None else "-",
            ]
            for t in shown
        ]
        page.table(["tenant", "mappings", "blocks"], rows, right={1, 2})
        _more(page, len(mappings.by_tenant) - len(shown), "tenants")


def _failures(
    page: Page, subject: SubjectReport, index: dict[str, EvidenceView], verbose: bool, top: str
) -> None:
    failures = subject.failures
    if not failures:
        return
    count, found = sum(f.count for f in failures), sum(f.lines for f in failures)
    page.title(f"FAILURES ({words.plural(count, 'failure')} in {words.plural(found, 'log line')})")
    shown = failures if verbose else failures[:_FAILURES]
    for failure in shown:
        line = ink(phrases.failure_what(failure), "bold")
        line.append(f"  {phrases.failure_details(failure)}")
        page.put(line, indent=2, hanging=4)
        for evidence in view.resolve(failure.evidence, index)[: None if verbose else 1]:
            quote = ink(phrases.where(evidence, top), "cyan")
            page.put(
                quote.append(f" {words.excerpt(evidence.text, 160)}"),
                indent=4,
                hanging=6,
                rows=2,
                fold=True,
            )
    _more(page, len(failures) - len(shown), "kinds of failure")


def _chain(page: Page, subject: SubjectReport) -> None:
    if not subject.chain:
        return
    page.title("FROM CAUSE TO CONSEQUENCE")
    for link in subject.chain:
        line = ink(f"{words.clock(link.time) if link.time else '':<14}", "cyan")
        page.put(line.append(f"{words.clean(link.text, 300)}"), indent=2, hanging=16)


def _hypotheses(page: Page, subject: SubjectReport) -> None:
    if not subject.hypotheses:
        return
    page.title("EVERY CAUSE WEIGHED")
    for hypothesis in [h for h in (view.convicting(subject),) if h] + view.rivals(subject):
        line = ink(f"{hypothesis.cause} ", "bold")
        line.append(f"{phrases.rival_word(hypothesis.status)}: {words.clean(hypothesis.why)}")
        margin = phrases.margin_text(hypothesis)
        if margin:
            line.append(f" [{margin}]")
        if hypothesis.missing:
            line.append(f" missing: {', '.join(words.clean(m) for m in hypothesis.missing)}", "dim")
        page.put(line, indent=2, hanging=4)


def _facts(page: Page, subject: SubjectReport) -> None:
    for asked in subject.questions:
        if asked.facts:
            page.title(f"FACTS: {phrases.QUESTIONS[asked.id]}")
            for fact in asked.facts:
                when = f", {words.moment(fact.at)}" if fact.at else ""
                page.put(ink(phrases.fact_text(fact) + when), indent=2)


def _remedies(page: Page, subject: SubjectReport) -> None:
    if not subject.remedies:
        return
    page.title("EVERY STEP, IN ORDER")
    for number, remedy in enumerate(sorted(subject.remedies, key=lambda r: r.order), 1):
        line = ink(f"{number} {words.clean(remedy.title)}", "bold")
        line.append(f" ({remedy.scope}, {remedy.when.replace('_', ' ')})")
        page.put(line, indent=2, hanging=4)
        page.put(ink(words.clean(remedy.why)), indent=4)
        if remedy.risk not in view.NO_RISK:
            page.put(ink(f"risk: {words.clean(remedy.risk)}"), indent=4)
        if remedy.data_loss and remedy.data_loss != "none":
            page.put(ink(f"data loss: {words.clean(remedy.data_loss)}", "red"), indent=4)
        for command in view.shell(remedy.commands):
            page.command(command)


def _snapshots(page: Page, subject: SubjectReport) -> None:
    if not subject.snapshots:
        return
    page.title("SNAPSHOTS")
    rows = [
        [
            words.clean(s.member, 80) or "-",
            str(s.pid) if s.pid is not None else "-",
            words.integer(s.mappings) if s.mappings is not None else "-",
            words.clean(", ".join(s.life_candidates), 60) or "no life",
            words.clean(f"{s.link_basis} {s.note}".strip(), 120),
        ]
        for s in subject.snapshots
    ]
    page.table(["member", "pid", "mappings", "life", "linked by"], rows, right={1, 2})


def _blast(page: Page, subject: SubjectReport) -> None:
    stake = phrases.stake(subject)
    if stake:
        page.title("WHAT IS AT STAKE")
        page.put(ink(stake), indent=2)


def _quotes(page: Page, diagnosis: Diagnosis) -> None:
    page.title("EVIDENCE QUOTED")
    for evidence in diagnosis.evidence:
        line = ink(f"[{words.clean(evidence.id, 20)}] ", "dim")
        line.append(phrases.where(evidence), "cyan")
        page.put(line, indent=2)
        for quoted in words.lines(evidence.text, 2000):
            page.put(ink(quoted), indent=4, fold=True)


def _coverage(page: Page, diagnosis: Diagnosis, verbose: bool) -> None:
    coverage = diagnosis.coverage
    page.title("COVERAGE")
    page.put(ink(phrases.coverage_sentence(diagnosis)), indent=2)
    for note in phrases.notes(diagnosis):
        page.put(ink(f"! {note}", "magenta"), indent=2, hanging=4, rows=None if verbose else 3)
    shown = coverage.members_skipped if verbose else coverage.members_skipped[:_SKIPPED]
    for skipped in shown:
        page.put(
            ink(f"skipped {words.clean(skipped.member, 200)}: {words.clean(skipped.why, 200)}"),
            indent=2,
            hanging=4,
        )
    _more(page, len(coverage.members_skipped) - len(shown), "skipped members")
    page.put(
        ink(f"{phrases.maker(diagnosis)}, exit status {diagnosis.exit_status}", "dim"),
        indent=2,
    )
