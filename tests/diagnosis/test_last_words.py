"""A process that says that it ended with an error is never called healthy, whether or not the cause is in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.pipeline import diagnose

BANNER = (
    'ts=2026-11-22T21:57:15.001Z caller=main.go:193 level=info msg="Starting {}" version="(version=2.9.0)"'
)
STOPPED = 'ts=2026-11-22T21:57:16.016Z caller=cortex.go:437 level=info msg="{} stopped"'
FAILED = (
    'ts=2026-11-22T21:57:16.017Z caller=log.go:106 level=error msg="error running {}" err="failed services"'
)


@pytest.mark.parametrize("banner", [True, False])
@pytest.mark.parametrize(
    ("started", "stopped", "failed"),
    [("Cortex", "Cortex", "cortex"), ("application", "Application", "application")],
)
def test_an_error_as_the_last_word(
    tmp_path: Path, started: str, stopped: str, failed: str, banner: bool
) -> None:
    lines = [BANNER.format(started)] * banner + [STOPPED.format(stopped), FAILED.format(failed)]
    (tmp_path / "ingester.log").write_text("\n".join(lines) + "\n")
    found = diagnose(tmp_path)
    (subject,) = found.subjects
    assert [life.outcome for life in subject.lives] == ["error_exit"]
    assert (found.verdict.cause, found.verdict.status, found.exit_status) == (
        "undetermined",
        "undetermined",
        3,
    )
    assert subject.ask[0].id == "log_before"


def test_a_failed_module_before_the_log_is_cut(tmp_path: Path) -> None:
    module = STOPPED.format("Cortex").replace(
        'info msg="Cortex stopped"', 'error msg="module failed" module=memberlist-kv'
    )
    (tmp_path / "ingester.log").write_text(
        "\n".join([BANNER.format("Cortex"), module, STOPPED.format("Cortex")]) + "\n"
    )
    found = diagnose(tmp_path)
    assert [life.outcome for life in found.subjects[0].lives] == ["error_exit"]
    assert (found.verdict.cause, found.exit_status) == ("undetermined", 3)


def test_a_clean_stop_stays_healthy(tmp_path: Path) -> None:
    ready = BANNER.format("Cortex").replace("Starting Cortex", "Cortex started")
    lines = [BANNER.format("Cortex"), ready, STOPPED.format("Cortex")]
    (tmp_path / "ingester.log").write_text("\n".join(lines) + "\n")
    found = diagnose(tmp_path)
    assert [life.outcome for life in found.subjects[0].lives] == ["clean_exit"]
    assert found.verdict.status == "healthy"
