"""What this project's own capture script writes.

ingester-postmortem-HOST-20261122T215716Z/capture.json   .../manifest.jsonl
.../host/meminfo   .../proc/PID/maps   .../series/NAME/proc/PID/maps   .../logs/command-1.log
.../kubernetes/pod.json   .../kubernetes/logs/CONTAINER[-previous].log   .../data/find_data
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.layout import Marked, last_folder
from analyzer.bundle.model import Place

_NAME = lazy.pattern(r"ingester-postmortem-(?P<host>[A-Za-z0-9._-]+?)-\d{8}T\d{6}Z")
_UNNAMED = "host"  # what the script writes for a host whose name is no file name
_LOG = lazy.pattern(r"kubernetes/logs/(?P<container>[^/]+?)(?P<previous>-previous)?\.log$")


class Capture(Marked, frozen=True):
    """Its two lists stand at the top; of a capture that was cut its own name and one of them will do."""

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        listed = replace(self, needs=1)
        whole = set(super().roots(paths))
        return whole | {root for root in Marked.roots(listed, paths) if _NAME.match(last_folder(root))}

    def host(self, root: str) -> str | None:
        match = _NAME.match(last_folder(root))
        return match["host"] if match and match["host"] != _UNNAMED else None

    def place(self, path: str) -> Place:
        found = super().place(path)
        match = _LOG.match(path)
        if match is None:
            return found
        return replace(found, container=match["container"], previous=match["previous"] is not None)


LAYOUT = Capture("ingester-postmortem capture", 5, ("manifest.jsonl", "capture.json"), needs=2)
