"""The files of ``fix/``: what the remedies say, ready to install, each only ever raising a value.

A node may already be at 1,048,576 (many distributions' default), so every form reads first and
writes only if lower. The limit belongs to the node: nothing here is for a pod's own manifest.
"""

from __future__ import annotations

from importlib.resources import files as resources
from typing import TYPE_CHECKING, Any

from analyzer.diagnosis.model import Diagnosis
from analyzer.diagnosis.remedies import SYSCTL_FILE
from analyzer.report import phrases

if TYPE_CHECKING:
    from jinja2 import Environment

SYSCTL = SYSCTL_FILE
SCRIPT = "raise-max-map-count.sh"
DAEMONSET = "raise-max-map-count-daemonset.yaml"
OVERRIDE = "ingester-nofile.conf"
ALERTS = "ingester-mappings-alerts.yaml"
README = "README.md"

_ALERT_RATIO = 0.8
_GO_METRICS = {"cortex", "mimir"}
"""Products that export process_memory_map_areas and its limit (Cortex since 1.6, Mimir)."""


def _environment() -> Environment:
    """The YAML and shell templates use ``<< >>``, since ``{{ }}`` is Prometheus' own."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = resources("analyzer.report").joinpath("templates", "fix")
    sources = {
        entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".j2")
    }
    return Environment(
        loader=DictLoader(sources),
        autoescape=False,
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _largest(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None and value > 0]
    return max(known, default=None)


def _about_mappings(diagnosis: Diagnosis) -> bool:
    """Whether the number of mappings is this bundle's trouble, or near to it."""
    if any(subject.verdict.cause == "max_map_count" for subject in diagnosis.subjects):
        return True
    return any("map" in risk.limit for risk in diagnosis.risks)


def files(diagnosis: Diagnosis) -> dict[str, str]:
    """File name to content, for ``fix/``; empty where no limit is recommended to be raised.

    The values are the largest recommended for any subject of the bundle: the setting is the node's,
    and ingesters move between nodes.
    """
    # What is not decided is not fixed: an undecided subject asks, it does not raise.
    decided = [subject for subject in diagnosis.subjects if subject.verdict.status != "undetermined"]
    maps = _largest([subject.recommended.max_map_count for subject in decided])
    nofile = _largest([subject.recommended.nofile for subject in decided])
    values: dict[str, Any] = {
        "max_map_count": maps,
        "nofile": nofile,
        "ratio": _ALERT_RATIO,
        "watch_fds": any((s.product or "") not in _GO_METRICS for s in diagnosis.subjects),
        "sysctl": SYSCTL,
        "script": SCRIPT,
        "daemonset": DAEMONSET,
        "override": OVERRIDE,
        "alerts": ALERTS,
        "tool": phrases.maker(diagnosis),
    }
    wanted = []
    if maps is not None:
        wanted += [SYSCTL, SCRIPT, DAEMONSET]
    if nofile is not None:
        wanted.append(OVERRIDE)
    if maps is not None or _about_mappings(diagnosis):
        wanted.append(ALERTS)
    if not wanted:
        return {}
    environment = _environment()
    values["names"] = wanted
    return {name: environment.get_template(f"{name}.j2").render(values) for name in [*wanted, README]}
