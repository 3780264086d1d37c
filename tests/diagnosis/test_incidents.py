"""Public incidents by their log lines alone: none confidently wrong, and the share that is right."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from analyzer.pipeline import diagnose

INCIDENTS = Path(__file__).resolve().parents[2] / "fixtures" / "incidents"
FILES = sorted(INCIDENTS.glob("*.json"))
# The incidents' own vocabulary in the contract's words.
CAUSES = {
    "memory_exhausted": {"system_oom", "cgroup_oom"},
    "kernel_bug": {"kernel_memory"},
    "other:TasksMax / pids limit": {"threads"},
    "other:inotify max_user_instances": {"inotify"},
}


def right_causes(incident: dict) -> set[str]:
    verdict = incident.get("cause") or incident["verdict"]
    names = {verdict, *incident.get("also_right", [])}
    for name in [verdict, incident["verdict"]]:
        names |= CAUSES.get(name, set())
    return names


def verdict_of(incident: dict):
    text = "\n".join(incident["log_lines"]) + "\n"
    return diagnose(io.BytesIO(text.encode())).verdict


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_log_lines_alone_are_never_confidently_wrong(path: Path) -> None:
    incident = json.loads(path.read_text())
    if not incident["log_lines"]:
        # Nothing to read: the honest answer is asked of the empty input elsewhere.
        assert incident["verdict"]
        return
    verdict = verdict_of(incident)
    if verdict.status in ("confirmed", "likely"):
        assert verdict.cause in right_causes(incident), verdict.summary
