"""The two questions that every report answers first (design, rule 11)."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.model import Capture, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.arbiter import Decision
from analyzer.diagnosis.evidence import Ledger
from analyzer.diagnosis.model import Answer, NamedFact, Question
from analyzer.diagnosis.weigh import HEAP_ARENA, Symptoms, human, number
from analyzer.facts import Evidence, Unreadable

# Less than this part of RAM is no room; memory that a dead process freed is taken off first.
ROOM = 0.02
FULL = 0.99  # from this part of its limit on a cgroup is at it


def questions(
    subject: Subject, symptoms: Symptoms, decision: Decision | None, ledger: Ledger
) -> list[Question]:
    """free_memory and map_limit, with the numbers that answer them."""
    return [
        _free_memory(subject, symptoms, decision, ledger),
        _map_limit(subject, symptoms, decision, ledger),
    ]


def _fact(ledger: Ledger, name: str, value: reading.Value | None, unit: str) -> NamedFact:
    if value is None:
        return NamedFact(name, "absent")
    number_ = (
        None
        if math.isinf(value.value)
        else (int(value.value) if value.value == int(value.value) else value.value)
    )
    ids = [ledger.add(value.evidence)] if value.evidence else []
    at = value.evidence.time.iso() if value.evidence and value.evidence.time else None
    return NamedFact(name, "present", number_ if number_ is not None else "unlimited", unit, at, ids)


def _moment(subject: Subject, symptoms: Symptoms) -> Capture | None:
    """A capture of the process while it was alive: memory seen with it is memory at that moment. Where lives failed
    it must be one of them: the process that came after them tells nothing of their moment."""
    for capture in _captures(subject, symptoms):
        if not capture.zombie and capture.facts.value("status", "vm_size"):
            return capture
    return None


def _captures(subject: Subject, symptoms: Symptoms) -> list[Capture]:
    """The captures of the process; where lives failed, those that cannot be of one that did not."""
    if not symptoms.lives:
        return subject.captures
    others = {life.id for life in subject.lives if life.episode is None}
    return [capture for capture in subject.captures if not others & set(capture.life_candidates)]


class _Memory(Struct, frozen=True):
    """What the host had: bytes, and what ``available`` is called; None for what the bundle does not state."""

    total: reading.Value | None
    available: reading.Value | None
    words: str
    mode: reading.Value | None
    commit: reading.Value | None
    limit: reading.Value | None


def _memory(subject: Subject, group: str | None) -> _Memory:
    total = reading.meminfo(subject, "MemTotal", group)
    available, words = _available(subject, group)
    if total is None:
        total, available = reading.free(subject, "total", group), reading.free(subject, "available", group)
        words = "available" if available is not None else ""
    mode = reading.sysctl(subject, "vm.overcommit_memory", group)
    commit = reading.meminfo(subject, "Committed_AS", group)
    limit = reading.meminfo(subject, "CommitLimit", group)
    return _Memory(total, available, words, mode, commit, limit)


def _available(subject: Subject, group: str | None) -> tuple[reading.Value | None, str]:
    """What could be had without swapping, and its words. Kernels before 3.14 do not say it: there what is free and
    what the page cache holds, which is given back on demand (kernel.md (iii))."""
    stated = reading.meminfo(subject, "MemAvailable", group)
    if stated is not None:
        return stated, "available"
    free = reading.meminfo(subject, "MemFree", group)
    cached = reading.meminfo(subject, "Cached", group)
    if free is None or cached is None:
        return None, ""
    held = [reading.meminfo(subject, key, group) for key in ("Buffers", "SReclaimable", "Shmem")]
    more = sum(v.value for v in held[:2] if v is not None) - (held[2].value if held[2] is not None else 0)
    return reading.Value(max(0.0, free.value + cached.value + more), free.evidence), "free or page cache"


def _free_memory(subject: Subject, symptoms: Symptoms, decision: Decision | None, ledger: Ledger) -> Question:
    alive = _moment(subject, symptoms)
    found = _memory(subject, alive.group if alive is not None else None)
    plainly = found.words == "available"
    rlimit = reading.soft_limit(subject, "address_space")
    facts = [
        _fact(ledger, "MemTotal", found.total, "bytes"),
        _fact(ledger, "MemAvailable", found.available if plainly else None, "bytes"),
        _fact(ledger, "vm.overcommit_memory", found.mode, ""),
        _fact(ledger, "Committed_AS", found.commit, "bytes"),
        _fact(ledger, "CommitLimit", found.limit, "bytes"),
        _fact(ledger, "Max address space", rlimit, "bytes"),
    ]
    if found.available is not None and not plainly:
        facts.append(_fact(ledger, "MemFree and page cache", found.available, "bytes"))
    cgroup_max, cgroup_used = _cgroup(subject)
    if cgroup_max is not None:
        facts.append(_fact(ledger, "cgroup memory limit", cgroup_max, "bytes"))
        facts.append(_fact(ledger, "cgroup memory used", cgroup_used, "bytes"))
    answer, why = _memory_answer(subject, symptoms, decision, alive, found)
    if answer == "yes":
        answer, why = _within_cgroup(subject, why)
    ids = sorted({i for f in facts for i in f.evidence}, key=lambda i: int(i[1:]))
    return Question("free_memory", answer, why, facts, ids)


def _memory_answer(
    subject: Subject,
    symptoms: Symptoms,
    decision: Decision | None,
    alive: Capture | None,
    found: _Memory,
) -> tuple[Answer, str]:
    total, available, commit, limit = found.total, found.available, found.commit, found.limit
    cause = decision.cause if decision is not None else "none"
    if decision is not None and decision.winner is not None and decision.status in ("confirmed", "likely"):
        if cause in ("cgroup_oom", "system_oom", "overcommit", "kernel_memory"):
            host = f"; the host had {human(available.value)} available" if available is not None else ""
            return "no", decision.winner.why + host
    if found.mode is not None and found.mode.value == 2 and commit is not None and limit is not None:
        if commit.value + HEAP_ARENA > limit.value:
            return (
                "no",
                f"Committed_AS {human(commit.value)} is at CommitLimit {human(limit.value)} (overcommit mode 2)",
            )
    if total is None or available is None:
        unread = subject.host.fact("free", "total" if total is None else "available")
        why = "meminfo is not in the bundle"
        if isinstance(unread, Unreadable) and unread.evidence is not None:
            why += f"; {unread.evidence.member}: {unread.why}"
        return "unknown", why
    seen = f"{human(available.value)} of {human(total.value)} {found.words}"
    if available.value < ROOM * total.value:
        return "no", seen
    if alive is not None:
        return "yes", f"{seen}, taken while the process was alive"
    peaks = [
        v.value
        for c in _captures(subject, symptoms)
        if (
            v := reading.present(c.facts.get("status", "vm_hwm"))
            or reading.present(c.facts.get("status", "vm_rss"))
        )
    ]
    cgroup_max, cgroup_used = _cgroup(subject)
    bound = max(peaks, default=None)
    if bound is None and cgroup_used is not None:
        bound = cgroup_used.value
    if bound is None and cgroup_max is not None and not math.isinf(cgroup_max.value):
        bound = cgroup_max.value
    if bound is not None and available.value - bound > ROOM * total.value:
        return (
            "yes",
            f"{seen} later, still {human(available.value - bound)} with the process's peak {human(bound)} taken off",
        )
    if not symptoms_present(decision):
        return "yes", seen
    return "unknown", f"{seen}, but after the death, which freed the process's memory; its peak is not known"


def symptoms_present(decision: Decision | None) -> bool:
    """Whether anything failed: without a failure a later meminfo speaks for itself."""
    return decision is not None


def _cgroup(subject: Subject) -> tuple[reading.Value | None, reading.Value | None]:
    for group in subject.cgroup:
        limit = reading.present(group.facts.get("cgroup", "memory_max"))
        used = reading.present(group.facts.get("cgroup", "memory_peak")) or reading.present(
            group.facts.get("cgroup", "memory_current")
        )
        if limit is not None:
            return limit, used
    return None, None


def _within_cgroup(subject: Subject, why: str) -> tuple[Answer, str]:
    """Whether the process's cgroup had room too. Page cache counts as used and is given back, so a usage at the
    limit is no shortage where the cgroup counts none, and a peak alone leaves it open."""
    for group in subject.cgroup:
        limit = reading.present(group.facts.get("cgroup", "memory_max"))
        if limit is None or math.isinf(limit.value):
            continue
        refused = reading.present(group.facts.get("cgroup", "oom"))
        current = reading.present(group.facts.get("cgroup", "memory_current"))
        used = reading.present(group.facts.get("cgroup", "memory_peak")) or current
        if used is None or used.value < FULL * limit.value or (refused is not None and refused.value == 0):
            continue
        now = current is not None and current.value >= FULL * limit.value
        words = f"its cgroup {'used' if now or refused else 'peaked at'} {human(used.value)} of {human(limit.value)}"
        if now or (refused is not None and refused.value > 0):
            return "no", words
        return "unknown", f"{why}; {words}, page cache included"
    return "yes", why


def _map_limit(subject: Subject, symptoms: Symptoms, decision: Decision | None, ledger: Ledger) -> Question:
    counts = reading.counted(subject)
    limit = reading.max_map_count(subject, counts[0].capture if counts else None)
    facts: list[NamedFact] = []
    evidence: list[Evidence | None] = []
    if counts:
        best = counts[0]
        facts.append(_fact(ledger, "mappings", reading.Value(best.mc, best.count.evidence), "mappings"))
        evidence.append(best.count.evidence)
    else:
        unreadable = reading.unreadable_maps(subject)
        if unreadable:
            facts.append(NamedFact("mappings", "unreadable", unreadable[0][2]))
        else:
            facts.append(NamedFact("mappings", "absent"))
    facts.append(_fact(ledger, "vm.max_map_count", limit, "mappings"))
    if subject.need is not None:
        need = subject.need
        ids = [ledger.add(need.evidence)] if need.evidence else []
        facts.append(NamedFact("need, low end", "present", need.low, "mappings", None, ids))
        if need.complete:
            facts.append(NamedFact("need, high end", "present", need.high, "mappings", None, ids))
    answer, why = _map_answer(subject, symptoms, decision)
    ids = sorted({i for f in facts for i in f.evidence}, key=lambda i: int(i[1:]))
    return Question("map_limit", answer, why, facts, ids)


def _map_answer(subject: Subject, symptoms: Symptoms, decision: Decision | None) -> tuple[Answer, str]:
    counts = reading.counted(subject)
    limit = reading.max_map_count(subject)
    for found in counts:
        if found.at_limit():
            return (
                "yes",
                f"{number(found.mc)} mappings, vm.max_map_count is {number(found.limit.value if found.limit else None)}",
            )
    if limit is None:
        return "unknown", "vm.max_map_count is not in the bundle"
    over = next((c for c in counts if c.over()), None)
    if over is not None:
        return (
            "unknown",
            f"{number(over.mc)} mappings cannot arise under {number(over.limit.value if over.limit else None)}: the limit is of another time or host",
        )
    hypothesis = (
        next((s.hypothesis for s in decision.settled if s.hypothesis.cause == "max_map_count"), None)
        if decision
        else None
    )
    if hypothesis is not None and hypothesis.claim == "strong":
        return "yes", f"by estimate: {hypothesis.why}"
    whole, need = reading.whole_count(subject), subject.need
    ruled_out = hypothesis is not None and hypothesis.claim == "ruled_out"
    if (
        need is not None
        and need.complete
        and need.high < reading.CLEARLY * limit.value
        and (ruled_out or not decision)
    ):
        return (
            "no",
            f"the data directory needs at most {number(need.high)} mappings, vm.max_map_count is {number(limit.value)}",
        )
    if whole is not None:
        seen = f"{number(whole.mc)} of {number(limit.value)} mappings"
        if decision is None:
            return "no", f"{seen}, and no failure"
        if hypothesis is not None and ruled_out and (need is None or need.low <= limit.value):
            return "no", f"{seen}; {hypothesis.why}"
    if counts:
        words = "at least " if counts[0].count.lower_bound else ""
        return (
            "unknown",
            f"{words}{number(counts[0].mc)} of {number(limit.value)} mappings in the snapshot, whose moment may not be the failure's",
        )
    unreadable = reading.unreadable_maps(subject)
    if unreadable:
        return "unknown", f"{unreadable[0][1]} could not be read: {unreadable[0][2]}"
    return "unknown", f"no mapping count is in the bundle; vm.max_map_count is {number(limit.value)}"
