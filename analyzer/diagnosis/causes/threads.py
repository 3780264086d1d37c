"""Threads or processes: pids.max, RLIMIT_NPROC, TasksMax, kernel.threads-max."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.identity import names_subject
from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.reading import Value
from analyzer.diagnosis.weigh import Claim, Hypothesis, Symptoms, Weight, no_symptom, number, quote

# From this part of RLIMIT_NPROC on, a process's own threads make that limit a candidate.
NEAR_NPROC = 0.25


class _Threads(Struct, frozen=True):
    name: str = "threads"
    title: str = "a limit of threads or processes"
    explains: frozenset[str] = frozenset({"threads"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("threads"):
            return no_symptom(self.name, "no thread was refused")
        return (
            _cgroup(subject, symptoms)
            or _kernel(subject, symptoms)
            or _go_limit(symptoms)
            or _rlimits(subject, symptoms)
        )


def _cgroup(subject: Subject, symptoms: Symptoms) -> Hypothesis | None:
    """pids.events counts refused forks; pids.peak at pids.max says the limit was met."""
    own = _threads(subject)
    for group in subject.cgroup:
        limit = reading.present(group.facts.get("cgroup", "pids_max"))
        refused = reading.present(group.facts.get("cgroup", "pids_events_max"))
        peak = reading.present(group.facts.get("cgroup", "pids_peak")) or reading.present(
            group.facts.get("cgroup", "pids_current")
        )
        if peak is None or (own is not None and own.value > peak.value):
            peak = own  # its threads are tasks of the cgroup
        if limit is None or math.isinf(limit.value):
            continue
        hit = (refused is not None and refused.value > 0) or (peak is not None and peak.value >= limit.value)
        if hit:
            used = peak.value if peak else None
            why = f"the cgroup {group.path} allows {number(limit.value)} tasks" + (
                f", its peak is {number(used)}" if used is not None else ""
            )
            if refused is not None and refused.value:
                why += f", and it refused {number(refused.value)} forks"
            quoted = quote(
                [
                    limit.evidence,
                    refused.evidence if refused else None,
                    peak.evidence if peak else None,
                    *symptoms.evidence("threads", most=1),
                ]
            )
            weight = Weight(used, limit.value, 1, "tasks")
            return Hypothesis("threads", "direct", why, quoted, weight, strength=3, driver="threads")
    return None


def _threads(subject: Subject) -> Value | None:
    """The most threads that a capture of the process shows."""
    found = (reading.present(c.facts.get("status", "threads")) for c in subject.captures)
    return max((v for v in found if v is not None), key=lambda v: v.value, default=None)


def _kernel(subject: Subject, symptoms: Symptoms) -> Hypothesis | None:
    for event in subject.host.kernel_events("fork_rejected"):
        if names_subject(subject, event):
            why = f"the kernel rejected a fork in the process's own cgroup {event.cgroup}"
            quoted = quote([event.evidence, *symptoms.evidence("threads", most=1)])
            return Hypothesis("threads", "direct", why, quoted, strength=3, driver="threads")
    return None


def _go_limit(symptoms: Symptoms) -> Hypothesis | None:
    for event in symptoms.fatals():
        reason = event.fields.get("reason", "")
        if "thread exhaustion" in reason or "-thread limit" in event.evidence.text:
            why = (
                "the Go runtime met its own limit of threads: system calls are blocked, often by a slow disk"
            )
            return Hypothesis("threads", "strong", why, (event.evidence,), strength=2.5, driver="threads")
    return None


def _rlimits(subject: Subject, symptoms: Symptoms) -> Hypothesis:
    static = any("newosproc" in e.fields.get("reason", "") for e in symptoms.fatals())
    threads = _threads(subject)
    limits: list[tuple[str, Value]] = []
    nproc = reading.soft_limit(subject, "nproc")
    if nproc is not None and not math.isinf(nproc.value):
        limits.append(("Max processes", nproc))
    for key in ("kernel.threads-max", "kernel.pid_max"):
        value = reading.sysctl(subject, key)
        if value is not None:
            limits.append((key, value))
    failures = symptoms.evidence("threads", most=1)
    if threads is not None:
        for label, limit in limits:
            if threads.value >= limit.value - 1:
                why = f"{number(threads.value)} threads at {label} {number(limit.value)}"
                quoted = quote([threads.evidence, limit.evidence, *failures])
                weight = Weight(threads.value, limit.value, 1, "threads")
                return Hypothesis("threads", "direct", why, quoted, weight, strength=2.9, driver="threads")
    if threads is not None and nproc is not None and threads.value >= NEAR_NPROC * nproc.value:
        # RLIMIT_NPROC counts all tasks of the user, so the process's own threads are only a part.
        why = (
            f"{number(threads.value)} threads of its own at Max processes {number(nproc.value)}, "
            "which counts all tasks of the user"
        )
        quoted = quote([threads.evidence, nproc.evidence, *failures])
        weight = Weight(threads.value, nproc.value, 1, "threads")
        claim: Claim = "strong" if _others_excluded(subject) else "consistent"
        return Hypothesis(
            "threads", claim, why, quoted, weight, missing=("cgroup",), strength=1.6, driver="threads"
        )
    if static:
        why = "the kernel refused a thread (clone gave EAGAIN): pids.max, RLIMIT_NPROC or threads-max"
        return Hypothesis(
            "threads", "strong", why, failures, missing=("cgroup", "limits"), strength=2, driver="threads"
        )
    own_cgroup_known = _pids_unlimited(subject)
    if threads is not None and nproc is not None and own_cgroup_known and threads.value < 0.5 * nproc.value:
        why = f"{number(threads.value)} threads, far below Max processes {number(nproc.value)}, and no pids limit on its cgroup"
        return Hypothesis("threads", "ruled_out", why, quote([threads.evidence, nproc.evidence]))
    known = threads is not None and nproc is not None
    return Hypothesis(
        "threads",
        "consistent" if known else "untestable",
        "a thread was refused; the tasks of its cgroup and user are not in the bundle",
        failures,
        missing=("cgroup",) if known else ("limits", "status", "cgroup"),
        strength=0.6,
        driver="threads",
    )


def _others_excluded(subject: Subject) -> bool:
    """Whether the four other causes of the same line are out: map limit, RLIMIT_AS and _DATA, commit."""
    for name in ("address_space", "data"):
        limit = reading.soft_limit(subject, name)
        if limit is None or not math.isinf(limit.value):
            return False
    mode = reading.sysctl(subject, "vm.overcommit_memory")
    counts = reading.counted(subject)
    if mode is None or mode.value == 2 or not counts or counts[0].limit is None:
        return False
    return counts[0].mc < 0.5 * counts[0].limit.value


def _pids_unlimited(subject: Subject) -> bool:
    """Whether the bundle shows that no pids cgroup limits the process."""
    if any(
        (v := reading.present(g.facts.get("cgroup", "pids_max"))) is not None and math.isinf(v.value)
        for g in subject.cgroup
    ):
        return True
    for capture in subject.captures:
        paths = capture.facts.value("cgroup_of", "paths")
        if isinstance(paths, dict):
            own = paths.get("pids", paths.get("", None))
            # The root cgroup has no pids.max.
            if own == "/":
                return True
    return False


CAUSE = _Threads()
