"""What the collector itself says it could not take: its error file, its manifest."""

from __future__ import annotations

from analyzer.facts import Present
from analyzer.intake import Intake

MOST = 3


def notes(intake: Intake) -> list[str]:
    """One line for all that was tried and not taken: the first three by name, the rest counted."""
    found: list[str] = []
    for snapshot in intake.snapshots:
        if snapshot.kind == "capture":
            fact = snapshot.values.get("errors")
            if isinstance(fact, Present):
                found.extend(str(text) for text in fact.value)
        elif snapshot.kind == "manifest":
            fact = snapshot.values.get("rows")
            if isinstance(fact, Present):
                found.extend(f"{row.path}: {row.error}" for row in fact.value if row.error)
    found = list(dict.fromkeys(found))
    if not found:
        return []
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return [f"the collector could not take {'; '.join(found[:MOST])}{more}"]
