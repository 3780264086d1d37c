"""Writes what could not be read into the coverage, and keeps hostile input from making that endless."""

from __future__ import annotations

from analyzer.bundle.model import Coverage

MAX_NOTES = 1000  # entries kept of each list; the rest is counted


class Notes:
    """The one writer of a bundle's coverage."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._seen: set[str] = set()
        self._said: set[str] = set()
        self._more = {"skipped": 0, "cut": 0, "warnings": 0}
        self._counts: dict[str, tuple[int, str]] = {}

    def skip(self, path: str, why: str) -> None:
        """The file at ``path`` is there and is not read."""
        self._coverage.members_total += 1
        if len(self._coverage.skipped) < MAX_NOTES:
            self._coverage.skipped.append((path, why))
        else:
            self._more["skipped"] += 1

    def cut(self, path: str) -> None:
        """The end of ``path``, or a part of it, is missing."""
        if path in self._seen:
            return
        if len(self._coverage.truncated) < MAX_NOTES:
            self._seen.add(path)
            self._coverage.truncated.append(path)
        else:
            self._more["cut"] += 1

    def warn(self, text: str) -> None:
        """One line about the bundle, once."""
        if text in self._said:
            return
        if len(self._coverage.warnings) < MAX_NOTES:
            self._said.add(text)
            self._coverage.warnings.append(text)
        else:
            self._more["warnings"] += 1

    def count(self, what: str, example: str) -> None:
        """Something harmless that may be frequent: one warning with a number and the first example."""
        number, first = self._counts.get(what, (0, example))
        self._counts[what] = (number + 1, first)

    def finish(self) -> None:
        """Writes what was only counted. Called once, at the end of the pass."""
        for what, (number, example) in self._counts.items():
            self.warn(f"{number} {what}, such as {example}")
        for what, number in self._more.items():
            if number:
                self._coverage.warnings.append(f"{number} more entries of the list '{what}' were left out")
