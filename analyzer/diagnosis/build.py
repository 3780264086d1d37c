"""From a case to a diagnosis: weigh, decide, and write down everything with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.case.build import Filter
from analyzer.case.model import Case, Subject
from analyzer.diagnosis import asks, questions, reading, remedies, sizing, timeline, views
from analyzer.diagnosis.arbiter import Decision, decide
from analyzer.diagnosis.causes import causes
from analyzer.diagnosis.evidence import Ledger
from analyzer.diagnosis.model import (
    BundleInfo,
    BundleVerdict,
    Diagnosis,
    EpisodeView,
    HypothesisView,
    LeftOut,
    Margin,
    Recommended,
    SubjectReport,
    TimeRange,
    Tool,
    Verdict,
)
from analyzer.diagnosis.risks import risks
from analyzer.diagnosis.weigh import Symptoms, Weight, episodes_of, number, symptoms_of
from analyzer.errors import EXIT_CAUSE, EXIT_HEALTHY, EXIT_UNDECIDED
from analyzer.facts import Stamp
from analyzer.version import __version__

# The worst subject speaks for the bundle: a shown cause before an open one before health.
_WORST = {"confirmed": 5, "likely": 4, "possible": 3, "undetermined": 2, "healthy": 1}

_MOST_NAMED = 8  # pods and pids that a sentence names


def diagnose(case: Case, only: Filter | None = None) -> Diagnosis:
    """The diagnosis of a case: exactly the JSON report, version 1."""
    only = only or Filter()
    ledger = Ledger()
    reports: list[tuple[SubjectReport, Decision | None, Symptoms]] = []
    for subject in case.subjects:
        reports.append(_subject(case, subject, ledger, only))
    _recommend_together(case, reports)
    coverage = views.coverage(case, only)
    worst = _worst(case, reports, coverage.left_out)
    found = [r for r, _, _ in reports]
    warnings = list(dict.fromkeys([*case.warnings, *_notes(case)]))
    return Diagnosis(
        tool=Tool("ingester-postmortem", __version__),
        exit_status=_exit_status(worst),
        bundle=BundleInfo(
            name=case.name,
            sha256=case.sha256,
            layout=case.layout,
            size_bytes=case.size_bytes,
            captured_at=views.iso(case.captured_at),
            time_range=TimeRange(views.iso(case.first), views.iso(case.last)),
            utc_offset=_offset(case),
        ),
        verdict=worst,
        subjects=found,
        evidence=ledger.rows,
        risks=risks(case, {s.id: r.verdict for s, r in zip(case.subjects, found, strict=True)}),
        coverage=coverage,
        warnings=warnings,
    )


def _notes(case: Case) -> list[str]:
    """What was recognised and set aside: bystanders, wrappers, truncated captures, decoys."""
    found: list[str] = []
    for subject in case.subjects:
        found += [f"{subject.id}: {note}" for note in subject.notes]
        for capture in subject.captures:
            found += [f"{subject.id}: {note}" for note in capture.notes]
        running, configured = reading.max_map_count(subject), reading.configured_max_map_count(subject)
        if running is not None and configured is not None and running.value != configured.value:
            where = configured.evidence.where() if configured.evidence else "sysctl.d"
            found.append(
                f"{subject.id}: {where} sets vm.max_map_count to {number(configured.value)}, but "
                f"{number(running.value)} is in force: it was changed later or overridden"
            )
        denied = reading.denied_max_map_count(subject)
        if running is not None and denied is not None:
            places = [v.evidence.where() if v.evidence else "the bundle" for v in (running, denied)]
            found.append(
                f"{subject.id}: {places[0]} states vm.max_map_count {number(running.value)}, {places[1]} "
                f"{number(denied.value)}: one of them is of another moment"
            )
    return found


def _offset(case: Case) -> str | None:
    """The zone of the host's clock as it was written, where one was."""
    stamp = next((h.now for h in case.hosts if h.now is not None), None)
    if stamp is None or stamp.offset is None:
        return None
    sign = "-" if stamp.offset < 0 else "+"
    return f"{sign}{abs(stamp.offset) // 60:02d}:{abs(stamp.offset) % 60:02d}"


