"""What every face says of a diagnosis, and in which order: selection only, no markup.

The faces differ in form. Which subject comes first, which evidence is strongest, which rivals are
worth a line, which remedy is for now and which for good is decided here, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.diagnosis.model import (
    Ask,
    Diagnosis,
    EvidenceView,
    HypothesisView,
    NamedFact,
    Question,
    Remedy,
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

QUESTIONS_SHORT = {"free_memory": "Enough memory?", "map_limit": "Map limit hit?"}

_SEVERITY = {"confirmed": 0, "likely": 1, "possible": 2, "undetermined": 3, "healthy": 4}
_RIVAL_ORDER = {"confirmed": 0, "likely": 1, "possible": 2, "ruled_out": 3, "untestable": 4}
# Rivals whose symptom is the same text come first: a reader asks for these.
_USUAL_SUSPECTS = (
    "max_map_count",
    "rlimit_as",
    "overcommit",
    "cgroup_oom",
    "system_oom",
    "nofile",
    "corruption",
    "disk_full",
    "address_space_32bit",
    "kernel_memory",
    "rlimit_data",
    "threads",
    "rlimit_memlock",
    "hugepages",
    "inotify",
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One bar: ``used`` of ``limit`` in ``unit``. ``estimate`` where the count was not measured."""

    label: str
    used: float
    limit: float
    unit: str
    estimate: bool = False

    @property
    def ratio(self) -> float:
        return self.used / self.limit

    def figures(self) -> str:
        """``16,000 / 16,000 mappings`` or ``1.5 GiB / 23.5 GiB``."""
        about = "~" if self.estimate else ""
        if self.unit.lower() in {"bytes", "b", "byte"}:
            return f"{about}{words.size(self.used)} / {words.size(self.limit)}"
        return f"{about}{words.number(self.used)} / {words.number(self.limit)} {self.unit}".rstrip()


def subjects(diagnosis: Diagnosis) -> list[SubjectReport]:
    """The subjects, the one of the bundle's verdict first, then by severity, then as they came."""
    first = diagnosis.verdict.subject

    def rank(pair: tuple[int, SubjectReport]) -> tuple[bool, int, int]:
        place, subject = pair
        return (subject.id != first, _SEVERITY.get(subject.verdict.status, 9), place)

    return [subject for _, subject in sorted(enumerate(diagnosis.subjects), key=rank)]


def pick(diagnosis: Diagnosis, subject: str | None) -> SubjectReport | None:
    """The subject of this id, or the worst one for None; None where there is none.

    Raises:
        KeyError: no subject has this id.
    """
    if subject is None:
        found = subjects(diagnosis)
        return found[0] if found else None
    for candidate in diagnosis.subjects:
        if candidate.id == subject:
            return candidate
    raise KeyError(subject)


def title(verdict: Verdict) -> str:
    """The verdict in words: ``vm.max_map_count reached``."""
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


def evidence_by_id(diagnosis: Diagnosis) -> dict[str, EvidenceView]:
    return {evidence.id: evidence for evidence in diagnosis.evidence}


def where(evidence: EvidenceView) -> str:
    """``member:line``, cleaned; the member alone where the line is not known."""
    member = words.clean(evidence.member, 300)
    return member if evidence.line is None else f"{member}:{evidence.line}"


def resolve(references: Iterable[str], index: dict[str, EvidenceView]) -> list[EvidenceView]:
    """The evidence of these ids, each once, unknown ids left out."""
    return [index[name] for name in dict.fromkeys(references) if name in index]


def convicting(subject: SubjectReport) -> HypothesisView | None:
    """The hypothesis that is the verdict's cause."""
    for hypothesis in subject.hypotheses:
        if hypothesis.cause == subject.verdict.cause:
            return hypothesis
    return None


