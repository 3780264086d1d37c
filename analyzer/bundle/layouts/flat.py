"""No collector's layout: files as somebody put them together.

maps   meminfo   sysctl.txt   1.maps   ingester-0.log
node-1/meminfo   node-1/proc/1234/maps   node-2/meminfo   node-2/proc/77/maps
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from analyzer import lazy
from analyzer.bundle.layout import Marked, last_folder

_HOST_FILE = lazy.pattern(
    r"(?P<folder>(?:.*[/!])?)(?P<mark>meminfo|sysctl|hostname|uname|dmesg)(?:[-_. a-z]*?)(?:\.(?:txt|log|out))?$"
)
_MAPS = lazy.pattern(r"(?P<folder>(?:.*[/!])?)(?P<mark>maps|smaps|limits|status)(?:\.txt)?$")
_PROC = lazy.pattern(r"(?P<folder>(?:.*[/!])?)proc/(?:\d+/)?(?P<mark>[^/!]+)$")
# Snapshots of the same host at other moments, not other hosts.
_MOMENT = lazy.pattern(
    r"(?:series|snap\w*|sample\w*|first|last|before|after|prev(?:ious)?|now|t|run|iter\w*|\d{4,})(?:[-_.]?[\dTZ:.-]+)?$",
    re.IGNORECASE,
)

_OWN = lazy.pattern(r"(?<=[/!])(?:var/log|var/lib|proc|sys|etc|logs|sos_commands|namespaces)/")

_HOST = lazy.pattern(r"(?:node|host|worker|server|ip|vm)[-_.]?[\w.-]*\d[\w.-]*$", re.IGNORECASE)


def _top(paths: Iterable[str]) -> str:
    """The folder that all paths share, "" or ending in ``/`` or ``!``."""
    low, high = min(paths, default=""), max(paths, default="")
    end = 0
    for at, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            break
        if one in "/!":
            end = at + 1
    # A folder that a host itself has is no folder that somebody packed it into.
    own = _OWN.search("/" + low[:end])
    return low[: own.start() - 1] if own else low[:end]


class Flat(Marked, frozen=True):
    """One root for all, unless several folders each hold the same facts: then one for each of them."""

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        if not paths:
            return ()
        top = _top(paths)
        holders: defaultdict[str, set[str]] = defaultdict(set)
        for path in paths:
            match = _PROC.match(path) or _HOST_FILE.match(path) or _MAPS.match(path)
            if match:
                holders[match["mark"]].add(match["folder"])
        several: set[str] = set()
        for folders in holders.values():
            if len(folders) > 1:
                several |= {folder for folder in folders if len(folder) > len(top) and self._is_host(folder)}
        return {top, *several} if len(several) > 1 else {top}

    @staticmethod
    def _is_host(folder: str) -> bool:
        own = last_folder(folder)
        above = last_folder(folder[: -len(own) - 1]) if own else ""
        return bool(own) and not own.isdigit() and not _MOMENT.match(own) and above != "series"

    def host(self, root: str) -> str | None:
        own = last_folder(root)
        return own if _HOST.match(own) else None


LAYOUT = Flat("flat", 1000, ())
