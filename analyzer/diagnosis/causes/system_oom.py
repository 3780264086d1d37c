"""The machine ran out of memory: a global OOM kill, or nothing left at all."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, human, kills_of, quote

# With less than this part of RAM available the machine is called exhausted.
EXHAUSTED = 0.02


class _SystemOom(Struct, frozen=True):
    name: str = "system_oom"
    title: str = "the machine's memory"
    explains: frozenset[str] = frozenset({"kill", "stop"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        total, available = reading.meminfo(subject, "MemTotal"), reading.meminfo(subject, "MemAvailable")
        weight = (
            Weight(total.value - available.value, total.value, None, "bytes") if total and available else None
        )
        kills = [k for k in kills_of(symptoms, subject) if k.constraint == "global"]
        if kills:
            why = f"the kernel killed pid {kills[-1].pid}: the whole machine was out of memory"
            return Hypothesis(
                self.name, "direct", why, quote([k.evidence for k in kills[-2:]]), weight, strength=3
            )
        if symptoms.root_family not in ("kill", "stop"):
            words = (
                "a refused mapping or open is not how the machine's memory runs out: that ends in an OOM kill"
            )
            if available is not None:
                words += f" ({human(available.value)} were available)"
            quoted = quote([available.evidence if available else None])
            return Hypothesis(self.name, "ruled_out", words, quoted, weight)
        by_name = _kill_by_name(subject)
        if by_name is not None:
            return by_name
        if total is not None and available is not None and available.value < EXHAUSTED * total.value:
            why = f"only {human(available.value)} of {human(total.value)} were available"
            return Hypothesis(
                self.name,
                "consistent",
                why,
                quote([available.evidence]),
                weight,
                missing=("kernel_log",),
                strength=1,
            )
        silent = reading.enclosing_kernel_log(subject, symptoms)
        if silent is not None:
            why = "the kernel log encloses the end of the process and states no kill of it"
            return Hypothesis(self.name, "ruled_out", why, (silent,), weight)
        return Hypothesis(
            self.name,
            "untestable",
            "no kernel log that encloses the failure; memory seen after a death rules nothing out",
            missing=("kernel_log",),
        )


def _kill_by_name(subject: Subject) -> Hypothesis | None:
    """A global kill of a process of the subject's name, whose pid the bundle cannot compare."""
    if any(c.pid not in (None, 1) for c in subject.captures) or not subject.product:
        return None
    for event in subject.host.kernel_events("oom_kill"):
        if event.constraint == "global" and event.comm and event.comm.startswith(subject.product[:15]):
            why = f"the kernel killed a process {event.comm} for want of memory on the machine; its pid cannot be compared"
            return Hypothesis(
                "system_oom",
                "consistent",
                why,
                (event.evidence,),
                missing=("pod_state", "maps"),
                strength=1.5,
            )
    return None


CAUSE = _SystemOom()
