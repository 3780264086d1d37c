"""``kubectl cluster-info dump``: a folder of JSON lists and logs, or all of it in one stream.

nodes.json   NS/pods.json   NS/events.json   NS/POD/logs.txt!NS/POD/CONTAINER
dump.txt!3/pods.json   dump.txt!NS/POD/CONTAINER
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked
from analyzer.bundle.model import Place

_FOLDER = lazy.pattern(
    r"(?P<root>(?:.*[/!])?)(?P<namespace>[^/!]+)/(?:replication-controllers|daemonsets|deployments|replicasets|pods)"
    r"\.(?:json|yaml)$"
)
_STREAM = lazy.pattern(r"(?P<root>.*!)\d{1,9}/[a-z]+s\.json$")
_LIST = lazy.pattern(r"(?P<namespace>[^/!]+)/[^/!]+\.(?:json|yaml)$")
_LOG = lazy.pattern(r"(?P<namespace>[^/!]+)/(?P<pod>[^/!]+)/(?:logs\.txt$|(?P<container>[^/!.]+)$)")


class ClusterDump(Marked, frozen=True):
    """Recognised by ``nodes.json`` beside a namespace's lists, or by the lists of a stream."""

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        found = {match["root"] for path in paths if "!" in path and (match := _STREAM.match(path))}
        for path in paths:
            match = _FOLDER.match(path)
            if match and not paths.isdisjoint((match["root"] + "nodes.json", match["root"] + "nodes.yaml")):
                found.add(match["root"])
        return found

    def place(self, path: str) -> Place:
        found = super().place(path)
        if found.pod is None and (match := _LOG.match(path)):
            return replace(
                found, namespace=match["namespace"], pod=match["pod"], container=match["container"]
            )
        if found.namespace is None and (match := _LIST.match(path)) and not match["namespace"].isdigit():
            return replace(found, namespace=match["namespace"])
        return found


LAYOUT = ClusterDump("kubectl cluster-info dump", 50, ())