def _references(subject: SubjectReport) -> Iterable[str]:
    """Evidence ids by weight: the limit, then the symptom, then what else speaks for the cause."""
    hypothesis = convicting(subject)
    if hypothesis is not None:
        yield from hypothesis.evidence[:1]
    for failure in subject.failures[:1]:
        yield from failure.evidence[:1]
    if hypothesis is not None:
        yield from hypothesis.evidence
    for question in sorted(subject.questions, key=lambda q: q.id != "map_limit"):
        yield from question.evidence
    for failure in subject.failures:
        yield from failure.evidence
    for life in subject.lives:
        yield from life.evidence


def strongest(subject: SubjectReport, index: dict[str, EvidenceView], count: int) -> list[EvidenceView]:
    """The ``count`` pieces of evidence that carry most weight, one for each place."""
    chosen: list[EvidenceView] = []
    places: set[tuple[str, int | None]] = set()
    for evidence in resolve(_references(subject), index):
        place = (evidence.member, evidence.line)
        if place not in places:
            places.add(place)
            chosen.append(evidence)
        if len(chosen) == count:
            break
    return chosen


def rivals(subject: SubjectReport) -> list[HypothesisView]:
    """All other causes: those still open first, then the ruled out, last the untestable."""
    usual = {cause: place for place, cause in enumerate(_USUAL_SUSPECTS)}
    others = [h for h in subject.hypotheses if h.cause != subject.verdict.cause]
    return sorted(others, key=lambda h: (_RIVAL_ORDER.get(h.status, 9), usual.get(h.cause, 99)))


def rival_word(status: str) -> str:
    return {"ruled_out": "ruled out", "untestable": "cannot tell"}.get(status, status)


@dataclass(frozen=True, slots=True)
class Plan:
    """The remedies in the order to act."""

    do_not: list[Remedy]
    now: list[Remedy]
    for_good: list[Remedy]
    later: list[Remedy]


def plan(subject: SubjectReport) -> Plan:
    """Remedies sorted by when: what not to do, what to do now, what keeps it, what comes after."""
    ordered = sorted(subject.remedies, key=lambda remedy: remedy.order)
    do = [r for r in ordered if r.kind == "do"]
    return Plan(
        do_not=[r for r in ordered if r.kind == "do_not"],
        now=[r for r in do if r.when == "now" and not r.persistent],
        for_good=[r for r in do if r.persistent],
        later=[r for r in do if r.when == "after_recovery" and not r.persistent],
    )


def question(subject: SubjectReport, name: str) -> Question | None:
    for candidate in subject.questions:
        if candidate.id == name:
            return candidate
    return None


# What is used, what it is used of; a "free" pair counts what is left, so it is turned around.
_PAIRS = (
    ("memavailable", "memtotal", "host memory in use", True),
    ("availablememory", "totalmemory", "host memory in use", True),
    ("hostavailable", "hosttotal", "host memory in use", True),
    ("memorycurrent", "memorymax", "cgroup memory", False),
    ("memoryusageinbytes", "memorylimitinbytes", "cgroup memory", False),
    ("cgroupusage", "cgrouplimit", "cgroup memory", False),
    ("cgroupcurrent", "cgroupmax", "cgroup memory", False),
    ("cgroupmemory", "cgroupmemorylimit", "cgroup memory", False),
    ("cgroupmemorycurrent", "cgroupmemorymax", "cgroup memory", False),
    ("committedas", "commitlimit", "committed memory", False),
    ("vmpeak", "maxaddressspace", "address space", False),
    ("vmsize", "maxaddressspace", "address space", False),
    ("vmpeak", "rlimitas", "address space", False),
    ("vmsize", "rlimitas", "address space", False),
)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _figure(fact: NamedFact | None) -> float | None:
    if fact is None or fact.state != "present" or isinstance(fact.value, (str, bool)):
        return None
    return fact.value


