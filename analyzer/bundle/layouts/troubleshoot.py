"""A troubleshoot.sh support bundle, with or without a folder at its top.

support-bundle-2026-11-22T21_57_16/version.yaml   analysis.json   cluster-resources/
cluster-resources/pods/logs/NS/POD/CONTAINER[-previous].log   host-collectors/system/{sysctl,memory}.json
host-collectors/remote/NODE/sysctl.json
"""

from __future__ import annotations

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked
from analyzer.bundle.model import Place

_NODE = lazy.pattern(r"host-collectors/[^/]+/(?P<node>[^/]+)/[^/]+$|remote-collectors/(?P<remote>[^/]+)/")


class Troubleshoot(Marked, frozen=True):
    """Files of a remote node stand one folder deeper than the collector's own."""

    def place(self, path: str) -> Place:
        found = super().place(path)
        match = _NODE.match(path)
        if match is None:
            return found
        node = match["node"] or match["remote"]
        return replace(found, node=node, host=node)


LAYOUT = Troubleshoot("troubleshoot", 40, ("cluster-resources/", "host-collectors/", "analysis.json"))