def _exit_status(verdict: BundleVerdict) -> int:
    if verdict.status in ("confirmed", "likely"):
        return EXIT_CAUSE
    return EXIT_HEALTHY if verdict.status == "healthy" else EXIT_UNDECIDED


def _subject(
    case: Case, subject: Subject, ledger: Ledger, only: Filter
) -> tuple[SubjectReport, Decision | None, Symptoms]:
    symptoms = symptoms_of(subject, only.at)
    decision: Decision | None = None
    if symptoms.lives:
        known = causes()
        weighed = [cause.weigh(case, subject, symptoms) for cause in known]
        decision = decide(symptoms, {c.name: c.explains for c in known}, weighed)
    verdict = _verdict(case, subject, symptoms, decision)
    place = subject.place
    report = SubjectReport(
        id=subject.id,
        product=subject.product,
        version=subject.version,
        host=subject.host.name or place.host,
        node=place.node or (subject.pod.node if subject.pod else None),
        zone=(subject.pod.zone if subject.pod else None) or subject.config.value("config", "zone"),
        namespace=place.namespace or (subject.pod.namespace if subject.pod else None),
        pod=place.pod or (subject.pod.name if subject.pod else None) or None,
        container=place.container,
        container_id=subject.container_id,
        pid=next((c.pid for c in subject.captures if c.pid is not None), None),
        verdict=verdict,
    )
    report.questions = questions.questions(subject, symptoms, decision, ledger)
    if decision is not None:
        report.hypotheses = _hypotheses(decision, ledger)
        report.recommended = _recommended(subject, decision)
        report.remedies = remedies.remedies(subject, decision, report.recommended)
        report.ask = asks.asks(subject, decision, _extra_asks(subject, symptoms, decision))
        report.chain = timeline.chain(symptoms, decision.cause)
    elif verdict.status == "undetermined":
        empty = Decision("none", "undetermined", None, (), frozenset())
        if any(log.null_messages for log in subject.logs):
            report.ask = asks.asks(subject, empty, ["journal"])
        else:
            report.ask = asks.asks(subject, empty, ["log" if not subject.logs else "pod_state"])
    report.failures = views.failures(subject, ledger, only)
    report.mappings = views.mappings(subject, ledger)
    report.lives = [views.life(life, ledger) for life in subject.lives]
    report.snapshots = views.snapshots(subject)
    report.timeline = timeline.timeline(subject, ledger)
    report.blast_radius = views.blast(subject)
    report.episodes = _episodes(subject, symptoms)
    return report, decision, symptoms


def _episodes(subject: Subject, judged: Symptoms) -> list[EpisodeView]:
    found: list[EpisodeView] = []
    for place, each in enumerate(episodes_of(subject), 1):
        firsts = [life.first for life in each.lives if life.first is not None]
        lasts = [life.last for life in each.lives if life.last is not None]
        what = _operation_failed(each)
        if each.root is not None and each.root.errno:
            what += f": {each.root.errno}"
        first = min(firsts, default=None)
        found.append(
            EpisodeView(
                number=each.episode or place,
                first=views.iso(first),
                last=views.iso(max(lasts, default=None)),
                lives=len(each.lives),
                what=what,
                judged=each.episode == judged.episode,
                at=_just_after(first),
            )
        )
    return found


