"""Did the fix work: two diagnoses of the same ingesters, before and after, compared subject by subject."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from analyzer.diagnosis.model import Diagnosis, NamedFact, SubjectReport, Tool
from analyzer.report import phrases, view, words

FixVerdict = Literal["fixed", "not_fixed", "other_cause", "worse", "nothing_to_fix", "unknown"]

FIX_WORDS: dict[FixVerdict, str] = {
    "fixed": "FIXED",
    "not_fixed": "NOT FIXED",
    "other_cause": "OTHER CAUSE NOW",
    "worse": "WORSE",
    "nothing_to_fix": "NOTHING WAS BROKEN",
    "unknown": "CANNOT TELL",
}
_EXIT: dict[FixVerdict, int] = {
    "fixed": 0, "nothing_to_fix": 0, "not_fixed": 1, "other_cause": 1, "worse": 1, "unknown": 3,
}  # fmt: skip
_WORST_FIRST: tuple[FixVerdict, ...] = (
    "worse",
    "not_fixed",
    "other_cause",
    "unknown",
    "fixed",
    "nothing_to_fix",
)
_TIGHT = 0.8
"""Above this share of the limit the fix holds, but not for long: the alert's threshold."""
_SHOWN_ABOVE = ("map_count", "mappings", "vm.max_map_count", "need, low end", "need, high end")
_SHRUNK = 0.8
_LEAST_DAYS = 1 / 24


class Change(Struct):
    """One line of the comparison; values are as they are written for a reader, None is not known."""

    what: str
    before: str | None
    after: str | None
    changed: bool


class SubjectComparison(Struct):
    """``growth_per_day`` in mappings; ``days_to_limit`` from the after bundle on, None where it does not grow."""

    subject: str
    before_id: str | None
    after_id: str | None
    verdict: FixVerdict
    summary: str
    changes: list[Change] = field(default_factory=list)
    headroom: int | None = None
    growth_per_day: float | None = None
    growth_basis: str | None = None
    days_to_limit: float | None = None


class Side(Struct):
    bundle: str
    captured_at: str | None
    cause: str
    status: str
    summary: str


class Comparison(Struct):
    """``exit_status``: 0 fixed or nothing to fix, 1 still or newly failing, 3 cannot tell."""

    schema_version: int
    tool: Tool
    exit_status: int
    verdict: FixVerdict
    summary: str
    before: Side
    after: Side
    subjects: list[SubjectComparison]
    notes: list[str]


def compare(before: Diagnosis, after: Diagnosis) -> Comparison:
    """Whether what failed in ``before`` no longer fails in ``after``, and how long that will hold.

    Subjects are matched by pod, else by host and product, else by id; one alone on each side is one pair.
    """
    pairs, notes = _pairs(before, after)
    days = _days_between(before, after)
    if days is not None and days < 0:
        notes.append(
            "The 'after' bundle is older than the 'before' bundle: were they given in the wrong order?"
        )
    found = [_compare_pair(old, new, days) for old, new in pairs]
    found.sort(key=lambda pair: _WORST_FIRST.index(pair.verdict))
    verdict: FixVerdict = found[0].verdict if found else "unknown"
    summary = found[0].summary if found else "No ingester is in both bundles."
    for old, new in pairs:
        notes += _relief(old, new)
    for side, diagnosis in (("before", before), ("after", after)):
        notes += [f"{side}: {gap}" for gap in phrases.gaps(diagnosis)]
    return Comparison(
        1, after.tool, _EXIT[verdict], verdict, summary, _side(before), _side(after), found, notes
    )  # fmt: skip


def _side(diagnosis: Diagnosis) -> Side:
    verdict = diagnosis.verdict
    return Side(diagnosis.bundle.name, _moment_of(diagnosis), verdict.cause, verdict.status, verdict.summary)


def _moment_of(diagnosis: Diagnosis) -> str | None:
    return diagnosis.bundle.captured_at or diagnosis.bundle.time_range.last


def _days_between(before: Diagnosis, after: Diagnosis) -> float | None:
    seconds = words.seconds_between(_moment_of(before), _moment_of(after))
    return None if seconds is None else seconds / 86_400


def _keys(subject: SubjectReport) -> list[tuple[str, ...]]:
    """What a subject may be known by, the surest first."""
    keys = []
    if subject.pod:
        keys.append(("pod", subject.namespace or "", subject.pod))
    if subject.host and subject.product:
        keys.append(("host", subject.host, subject.product))
    return [*keys, ("id", subject.id)]


