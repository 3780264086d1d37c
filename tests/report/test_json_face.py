"""The JSON report: the contract, key by key, and its schema."""

from __future__ import annotations

import json
import math
from typing import Any

import diagnoses
import jsonschema
import msgspec
import pytest

from analyzer.diagnosis.model import Diagnosis, Risk
from analyzer.report import render, schema

CONTRACT = {
    "": "schema_version tool exit_status bundle verdict subjects evidence risks coverage warnings",
    "tool": "name version",
    "bundle": "name sha256 layout size_bytes captured_at time_range",
    "verdict": "cause status driver subject subjects_affected summary first_seen signature",
    "subjects": "id product version host node zone namespace pod container container_id pid verdict questions"
    " hypotheses failures mappings recommended lives snapshots timeline chain remedies blast_radius ask",
    "questions": "id answer why facts evidence",
    "hypotheses": "cause status why margin evidence missing",
    "margin": "used limit requested unit at",
    "failures": "operation file_kind errno tenant life episode lines count members sizes first last evidence",
    "mappings": "count limit at life pid complete basis by_kind by_tenant need growth_per_hour",
    "recommended": "max_map_count nofile",
    "lives": "id pid started ended exit_code signal reason outcome",
    "snapshots": "time pid life_candidates link_basis",
    "timeline": "time kind text evidence",
    "chain": "time cause text",
    "remedies": "id title why scope when order commands persistent risk data_loss",
    "blast_radius": "replication_factor zones members_down why",
    "ask": "id need why command decides",
    "evidence": "id text member line time",
    "risks": "subject limit used ratio text",
    "coverage": "members_total members_read members_skipped truncated bytes_read missing",
}


@pytest.fixture(scope="module")
def validator() -> Any:
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_every_report_validates(any_diagnosis: Diagnosis, validator: Any) -> None:
    validator.validate(json.loads(render(any_diagnosis, "json")))


def test_another_version_does_not_validate(validator: Any) -> None:
    report = json.loads(render(diagnoses.startup(), "json"))
    report["schema_version"] = 2
    assert not validator.is_valid(report)
    del report["schema_version"]
    assert not validator.is_valid(report)


def test_the_schema_names_itself() -> None:
    found = schema()
    assert found["$id"] == "urn:ingester-postmortem:report:1"
    assert found["title"]
    json.dumps(found)


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    report = json.loads(render(diagnoses.startup(), "json"))
    assert list(report) == CONTRACT[""].split()
    assert list(report["verdict"]) == CONTRACT["verdict"].split()

    def check(value: Any) -> None:
        for key, item in value.items() if isinstance(value, dict) else ():
            sample = item[0] if isinstance(item, list) and item else item
            wanted = CONTRACT.get(key, "").split()
            if wanted and isinstance(sample, dict) and not (key == "verdict" and "subject" not in sample):
                assert [name for name in sample if name in wanted] == wanted, key
            if isinstance(sample, dict):
                check(sample)

    check(report)


def test_a_report_reads_back_as_the_same_diagnosis(any_diagnosis: Diagnosis) -> None:
    text = render(any_diagnosis, "json")
    back = msgspec.json.decode(text.encode(), type=Diagnosis)
    assert render(back, "json") == text


def test_no_number_is_infinite() -> None:
    found = diagnoses.at_risk()
    found.risks = [Risk("x", "y", math.nan, math.inf, "z")]
    text = render(found, "json")
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["risks"][0]["ratio"] is None


def test_sizes_are_exact_bytes() -> None:
    report = json.loads(render(diagnoses.startup(), "json"))
    assert report["subjects"][0]["failures"][0]["sizes"] == {"min": 4783, "median": 4783, "max": 4783}
    assert report["subjects"][0]["questions"][0]["facts"][0]["value"] == 24684092 * 1024
