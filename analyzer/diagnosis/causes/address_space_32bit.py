"""A 32-bit process ran out of addresses: the largest hole decides, not the sum (kernel.md (i) 3)."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, human, no_symptom, quote
from analyzer.facts import Evidence

# From this size on a failing mapping is large against the 2 to 4 GiB of a 32-bit process.
LARGE = 16 << 20


class _AddressSpace32(Struct, frozen=True):
    name: str = "address_space_32bit"
    title: str = "the 32-bit address space"
    explains: frozenset[str] = frozenset({"memory"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("memory"):
            return no_symptom(self.name, "no refused mapping or heap growth in the log")
        known = reading.is_32bit(subject)
        if known is None:
            return Hypothesis(
                self.name,
                "untestable",
                "neither mappings nor a banner tell whether the process is a 32-bit one",
                missing=("maps", "banner"),
            )
        narrow, evidence = known
        if not narrow:
            return Hypothesis(self.name, "ruled_out", "the process is a 64-bit one", quote([evidence]))
        return _narrow(subject, symptoms, evidence)


def _narrow(subject: Subject, symptoms: Symptoms, evidence: Evidence | None) -> Hypothesis:
    sizes = reading.requested(symptoms, "memory")
    largest = max(sizes, default=0.0)
    failures = symptoms.evidence("memory")
    for capture in subject.captures:
        maps = capture.maps
        if maps is None or maps.largest_hole is None or not maps.is_32bit or capture.best is None:
            continue
        weight = Weight(maps.total_bytes, 1 << 32, largest, "bytes")
        if largest and maps.largest_hole < largest:
            why = (
                f"the process is a 32-bit one and its largest free hole is {human(maps.largest_hole)}, "
                f"smaller than the {human(largest)} asked for; a 64-bit kernel is no counter-evidence"
            )
            return Hypothesis(
                "address_space_32bit",
                "direct",
                why,
                quote([capture.best.evidence, *failures]),
                weight,
                capture=capture.id,
                strength=3,
            )
        if any(c.at_limit() for c in reading.counted(subject)):
            words = f"a 32-bit process, but its largest hole {human(maps.largest_hole)} still held {human(largest)}"
            return Hypothesis(
                "address_space_32bit", "ruled_out", words, quote([capture.best.evidence]), weight
            )
    large = largest >= LARGE or not sizes
    words = "the process is a 32-bit one"
    if largest:
        words += f" and a request of {human(largest)} was refused"
    tiny = bool(sizes) and largest < 1 << 20
    return Hypothesis(
        "address_space_32bit",
        "strong" if large and not tiny and bool(sizes) else "consistent",
        words + "; addresses of 2 to 4 GiB are all it has",
        quote([evidence, *failures]),
        Weight(None, 1 << 32, largest or None, "bytes"),
        missing=("maps",),
        strength=1.9 if large else 0.8,
    )


CAUSE = _AddressSpace32()