def _pairs(
    before: Diagnosis, after: Diagnosis
) -> tuple[list[tuple[SubjectReport, SubjectReport]], list[str]]:
    if len(before.subjects) == len(after.subjects) == 1:
        old, new = before.subjects[0], after.subjects[0]
        if not (old.product and new.product and old.product != new.product):
            return [(old, new)], _differences(old, new)
    places: dict[tuple[str, ...], SubjectReport] = {}
    for subject in reversed(view.subjects(after)):
        places |= dict.fromkeys(_keys(subject), subject)
    pairs, taken = [], set()
    notes = []
    for old in view.subjects(before):
        match = next(
            (places[key] for key in _keys(old) if key in places and places[key].id not in taken), None
        )
        if match is None:
            notes.append(
                f"only in the before bundle: {phrases.identity(old)[0]} ({words.clean(old.id, 120)})"
            )
        else:
            taken.add(match.id)
            pairs.append((old, match))
    for new in after.subjects:
        if new.id not in taken:
            notes.append(
                f"only in the after bundle: {words.clean(new.id, 120)} ({phrases.headline(new.verdict)})"
            )
    return pairs, notes


def _differences(old: SubjectReport, new: SubjectReport) -> list[str]:
    """Why a pair may not be of one ingester after all: another host or pod is said, not decided."""
    found = []
    for what, a, b in (("pod", old.pod, new.pod), ("host", old.host, new.host)):
        if a and b and a != b:
            found.append(
                f"the {what} is not the same: {words.clean(a, 120)} before, {words.clean(b, 120)} after"
            )
    return found


def _relief(old: SubjectReport, new: SubjectReport) -> list[str]:
    """A data directory that shrank is relief as well; whoever credits the limit alone is misled."""
    was, now = _blocks(old), _blocks(new)
    if was is None or now is None or now > was * _SHRUNK:
        return []
    fewer = f"the data directory is smaller than before ({was:,} blocks, now {now:,})"
    return [f"{fewer}: a higher limit is not all that helped"]


def _headroom(subject: SubjectReport) -> int | None:
    """Mappings left below the limit, by the larger of count and need; negative where it does not fit."""
    mappings = subject.mappings
    if mappings is None or mappings.limit is None:
        return None
    used = [n for n in (mappings.count, mappings.need.high if mappings.need else None) if n is not None]
    return mappings.limit - max(used) if used else None


def _growth(old: SubjectReport, new: SubjectReport, days: float | None) -> tuple[float | None, str | None]:
    """Mappings a day, and from what: the needs of the two bundles, else the after bundle's own series."""
    a, b = old.mappings, new.mappings
    if days is not None and days >= _LEAST_DAYS and a is not None and b is not None:
        if a.need is not None and b.need is not None:
            return (
                b.need.low - a.need.low
            ) / days, f"the need of both bundles, {words.duration(days * 86_400)} apart"
    if b is not None and b.growth_per_hour is not None:
        return b.growth_per_hour * 24, "the growth in the after bundle"
    return None, None


def _compare_pair(old: SubjectReport, new: SubjectReport, days: float | None) -> SubjectComparison:
    headroom = _headroom(new)
    growth, basis = _growth(old, new, days)
    left = (
        headroom / growth
        if headroom is not None and headroom > 0 and growth is not None and growth > 0
        else None
    )
    verdict, summary = _judge(old, new, headroom)
    if left is not None:
        summary += f" At {growth:,.0f} mappings a day the limit is reached in {left:,.0f} days."
    return SubjectComparison(
        subject=", ".join(phrases.identity(new)),
        before_id=old.id,
        after_id=new.id,
        verdict=verdict,
        summary=summary,
        changes=_changes(old, new),
        headroom=headroom,
        growth_per_day=growth,
        growth_basis=basis,
        days_to_limit=left,
    )


def _judge(old: SubjectReport, new: SubjectReport, headroom: int | None) -> tuple[FixVerdict, str]:
    was, now = old.verdict, new.verdict
    failed_before = was.cause != "none"
    if now.cause == "none" and now.status != "healthy":
        return (
            "unknown",
            "The after bundle shows no failure, but too little was read to say that there was none.",
        )
    if now.cause == "undetermined":
        if not failed_before:
            return "worse", f"It was healthy before; now: {words.clean(now.summary)}"
        return "unknown", f"It still fails, and the after bundle cannot tell why: {words.clean(now.summary)}"
    if not failed_before:
        if now.cause == "none":
            return ("nothing_to_fix", "Neither bundle shows a failure.") if was.status == "healthy" else (
                "unknown", "The before bundle was not read far enough to know what had to be fixed.")  # fmt: skip
        return "worse", f"It was healthy before; now: {words.clean(now.summary)}"
    if now.cause == "none":
        return _judge_healthy(old, new, headroom)
    if now.cause == was.cause:
        return "not_fixed", f"The same cause again: {words.clean(now.summary)}{_limit_change(old, new)}"
    if was.cause == "undetermined":
        return "not_fixed", f"It still fails, and now the cause is seen: {words.clean(now.summary)}"
    return (
        "other_cause",
        f"{was.cause} is no longer seen; it now fails by {now.cause}: {words.clean(now.summary)}",
    )


