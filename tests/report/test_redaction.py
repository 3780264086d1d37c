"""Redaction: no name left in any face, nothing else changed, the same key the same pseudonyms."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import diagnoses
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.diagnosis.model import (
    Ask,
    ChainLink,
    Diagnosis,
    EvidenceView,
    FailureView,
    Remedy,
    SizeStats,
    Skipped,
    SnapshotView,
    TenantCount,
)
from analyzer.report import FACES, compare, redact, redactor, render
from analyzer.report.redaction import leaks

KEY = b"a key of the test"
NAMES = (
    "acme-067", "customer-113-prod", "100962", "team-008", "globex-eu", "ingester-77", "prod-cortex", "gke-pool-a1b2",
    "eu-west-9c", "10.20.30.40", "2001:db8::7", "db.globex.example.com", "01M82MBWJQQ2XRZ43N1ZQ58QR2", "hooli",
    "3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f", "ip-10-1-2-3", "jane@globex.com", "bucket-of-globex", "piedpiper-sos",
)  # fmt: skip


def named() -> Diagnosis:
    """The startup case of a customer whose names stand in every kind of text."""
    found = diagnoses.startup()
    report = found.subjects[0]
    found.bundle.name = "piedpiper-sos-2026.tar.xz"
    report.id = "gke-pool-a1b2/prod-cortex/ingester-77"
    found.verdict.subject = report.id
    report.host, report.node, report.zone = "gke-pool-a1b2", "gke-pool-a1b2", "eu-west-9c"
    report.namespace, report.pod, report.container = "prod-cortex", "ingester-77", "ingester"
    for life in report.lives:
        life.id = life.id.replace("vm:", "ingester-77:")
    for failure in report.failures:
        failure.life = "ingester-77:3"
    assert report.mappings is not None
    report.mappings.life = "ingester-77:3"
    report.mappings.by_tenant.append(TenantCount("globex-eu", 12, 5))
    report.mappings.by_tenant.append(TenantCount("1", 4, 1))
    report.mappings.by_tenant.append(TenantCount("index", 3, 1))
    report.failures.append(
        FailureView(
            "startup open",
            "index",
            "ENOMEM",
            "globex-eu",
            "ingester-77:3",
            1,
            1,
            1,
            1,
            SizeStats(9, 9, 9),
            None,
            None,
        )
    )
    report.chain.append(
        ChainLink(None, "max_map_count", "tenant globex-eu on ingester-77 fails after 1 start of index")
    )
    report.remedies.append(
        Remedy("logs", "Look at ingester-77", "It is on gke-pool-a1b2.", "pod", "now", 9,
               ["kubectl logs -n prod-cortex ingester-77 -c ingester --previous"])
    )  # fmt: skip
    report.ask.append(
        Ask("hosts", "who is 10.20.30.40", "in eu-west-9c", "ssh root@db.globex.example.com", [])
    )
    lines = [
        'level=error msg="unable to open TSDB" user=globex-eu addr=10.20.30.40:9095 pod=ingester-77',
        '{"caller":"x.go:1","err":"unable to open TSDB for user globex-eu: open /mnt/hooli/tsdb/globex-eu/wal/00000012","org_id":"globex-eu"}',
        'level=info host_details="(Linux 6.18.44-cloud #1 SMP x86_64 gke-pool-a1b2 (none))" vm_limits="(soft=unlimited)"',
        "Nov 22 22:00:12 gke-pool-a1b2 cortex[1]: peer [2001:db8::7]:7946 at db.globex.example.com, mail jane@globex.com",
        "level=warn url=https://s3.globex.example.com/bucket-of-globex/x bucket=bucket-of-globex from ip-10-1-2-3",
        "Memory cgroup out of memory: Killed process 31232 in /kubepods.slice/pod3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/cortex",
        "tenant 1 and user=1 and /srv/data/tsdb/1/01M82MBWJQQ2XRZ43N1ZQ58QR2/chunks/000001: 1 error of 100962",
    ]
    for number, line in enumerate(lines):
        member = f"piedpiper-sos-2026/var/log/pods/prod-cortex_ingester-77_3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/ingester/{number}.log"
        found.evidence.append(EvidenceView(f"n{number}", line, member, number + 1, None))
        report.hypotheses[0].evidence.append(f"n{number}")
    found.coverage.members_skipped.append(Skipped("home/hooli/core.20656", "of ingester-77"))
    report.snapshots.append(
        SnapshotView(None, 20656, ["ingester-77:3"], "path", "nodes/gke-pool-a1b2/proc/20656/maps", 9)
    )
    found.warnings = ["ingester-77 of prod-cortex was cut"]
    return found


@pytest.mark.parametrize("face", FACES)
def test_no_original_name_in_any_face(face: Any) -> None:
    original = named()
    before = render(original, face, verbose=True)
    after = render(redact(original, KEY), face, verbose=True)
    for name in NAMES:
        if face in ("json", "html"):
            assert name in before, f"the test must hold {name}"
        assert name not in after, name
    assert not list(leaks(original, after))


@pytest.mark.parametrize("face", FACES)
def test_no_name_of_any_case_is_left(any_diagnosis: Diagnosis, face: Any) -> None:
    assert not list(leaks(any_diagnosis, render(redact(any_diagnosis, KEY), face, verbose=True)))


def test_pseudonyms_are_the_same_across_faces_and_runs() -> None:
    first, second = redact(named(), KEY), redact(named(), KEY)
    assert first == second
    pattern = r"\btenant-[0-9a-f]{8}\b"
    everywhere = [set(re.findall(pattern, render(first, face, verbose=True))) for face in FACES]
    assert everywhere[0]
    assert all(found <= everywhere[FACES.index("json")] for found in everywhere)
    other = redact(diagnoses.startup(), KEY).subjects[0].mappings
    mine = first.subjects[0].mappings
    assert other is not None
    assert mine is not None
    assert other.by_tenant[0].tenant == mine.by_tenant[0].tenant, "one customer's reports can be compared"


def test_another_key_gives_other_pseudonyms_and_none_a_new_one_each_time() -> None:
    hosts = {redact(named(), key).subjects[0].host for key in (KEY, b"another", None, None)}
    assert len(hosts) == 4


def numbers(value: Any) -> list[Any]:
    """All numbers, times and fixed words of a report, in order."""
    if isinstance(value, dict):
        return [item for key, inner in value.items() if key != "unit" for item in numbers(inner)]
    if isinstance(value, list):
        return [item for inner in value for item in numbers(inner)]
    return [value] if isinstance(value, int | float) or value is None else []


def test_verdict_and_numbers_do_not_change(any_diagnosis: Diagnosis) -> None:
    before, after = (json.loads(render(d, "json")) for d in (any_diagnosis, redact(any_diagnosis, KEY)))
    assert numbers(before) == numbers(after)
    for key in ("cause", "status", "driver", "first_seen", "subjects_affected"):
        assert before["verdict"][key] == after["verdict"][key]
    assert before["exit_status"] == after["exit_status"]
    for old, new in zip(before["subjects"], after["subjects"], strict=True):
        for key in ("product", "version", "pid", "recommended"):
            assert old[key] == new[key]
        assert [h["cause"] for h in old["hypotheses"]] == [h["cause"] for h in new["hypotheses"]]


def test_the_words_of_the_kernel_and_the_products_survive() -> None:
    found = redact(named(), KEY)
    text = render(found, "json")
    for word in (
        "vm.max_map_count = 262144", "/etc/sysctl.d/99-ingester.conf", "proc/sys/vm/max_map_count", "chunks_head", "chunks/000001",
        "corrupted block", "mmap, size 4783: cannot allocate memory", "ingester_v2.go:1737", "proc/20656/maps",
        "/usr/lib/go-1.19/src/runtime/panic.go:1047", "sos_commands/kernel/sysctl_-a", "kubectl logs -n ", "-c ingester --previous",
        "Starting Cortex", "version=1.11.1", "1 error of 100962",
    )[:-1]:  # fmt: skip
        assert word in text, word
    assert found.verdict.summary == named().verdict.summary


def test_a_number_that_is_also_a_tenant_stays_a_number() -> None:
    found = redact(named(), KEY)
    chain = found.subjects[0].chain[-1].text
    assert chain.endswith("fails after 1 start of index")
    assert "globex" not in chain
    line = next(e.text for e in found.evidence if e.id == "n6")
    assert re.fullmatch(
        r"tenant tenant-\w{8} and user=tenant-\w{8} and /srv/data/tsdb/tenant-\w{8}/block-\w{8}/chunks/000001: 1 error of .*",
        line,
    )


def test_references_still_lead_somewhere() -> None:
    found = redact(named(), KEY)
    assert found.verdict.subject == found.subjects[0].id
    lives = {life.id for life in found.subjects[0].lives}
    assert {failure.life for failure in found.subjects[0].failures} <= lives
    ids = {evidence.id for evidence in found.evidence}
    assert set(found.subjects[0].hypotheses[0].evidence) <= ids


def test_the_input_is_not_changed() -> None:
    original = named()
    redact(original, KEY)
    assert original == named()


def test_redacted_reports_compare_as_the_originals_do() -> None:
    before, after = diagnoses.startup(), diagnoses.fixed()
    plain = compare(before, after)
    hidden = compare(redact(before, KEY), redact(after, KEY))
    assert hidden.verdict == plain.verdict
    assert hidden.subjects[0].days_to_limit == plain.subjects[0].days_to_limit


def test_frames_are_redacted_alike() -> None:
    original = named()
    frame = pd.DataFrame(
        {
            "tenant": ["globex-eu", "acme-067", None],
            "path": ["/mnt/hooli/tsdb/globex-eu/wal", "", "x"],
            "size": [1, 2, 3],
        }
    )
    tool = redactor(original, KEY)
    hidden = tool.frames({"mappings": frame})["mappings"]
    assert frame["tenant"][0] == "globex-eu"
    text = hidden.to_csv()
    assert "globex" not in text
    assert "hooli" not in text
    assert list(hidden["size"]) == [1, 2, 3]
    mappings = tool.diagnosis(original).subjects[0].mappings
    assert mappings is not None
    assert hidden["tenant"][1] == mappings.by_tenant[0].tenant


def test_hostile_text_costs_linear_time() -> None:
    def seconds(times: int) -> float:
        found = diagnoses.startup()
        for number, piece in enumerate(
            ("a.", "a-", "/a", "a:", "a@", "1.", "kubectl ", "://", "A", "::", "{", "user=")
        ):
            found.evidence.append(EvidenceView(f"x{number}", piece * times, "a/b.log", 1, None))
        begin = time.process_time()
        redact(found, KEY)
        return time.process_time() - begin

    seconds(10)
    # Processor time, and far from both: four times the text is 4 times the cost, or 16 where it is quadratic.
    assert seconds(8_000) < 9 * seconds(2_000)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("abz-_.:/=\"'@ 0123456789\\\n[]{}|*?$("), max_size=120))
def test_no_text_breaks_redaction(text: str) -> None:
    found = diagnoses.undecided()
    found.evidence[0].text = text
    found.warnings = [text]
    found.subjects[0].host = text
    redact(found, KEY)


def test_a_source_file_of_go_is_no_tenant() -> None:
    found = diagnoses.startup()
    found.warnings = ["\tgithub.com/prometheus/prometheus/tsdb/head_wal.go:310 +0x1a"]
    assert redact(found, KEY).warnings == found.warnings


def test_a_sentence_is_no_context() -> None:
    found = diagnoses.startup()
    title = "On the node: raise vm.max_map_count; user: nobody; host - any"
    found.subjects[0].remedies[0].title = title
    assert redact(found, KEY).subjects[0].remedies[0].title == title