def memory_gauges(subject: SubjectReport) -> list[Gauge]:
    """Bars for the memory facts that come as a pair; a fact of overcommit counts only in mode 2."""
    asked = question(subject, "free_memory")
    if asked is None:
        return []
    facts = {_letters(fact.name): fact for fact in asked.facts}
    mode = _figure(facts.get("vmovercommitmemory") or facts.get("overcommitmemory"))
    gauges: list[Gauge] = []
    for used_name, limit_name, label, free in _PAIRS:
        used, limit = _figure(facts.get(used_name)), _figure(facts.get(limit_name))
        if used is None or limit is None or limit <= 0:
            continue
        if label == "committed memory" and mode != 2:
            continue
        if any(gauge.label == label for gauge in gauges):
            continue
        unit = facts[limit_name].unit or "bytes"
        scale = 1024 if unit.lower() in {"kb", "kib"} else 1
        amount = (limit - used if free else used) * scale
        gauges.append(Gauge(label, amount, limit * scale, "bytes" if scale > 1 else unit))
    return gauges


def map_gauges(subject: SubjectReport) -> list[Gauge]:
    """The mapping count against the limit and the data directory's need (its low end) against it.

    The count comes first, unless the answer "yes" rests on the need.
    """
    mappings = subject.mappings
    if mappings is None or not mappings.limit or mappings.limit <= 0:
        return []
    gauges = []
    if mappings.count is not None:
        estimate = mappings.basis in ("estimate", "lsof", "open_files")
        gauges.append(Gauge("mappings", mappings.count, mappings.limit, "mappings", estimate))
    if mappings.need is not None:
        gauges.append(Gauge("need", mappings.need.low, mappings.limit, "mappings", True))
    asked = question(subject, "map_limit")
    if asked is not None and asked.answer == "yes" and gauges and gauges[0].ratio < 1:
        gauges.sort(key=lambda gauge: -gauge.ratio)
    return gauges


def margin_gauge(hypothesis: HypothesisView) -> Gauge | None:
    """The margin of a hypothesis as a bar; what was requested on top counts as used."""
    margin = hypothesis.margin
    if margin is None or margin.used is None or not margin.limit or margin.limit <= 0:
        return None
    return Gauge(CAUSE_TITLES.get(hypothesis.cause, hypothesis.cause), margin.used, margin.limit, margin.unit)


def margin_text(hypothesis: HypothesisView) -> str:
    """``8,095,956,000 + 512 MiB of 8 GiB``: used, requested and limit with units, or empty."""
    margin = hypothesis.margin
    if margin is None or (margin.used is None and margin.limit is None):
        return ""
    used = words.number(margin.used, margin.unit)
    if margin.requested:
        used += f" + {words.number(margin.requested, margin.unit)} requested"
    return f"{used} of {words.number(margin.limit, margin.unit)}"


def fact_text(fact: NamedFact) -> str:
    """``MemAvailable 22.0 GiB``; a fact that is not there says so and is never 0."""
    name = words.clean(fact.name, 80)
    if fact.state == "present" and fact.value is not None:
        return f"{name} {words.number(fact.value, fact.unit)}"
    return f"{name} {'not in the bundle' if fact.state == 'absent' else 'unreadable'}"


def forbidden(remedy: Remedy) -> str:
    """What not to do, without the words "Do not": ``delete blocks or the WAL``."""
    return re.sub(r"^(?:do not|don't|never) ", "", remedy.title, flags=re.IGNORECASE)


def asks(subject: SubjectReport, count: int | None = None) -> list[Ask]:
    return subject.ask if count is None else subject.ask[:count]


def shell(commands: Iterable[str]) -> list[str]:
    """The lines of all commands, each clean: a command is copied, so nothing is cut or added."""
    return [words.clean(line) for command in commands for line in command.split("\n") if line.strip()]


def gaps(diagnosis: Diagnosis) -> list[str]:
    """What was not read, in a few words each: the report is never silently partial."""
    coverage = diagnosis.coverage
    found = []
    if coverage.truncated:
        found.append(f"cut: {', '.join(words.clean(name, 120) for name in coverage.truncated)}")
    if coverage.tails:
        found.append(f"{words.plural(len(coverage.tails), 'log')} only as a tail")
    if coverage.partials_open:
        found.append(f"{words.plural(coverage.partials_open, 'log line')} without an end")
    if coverage.missing:
        found.append(f"not in the bundle: {', '.join(words.clean(name, 120) for name in coverage.missing)}")
    return found
