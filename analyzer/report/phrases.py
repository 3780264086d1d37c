"""The sentences that every face uses: a verdict, a fact, a failure, a gap, in plain words.

All text of the bundle that goes into them is cleaned; no face's markup is added.
"""

from __future__ import annotations

from analyzer.diagnosis.model import (
    BundleVerdict,
    Diagnosis,
    EpisodeView,
    EvidenceView,
    FailureView,
    HypothesisView,
    LifeView,
    MappingsView,
    NamedFact,
    SubjectReport,
    Verdict,
)
from analyzer.report import words

CAUSE_TITLES = {
    "max_map_count": "vm.max_map_count reached",
    "rlimit_as": "address space limit (RLIMIT_AS) reached",
    "rlimit_data": "data size limit (RLIMIT_DATA) reached",
    "rlimit_memlock": "locked memory limit (RLIMIT_MEMLOCK) reached",
    "address_space_32bit": "32-bit process out of addresses",
    "overcommit": "commit limit reached (overcommit)",
    "cgroup_oom": "memory limit of the cgroup reached",
    "system_oom": "the machine ran out of memory",
    "hugepages": "no huge pages left",
    "threads": "limit on threads or processes reached",
    "nofile": "limit on open files reached",
    "inotify": "limit on inotify watches or instances reached",
    "disk_full": "disk full",
    "corruption": "damaged data",
    "kernel_memory": "kernel memory exhausted",
    "none": "no failure seen",
    "undetermined": "a failure, cause not decided",
}

STATUS_WORDS = {
    "confirmed": "CONFIRMED",
    "likely": "LIKELY",
    "possible": "POSSIBLE",
    "undetermined": "UNDETERMINED",
    "healthy": "HEALTHY",
}

CONFIDENCE = {
    "confirmed": "direct evidence of this limit, rivals tested",
    "likely": "strong indirect evidence, no rival with direct evidence",
    "possible": "consistent with the facts, not shown",
    "undetermined": "the bundle cannot decide",
    "healthy": "no failure in what was read",
}

QUESTIONS = {
    "free_memory": "Was there enough free memory?",
    "map_limit": "Was the mapping limit reached?",
}


def title(verdict: Verdict) -> str:
    """The verdict in words: ``vm.max_map_count reached``."""
    if isinstance(verdict, BundleVerdict) and verdict.subject is None:
        return "nothing to diagnose"
    if verdict.cause == "none" and verdict.status == "undetermined":
        return "no failure seen, but too little was read"
    return CAUSE_TITLES.get(verdict.cause, verdict.cause)


def headline(verdict: Verdict) -> str:
    """``CONFIRMED max_map_count``; the status alone where no cause is named."""
    status = STATUS_WORDS.get(verdict.status, verdict.status.upper())
    return status if verdict.cause in ("none", "undetermined") else f"{status} {verdict.cause}"


def identity(subject: SubjectReport) -> list[str]:
    """Who it is about, in a few words each, what is unknown left out."""
    parts = []
    name = " ".join(part for part in (subject.product, subject.version) if part)
    if name:
        parts.append(name)
    if subject.pod:
        parts.append(f"pod {subject.namespace}/{subject.pod}" if subject.namespace else f"pod {subject.pod}")
    if subject.host:
        parts.append(f"host {subject.host}")
    if subject.node and subject.node != subject.host:
        parts.append(f"node {subject.node}")
    if subject.zone:
        parts.append(f"zone {subject.zone}")
    if subject.pid is not None:
        parts.append(f"pid {subject.pid}")
    return [words.clean(part, 120) for part in parts] or [words.clean(subject.id, 120)]


def where(evidence: EvidenceView, top: str = "") -> str:
    """``member:line``, cleaned; the member alone where the line is not known. ``top`` is left out."""
    member = words.clean(evidence.member.removeprefix(top), 300)
    return member if evidence.line is None else f"{member}:{evidence.line}"


def rival_word(status: str) -> str:
    return {"ruled_out": "ruled out", "untestable": "cannot tell"}.get(status, status)


