"""What a store says as a whole: how many have what, since which version, and who is near a limit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from analyzer import lazy
from analyzer.fleet.rows import Row
from analyzer.fleet.store import all_rows

SUMMARY_VERSION = 1
EXAMPLES = 3  # bundles named for one line of the summary


class RunCounts(Struct, frozen=True):
    """What one run did: ``bundles`` named, of them analysed, failed, already done, named twice."""

    bundles: int = 0
    analysed: int = 0
    errors: int = 0
    skipped: int = 0
    duplicates: int = 0
    seconds: float = 0.0


class CauseCount(Struct):
    """Bundles of one cause, by status; ``worst`` first in the summary."""

    cause: str
    bundles: int
    statuses: dict[str, int]


class VersionCount(Struct):
    """Bundles of one version of a product, by cause."""

    product: str | None
    version: str | None
    bundles: int
    causes: dict[str, int]


class Cluster(Struct):
    """Bundles with one signature: one bug, seen by many. Times RFC 3339 in UTC."""

    signature: str
    bundles: int
    causes: dict[str, int]
    statuses: dict[str, int]
    versions: list[str]
    first_seen: str | None
    last_seen: str | None
    examples: list[str]


class Near(Struct):
    """A bundle with a process near a limit that is not its cause of failure; the nearest of them.

    ``ratio`` is used / limit, ``text`` how near in numbers.
    """

    bundle: str
    subject: str | None
    product: str | None
    version: str | None
    limit: str
    ratio: float
    text: str
    cause: str


class ErrorCount(Struct):
    """Bundles without a verdict, by the kind of their error, with one of the reasons."""

    kind: str
    bundles: int
    example: str
    examples: list[str]


class Summary(Struct):
    """A store in one screen.

    ``folder`` is what the names of all bundles begin with, up to a ``/``. ``run`` is None where no
    run was made for it.
    """

    store: str
    bundles: int = 0
    folder: str = ""
    causes: list[CauseCount] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    versions: list[VersionCount] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)
    errors: list[ErrorCount] = field(default_factory=list)
    first_seen: str | None = None
    last_seen: str | None = None
    run: RunCounts | None = None
    summary_version: int = SUMMARY_VERSION

    @property
    def failed(self) -> int:
        """Bundles without a verdict."""
        return sum(each.bundles for each in self.errors)


def summarise(store: Path) -> Summary:
    """The summary of the store at ``store``, also while a run writes it.

    Raises :class:`~analyzer.errors.AnalyzerError` where there is none.
    """
    return summarise_rows(all_rows(store), str(store))


def summarise_rows(rows: Iterable[Row], store: str) -> Summary:
    """The summary of rows of the table of cases, in one pass."""
    summary = Summary(store)
    causes: dict[str, Counter[str]] = {}
    versions: dict[tuple[str | None, str | None], Counter[str]] = {}
    clusters: dict[str, _Seen] = {}
    errors: dict[str, ErrorCount] = {}
    span = _Span()
    for row in rows:
        summary.folder = _common(summary.folder, row["bundle"]) if summary.bundles else _common(row["bundle"])
        summary.bundles += 1
        if row["error"] is not None or row["cause"] is None:
            _count_error(errors, row)
            continue
        causes.setdefault(row["cause"], Counter())[row["status"]] += 1
        versions.setdefault((row["product"], row["version"]), Counter())[row["cause"]] += 1
        span.add(row["first_seen"])
        if row["signature"] and row["cause"] != "none":
            clusters.setdefault(row["signature"], _Seen()).add(row)
        if (near := _near(row)) is not None:
            summary.near.append(near)
    summary.causes = [CauseCount(cause, found.total(), _ordered(found)) for cause, found in _by_total(causes)]
    summary.statuses = _ordered(sum(causes.values(), Counter[str]()))
    summary.versions = [
        VersionCount(product, version, found.total(), _ordered(found))
        for (product, version), found in sorted(versions.items(), key=lambda item: _version_order(item[0]))
    ]
    summary.clusters = [
        seen.cluster(signature)
        for signature, seen in sorted(clusters.items(), key=lambda item: (-item[1].causes.total(), item[0]))
    ]
    summary.near.sort(key=lambda near: (-near.ratio, near.bundle))
    summary.errors = sorted(errors.values(), key=lambda each: (-each.bundles, each.kind))
    summary.first_seen, summary.last_seen = span.first, span.last
    return summary


def _common(*names: str) -> str:
    """What all names begin with, up to and with its last ``/``."""
    prefix = os.path.commonprefix(names)  # noqa: RUF071 - addresses are no paths
    folder = prefix[: prefix.rfind("/") + 1]
    return "" if folder == "/" else folder


class _Span:
    """First and last of the times added."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, moment: datetime | None) -> None:
        if moment is not None:
            self._first = moment if self._first is None else min(self._first, moment)
            self._last = moment if self._last is None else max(self._last, moment)

    @property
    def first(self) -> str | None:
        return _iso(self._first)

    @property
    def last(self) -> str | None:
        return _iso(self._last)


class _Seen:
    """What is counted of one signature."""

    def __init__(self) -> None:
        self.causes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.versions: set[tuple[str | None, str | None]] = set()
        self.span = _Span()
        self.examples: list[str] = []

    def add(self, row: Row) -> None:
        self.causes[row["cause"]] += 1
        self.statuses[row["status"]] += 1
        if row["product"] or row["version"]:
            self.versions.add((row["product"], row["version"]))
        self.span.add(row["first_seen"])
        if len(self.examples) < EXAMPLES:
            self.examples.append(row["bundle"])

    def cluster(self, signature: str) -> Cluster:
        versions = [" ".join(filter(None, each)) for each in sorted(self.versions, key=_version_order)]
        return Cluster(
            signature,
            self.causes.total(),
            _ordered(self.causes),
            _ordered(self.statuses),
            versions,
            self.span.first,
            self.span.last,
            self.examples,
        )


def _near(row: Row) -> Near | None:
    if row["risk_ratio"] is None:
        return None
    return Near(
        row["bundle"],
        row["risk_subject"],
        row["product"],
        row["version"],
        row["risk_limit"] or "",
        row["risk_ratio"],
        row["risk_text"] or "",
        row["cause"],
    )


def _count_error(errors: dict[str, ErrorCount], row: Row) -> None:
    kind = row["error_kind"] or "fault"
    found = errors.setdefault(kind, ErrorCount(kind, 0, row["error"] or "", []))
    found.bundles += 1
    if len(found.examples) < EXAMPLES:
        found.examples.append(row["bundle"])


def _ordered(found: Counter[str]) -> dict[str, int]:
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _by_total(found: dict[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    return sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))


def _version_order(each: tuple[str | None, str | None]) -> tuple[Any, ...]:
    """Products by name, versions by their numbers: 1.9 before 1.11, the unknown last."""
    product, version = each
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in _PARTS.findall(version or "")]
    return product is None, product or "", version is None, parts


_PARTS = lazy.pattern(r"[0-9]{1,18}|[A-Za-z]+")


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
