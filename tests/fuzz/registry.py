"""All targets by name."""

from __future__ import annotations

from fuzz import (
    of_bundle,
    of_command,
    of_digest,
    of_errors,
    of_framing,
    of_godump,
    of_kernel,
    of_mappings,
    of_records,
    of_scan,
    of_snapshots,
)
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        of_bundle.TARGET,
        of_framing.TARGET,
        of_records.TARGET,
        of_errors.TARGET,
        of_scan.TARGET,
        of_mappings.TARGET,
        of_snapshots.TARGET,
        of_digest.TARGET,
        of_kernel.TARGET,
        of_godump.TARGET,
        of_command.TARGET,
    )
}
