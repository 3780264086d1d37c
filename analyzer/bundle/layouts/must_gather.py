"""``oc adm must-gather`` and ``oc adm inspect``: one folder per image, the cluster's objects below it.

must-gather.local.123/IMAGE-DIGEST/version   .../event-filter.html   .../cluster-scoped-resources/
.../namespaces/NS/pods/POD/CONTAINER/CONTAINER/logs/{current,previous,previous.insecure}.log
.../nodes/NODE/proc_cmdline
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked
from analyzer.bundle.model import Place

_NODE = lazy.pattern(r"nodes/(?P<node>[^/]+)/")
_PODS = lazy.pattern(r"(?P<root>(?:.*[/!])?)namespaces/[^/]+/(?:pods/[^/]+/|core/)[^!]*$")


class MustGather(Marked, frozen=True):
    """Recognised by its own files, or by the tree of namespaces that inspect writes without them."""

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        inspected = {
            match["root"] for path in paths if "namespaces/" in path and (match := _PODS.match(path))
        }
        return inspected | set(super().roots(paths))

    def place(self, path: str) -> Place:
        found = super().place(path)
        match = _NODE.match(path)
        return replace(found, node=match["node"], host=match["node"]) if match else found


LAYOUT = MustGather("must-gather", 30, ("cluster-scoped-resources/", "event-filter.html"))
