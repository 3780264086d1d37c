"""Did the fix work: what a comparison concludes, and what it refuses to."""

from __future__ import annotations

import json
from typing import Any

import diagnoses
import pytest

from analyzer.diagnosis.model import Diagnosis, Verdict
from analyzer.report import FACES, compare, render_comparison
from analyzer.report.comparison import FIX_WORDS


def test_fixed_with_headroom_and_days() -> None:
    found = compare(diagnoses.startup(), diagnoses.fixed())
    assert (found.verdict, found.exit_status) == ("fixed", 0)
    pair = found.subjects[0]
    assert pair.headroom == 262144 - 20713
    assert pair.growth_per_day == pytest.approx(298, abs=1)
    assert pair.days_to_limit == pytest.approx(810, abs=1)
    changed = {row.what: (row.before, row.after) for row in pair.changes if row.changed}
    assert changed["vm.max_map_count"] == ("16,000", "262,144")
    assert changed["version"] == ("cortex 1.11.1", "cortex 1.13.1")
    assert changed["failures"] == ("5", "0")
    assert changed["headroom"] == ("-4,413", "241,431")


def test_the_same_failure_again_is_not_fixed() -> None:
    found = compare(diagnoses.startup(), diagnoses.startup())
    assert (found.verdict, found.exit_status) == ("not_fixed", 1)
    assert "vm.max_map_count is still 16,000" in found.summary


def test_a_limit_raised_too_little() -> None:
    after = diagnoses.startup()
    assert after.subjects[0].mappings is not None
    after.subjects[0].mappings.limit = 18000
    assert "went from 16,000 to 18,000, which is not enough" in compare(diagnoses.startup(), after).summary


def test_another_limit_is_met_now() -> None:
    after = diagnoses.startup()
    after.subjects[0].verdict = Verdict("nofile", "confirmed", None, "20,000 of 20,000 files open.")
    found = compare(diagnoses.startup(), after)
    assert (found.verdict, found.exit_status) == ("other_cause", 1)


def test_healthy_only_until_the_next_start() -> None:
    after = diagnoses.fixed()
    assert after.subjects[0].mappings is not None
    after.subjects[0].mappings.limit = 20000
    found = compare(diagnoses.startup(), after)
    assert (found.verdict, found.exit_status) == ("unknown", 3)
    assert "the next start may fail" in found.summary


def test_little_headroom_is_said() -> None:
    after = diagnoses.fixed()
    assert after.subjects[0].mappings is not None
    after.subjects[0].mappings.limit = 22000
    found = compare(diagnoses.startup(), after)
    assert found.verdict == "fixed"
    assert "That is little" in found.summary


def test_a_smaller_data_directory_is_said() -> None:
    after = diagnoses.fixed()
    assert after.subjects[0].mappings is not None
    assert after.subjects[0].mappings.need is not None
    after.subjects[0].mappings.need.blocks = 3398
    notes = compare(diagnoses.startup(), after).notes
    assert any("9,831 blocks, now 3,398" in note for note in notes)


def test_too_little_read_is_no_success() -> None:
    after = diagnoses.fixed()
    after.subjects[0].verdict = Verdict("none", "undetermined", None, "No ingester log was read.")
    assert compare(diagnoses.startup(), after).verdict == "unknown"


def test_healthy_before_and_failing_after_is_worse() -> None:
    found = compare(diagnoses.fixed(), diagnoses.startup())
    assert (found.verdict, found.exit_status) == ("worse", 1)
    assert any("wrong order" in note for note in found.notes)


def test_two_healthy_bundles() -> None:
    assert compare(diagnoses.fixed(), diagnoses.fixed()).verdict == "nothing_to_fix"


def test_different_products_are_no_pair() -> None:
    found = compare(diagnoses.startup(), diagnoses.rlimit_as())
    assert found.verdict == "unknown"
    assert found.subjects == []
    assert len([note for note in found.notes if note.startswith("only in the ")]) == 2


def test_several_subjects_are_matched_and_the_rest_named() -> None:
    found = compare(diagnoses.several(), diagnoses.at_risk())
    assert [pair.after_id for pair in found.subjects] == ["node-3/cortex/ingester-2"]
    assert len([note for note in found.notes if note.startswith("only in the before bundle")]) == 2


@pytest.mark.parametrize("face", FACES)
def test_every_face_says_the_verdict(face: Any) -> None:
    for before, after in (
        (diagnoses.startup(), diagnoses.fixed()),
        (diagnoses.hostile(), diagnoses.several()),
    ):
        found = compare(before, after)
        text = render_comparison(found, face)
        assert (found.verdict if face == "json" else FIX_WORDS[found.verdict]) in text
        assert "\x1b" not in text
        assert text.endswith("\n")
        if face == "ticket":
            assert text.count("\n") <= 15
        if face == "json":
            assert json.loads(text)["exit_status"] == found.exit_status


def test_any_two_diagnoses_can_be_compared(any_diagnosis: Diagnosis) -> None:
    for build in diagnoses.ALL.values():
        for face in ("text", "markdown", "json"):
            assert render_comparison(compare(any_diagnosis, build()), face)  # type: ignore[arg-type]


def test_no_such_face() -> None:
    with pytest.raises(ValueError, match="no such face"):
        render_comparison(compare(diagnoses.startup(), diagnoses.fixed()), "pdf")  # type: ignore[arg-type]
