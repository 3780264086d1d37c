"""The ledger: every quoted line once, with an id that claims refer to."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.diagnosis.model import EvidenceView
from analyzer.facts import Evidence

QUOTE = 400  # characters of a quoted line that are kept


class Ledger:
    """Numbers evidence in the order of first use: E1, E2, ..."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, int | None, str], str] = {}
        self._rows: list[EvidenceView] = []

    def add(self, evidence: Evidence) -> str:
        """The id of ``evidence``, a new one at its first use."""
        text = evidence.text if len(evidence.text) <= QUOTE else evidence.text[: QUOTE - 1] + "…"
        key = (evidence.member, evidence.line, text)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = f"E{len(self._rows) + 1}"
            time = evidence.time.iso() if evidence.time is not None else None
            self._rows.append(EvidenceView(found, text, evidence.member, evidence.line, time))
        return found

    def add_all(self, items: Iterable[Evidence | None]) -> list[str]:
        """Ids of those there are, without repetition."""
        return list(dict.fromkeys(self.add(e) for e in items if e is not None))

    @property
    def rows(self) -> list[EvidenceView]:
        """All evidence, in the order of its ids."""
        return list(self._rows)
