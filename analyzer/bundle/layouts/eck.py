"""eck-diagnostics: a zip of Kubernetes objects and pod logs.

eck-diagnostics-2026-11-22T21-57-16/manifest.json   NS/pod/POD/logs.txt   NS/pod/POD/previous-logs.txt
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked
from analyzer.bundle.model import Place

_LOG = lazy.pattern(r"(?P<root>(?:.*[/!])?)(?P<namespace>[^/!]+)/pod/(?P<pod>[^/!]+)/(?:previous-)?logs\.txt")


class Eck(Marked, frozen=True):
    """Recognised by its logs, which stand in a folder called ``pod``.

    Asked before ``kubectl cluster-info dump``, whose lists of objects it has as well.
    """

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        return sorted({match["root"] for path in paths if "/pod/" in path and (match := _LOG.match(path))})

    def place(self, path: str) -> Place:
        found = super().place(path)
        match = _LOG.match(path)
        if match is None or found.container is not None:
            return found
        return replace(found, namespace=match["namespace"], pod=match["pod"])


LAYOUT = Eck("eck-diagnostics", 45, ())
