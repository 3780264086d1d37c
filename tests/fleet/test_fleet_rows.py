"""A diagnosis becomes a row: what is not known stays null, whatever text a bundle holds."""

from __future__ import annotations

import json
from pathlib import Path

import fleet_stub
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.diagnosis.model import Diagnosis, Risk
from analyzer.fleet.rows import EVIDENCE_LIMIT, TEXT_LIMIT, Limits, case_row, error_row, evidence_rows
from analyzer.fleet.schema import CASES, EVIDENCE, arrow_schema

LIMITS = Limits(1 << 30, 60.0)
HERE = Path(__file__)


def diagnosis(cause: str = "max_map_count", status: str = "confirmed", **truth: object) -> Diagnosis:
    return fleet_stub.build(HERE, {"cause": cause, "strongest_status": status} | truth)


def test_a_row_has_every_column_and_no_other() -> None:
    names = [column.name for column in CASES]
    assert list(case_row("a", "d", diagnosis(), LIMITS)) == names
    assert list(error_row("a", None, "time", "x", LIMITS, "1")) == names
    assert list(evidence_rows("a", "d", diagnosis())[0]) == [column.name for column in EVIDENCE]


def test_what_is_not_known_is_null() -> None:
    found = diagnosis()
    found.subjects.clear()
    row = case_row("a", "d", found, LIMITS)
    for name in ("product", "maps", "limit", "need", "ratio", "tenants", "blocks", "restarts", "risk_ratio"):
        assert row[name] is None
    assert row["failures"] == row["risks"] == row["subjects"] == 0


def test_the_limit_that_was_reached_is_no_risk() -> None:
    risks = [
        Risk("s", "vm.max_map_count at start", 20, 1.1, "need"),
        Risk("s", "vm.max_map_count", 10, 1.0, "count"),
        Risk("s", "Max open files", 9, 0.9, "files"),
    ]
    for cause, count, nearest in (
        ("max_map_count", 1, "Max open files"),
        ("nofile", 2, "vm.max_map_count at start"),
        ("none", 3, "vm.max_map_count at start"),
    ):
        found = diagnosis(cause)
        found.risks = risks
        row = case_row("a", "d", found, LIMITS)
        assert (row["risks"], row["risk_limit"]) == (count, nearest)


def test_a_healthy_bundle_shows_the_process_nearest_its_limit() -> None:
    found = diagnosis("none", "healthy", max_map_count=1000, maps_lines=10)
    other = diagnosis("none", "healthy", max_map_count=1000, maps_lines=900).subjects[0]
    other.id = "other"
    found.subjects.append(other)
    row = case_row("a", "d", found, LIMITS)
    assert (row["subject"], row["maps"], row["subjects"]) == ("other", 900, 2)


def test_an_address_is_written_without_its_secrets() -> None:
    source = "s3://user:secret@host/a.tgz?signature=secret"
    row = error_row(source, None, "missing", f"cannot be read: {source}", LIMITS, "1")
    assert row["bundle"] == "s3://host/a.tgz"
    assert row["error"] == "cannot be read: s3://host/a.tgz"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=40), st.floats(), st.integers())
def test_any_text_and_number_fits_the_store(text: str, number: float, count: int) -> None:
    import pyarrow as pa

    found = diagnosis()
    found.verdict.summary = found.verdict.signature = found.subjects[0].version = text  # type: ignore[assignment]
    found.verdict.subject = found.evidence[0].text = found.evidence[0].member = text
    found.evidence[0].line = count
    assert found.subjects[0].mappings is not None
    found.subjects[0].mappings.count = count
    found.risks = [Risk(text, text, number, number, text)]
    row = json.loads(json.dumps(case_row(text or "a", "d", found, LIMITS)))
    row["first_seen"] = row["captured_at"] = None
    pa.Table.from_pylist([row], arrow_schema(CASES))
    for each in json.loads(json.dumps(evidence_rows(text or "a", "d", found))):
        pa.Table.from_pylist([each | {"time": None}], arrow_schema(EVIDENCE))


def test_endless_evidence_is_bounded() -> None:
    found = diagnosis()
    found.evidence = found.evidence * (EVIDENCE_LIMIT * 2)
    found.evidence[0].text = "x" * (TEXT_LIMIT * 3)
    rows = evidence_rows("a", "d", found)
    assert len(rows) == EVIDENCE_LIMIT
    assert len(rows[0]["text"]) == TEXT_LIMIT