def _just_after(stamp: Stamp | None) -> str | None:
    """``stamp`` to be written in a command: milliseconds, and not before it."""
    if stamp is None:
        return None
    written = Stamp(-(-stamp.ns // 1_000_000) * 1_000_000).iso()
    return None if written.startswith("@") else written


def _recommended(subject: Subject, decision: Decision) -> Recommended:
    if decision.cause in ("max_map_count", "nofile") or (
        decision.cause == "undetermined"
        and any(s.hypothesis.cause == "max_map_count" and s.status == "possible" for s in decision.settled)
    ):
        return sizing.recommended(subject)
    return Recommended()


def _recommend_together(
    case: Case, reports: Sequence[tuple[SubjectReport, Decision | None, Symptoms]]
) -> None:
    """One node, one limit: the recommendation is compared with every ingester of the bundle."""
    by_subject = list(zip(case.subjects, reports, strict=True))
    for subject, (report, decision, _) in by_subject:
        if decision is None or decision.cause != "max_map_count" or report.recommended.max_map_count is None:
            continue
        others = [s for s, _ in by_subject if s is not subject]
        together = sizing.recommended(subject, others)
        if together != report.recommended:
            report.recommended = together
            report.remedies = remedies.remedies(subject, decision, together)


def _verdict(case: Case, subject: Subject, symptoms: Symptoms, decision: Decision | None) -> Verdict:
    if decision is None:
        return _no_failure(case, subject)
    first = symptoms.root.first if symptoms.root is not None else None
    if first is None:
        first = next((f.first for _, f in symptoms.groups if f.first), None) or symptoms.lives[0].last
    driver = decision.winner.driver if decision.winner is not None else None
    return Verdict(
        decision.cause, decision.status, driver, _summary(subject, symptoms, decision), views.iso(first)
    )


def _no_failure(case: Case, subject: Subject) -> Verdict:
    """none: healthy with sufficient coverage, else undetermined."""
    if not subject.logs:
        return Verdict("none", "undetermined", None, "No failure seen, but no log of this process was read.")
    if case.coverage.truncated:
        words = "No failure seen, but the bundle is cut: what follows the cut is not known."
        return Verdict("none", "undetermined", None, words)
    if not subject.is_logged:
        words = "No failure seen, but no line of the log is a record of a known logger."
        return Verdict("none", "undetermined", None, words)
    if any(log.null_messages for log in subject.logs):
        words = "No failure seen, but the journal leaves messages of the process out (null): the long ones, as failures are."
        return Verdict("none", "undetermined", None, words)
    last = subject.lives[-1] if subject.lives else None
    if last is not None and last.outcome == "starting":
        words = "No failure seen, but the log ends before the process was ready."
        return Verdict("none", "undetermined", None, words)
    counts = reading.counted(subject)
    numbers = ""
    if counts and counts[0].limit is not None:
        numbers = f": {number(counts[0].mc)} of {number(counts[0].limit.value)} mappings"
    if _filesystem_only(subject):
        words = "No failure seen, but nothing shows that this is the log of an ingester."
        return Verdict("none", "undetermined", None, words)
    return Verdict(
        "none",
        "healthy",
        None,
        f"No failure seen in {len(subject.lives)} {'lives' if len(subject.lives) != 1 else 'life'}{numbers}.",
    )


def _filesystem_only(subject: Subject) -> bool:
    """Whether no line of the log ties it to an ingester: no product, no life-cycle line."""
    return subject.product is None and not any(life.events or life.blocks_opened for life in subject.lives)


def _summary(subject: Subject, symptoms: Symptoms, decision: Decision) -> str:
    """One sentence: what broke, with the deciding numbers."""
    what = _what_failed(symptoms)
    winner = decision.winner
    if winner is None:
        return f"{what}; the bundle cannot tell why."
    title = next(c.title for c in causes() if c.name == winner.cause)
    sure = {"confirmed": "because of", "likely": "most likely because of", "possible": "possibly because of"}[
        decision.status
    ]
    return f"{what} {sure} {title}: {winner.why}."


def _what_failed(symptoms: Symptoms) -> str:
    lives = len(symptoms.lives)
    return _operation_failed(symptoms) + (f" ({lives} lives in a row)" if lives > 1 else "")


def _operation_failed(symptoms: Symptoms) -> str:
    root = symptoms.root
    if root is None:
        words = {
            "kill": "The process was killed",
            "stop": "The log just stops",
            "bus": "The process died of SIGBUS",
            "none": "The process ended with an error",
        }
        return words.get(symptoms.root_family, "The process died")
    return {
        "startup_open": "Opening the TSDBs at start failed",
        "startup_compaction": "Compaction at start failed",
        "wal_replay": "WAL replay failed",
        "head_chunk_mapping": "Mapping head chunk files failed",
        "compaction": "Compaction failed",
        "block_write": "Writing a block failed",
        "reload": "Reloading blocks failed",
        "ingest": "Ingestion failed",
        "query": "A query failed",
        "ship": "Shipping failed",
        "allocate": "The Go runtime could not get memory",
        "thread_create": "A thread could not be created",
        "config_watch": "Watching a file failed",
    }.get(root.operation, "An operation failed")


def _nothing_left(case: Case, left_out: LeftOut) -> str:
    """That it was the filter, and what it can be set to instead."""
    asked = [
        f"{name} {value}"
        for name in ("pod", "pid", "since", "until")
        if (value := getattr(left_out, name)) is not None
    ]
    has = [
        f"{name} {', '.join(map(str, found[:_MOST_NAMED]))}{' ...' if len(found) > _MOST_NAMED else ''}"
        for name, found in (("pods", left_out.pods), ("pids", left_out.pids))
        if found
    ]
    if case.first is not None and case.last is not None:
        has.append(f"logs from {case.first.iso()} to {case.last.iso()}")
    return f"The filter left nothing to diagnose ({', '.join(asked)}): the bundle has {'; '.join(has) or 'neither pods, pids nor times'}."


def _worst(
    case: Case,
    reports: Sequence[tuple[SubjectReport, Decision | None, Symptoms]],
    left_out: LeftOut | None,
) -> BundleVerdict:
    if not reports:
        words = "No failure seen, but no log of an ingester was found in the bundle."
        if left_out is not None:
            words = _nothing_left(case, left_out)
        return BundleVerdict("none", "undetermined", None, words, signature="none")
    report, decision, symptoms = max(reports, key=lambda r: _WORST[r[0].verdict.status])
    verdict = report.verdict
    affected = sum(1 for r, _, s in reports if s.lives)
    return BundleVerdict(
        verdict.cause,
        verdict.status,
        verdict.driver,
        verdict.summary,
        verdict.first_seen,
        subject=report.id,
        subjects_affected=affected,
        signature=timeline.signature(symptoms, verdict.cause) if decision is not None else verdict.cause,
    )


def _hypotheses(decision: Decision, ledger: Ledger) -> list[HypothesisView]:
    order = {"confirmed": 0, "likely": 1, "possible": 2, "untestable": 3, "ruled_out": 4}
    views: list[HypothesisView] = []
    for settled in decision.settled:
        h = settled.hypothesis
        views.append(
            HypothesisView(
                cause=h.cause,  # type: ignore[arg-type]
                status=settled.status,
                why=h.why,
                margin=_margin(h.margin),
                evidence=ledger.add_all(h.evidence),
                missing=[asks.TABLE[k].need for k in h.missing],
            )
        )
    winner = decision.winner.cause if decision.winner else None
    views.sort(key=lambda v: (v.cause != winner, order[v.status], v.cause not in decision.eligible, v.cause))
    return views


def _margin(weight: Weight | None) -> Margin | None:
    if weight is None:
        return None

    def plain(value: float | None) -> int | float | None:
        if value is None or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value == int(value) else value

    return Margin(
        plain(weight.used), plain(weight.limit), plain(weight.requested), weight.unit, views.iso(weight.at)
    )


def _extra_asks(subject: Subject, symptoms: Symptoms, decision: Decision) -> list[str]:
    if decision.status == "confirmed":
        return []
    extra: list[str] = []
    if decision.winner is None and symptoms.root_family in ("kill", "stop"):
        extra.append("pod_state")
    if any(log.null_messages for log in subject.logs):
        extra.append("journal")
    elif symptoms.root_family == "none":  # it says that it ended with an error, and no line says of what
        extra.append("log_before")
    if decision.winner is None and not any(life.start for life in subject.lives):
        extra.append("banner")
    return extra
