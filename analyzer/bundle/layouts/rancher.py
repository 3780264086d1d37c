"""The support bundle of Rancher, Harvester and Longhorn: a zip with a zip for each node.

supportbundle_ID_2026-11-22T21-57-16Z/yamls/{cluster,namespaced}/...   metadata.yaml
.../logs/NS/POD/CONTAINER.log[.1]   .../nodes/NODE.zip!...   .../external/*.zip
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked, last_folder
from analyzer.bundle.model import Place

_LOG = lazy.pattern(
    r"logs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+?)(?P<previous>[-_.]previous)?\.log[^/]*$"
)
_OBJECTS = lazy.pattern(r"yamls/namespaced/(?P<namespace>[^/]+)/")
_NODE = lazy.pattern(r"(?P<root>(?:.*[/!])?nodes/[^/!]+\.(?:zip|tgz|tar\.gz)!)")


class Rancher(Marked, frozen=True):
    """The zip of a node is a root of its own, named like the node."""

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        found = set(super().roots(paths))
        if not found:
            return ()
        return found | {match["root"] for path in paths if "nodes/" in path and (match := _NODE.match(path))}

    def host(self, root: str) -> str | None:
        if not root.endswith("!"):
            return None
        return re.sub(r"\.(?:zip|tgz|tar\.gz)$", "", last_folder(root))

    def place(self, path: str) -> Place:
        found = super().place(path)
        if match := _LOG.match(path):
            return replace(
                found,
                namespace=match["namespace"],
                pod=match["pod"],
                container=match["container"],
                previous=found.previous or match["previous"] is not None,
            )
        match = _OBJECTS.match(path)
        return replace(found, namespace=match["namespace"]) if match else found


LAYOUT = Rancher("rancher support bundle", 60, ("yamls/namespaced/", "yamls/cluster/"))
