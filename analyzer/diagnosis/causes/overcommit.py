"""The commit limit (overcommit_memory=2), or one request that the heuristic (0) refuses."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.identity import names_subject
from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import (
    HEAP_ARENA,
    STACK_REQUEST,
    Hypothesis,
    Symptoms,
    Weight,
    family,
    human,
    is_file_mapping,
    is_fork,
    is_own_memory,
    no_symptom,
    quote,
)
from analyzer.logs.model import KernelEvent

# Another process is the hog when the subject's own private memory is a small part of the commit.
OWN_SHARE = 0.25
_REFUSED = ("memory", "syscall", "threads")


class _Overcommit(Struct, frozen=True):
    name: str = "overcommit"
    title: str = "the commit limit"
    explains: frozenset[str] = frozenset(_REFUSED)

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = [g for g in symptoms.of(*_REFUSED) if family(g) != "syscall" or is_fork(g)]
        if not groups:
            return no_symptom(self.name, "no refused mapping, heap growth, thread or fork in the log")
        own = [g for g in groups if is_own_memory(g) or is_fork(g)]
        kernel = _kernel_line(subject)
        if kernel is not None and own:
            return _by_kernel(subject, kernel, symptoms)
        if not own and any(is_file_mapping(g) for g in groups):
            return Hypothesis(
                self.name,
                "ruled_out",
                "shared read-only file mappings are never charged to the commit limit",
                symptoms.evidence("memory"),
            )
        mode = reading.sysctl(subject, "vm.overcommit_memory")
        if mode is None:
            return Hypothesis(
                self.name, "untestable", "vm.overcommit_memory is not in the bundle", missing=("sysctl",)
            )
        if mode.value == 2:
            return _strict(subject, symptoms, mode, file_first=groups[0] not in own)
        if mode.value == 1:
            return Hypothesis(
                self.name, "ruled_out", "vm.overcommit_memory is 1: never refused", quote([mode.evidence])
            )
        return _heuristic(subject, symptoms, mode)


def _kernel_line(subject: Subject) -> KernelEvent | None:
    """A kernel line "not enough memory for the allocation" that names one of the subject's pids."""
    for event in subject.host.kernel_events("overcommit_refused"):
        if names_subject(subject, event):
            return event
    return None


def _by_kernel(subject: Subject, event: KernelEvent, symptoms: Symptoms) -> Hypothesis:
    wanted = event.values.get("requested")
    why = f"the kernel refused pid {event.pid} an allocation" + (f" of {human(wanted)}" if wanted else "")
    commit, limit = reading.meminfo(subject, "Committed_AS"), reading.meminfo(subject, "CommitLimit")
    return Hypothesis(
        "overcommit",
        "direct",
        why + ": not enough commit left",
        quote([event.evidence, *symptoms.evidence(*_REFUSED, most=1)]),
        Weight(
            commit.value if commit else None, limit.value if limit else None, wanted, "bytes", event.stamp
        ),
        strength=3,
        driver=_hog(subject),
    )


def _strict(subject: Subject, symptoms: Symptoms, mode: reading.Value, *, file_first: bool) -> Hypothesis:
    asked = [float(g.asked) for g in symptoms.of("memory", "threads") if g.asked]
    stack = any(g.operation == "thread_create" for g in symptoms.of("threads"))
    want = max(asked, default=float(STACK_REQUEST if stack else HEAP_ARENA))
    evidence = [mode.evidence]
    best: tuple[reading.Value, reading.Value, str | None] | None = None
    for group in [c.group for c in subject.captures] + [None]:
        commit = reading.meminfo(subject, "Committed_AS", group)
        limit = reading.meminfo(subject, "CommitLimit", group)
        if commit is None or limit is None:
            continue
        if best is None or commit.value - limit.value > best[0].value - best[1].value:
            capture = next((c.id for c in subject.captures if c.group == group), None)
            best = (commit, limit, capture)
    failures = symptoms.evidence(*_REFUSED)
    if best is None:
        rows = [key for key in ("Committed_AS", "CommitLimit") if reading.meminfo(subject, key) is None]
        lacking = " and ".join(rows) + (" are" if len(rows) > 1 else " is")
        return Hypothesis(
            "overcommit",
            "consistent",
            f"vm.overcommit_memory is 2; {lacking} not in the bundle",
            quote([*evidence, *failures]),
            missing=("meminfo",),
            strength=1.2,
        )
    commit, limit, capture_id = best
    weight = Weight(commit.value, limit.value, want, "bytes")
    quoted = quote([mode.evidence, commit.evidence, limit.evidence, *failures])
    if commit.value + want > limit.value:
        why = (
            f"vm.overcommit_memory is 2; Committed_AS {human(commit.value)} + {human(want)} "
            f"exceeds CommitLimit {human(limit.value)}, whatever memory is free"
        )
        return Hypothesis(
            "overcommit",
            "direct",
            why,
            quoted,
            weight,
            capture=capture_id,
            strength=2.8,
            driver=_hog(subject),
            cap="likely" if file_first else "confirmed",
        )
    return Hypothesis(
        "overcommit",
        "consistent",
        f"vm.overcommit_memory is 2; the snapshot shows Committed_AS {human(commit.value)} of CommitLimit "
        f"{human(limit.value)}, but a death frees memory, so it may have been higher",
        quoted,
        weight,
        missing=("meminfo_at_failure", "kernel_log"),
        strength=1.4 if commit.value > 0.8 * limit.value else 0.7,
    )


def _heuristic(subject: Subject, symptoms: Symptoms, mode: reading.Value) -> Hypothesis:
    """Mode 0 refuses only one request that exceeds RAM plus swap (kernel.md (i) 4d)."""
    total, swap = reading.meminfo(subject, "MemTotal"), reading.meminfo(subject, "SwapTotal")
    asked = [float(g.asked) for g in symptoms.of("memory") if g.asked]
    if total is None:
        words = "vm.overcommit_memory is 0, which refuses only a request larger than RAM and swap"
        if asked and max(asked) < 1 << 30:
            return Hypothesis("overcommit", "ruled_out", words, quote([mode.evidence]))
        return Hypothesis("overcommit", "untestable", words, quote([mode.evidence]), missing=("meminfo",))
    room = total.value + (swap.value if swap else 0)
    if asked and max(asked) > room:
        return Hypothesis(
            "overcommit",
            "direct",
            f"one request of {human(max(asked))} exceeds RAM and swap together ({human(room)}), which "
            "vm.overcommit_memory=0 refuses",
            quote([mode.evidence, total.evidence, *symptoms.evidence("memory")]),
            Weight(None, room, max(asked), "bytes"),
            strength=3,
            driver="anonymous_memory",
        )
    words = f"vm.overcommit_memory is 0, which refuses only a single request larger than RAM and swap ({human(room)})"
    return Hypothesis("overcommit", "ruled_out", words, quote([mode.evidence, total.evidence]))


def _hog(subject: Subject) -> str | None:
    commit = reading.meminfo(subject, "Committed_AS")
    own = [c.facts.value("status", "vm_data") for c in subject.captures]
    mine = max((float(v) for v in own if v), default=0.0)
    if commit is not None and mine and mine < OWN_SHARE * commit.value:
        return "other_process"
    return None


CAUSE = _Overcommit()
