"""What every face says of a diagnosis, and in which order: selection only, no markup.

The faces differ in form. Which subject comes first, which evidence is strongest, which rivals are
worth a line, which remedy is for now and which for good is decided here, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from analyzer.diagnosis.model import (
    Ask,
    Diagnosis,
    EpisodeView,
    EvidenceView,
    HypothesisView,
    NamedFact,
    Question,
    Remedy,
    Risk,
    SubjectReport,
    TimelineEntry,
)
from analyzer.report import words

_MARGIN_LABELS = {
    "max_map_count": "mappings",
    "rlimit_as": "address space + request",
    "rlimit_data": "data + request",
    "rlimit_memlock": "locked memory + request",
    "overcommit": "committed + request",
    "cgroup_oom": "cgroup memory",
    "system_oom": "host memory",
    "nofile": "open files",
    "threads": "threads",
    "disk_full": "disk",
}
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


class Gauge(Struct, frozen=True):
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
        return f"{about}{words.number(self.used)} / {words.number(self.limit)} {words.clean(self.unit, 40)}".rstrip()


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


def evidence_by_id(diagnosis: Diagnosis) -> dict[str, EvidenceView]:
    return {evidence.id: evidence for evidence in diagnosis.evidence}


def top_folder(diagnosis: Diagnosis) -> str:
    """``sosreport-.../``: the folder that holds every quoted member, said once instead of each time."""
    tops = {evidence.member.partition("/")[0] for evidence in diagnosis.evidence}
    if len(tops) != 1 or len(diagnosis.evidence) < 2:
        return ""
    top = tops.pop()
    inside = {evidence.member.removeprefix(top + "/").partition("/")[0] for evidence in diagnosis.evidence}
    return f"{top}/" if len(inside) > 1 and len(top) > 8 else ""


def resolve(references: Iterable[str], index: dict[str, EvidenceView]) -> list[EvidenceView]:
    """The evidence of these ids, each once, unknown ids left out."""
    return [index[name] for name in dict.fromkeys(references) if name in index]


def convicting(subject: SubjectReport) -> HypothesisView | None:
    """The hypothesis that is the verdict's cause."""
    for hypothesis in subject.hypotheses:
        if hypothesis.cause == subject.verdict.cause:
            return hypothesis
    return None


def other_episodes(subject: SubjectReport) -> list[EpisodeView]:
    """The episodes that the verdict is not about."""
    return [episode for episode in subject.episodes if not episode.judged]


def episodes_heading(subject: SubjectReport) -> str:
    """``Earlier episodes``, unless a later one was passed over for it."""
    judged = max((e.number for e in subject.episodes if e.judged), default=0)
    return "Earlier episodes" if all(e.number < judged for e in other_episodes(subject)) else "Other episodes"


def _references(subject: SubjectReport) -> Iterable[str]:
    """Evidence ids by weight: the limit, then the symptom, then what else speaks for the cause; of the verdict's
    episode, since an earlier one may have had another cause."""
    hypothesis = convicting(subject)
    others = {episode.number for episode in other_episodes(subject)}
    failures = [f for f in subject.failures if f.episode not in others]
    lives = [life for life in subject.lives if life.episode not in others]
    if hypothesis is not None:
        yield from hypothesis.evidence[:1]
    for failure in failures[:1]:
        yield from failure.evidence[:1]
    if hypothesis is not None:
        yield from hypothesis.evidence
    for question in sorted(subject.questions, key=lambda q: q.id != "map_limit"):
        yield from question.evidence
    for failure in failures:
        yield from failure.evidence
    for life in lives:
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


class Plan(Struct, frozen=True):
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
    ("cgroupmemoryused", "cgroupmemorylimit", "cgroup memory", False),
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
    """Bars for the memory facts that come as a pair, the fullest first where memory was short.

    What is committed counts only in overcommit mode 2.
    """
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
    return sorted(gauges, key=lambda gauge: -gauge.ratio) if asked.answer == "no" else gauges


