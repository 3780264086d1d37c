"""Kernel or slab memory exhausted: each mapping costs about 160 bytes of it (kernel.md (i) 7d)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, human, no_symptom, number, quote
from analyzer.facts import Fact


class _KernelMemory(Struct, frozen=True):
    name: str = "kernel_memory"
    title: str = "exhausted kernel memory"
    explains: frozenset[str] = frozenset({"memory", "syscall", "threads"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("memory", "syscall", "threads"):
            return no_symptom(self.name, "no refused mapping in the log")
        for group in subject.cgroup:
            found = _cgroup(group.facts.get, group.path, symptoms, _spared(subject))
            if found is not None:
                return found
        for event in subject.host.kernel_events("slab"):
            quoted = quote([event.evidence, *symptoms.evidence("memory", "syscall", most=1)])
            why = "the kernel says that it could not allocate memory of its own"
            return Hypothesis(self.name, "consistent", why, quoted, missing=("cgroup",), strength=1.2)
        if not subject.cgroup:
            if _root_cgroup(subject):
                return Hypothesis(
                    self.name, "ruled_out", "the process is in the root cgroup, which has no limit"
                )
            return Hypothesis(
                self.name,
                "untestable",
                "the memory files of its cgroup are not in the bundle",
                missing=("cgroup",),
            )
        return Hypothesis(self.name, "ruled_out", "its cgroup counts no refused kernel memory")


def _spared(subject: Subject) -> bool | None:
    """Whether the kernel never kills the process (oom_score_adj -1000, kernel.md (i) 7d); None where not known."""
    found = [reading.present(c.facts.get("oom_score_adj", "oom_score_adj")) for c in subject.captures]
    known = [value.value for value in found if value is not None]
    return -1000 in known if known else None


def _cgroup(
    get: Callable[[str, str], Fact[Any]], path: str, symptoms: Symptoms, spared: bool | None
) -> Hypothesis | None:
    oom, kill = reading.present(get("cgroup", "oom")), reading.present(get("cgroup", "oom_kill"))
    limit, used = (
        reading.present(get("cgroup", "memory_max")),
        reading.present(get("cgroup", "memory_current")),
    )
    failures = symptoms.evidence("memory", "syscall", most=1)
    if oom is not None and oom.value > 0 and (kill is None or kill.value == 0):
        slab = reading.present(get("cgroup", "slab_unreclaimable"))
        why = f"the cgroup {path} ran out of memory {number(oom.value)} times"
        if kill is not None:
            why += " and nothing was killed: the kernel refused memory instead"
        if spared:
            why += ", as the process's oom_score_adj of -1000 makes it"
        if slab is not None:
            why += f" ({human(slab.value)} are unreclaimable slab)"
        weight = Weight(used.value if used else None, limit.value if limit else None, None, "bytes")
        quoted = quote(
            [oom.evidence, used.evidence if used else None, slab.evidence if slab else None, *failures]
        )
        if kill is not None and spared:
            return Hypothesis("kernel_memory", "strong", why, quoted, weight, strength=2.2)
        # Whether the kernel killed instead is not known, or nothing says why it did not.
        strength = 1.2 if spared is None else 0.9
        return Hypothesis(
            "kernel_memory",
            "consistent",
            why,
            quoted,
            weight,
            missing=("cgroup", "kernel_log"),
            strength=strength,
        )
    kmem_limit = reading.present(get("cgroup", "kmem_limit"))
    kmem_failed = reading.present(get("cgroup", "kmem_failcnt"))
    if (
        kmem_limit is not None
        and not math.isinf(kmem_limit.value)
        and kmem_failed is not None
        and kmem_failed.value > 0
    ):
        usage = reading.present(get("cgroup", "kmem_usage"))
        why = f"the cgroup's kernel memory limit {human(kmem_limit.value)} was met {number(kmem_failed.value)} times"
        weight = Weight(usage.value if usage else None, kmem_limit.value, None, "bytes")
        quoted = quote([kmem_limit.evidence, kmem_failed.evidence, *failures])
        return Hypothesis("kernel_memory", "strong", why, quoted, weight, strength=2.2)
    return None


def _root_cgroup(subject: Subject) -> bool:
    for capture in subject.captures:
        paths = capture.facts.value("cgroup_of", "paths")
        if isinstance(paths, dict) and paths.get("memory", paths.get("")) == "/":
            return True
    return False


CAUSE = _KernelMemory()