def _limit_change(old: SubjectReport, new: SubjectReport) -> str:
    a, b = old.mappings, new.mappings
    if new.verdict.cause != "max_map_count" or a is None or b is None or a.limit is None or b.limit is None:
        return ""
    if a.limit == b.limit:
        return f" vm.max_map_count is still {b.limit:,}."
    return f" vm.max_map_count went from {a.limit:,} to {b.limit:,}, which is not enough."


def _judge_healthy(old: SubjectReport, new: SubjectReport, headroom: int | None) -> tuple[FixVerdict, str]:
    """No failure after one: fixed, unless the limit that failed is as it was and does not fit."""
    cause = old.verdict.cause
    if cause != "max_map_count":
        return (
            "fixed",
            f"{phrases.sentence_case(phrases.title(old.verdict))} before; no failure in the after bundle.",
        )
    a, b = old.mappings, new.mappings
    if headroom is not None and headroom < 0 and b is not None and b.limit is not None:
        need = b.limit - headroom
        text = f"No failure in the after bundle, but up to {need:,} mappings are needed and vm.max_map_count is {b.limit:,}:"
        return "unknown", text + " the next start may fail."
    if b is None or b.limit is None:
        return "fixed", "No failure in the after bundle; its vm.max_map_count is not in it."
    raised = ""
    if a is not None and a.limit is not None:
        raised = (
            f", raised from {a.limit:,}"
            if b.limit > a.limit
            else ", as before"
            if b.limit == a.limit
            else f" (was {a.limit:,})"
        )
    room = "" if headroom is None else f", {headroom:,} mappings of headroom"
    tight = headroom is not None and (b.limit - headroom) / b.limit >= _TIGHT
    text = f"No failure in the after bundle: vm.max_map_count is {b.limit:,}{raised}{room}."
    return "fixed", text + (" That is little: raise it further." if tight else "")


def _changes(old: SubjectReport, new: SubjectReport) -> list[Change]:
    rows = [
        _change("verdict", phrases.headline(old.verdict), phrases.headline(new.verdict)),
        _change("version", _version(old), _version(new)),
    ]
    a, b = old.mappings, new.mappings
    rows += [
        _count("vm.max_map_count", a.limit if a else None, b.limit if b else None),
        _count("mappings", a.count if a else None, b.count if b else None),
        _change("mappings needed", _need(old), _need(new)),
        _count("headroom", _headroom(old), _headroom(new)),
        _count("blocks", _blocks(old), _blocks(new)),
        _count("failures", sum(f.count for f in old.failures), sum(f.count for f in new.failures)),
        _count("starts seen", len(old.lives), len(new.lives)),
    ]
    facts_before, facts_after = _facts(old), _facts(new)
    for name in dict.fromkeys([*facts_before, *facts_after]):
        if name not in _SHOWN_ABOVE:
            rows.append(_change(name, facts_before.get(name), facts_after.get(name)))
    return [row for row in rows if row.before is not None or row.after is not None]


def _change(what: str, before: str | None, after: str | None) -> Change:
    return Change(
        words.clean(what, 80), before, after, before is not None and after is not None and before != after
    )


def _count(what: str, before: int | None, after: int | None) -> Change:
    return _change(what, None if before is None else f"{before:,}", None if after is None else f"{after:,}")


def _version(subject: SubjectReport) -> str | None:
    name = " ".join(part for part in (subject.product, subject.version) if part)
    return words.clean(name, 120) or None


def _need(subject: SubjectReport) -> str | None:
    need = subject.mappings.need if subject.mappings else None
    return None if need is None else f"{need.low:,} to {need.high:,}"


def _blocks(subject: SubjectReport) -> int | None:
    need = subject.mappings.need if subject.mappings else None
    if need is not None and need.blocks is not None:
        return need.blocks
    opened = [life.blocks_opened for life in subject.lives if life.blocks_opened is not None]
    return opened[-1] if opened else None


def _facts(subject: SubjectReport) -> dict[str, str]:
    """The facts behind the two questions that both bundles may state, as they are written."""
    found: dict[str, str] = {}
    for asked in subject.questions:
        for fact in asked.facts:
            if fact.state == "present" and fact.value is not None:
                found.setdefault(fact.name, _value(fact))
    return found


def _value(fact: NamedFact) -> str:
    return words.number(fact.value, fact.unit)
