"""The cgroup's memory limit: an OOM kill leaves no line in the log of the killed (design, rule 5)."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import (
    Hypothesis,
    Symptoms,
    Weight,
    human,
    kills_of,
    number,
    quote,
    was_oom_killed,
)
from analyzer.facts import Evidence


class _CgroupOom(Struct, frozen=True):
    name: str = "cgroup_oom"
    title: str = "the cgroup's memory limit"
    explains: frozenset[str] = frozenset({"kill", "stop"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        weight = _weight(subject)
        stops = _stops(symptoms)
        kills = [k for k in kills_of(symptoms, subject) if k.constraint != "global"]
        if kills:
            why = f"the kernel killed pid {kills[-1].pid}: its cgroup was out of memory"
            if weight is not None and weight.limit is not None:
                why += f" (limit {human(weight.limit)})"
            quoted = quote([k.evidence for k in kills[-2:]] + list(stops))
            return Hypothesis(self.name, "direct", why, quoted, weight, strength=3)
        pod = _pod_says(subject)
        if pod is not None and any(was_oom_killed(life) for life in symptoms.lives):
            engine = "Kubernetes" if subject.pod is not None and subject.pod.name else "the container engine"
            why = f"{engine} states OOMKilled for this container"
            return Hypothesis(self.name, "direct", why, quote([pod, *stops]), weight, strength=3)
        if symptoms.root_family not in ("kill", "stop"):
            words = (
                "the process ended by its own error, an OOM kill leaves no line"
                if symptoms.root_family != "none"
                else "no life ended by a kill"
            )
            return Hypothesis(self.name, "ruled_out", words)
        counter = _counters(subject)
        if counter is not None:
            words, evidence = counter
            return Hypothesis(
                self.name,
                "strong",
                words,
                quote([*evidence, *stops]),
                weight,
                missing=("kernel_log", "pod_state"),
                strength=2,
            )
        silent = reading.enclosing_kernel_log(subject, symptoms)
        if silent is not None:
            why = "the kernel log encloses the end of the process and states no kill of it"
            return Hypothesis(self.name, "ruled_out", why, (silent, *stops), weight)
        killed = symptoms.root_family == "kill"
        why = (
            "a SIGKILL is shown, its sender is not"
            if killed
            else "the log just stops, which shows at most a SIGKILL"
        )
        return Hypothesis(
            self.name,
            "untestable",
            why + "; liveness probes and grace periods kill the same way",
            stops,
            weight,
            missing=("pod_state", "kernel_log"),
        )


def _stops(symptoms: Symptoms) -> tuple[Evidence, ...]:
    return quote([life.last_record for life in symptoms.lives[-1:]])


def _pod_says(subject: Subject) -> Evidence | None:
    if subject.pod is None:
        return None
    for container in subject.pod.containers:
        if subject.place.container not in (None, container.name):
            continue
        for name in ("last_reason", "reason"):
            if getattr(container, name) == "OOMKilled":
                return container.evidence.get(name) or subject.pod.evidence
    return None


def _counters(subject: Subject) -> tuple[str, list[Evidence | None]] | None:
    """oom_kill counts kills of any kind, so v2 needs oom beside it, v1 needs failcnt."""
    for group in subject.cgroup:
        kills = reading.present(group.facts.get("cgroup", "oom_kill"))
        ooms = reading.present(group.facts.get("cgroup", "oom"))
        failcnt = reading.present(group.facts.get("cgroup", "failcnt"))
        beside = ooms if ooms is not None and ooms.value > 0 else failcnt
        if kills is not None and kills.value > 0 and beside is not None and beside.value > 0:
            words = f"the process's cgroup counts {number(kills.value)} OOM kills"
            return words, [kills.evidence, beside.evidence]
    return None


def _weight(subject: Subject) -> Weight | None:
    for group in subject.cgroup:
        limit = reading.present(group.facts.get("cgroup", "memory_max"))
        peak = reading.present(group.facts.get("cgroup", "memory_peak")) or reading.present(
            group.facts.get("cgroup", "memory_current")
        )
        if limit is not None and limit.value != float("inf"):
            return Weight(peak.value if peak else None, limit.value, None, "bytes")
    if subject.pod is not None:
        for container in subject.pod.containers:
            if subject.place.container in (None, container.name) and container.memory_limit:
                return Weight(None, float(container.memory_limit), None, "bytes")
    return None


CAUSE = _CgroupOom()
