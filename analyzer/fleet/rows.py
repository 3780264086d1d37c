"""From one diagnosis to one row of the table of cases, and its rows of evidence.

A row is a plain ``dict`` with exactly the columns of :mod:`analyzer.fleet.schema`, times as RFC
3339 text: it crosses process and machine borders and stands in the journal as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from analyzer.diagnosis.model import Diagnosis, MappingsView, Risk, SubjectReport
from analyzer.fleet.schema import CASES, EVIDENCE
from analyzer.fleet.sources import shown

TEXT_LIMIT = 4096  # characters of one text kept; the rest is in the bundle
EVIDENCE_LIMIT = 1000  # rows of evidence kept of one bundle
INT64 = (1 << 63) - 1

# What the limit of a cause is called among the risks: a limit that was reached is no risk any more.
_LIMIT_OF = {
    "max_map_count": "vm.max_map_count",
    "rlimit_as": "Max address space",
    "rlimit_data": "Max data size",
    "rlimit_memlock": "Max locked memory",
    "nofile": "Max open files",
    "cgroup_oom": "cgroup memory",
    "threads": "cgroup pids",
}

Row = dict[str, Any]
ErrorKind = Literal["missing", "unreadable", "memory", "time", "crash", "lost", "fault"]


class Limits(Struct, frozen=True):
    """What one bundle may use: ``memory`` bytes resident, ``time`` seconds."""

    memory: int
    time: float


class Outcome(Struct):
    """What came of one bundle: a row with its evidence, or None where it was already done."""

    source: str
    digest: str | None
    row: Row | None
    evidence: list[Row]


def text_of(value: object) -> str | None:
    """``value`` as text that JSON and Arrow take: no lone surrogates, at most 4,096 characters."""
    if value is None:
        return None
    text = str(value)
    if len(text) > TEXT_LIMIT:
        text = text[: TEXT_LIMIT - 1] + "…"
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(value: object) -> str:
    """``value`` as one line of text."""
    return " ".join((text_of(value) or "").split())


def _count(value: float | None) -> int | None:
    """A count that fits the column; what cannot be a count is not known."""
    if value is None or not -INT64 <= value <= INT64:
        return None
    return int(value)


def case_row(source: str, digest: str | None, found: Diagnosis, limits: Limits) -> Row:
    """The row of a bundle that was diagnosed; ``duration`` and ``peak_memory`` are still null."""
    row: Row = dict.fromkeys(column.name for column in CASES)
    subject = _leading_subject(found)
    risks = _risks(found)
    worst = max(risks, key=lambda risk: risk.ratio, default=None)
    row |= {
        "bundle": text_of(shown(source)),
        "digest": digest,
        "layout": text_of(found.bundle.layout) or None,
        "cause": found.verdict.cause,
        "status": found.verdict.status,
        "driver": found.verdict.driver,
        "subject": text_of(found.verdict.subject or (subject.id if subject else None)),
        "subjects": len(found.subjects),
        "subjects_affected": _count(found.verdict.subjects_affected),
        "signature": text_of(found.verdict.signature) or None,
        "summary": text_of(found.verdict.summary),
        "first_seen": found.verdict.first_seen,
        "captured_at": found.bundle.captured_at,
        "failures": _failures(found),
        "risks": len(risks),
        "risk_limit": text_of(worst.limit) if worst else None,
        "risk_ratio": worst.ratio if worst else None,
        "risk_subject": text_of(worst.subject) if worst else None,
        "risk_text": text_of(worst.text) if worst else None,
        "bytes_read": _count(found.coverage.bytes_read),
        "warnings": len(found.warnings),
        "memory_limit": limits.memory,
        "time_limit": limits.time,
        "tool_version": found.tool.version,
    }
    if subject is not None:
        row |= _subject_columns(subject)
    return row


def _failures(found: Diagnosis) -> int | None:
    """Distinct failures; null where none was seen but not enough was read to say that there was none."""
    count = _count(sum(each.count for one in found.subjects for each in one.failures))
    unseen = found.verdict.cause == "none" and found.verdict.status == "undetermined"
    return None if unseen and not count else count


def _risks(found: Diagnosis) -> list[Risk]:
    """What is near a limit, but for the limit that the verdict says was reached."""
    reached = _LIMIT_OF.get(found.verdict.cause)
    return [risk for risk in found.risks if reached is None or not risk.limit.startswith(reached)]


def _leading_subject(found: Diagnosis) -> SubjectReport | None:
    """The verdict's subject; where it names none, the one nearest its mapping limit."""
    for each in found.subjects:
        if each.id == found.verdict.subject:
            return each
    return max(found.subjects, key=lambda each: _ratio(each.mappings) or 0.0, default=None)


def _ratio(mappings: MappingsView | None) -> float | None:
    if mappings is None or mappings.count is None or not mappings.limit:
        return None
    return mappings.count / mappings.limit


def _subject_columns(subject: SubjectReport) -> Row:
    columns: Row = {
        "product": text_of(subject.product),
        "version": text_of(subject.version),
        "restarts": len(subject.lives) - 1 if subject.lives else None,
    }
    mappings = subject.mappings
    if mappings is None:
        return columns
    need = mappings.need
    tenants = need.tenants if need else None
    blocks = need.blocks if need else None
    if tenants is None and mappings.by_tenant:
        tenants = len(mappings.by_tenant)
    known_blocks = [each.blocks for each in mappings.by_tenant if each.blocks is not None]
    if blocks is None and known_blocks:
        blocks = sum(known_blocks)
    return columns | {
        "maps": _count(mappings.count),
        "limit": _count(mappings.limit),
        "ratio": _ratio(mappings),
        "need": _count(need.high) if need else None,
        "need_low": _count(need.low) if need else None,
        "tenants": _count(tenants),
        "blocks": _count(blocks),
    }


def evidence_rows(source: str, digest: str | None, found: Diagnosis) -> list[Row]:
    """The bundle's evidence, at most 1,000 rows."""
    return [
        {
            "bundle": text_of(shown(source)),
            "digest": digest,
            "id": text_of(each.id),
            "member": text_of(each.member),
            "line": _count(each.line),
            "time": each.time,
            "text": text_of(each.text),
        }
        for each in found.evidence[:EVIDENCE_LIMIT]
    ]


def error_row(
    source: str,
    digest: str | None,
    kind: ErrorKind,
    why: object,
    limits: Limits,
    tool_version: str,
    *,
    duration: float | None = None,
    peak_memory: int | None = None,
) -> Row:
    """The row of a bundle that has no verdict, and why it has none."""
    row: Row = dict.fromkeys(column.name for column in CASES)
    return row | {
        "bundle": text_of(shown(source)),
        "digest": digest,
        "duration": duration,
        "peak_memory": peak_memory,
        "error": one_line(str(why).replace(source, shown(source))),
        "error_kind": kind,
        "memory_limit": limits.memory,
        "time_limit": limits.time,
        "tool_version": tool_version,
    }


def complete(rows: Iterable[Row], evidence: bool = False) -> list[Row]:
    """Rows with every column of today and no other, for tables written by another version."""
    names = [column.name for column in (EVIDENCE if evidence else CASES)]
    return [{name: row.get(name) for name in names} for row in rows]
