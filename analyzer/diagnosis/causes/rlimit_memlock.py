"""The locked memory limit: after mlockall(MCL_FUTURE) a mapping fails with EAGAIN (kernel.md (i) 6)."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import HEAP_REQUEST, Hypothesis, Symptoms, Weight, human, quote
from analyzer.facts import Evidence


class _RlimitMemlock(Struct, frozen=True):
    name: str = "rlimit_memlock"
    title: str = "the locked memory limit"
    explains: frozenset[str] = frozenset({"locked"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("locked"):
            words = "no mapping was refused with EAGAIN, the errno of this limit"
            return Hypothesis(self.name, "ruled_out", words)
        failures = symptoms.evidence("locked")
        limit = reading.soft_limit(subject, "memlock")
        if limit is not None and math.isinf(limit.value):
            return Hypothesis(
                self.name, "ruled_out", "Max locked memory is unlimited", quote([limit.evidence])
            )
        sizes = reading.requested(symptoms, "locked") or [float(HEAP_REQUEST)]
        want = max(sizes)
        for capture in subject.captures:
            locked = reading.present(capture.facts.get("status", "vm_lck"))
            if locked is None or limit is None or not locked.value:
                continue
            weight = Weight(locked.value, limit.value, want, "bytes")
            if locked.value + want > limit.value:
                why = f"VmLck {human(locked.value)} + {human(want)} exceeds Max locked memory {human(limit.value)}"
                return Hypothesis(
                    self.name,
                    "direct",
                    why,
                    quote([limit.evidence, locked.evidence, *failures]),
                    weight,
                    capture=capture.id,
                    strength=3,
                )
        nothing = _nothing_locked(subject)
        if nothing is not None:
            why = "a mapping was refused with EAGAIN, but a snapshot shows no locked memory, without which this limit refuses none"
            quoted = quote([*failures, nothing])
            return Hypothesis(self.name, "consistent", why, quoted, missing=("status_series",), strength=1)
        return Hypothesis(
            self.name,
            "strong",
            "a mapping was refused with EAGAIN, which for mmap only the locked memory limit gives",
            quote([*failures, limit.evidence if limit else None]),
            Weight(None, limit.value if limit else None, want, "bytes"),
            missing=("status", "limits"),
            strength=2,
        )


def _nothing_locked(subject: Subject) -> Evidence | None:
    """The row that says VmLck 0 (kernel.md (i) 6: the limit is harmless then), where no other says more."""
    rows = [reading.present(c.facts.get("status", "vm_lck")) for c in subject.captures if not c.zombie]
    known = [row for row in rows if row is not None]
    return known[0].evidence if known and not any(row.value for row in known) else None


CAUSE = _RlimitMemlock()