def margin_text(hypothesis: HypothesisView) -> str:
    """``7.7 GiB + 512 MiB of 8 GiB``, ``16,000 + 1 of 16,000 mappings``; empty where no limit is known."""
    margin = hypothesis.margin
    if margin is None or margin.used is None or margin.limit is None:
        return ""
    sizes = margin.unit.lower() in ("bytes", "b", "byte", "kb", "kib")
    unit = margin.unit if sizes else ""
    asked = f" + {words.number(margin.requested, unit)}" if margin.requested else ""
    tail = "" if sizes or not margin.unit else f" {words.clean(margin.unit, 40)}"
    return f"{words.number(margin.used, unit)}{asked} of {words.number(margin.limit, unit)}{tail}"


def fact_text(fact: NamedFact) -> str:
    """``MemAvailable 22.0 GiB``; a fact that is not there says so and is never 0."""
    name = words.clean(fact.name, 80)
    if fact.state == "present" and fact.value is not None:
        return f"{name} {words.number(fact.value, fact.unit)}"
    return f"{name} {'not in the bundle' if fact.state == 'absent' else 'unreadable'}"


def gaps(diagnosis: Diagnosis) -> list[str]:
    """What of the bundle was not read, in a few words each: the report is never silently partial."""
    coverage = diagnosis.coverage
    found = []
    if coverage.truncated:
        found.append(f"cut: {', '.join(words.clean(name, 120) for name in coverage.truncated)}")
    if coverage.tails:
        found.append(f"{words.plural(len(coverage.tails), 'log')} only as a tail")
    if coverage.partials_open:
        found.append(f"{words.plural(coverage.partials_open, 'log line')} without an end")
    if coverage.null_messages:
        found.append(f"{words.plural(coverage.null_messages, 'journal message')} left out (null)")
    return found


def missing(diagnosis: Diagnosis) -> str:
    """``not in the bundle: pod state; in the bundle but unreadable: limits``; empty where nothing was missed."""
    coverage = diagnosis.coverage
    lists = (("not in the bundle", coverage.missing), ("in the bundle but unreadable", coverage.unreadable))
    named = [(head, ", ".join(words.clean(name, 120) for name in names)) for head, names in lists]
    return "; ".join(f"{head}: {names}" for head, names in named if names)


def notes(diagnosis: Diagnosis, warnings: int | None = None) -> list[str]:
    """What was not read, what is missing, and the first ``warnings`` warnings, each on its own."""
    unread = phrase_of("not all was read", gaps(diagnosis))
    return [
        *unread,
        *([missing(diagnosis)] if missing(diagnosis) else []),
        *(words.clean(warning, 300) for warning in diagnosis.warnings[:warnings]),
    ]


def phrase_of(head: str, items: list[str]) -> list[str]:
    """``head: a; b`` as the only item, or nothing."""
    return [f"{head}: {'; '.join(items)}"] if items else []


def mappings_sentence(mappings: MappingsView) -> str:
    """Count, limit, moment, basis and what is odd, in one sentence."""
    count = f"{mappings.count:,}" if mappings.count is not None else "an unknown number of"
    limit = f" of {mappings.limit:,}" if mappings.limit is not None else ", the limit is not in the bundle"
    parts = [f"{count} mappings{limit}"]
    if mappings.pid is not None:
        parts.append(f"pid {mappings.pid}")
    if mappings.at:
        parts.append(f"at {words.moment(mappings.at)}")
    if mappings.basis:
        parts.append(f"counted from {mappings.basis}" if mappings.basis != "estimate" else "by estimate")
    if mappings.complete is False:
        parts.append("the snapshot is incomplete: a lower bound")
    if mappings.duplicates:
        parts.append(f"{mappings.duplicates:,} of files mapped more than once")
    if mappings.deleted:
        parts.append(f"{mappings.deleted:,} of deleted files")
    if mappings.growth_per_hour is not None:
        parts.append(f"{mappings.growth_per_hour:+,.1f} per hour")
    return ", ".join(parts)


