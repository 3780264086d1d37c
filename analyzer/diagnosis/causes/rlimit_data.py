"""RLIMIT_DATA: charges private writable memory only, so block mappings never fail by it."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.identity import names_subject
from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import (
    HEAP_REQUEST,
    STACK_REQUEST,
    Hypothesis,
    Symptoms,
    Weight,
    human,
    is_own_memory,
    no_symptom,
    quote,
)


class _RlimitData(Struct, frozen=True):
    name: str = "rlimit_data"
    title: str = "RLIMIT_DATA"
    explains: frozenset[str] = frozenset({"memory", "threads"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = symptoms.of("memory", "threads")
        own = [g for g in groups if is_own_memory(g)]
        if not groups:
            return no_symptom(self.name, "no refused heap growth or thread in the log")
        limit = reading.soft_limit(subject, "data")
        named = [e for e in subject.host.kernel_events("data_ulimit") if names_subject(subject, e) == "pid"]
        unlimited = limit is not None and math.isinf(limit.value)
        if limit is not None and unlimited and not (named and own):
            return Hypothesis(self.name, "ruled_out", "Max data size is unlimited", quote([limit.evidence]))
        if not own:
            return Hypothesis(
                self.name,
                "ruled_out",
                "mappings of block files are not charged to RLIMIT_DATA",
                symptoms.evidence("memory"),
            )
        for event in named:
            why = f"the kernel says that pid {event.pid} exceeds its data ulimit"
            if unlimited:
                why += "; the limits of the bundle, of another moment, say unlimited"
            quoted = [event.evidence, limit.evidence if limit else None]
            return Hypothesis(
                self.name,
                "direct",
                why,
                quote([*quoted, *symptoms.evidence("memory", "threads", most=1)]),
                Weight(event.values.get("vm_data"), event.values.get("limit"), None, "bytes", event.stamp),
                strength=3.2,
                cap="likely" if unlimited else "confirmed",
            )
        if limit is None:
            return Hypothesis(
                self.name,
                "untestable",
                "the process's data size limit is not in the bundle",
                missing=("limits",),
            )
        return _finite(subject, symptoms, limit)


def _finite(subject: Subject, symptoms: Symptoms, limit: reading.Value) -> Hypothesis:
    stack = bool(symptoms.of("threads"))
    asked = [float(g.asked) for g in symptoms.of("memory", "threads") if g.asked]
    want = max([*asked, float(STACK_REQUEST if stack else HEAP_REQUEST)])
    found = [
        (value, capture.id)
        for capture in subject.captures
        if (value := reading.present(capture.facts.get("status", "vm_data"))) is not None
    ]
    failures = symptoms.evidence("memory", "threads")
    if not found:
        return Hypothesis(
            "rlimit_data",
            "consistent",
            f"Max data size is limited to {human(limit.value)}, which is unusual; VmData is unknown",
            quote([limit.evidence, *failures]),
            Weight(None, limit.value, want, "bytes"),
            missing=("status",),
            strength=2,
        )
    used, capture_id = max(found, key=lambda item: item[0].value)
    weight = Weight(used.value, limit.value, want, "bytes")
    quoted = quote([limit.evidence, used.evidence, *failures])
    if used.value + want > limit.value:
        why = f"VmData {human(used.value)} + {human(want)} exceeds Max data size {human(limit.value)}"
        return Hypothesis("rlimit_data", "direct", why, quoted, weight, capture=capture_id, strength=3.1)
    return Hypothesis(
        "rlimit_data",
        "consistent",
        f"Max data size is limited to {human(limit.value)}; the snapshot shows VmData {human(used.value)}",
        quoted,
        weight,
        missing=("status_series",),
        strength=0.9,
    )


CAUSE = _RlimitData()
