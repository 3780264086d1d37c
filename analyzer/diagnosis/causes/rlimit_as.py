"""RLIMIT_AS (``ulimit -v``): the same words as the map limit, told by VmPeak and a finite limit."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import (
    HEAP_ARENA,
    HEAP_REQUEST,
    Hypothesis,
    Symptoms,
    Weight,
    human,
    no_symptom,
    quote,
)


class _RlimitAs(Struct, frozen=True):
    name: str = "rlimit_as"
    title: str = "RLIMIT_AS (ulimit -v)"
    explains: frozenset[str] = frozenset({"memory", "threads"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("memory", "threads"):
            return no_symptom(self.name, "no refused mapping, heap growth or thread in the log")
        limit = reading.soft_limit(subject, "address_space")
        if limit is None:
            return Hypothesis(
                self.name,
                "untestable",
                "the process's address space limit is not in the bundle",
                missing=("limits",),
            )
        if math.isinf(limit.value):
            return Hypothesis(
                self.name, "ruled_out", "Max address space is unlimited", quote([limit.evidence])
            )
        return _finite(subject, symptoms, limit)


def _finite(subject: Subject, symptoms: Symptoms, limit: reading.Value) -> Hypothesis:
    sizes = reading.requested(symptoms, "memory", "threads") or [float(HEAP_REQUEST)]
    largest, smallest = max(sizes), min(sizes)
    stated = largest
    if reading.arena_requested(symptoms, "memory", "threads"):
        largest = max(largest, float(HEAP_ARENA))
    best: tuple[float, reading.Value, str] | None = None
    for capture in subject.captures:
        found = reading.peak(capture)
        if found is not None and (best is None or found.value > best[0]):
            best = (found.value, found, capture.id)
    failures = symptoms.evidence("memory", "threads")
    if best is None:
        return Hypothesis(
            "rlimit_as",
            "consistent",
            f"Max address space is limited to {human(limit.value)}, which is unusual; VmSize of the failing process is unknown",
            quote([limit.evidence, *failures]),
            Weight(None, limit.value, largest, "bytes"),
            missing=("status",),
            strength=2.5,
        )
    used, source, capture_id = best
    weight = Weight(used, limit.value, largest, "bytes")
    if used + largest > limit.value:
        over = used + largest - limit.value
        why = (
            f"the address space peaked at {human(used)}; {human(largest)} more exceeds "
            f"Max address space {human(limit.value)} by {human(over)}"
        )
        # Requests that would have fitted need another cause: only the large ones fail by this limit.
        fits = used + smallest <= limit.value and smallest < 1 << 16 and largest > 1 << 20
        # An arena's size is the runtime's custom, not the log's word: likely, not confirmed.
        fits = fits or used + stated <= limit.value
        return Hypothesis(
            "rlimit_as",
            "direct",
            why,
            quote([limit.evidence, source.evidence, *failures]),
            weight,
            capture=capture_id,
            strength=3,
            cap="likely" if fits else "confirmed",
        )
    at_map_limit = any(c.at_limit() for c in reading.counted(subject))
    if at_map_limit:
        words = f"at the snapshot {human(used)} + {human(largest)} stayed below Max address space {human(limit.value)}"
        return Hypothesis("rlimit_as", "ruled_out", words, quote([limit.evidence, source.evidence]), weight)
    return Hypothesis(
        "rlimit_as",
        "consistent",
        f"Max address space is limited to {human(limit.value)}; the snapshot shows {human(used)}, but it may be of another moment",
        quote([limit.evidence, source.evidence, *failures]),
        weight,
        missing=("status_series",),
        strength=1,
    )


CAUSE = _RlimitAs()