def coverage_sentence(diagnosis: Diagnosis) -> str:
    """``71 of 87 members read, 17.0 MiB, 57,148 log lines, captured 2026-11-22 22:01:02Z``."""
    coverage, bundle = diagnosis.coverage, diagnosis.bundle
    parts = [
        f"{coverage.members_read:,} of {words.plural(coverage.members_total, 'member')} read",
        words.size(coverage.bytes_read),
        words.plural(coverage.log_lines, "log line"),
    ]
    if bundle.time_range.first or bundle.time_range.last:
        parts.append(f"logs from {words.span(bundle.time_range.first, bundle.time_range.last)}")
    if bundle.captured_at:
        zone = f" (its clock is UTC{words.clean(bundle.utc_offset, 6)})" if bundle.utc_offset else ""
        parts.append(f"captured {words.moment(bundle.captured_at)}{zone}")
    return ", ".join(parts)


def failure_what(failure: FailureView) -> str:
    """``startup open of chunks segment: ENOMEM``."""
    parts = [words.clean(part or "", 80).replace("_", " ") for part in (failure.operation, failure.file_kind)]
    what = " of ".join(part for part in parts if part)
    return f"{what}: {words.clean(failure.errno, 80)}" if failure.errno else what


def failure_details(failure: FailureView) -> str:
    """Counts, tenant, life, sizes and times of one kind of failure."""
    details = [f"{words.plural(failure.count, 'failure')}, {words.plural(failure.members, 'error')} inside"]
    if failure.declared is not None and failure.declared != failure.members:
        details.append(f"{failure.declared:,} declared")
    if failure.tenant:
        details.append(f"tenant {words.clean(failure.tenant, 80)}")
    if failure.life:
        details.append(f"life {words.clean(failure.life, 40)}")
    low, high = failure.sizes.min, failure.sizes.max
    if low is not None and high is not None:
        sizes = (
            words.exact_size(low) if low == high else f"{words.exact_size(low)} to {words.exact_size(high)}"
        )
        details.append(f"size {sizes}")
    details.append(words.span(failure.first, failure.last) if failure.first else "time unknown")
    return ", ".join(details)


def episode(found: EpisodeView) -> str:
    """``2026-11-22 10:00:16Z to 10:05:17Z, 2 lives: opening the TSDBs at start failed: ENOSPC``, and how to have it
    diagnosed."""
    when = words.span(found.first, found.last) if found.first else "time unknown"
    picked = f" (--at {words.clean(found.at, 40)} diagnoses it)" if found.at else ""
    return f"{when}, {words.plural(found.lives, 'life', 'lives')}: {words.clean(found.what, 160)}{picked}"


def outcome(life: LifeView) -> str:
    """``error exit``, with its reason where one is known."""
    text = words.clean(life.outcome, 80).replace("_", " ")
    return f"{text} ({words.clean(life.reason, 200)})" if life.reason else text


def life_end(life: LifeView) -> str:
    """``exit 1``, ``signal 9``, or ``-``."""
    if life.signal is not None:
        return f"signal {life.signal}"
    return f"exit {life.exit_code}" if life.exit_code is not None else "-"


def stake(subject: SubjectReport) -> str:
    """The blast radius in one sentence, empty where nothing is said of it."""
    blast = subject.blast_radius
    pairs = (
        ("replication factor", blast.replication_factor),
        ("zones", blast.zones),
        ("ingesters down", blast.members_down),
    )
    said = [f"{label} {value:,}" for label, value in pairs if value is not None]
    known = ", ".join(text for text in said if text not in blast.why)
    return ". ".join(part for part in (known, words.clean(blast.why, 400)) if part)


def verdict_facts(diagnosis: Diagnosis, found: list[SubjectReport]) -> list[str]:
    """Who, driver, first seen, how many are affected, which bundle: a few words each."""
    verdict = diagnosis.verdict
    facts = identity(found[0]) if found else []
    if verdict.driver:
        facts.append(f"driver {words.clean(verdict.driver, 40)}")
    if verdict.first_seen:
        facts.append(f"first seen {words.moment(verdict.first_seen)}")
    if len(found) > 1:
        facts.append(f"{verdict.subjects_affected} of {len(found)} subjects affected")
    facts.append(words.clean(diagnosis.bundle.name, 120))
    return facts


def sentence_case(text: str) -> str:
    """The first letter large, unless the first word is a name such as ``vm.max_map_count``."""
    return text if "." in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def maker(diagnosis: Diagnosis) -> str:
    """``ingester-postmortem 0.1.0``: what made the report."""
    return f"{words.clean(diagnosis.tool.name, 80)} {words.clean(diagnosis.tool.version, 40)}"
