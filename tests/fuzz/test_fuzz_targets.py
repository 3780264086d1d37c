"""Every target over its seeds and over changed ones, without the fuzzer: it cannot rot, nor be skipped."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fuzz import command
from fuzz.mutations import changed
from fuzz.registry import TARGETS
from fuzz.target import Target

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS, CHANGED = 60, 200
# What a target may take of the ten seconds of all; those that do more for an input get fewer of them.
SLOW = {"command": 30, "mappings": 40, "digest": 60, "scan": 60, "records": 100}


def every(values: list[bytes], most: int) -> list[bytes]:
    """At most ``most`` of the values, from all over them."""
    return values[:: -(-len(values) // most)]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_target_holds_on_its_seeds_and_on_what_they_become(target: Target) -> None:
    seeds = [seed[: target.length] for seed in target.seeds()]
    assert seeds
    count = SLOW.get(target.name, CHANGED)
    for data in (b"", *every(seeds, min(SEEDS, count)), *changed(seeds, target.words, target.length, count)):
        began = time.process_time()
        try:
            target.run(data)
        except Exception as error:
            pytest.fail(f"{target.name} fails on {data!r}: {error!r}")
        assert time.process_time() - began < target.seconds


def test_changes_are_the_same_on_every_run() -> None:
    seeds, words = [b"one line\n", b"another\n"], [b"word"]
    first = list(changed(seeds, words, 100, 50))
    assert first == list(changed(seeds, words, 100, 50))
    assert len(set(first)) > 25


def test_a_target_that_fails_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself: a fault in what is tested must reach the test."""
    monkeypatch.setattr("fuzz.of_errors.split_prefixes", lambda text: ())
    with pytest.raises(AssertionError):
        TARGETS["errors"].run(b"\0failed to open: cannot allocate memory")


def test_the_tests_need_no_fuzzer() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); sys.modules['atheris'] = None\n"
        "import fuzz.registry, fuzz.command, fuzz.mutations"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert "atheris" not in sys.modules


def test_the_command_knows_every_target_without_importing_one() -> None:
    assert command._names() == tuple(TARGETS)


def test_a_missing_fuzzer_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main(["errors"]) == 2
    assert "ingester-postmortem[fuzz]" in capsys.readouterr().err


def test_the_table_reads_what_the_fuzzer_prints(tmp_path: Path) -> None:
    ended = (
        "#2\tINITED cov: 10 ft: 20 corp: 1/1b\n#900\tNEW    cov: 12 ft: 31 corp: 2/2b\n"
        "Done 1000 runs in 5 second(s)\nstat::number_of_executed_units: 1000\nstat::average_exec_per_sec:     200\n"
    )
    found = command.outcome_of("errors", ended, tmp_path, 0)
    assert (found.executions, found.seconds, found.cov, found.features, found.fine) == (1000, 5, 12, 31, True)
    (tmp_path / "crash-1").write_bytes(b"x")
    found = command.outcome_of(
        "errors", "#900\tNEW    cov: 12 ft: 31\nstat::number_of_executed_units: 901\n", tmp_path, 77
    )
    assert (found.executions, found.faults, found.fine) == (901, (tmp_path / "crash-1",), False)
    assert not command.outcome_of("errors", "ImportError", tmp_path / "none", 1).fine


def test_a_failing_input_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\0mmap, size 9: cannot allocate memory")
    assert command.main(["errors", str(path)]) == 0
    assert "holds" in capsys.readouterr().out
