"""Cases as data: each folder of tests/cases holds a bundle and what must be said of it.

``expect.json``: cause, status, exit (a value or a list of allowed ones), driver, map_limit,
free_memory, risk (a limit that must be among the risks), subjects (part of an id -> cause),
chain (causes in order), hypotheses (cause -> status), asks and no_asks (ids), and of the coverage
missing, unreadable and skipped (members). A new incident becomes a test without code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.pipeline import diagnose

CASES = Path(__file__).parent / "cases"
NAMES = sorted(p.name for p in CASES.iterdir() if (p / "expect.json").exists())


def allowed(expected: Any) -> list[Any]:
    return expected if isinstance(expected, list) else [expected]


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str) -> None:
    expect = json.loads((CASES / name / "expect.json").read_text())
    found = diagnose(CASES / name / "bundle")
    verdict = found.verdict
    assert verdict.cause in allowed(expect["cause"]), verdict.summary
    assert verdict.status in allowed(expect["status"]), verdict.summary
    assert found.exit_status in allowed(expect["exit"])
    worst = next((s for s in found.subjects if s.id == verdict.subject), None)
    if "driver" in expect:
        assert verdict.driver == expect["driver"]
    for question in ("map_limit", "free_memory"):
        if question in expect:
            assert worst is not None
            answer = next(q for q in worst.questions if q.id == question)
            assert answer.answer in allowed(expect[question]), answer.why
    if "risk" in expect:
        assert expect["risk"] in [r.limit for r in found.risks]
    for part, cause in expect.get("subjects", {}).items():
        assert [s.verdict.cause for s in found.subjects if part in s.id] == [cause]
    if worst is not None:
        statuses = {h.cause: h.status for h in worst.hypotheses}
        for cause, status in expect.get("hypotheses", {}).items():
            assert statuses[cause] in allowed(status), cause
        asked = {ask.id for ask in worst.ask}
        assert asked >= set(expect.get("asks", ()))
        assert not asked & set(expect.get("no_asks", ()))
    coverage = found.coverage
    for part in ("missing", "unreadable"):
        if part in expect:
            assert getattr(coverage, part) == expect[part]
    if "skipped" in expect:
        assert sorted(skipped.member for skipped in coverage.members_skipped) == expect["skipped"]
    accounted = coverage.members_read + len(coverage.members_skipped) + coverage.members_unrecognised
    assert accounted == coverage.members_total
    if "chain" in expect:
        assert worst is not None
        causes = [link.cause for link in worst.chain]
        positions = [causes.index(c) for c in expect["chain"]]
        assert positions == sorted(positions)
