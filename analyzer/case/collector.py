"""What the collector itself says it could not take: its error file, its manifest."""

from __future__ import annotations

from analyzer.facts import Present
from analyzer.intake import Intake

MOST = 8


def notes(intake: Intake) -> list[str]:
    """One line for each thing that was tried and not taken, at most eight, the rest counted."""
    found: list[str] = []
    for snapshot in intake.snapshots:
        if snapshot.kind == "capture":
            fact = snapshot.values.get("errors")
            if isinstance(fact, Present):
                found.extend(f"the collector could not take: {text}" for text in fact.value)
        elif snapshot.kind == "manifest":
            fact = snapshot.values.get("rows")
            if isinstance(fact, Present):
                found.extend(
                    f"the collector could not take {row.path}: {row.error or f'exit status {row.exit_code}'}"
                    for row in fact.value
                    if row.error
                )
    found = list(dict.fromkeys(found))
    if len(found) > MOST:
        found = [*found[:MOST], f"the collector could not take {len(found) - MOST} further things"]
    return found
