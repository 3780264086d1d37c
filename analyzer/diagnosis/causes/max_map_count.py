"""vm.max_map_count: the kernel refuses a mapping when map_count > N, a split when map_count >= N."""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from analyzer.case.model import Case, Subject
from analyzer.case.need import reached
from analyzer.diagnosis import reading
from analyzer.diagnosis.drivers import map_driver
from analyzer.diagnosis.reading import Counted
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, no_symptom, number, quote
from analyzer.facts import Evidence

# A failing request below this size is far smaller than any shortage of memory or addresses.
TINY = 64 << 10
# Rule 4: the reached count of the log lies within 3 % of N.
REACHED_BAND = 0.03


class _MaxMapCount(Struct, frozen=True):
    name: str = "max_map_count"
    title: str = "the limit vm.max_map_count"
    explains: frozenset[str] = frozenset({"memory", "threads"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        if not symptoms.of("memory", "threads"):
            return _without_symptom(subject)
        counts = reading.counted(subject)
        limit = reading.max_map_count(subject)
        below = _below(counts)
        for found in counts:
            for limit_stated in (found, replace(found, limit=found.denied, denied=found.limit)):
                if limit_stated.at_limit():
                    return _at_limit(subject, symptoms, limit_stated)
        over = next((c for c in counts if c.over()), None)
        if over is not None:
            return _over(over, symptoms)
        if limit is None:
            return _unknown_limit(symptoms, below)
        return (
            _by_need(subject, symptoms, limit, below)
            or _by_reached_count(subject, symptoms, limit, below)
            or _below_limit(subject, symptoms, counts, limit, below)
        )


def _unknown_limit(symptoms: Symptoms, below: dict[str, str]) -> Hypothesis:
    """Rule 7: a tiny request makes the map limit possible even where the limit is not known."""
    words = "vm.max_map_count of the node is not in the bundle"
    tiny = _tiny(symptoms)
    if tiny is not None:
        words += f"; a request of {tiny:,} bytes failed, far too small for a shortage of memory or addresses"
    return Hypothesis(
        "max_map_count",
        "untestable" if tiny is None else "consistent",
        words,
        symptoms.evidence("memory", "threads"),
        missing=("sysctl", "maps"),
        below=below,
        strength=0 if tiny is None else 1.5,
    )


def _tiny(symptoms: Symptoms) -> int | None:
    """The smallest refused request, where it is a tiny one."""
    smallest = min(symptoms.sizes("memory"), default=TINY)
    return smallest if smallest < TINY else None


def _without_symptom(subject: Subject) -> Hypothesis:
    counts = reading.counted(subject)
    if counts and counts[0].at_limit():
        words = "the mappings are at the limit, but no failure that the map limit can cause is in the log"
        return Hypothesis("max_map_count", "ruled_out", words, quote([counts[0].count.evidence]))
    return no_symptom("max_map_count", "no refused mapping, heap growth or thread in the log")


def _below(counts: list[Counted]) -> dict[str, str]:
    """Captures whose complete count is below N, in words."""
    found: dict[str, str] = {}
    for c in counts:
        if c.limit is None or c.count.lower_bound or not c.count.exact:
            continue
        if c.mc < c.limit.value:
            found[c.capture.id] = (
                f"{number(c.mc)} mappings of {number(c.limit.value)} at the very moment that the other limit was met"
            )
    return found


def _weight(found: Counted) -> Weight:
    limit = found.limit.value if found.limit else None
    return Weight(found.mc, limit, 1, "mappings", found.count.stamp or found.capture.stamp)


def _at_limit(subject: Subject, symptoms: Symptoms, found: Counted) -> Hypothesis:
    """Rule 1: a snapshot of the failing process at N or N+1."""
    n = int(found.limit.value) if found.limit else 0
    why = (
        f"pid {found.capture.pid or '?'} held {number(found.mc)} mappings at vm.max_map_count {number(n)}: "
        + ("every further mapping fails" if found.mc > n else "every split of a mapping fails")
    )
    evidence = quote(
        [
            found.count.evidence,
            found.limit.evidence if found.limit else None,
            *symptoms.evidence("memory", "threads"),
        ]
    )
    cap = "confirmed"
    missing: tuple[str, ...] = ()
    overcommit = reading.sysctl(subject, "vm.overcommit_memory", found.capture.group)
    maps = found.capture.maps
    if overcommit is not None and overcommit.value == 2 and maps is not None:
        anonymous = maps.by_kind["anonymous"] + maps.by_kind["heap"] + maps.by_kind["stack"]
        if anonymous * 2 > max(1, found.mc):
            cap = "likely"
            why += "; vm.overcommit_memory is 2 and most mappings are anonymous, so the commit limit may have made them"
    candidates = found.capture.life_candidates
    failing = {life.id for life in symptoms.lives}
    if candidates and not failing & set(candidates):
        cap = "possible"
        why += "; the snapshot is of a life that did not fail so"
    elif (other := _not_failing(subject, candidates)) is not None:
        cap, missing = "likely", ("maps_series",)
        why += f"; the snapshot may also be of {other}, which did not fail"
    elif not _as_limit_tested(subject):
        cap = "likely"
        why += "; RLIMIT_AS of the process is not known"
    if found.denied is not None:
        cap, missing = "likely" if cap == "confirmed" else cap, ("sysctl_at_crash",)
        why += (
            f"; the bundle also states {number(found.denied.value)}, so one of the two is of another moment"
        )
    return Hypothesis(
        "max_map_count",
        "direct",
        why,
        evidence,
        _weight(found),
        missing=missing,
        capture=found.capture.id,
        driver=map_driver(subject, found.capture),
        strength=3,
        cap="confirmed" if cap == "confirmed" else ("likely" if cap == "likely" else "possible"),
    )


def _not_failing(subject: Subject, candidates: list[str]) -> str | None:
    """A candidate life that came up and shows no failure: a process at the limit may be this one."""
    lives = (life for life in subject.lives if life.id in candidates)
    return next((life.id for life in lives if life.episode is None and life.ready), None)


def _as_limit_tested(subject: Subject) -> bool:
    return reading.soft_limit(subject, "address_space") is not None


def _over(found: Counted, symptoms: Symptoms) -> Hypothesis:
    """Rule 1: more than N+1 mappings cannot arise by growth, so N is of another time or host."""
    n = number(found.limit.value if found.limit else None)
    why = (
        f"{number(found.mc)} mappings under vm.max_map_count {n} cannot have grown: "
        "the limit was changed after the snapshot, or is of another host"
    )
    evidence = quote(
        [
            found.count.evidence,
            found.limit.evidence if found.limit else None,
            *symptoms.evidence("memory", "threads"),
        ]
    )
    return Hypothesis(
        "max_map_count",
        "consistent",
        why,
        evidence,
        _weight(found),
        missing=("sysctl_at_crash",),
        strength=1,
    )


def _by_need(
    subject: Subject, symptoms: Symptoms, limit: reading.Value, below: dict[str, str]
) -> Hypothesis | None:
    """Rule 3: the low end of the need exceeds N in a life that shows a map-limit symptom."""
    need = subject.need
    if need is None or need.low <= limit.value or need.basis == "maps":
        return None
    source = "the file list" if need.basis == "filelist" else "its own log"
    why = (
        f"the data directory needs {number(need.low)} to {number(need.high)} mappings "
        f"({number(need.blocks)} blocks by {source}), vm.max_map_count allows {number(limit.value)}"
    )
    evidence = quote([need.evidence, limit.evidence, *symptoms.evidence("memory", "threads")])
    return Hypothesis(
        "max_map_count",
        "strong",
        why,
        evidence,
        Weight(need.low, limit.value, None, "mappings needed"),
        missing=("maps_series",),
        below=below,
        driver=map_driver(subject, None),
        strength=2,
    )


def _by_reached_count(
    subject: Subject, symptoms: Symptoms, limit: reading.Value, below: dict[str, str]
) -> Hypothesis | None:
    """Rule 4: in two or more failing lives the log's own count of opened blocks stops at N."""
    finite = reading.soft_limit(subject, "address_space")
    if finite is not None and not math.isinf(finite.value):
        return None
    heads = subject.need.heads if subject.need is not None else 0
    hits: list[tuple[int, int]] = []
    evidence: list[Evidence | None] = []
    for life in symptoms.lives:
        span = reached(life, heads, subject.product)
        if span is None:
            continue
        low, high = span
        if low <= limit.value * (1 + REACHED_BAND) and high >= limit.value * (1 - REACHED_BAND):
            hits.append(span)
            evidence.extend(f.evidence[0] for f in life.failures[:1] if f.evidence)
    if len(hits) < 2:
        return None
    low, high = min(h[0] for h in hits), max(h[1] for h in hits)
    why = (
        f"in {len(hits)} failing starts the log itself had opened blocks for {number(low)} to {number(high)} "
        f"mappings when the first was refused, and vm.max_map_count is {number(limit.value)}"
    )
    return Hypothesis(
        "max_map_count",
        "strong",
        why,
        quote([limit.evidence, *evidence[:2]]),
        Weight(low, limit.value, None, "mappings reached"),
        missing=("maps_series",),
        below=below,
        driver=map_driver(subject, None),
        strength=1.8,
    )


def _below_limit(
    subject: Subject,
    symptoms: Symptoms,
    counts: list[Counted],
    limit: reading.Value,
    below: dict[str, str],
) -> Hypothesis:
    """Rules 2 and 7: below N a count neither convicts nor acquits; only the need's high end acquits."""
    need = subject.need
    evidence = [limit.evidence, *symptoms.evidence("memory", "threads")]
    tiny = _tiny(symptoms)
    if need is not None and need.complete and need.high < reading.CLEARLY * limit.value:
        words = (
            f"the data directory needs at most {number(need.high)} mappings "
            f"({number(need.blocks)} blocks), far below vm.max_map_count {number(limit.value)}"
        )
        quoted = quote([need.evidence, *evidence])
        weight = Weight(need.high, limit.value, None, "mappings needed at most")
        if tiny is None or not _nothing_else_fits(subject):
            return Hypothesis("max_map_count", "ruled_out", words, quoted[:2], weight)
        words += (
            f"; but a request of {tiny:,} bytes failed, which no other limit of this process explains: "
            "the limit may have been lower when it failed"
        )
        return Hypothesis(
            "max_map_count", "consistent", words, quoted, weight, missing=("sysctl_at_crash",), strength=1.3
        )
    best = counts[0] if counts else None
    if best is not None:
        words = (
            f"the snapshot shows {number(best.mc)} of {number(limit.value)} mappings, but the peak lasts only "
            "0.2 to 0.5 s, so this neither convicts nor acquits"
        )
        evidence.insert(0, best.count.evidence)
    else:
        words = (
            f"no mapping count of the process is in the bundle (vm.max_map_count is {number(limit.value)})"
        )
    if tiny is not None:
        words += f"; a request of {tiny:,} bytes failed, far too small for a shortage of memory or addresses"
    return Hypothesis(
        "max_map_count",
        "consistent",
        words,
        quote(evidence),
        Weight(best.mc if best else None, limit.value, 1, "mappings"),
        missing=("maps_series", "filelist") if need is None else ("maps_series",),
        below=below,
        strength=1.5 if tiny is not None else 0.5,
    )


def _nothing_else_fits(subject: Subject) -> bool:
    """Whether RLIMIT_AS and a 32-bit address space are excluded by what the bundle states."""
    limit = reading.soft_limit(subject, "address_space")
    narrow = reading.is_32bit(subject)
    return limit is not None and math.isinf(limit.value) and narrow is not None and not narrow[0]


CAUSE = _MaxMapCount()