def map_gauges(subject: SubjectReport) -> list[Gauge]:
    """The mapping count against the limit and the data directory's need (its low end) against it.

    The count comes first, unless the answer "yes" rests on the need; a need that fits says nothing
    beside a count that is full.
    """
    mappings = subject.mappings
    if mappings is None or not mappings.limit or mappings.limit <= 0:
        return []
    gauges = []
    if mappings.count is not None:
        estimate = mappings.basis in ("estimate", "lsof", "open_files")
        gauges.append(Gauge("mappings", mappings.count, mappings.limit, "mappings", estimate))
    full = bool(gauges) and gauges[0].ratio >= 1
    if mappings.need is not None and not (full and mappings.need.low <= mappings.limit):
        gauges.append(Gauge("need", mappings.need.low, mappings.limit, "mappings", True))
    asked = question(subject, "map_limit")
    if asked is not None and asked.answer == "yes" and gauges and gauges[0].ratio < 1:
        gauges.sort(key=lambda gauge: -gauge.ratio)
    return gauges


def margin_gauge(hypothesis: HypothesisView) -> Gauge | None:
    """The margin of a hypothesis as a bar; what was asked for on top counts as used."""
    margin = hypothesis.margin
    if margin is None or margin.used is None or not margin.limit or margin.limit <= 0:
        return None
    used = margin.used + (margin.requested or 0)
    return Gauge(_MARGIN_LABELS.get(hypothesis.cause, hypothesis.cause), used, margin.limit, margin.unit)


def verdict_gauge(subject: SubjectReport) -> Gauge | None:
    """The bar of the limit that was met, where the two questions do not show it already."""
    hypothesis = convicting(subject)
    if hypothesis is None or hypothesis.cause == "max_map_count":
        return None
    gauge = margin_gauge(hypothesis)
    shown = [(g.limit, g.unit) for g in memory_gauges(subject)]
    return None if gauge is None or (gauge.limit, gauge.unit) in shown else gauge


def forbidden(remedy: Remedy) -> str:
    """What not to do, without the words "Do not": ``delete blocks or the WAL``."""
    return re.sub(r"^(?:do not|don't|never) ", "", remedy.title, flags=re.IGNORECASE)


NO_RISK = ("", "low", "none")
"""Words of a remedy's risk that say nothing to weigh."""


def rivals_heading(subject: SubjectReport) -> str:
    """What the list of rivals is called: how sure the verdict is decides."""
    if subject.verdict.status in ("confirmed", "likely"):
        return "What it was not"
    return "What else it could be" if subject.verdict.status == "possible" else "What it could be"


_MET_BY = (
    ("max_map_count", "max_map_count"),
    ("address space", "rlimit_as"),
    ("open files", "nofile"),
    ("data size", "rlimit_data"),
    ("locked memory", "rlimit_memlock"),
    ("cgroup memory", "cgroup_oom"),
    ("cgroup pids", "threads"),
)


def risks(diagnosis: Diagnosis) -> list[Risk]:
    """What is near its limit, the nearest first; a limit that the verdict says was met is no mere risk."""
    met = {
        (subject.id, limit)
        for subject in diagnosis.subjects
        for limit, cause in _MET_BY
        if subject.verdict.cause == cause
    }
    found = [
        risk
        for risk in diagnosis.risks
        if not any(risk.subject == subject and limit in risk.limit for subject, limit in met)
    ]
    return sorted(found, key=lambda risk: -risk.ratio)


def asks(subject: SubjectReport, count: int | None = None) -> list[Ask]:
    return subject.ask if count is None else subject.ask[:count]


def shell(commands: Iterable[str]) -> list[str]:
    """The lines of all commands, each clean: a command is copied, so nothing is cut or added."""
    return [words.clean(line) for command in commands for line in command.split("\n") if line.strip()]


BAD_EVENTS = ("failure", "kill", "oom", "fatal")
"""Kinds of time-line entries that are shown as bad and kept longest."""


def telling(entries: list[TimelineEntry], count: int) -> list[TimelineEntry]:
    """At most ``count`` entries in their order: failures first to be kept, then both ends."""
    if len(entries) <= count:
        return entries
    size = len(entries)

    def weight(place: int) -> tuple[int, int]:
        important = entries[place].kind in (*BAD_EVENTS, "start", "exit", "end", "ready")
        return (0 if important else 1, min(place, size - 1 - place))

    kept = sorted(sorted(range(size), key=weight)[:count])
    return [entries[place] for place in kept]
