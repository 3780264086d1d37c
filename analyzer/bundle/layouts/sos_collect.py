"""``sos collect``: one report per node, packed in an outer archive.

sos-collector-2026-11-22-abcdefg/sosreport-node1-2026-11-22-hijklmn.tar.xz
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from analyzer import lazy
from analyzer.bundle.layout import Marked

_REPORT = lazy.pattern(r"(?P<root>(?:.*[/!])?)sosreport-[^/!]+\.tar(?:\.\w+)?!")


class SosCollect(Marked, frozen=True):
    """The folder in which packed reports stand. Each of them is a root of its own.

    Asked before the report itself: the collector keeps ``sos_logs/`` beside the reports too.
    """

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        reports: defaultdict[str, set[str]] = defaultdict(set)
        for path in paths:
            if match := _REPORT.match(path):
                reports[match["root"]].add(match[0])
        return [root for root, found in reports.items() if len(found) > 1 or "sos-collector-" in root]


LAYOUT = SosCollect("sos collect", 8, ())
