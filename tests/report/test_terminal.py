"""The terminal report: what the first screen holds, at which widths, with which colours."""

from __future__ import annotations

import re

import diagnoses
import pytest
from rich.cells import cell_len

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import render
from analyzer.report.terminal import SCREEN_ROWS, first_screen, verdict_line

COMMAND = re.compile(r"^ +\$ ")
SGR = re.compile(r"\x1b\[([\d;]*)m")


def screen(diagnosis: Diagnosis, width: int = 100) -> list[str]:
    """The rows that a terminal of ``width`` x 40 shows first: long lines wrap."""
    rows: list[str] = []
    for line in render(diagnosis, "text", width=width).split("\n"):
        rows += [line[at : at + width] for at in range(0, max(len(line), 1), width)]
    return rows[:40]


def test_the_first_screen_fits_for_every_diagnosis(any_diagnosis: Diagnosis) -> None:
    assert first_screen(any_diagnosis, 100).rows <= SCREEN_ROWS


def test_the_first_screen_holds_the_whole_finding() -> None:
    text = "\n".join(screen(diagnoses.startup()))
    for part in (
        "CONFIRMED max_map_count",
        "direct evidence of this limit",
        "5 of 5 starts failed",
        "1 Was there enough free memory? YES",
        "1.5 GiB / 23.5 GiB █░░░░░░░░░░░ 6 %",
        "2 Was the mapping limit reached? YES",
        "16,000 / 16,000 mappings ████████████ 100 %",
        "~19,934 / 16,000 mappings",
        "proc/20656/maps:16001",
        "var/log/cortex/ingester.log:35563",
        "WHAT IT WAS NOT",
        "✗ rlimit_as           ruled out",
        "cannot tell: cgroup_oom, kernel_memory",
        "do NOT delete blocks or the WAL",
        "now Raise vm.max_map_count to 262,144",
        "sysctl -w vm.max_map_count=262144",
        "--nofile=1048576:1048576",
        "for good Make it last",
        "PLEASE ASK FOR",
        "kubectl get pods -l name=ingester -o wide",
    ):
        assert part in text, part


def test_an_undecided_case_asks_three_things_on_the_first_screen() -> None:
    text = "\n".join(screen(diagnoses.undecided()))
    assert "UNDETERMINED  the bundle cannot decide" in text
    assert "WHAT IT COULD BE" in text
    for number in "123":
        assert re.search(rf"^  {number} the ", text, re.MULTILINE)
    assert "strace -f -e trace=mmap" in text
    assert "(decides kernel_memory, cgroup_oom)" in text


def test_an_estimate_is_called_one_and_comes_first() -> None:
    text = "\n".join(screen(diagnoses.projected()))
    assert text.index("~862 / 845 mappings") < text.index("574 / 845 mappings")
    assert "by estimate" in text


def test_a_risk_stands_on_the_first_screen() -> None:
    text = "\n".join(screen(diagnoses.at_risk()))
    assert "HEALTHY" in text
    assert "AT RISK" in text
    assert "97.1 %" in text


def test_the_worst_subject_in_full_and_one_line_for_each_other() -> None:
    rows = screen(diagnoses.several())
    text = "\n".join(rows)
    assert "2 of 3 subjects affected" in text.replace("\n  ", " ")
    assert len([row for row in rows if row.startswith("  UNDETERMINED host vm")]) == 1
    assert len([row for row in rows if row.startswith("  HEALTHY cortex 1.21.1")]) == 1
    assert "! not all was read" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("verbose", [False, True])
def test_no_row_is_wider_than_the_terminal(any_diagnosis: Diagnosis, width: int, verbose: bool) -> None:
    for line in render(any_diagnosis, "text", width=width, verbose=verbose).split("\n"):
        assert COMMAND.match(line) or cell_len(line) <= width, line


def test_a_pipe_gets_plain_text_of_100_columns() -> None:
    text = render(diagnoses.startup(), "text")
    assert "\x1b" not in text
    assert 90 < max(cell_len(line) for line in text.split("\n") if not COMMAND.match(line)) <= 100


def test_colour_changes_no_character(any_diagnosis: Diagnosis) -> None:
    plain = render(any_diagnosis, "text", verbose=True)
    colored = render(any_diagnosis, "text", verbose=True, color=True)
    assert SGR.sub("", colored) == plain


def test_only_named_colours_and_no_background(any_diagnosis: Diagnosis) -> None:
    codes = {
        code
        for found in SGR.findall(render(any_diagnosis, "text", color=True, verbose=True))
        for code in found.split(";")
    }
    assert codes <= {
        "",
        "0",
        "1",
        "2",
        "22",
        "39",
        *(str(n) for n in range(30, 38)),
        *(str(n) for n in range(90, 98)),
    }


def test_colours_do_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = render(diagnoses.startup(), "text", color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "20")
    assert render(diagnoses.startup(), "text", color=True) == expected


def test_quiet_is_the_verdict_line_alone(any_diagnosis: Diagnosis) -> None:
    text = render(any_diagnosis, "text", quiet=True)
    assert text.count("\n") == 1
    assert text == verdict_line(any_diagnosis)


def test_commands_are_whole_and_on_one_line() -> None:
    found = diagnoses.startup()
    text = render(found, "text", width=60)
    for remedy in found.subjects[0].remedies:
        for command in remedy.commands:
            assert f"$ {command}\n" in text


def test_an_absent_fact_is_not_a_zero() -> None:
    text = render(diagnoses.startup(), "text", verbose=True)
    assert "memory.max not in the bundle" in text
