"""The ticket: fifteen lines that stand on their own."""

from __future__ import annotations

import diagnoses

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import render
from analyzer.report.ticket import MAX_LINES


def test_at_most_fifteen_lines(any_diagnosis: Diagnosis) -> None:
    text = render(any_diagnosis, "ticket")
    assert 1 <= text.count("\n") <= MAX_LINES
    assert all(line.strip() for line in text.rstrip("\n").split("\n"))


def test_the_ticket_says_what_to_do_and_what_not() -> None:
    text = render(diagnoses.startup(), "ticket")
    for part in (
        "CONFIRMED max_map_count: vm.max_map_count was reached",
        "Confidence: confirmed",
        "16,000 / 16,000 mappings, 100 %",
        "Evidence: proc/20656/maps:16001",
        "Evidence: var/log/cortex/ingester.log:35563 (2026-11-22 22:00:12.821Z)",
        "Do NOT delete blocks or the WAL; Do NOT let the crash loop run",
        "Now: Raise vm.max_map_count to 262,144",
        "sysctl -w vm.max_map_count=262144 ; prlimit --pid $(pgrep -o cortex) --nofile=1048576:1048576",
        "For good: ",
        "Please send: ",
        "times are UTC",
    ):
        assert part in text, part


def test_an_undecided_ticket_keeps_its_asks() -> None:
    assert render(diagnoses.undecided(), "ticket").count("Please send: ") == 3


def test_a_partial_reading_is_said() -> None:
    assert "Note: not all was read: cut: var/log/cortex/ingester-2.log" in render(
        diagnoses.several(), "ticket"
    )
    assert "Note: not in the bundle: a log of an ingester" in render(diagnoses.empty(), "ticket")
