"""Who wrote a line, as far as its framing tells, and of whom a supervisor speaks.

[pod/ingester-0/ingester] level=info ts=...                                          a container of a pod
Nov 22 21:36:00 node1 cortex[4321]: level=info ts=...                                a process of a host
Nov 22 21:36:09 node1 systemd[1]: cortex.service: Main process exited, code=killed   a supervisor, of cortex
"""

from __future__ import annotations

import re
from collections.abc import Collection

from analyzer import lazy

Hints = tuple[tuple[str, str], ...]

SUPERVISORS = frozenset(
    (
        "systemd",
        "kubelet",
        "dockerd",
        "containerd",
        "crio",
        "cri-o",
        "kernel",
        "init",
        "k3s",
        "systemd-oomd",
        "rke2",
    )
)
PRODUCTS = ("cortex", "mimir", "prometheus", "thanos", "loki")
ROLE = "ingester"
MOST = 256  # sources that are searched for in a supervisor's line
_NAMES = ("pod", "container", "name")  # that a supervisor calls it by
_READ = 2000  # characters of a supervisor's line in which a name is searched
_UNIT = lazy.pattern(r"(?P<unit>[^\s:]{1,200})\.service: ")


def is_supervisor(hints: Hints) -> bool:
    """Whether the line is of the program that runs processes, not of a process it runs."""
    units = (value for name, value in hints if name in ("unit", "identifier"))
    return bool(hints) and any(unit.removesuffix(".service") in SUPERVISORS for unit in units)


def source_of(hints: Hints) -> Hints:
    """What stays the same when the process restarts: its pod and container, or its host and the name that the
    service manager gives it. A unit is one process whatever name it logs under; a user's session is not."""
    told = dict(hints)
    unit = told.get("unit", "").removesuffix(".service")
    if unit.endswith(".scope") or unit.startswith("user@"):
        unit = ""
    told["name"] = unit or told.get("identifier", "")
    keys = ("namespace", "pod", "container") if "pod" in told else ("host", "container")
    if not ("pod" in told or "container" in told):
        keys = ("host", "name")
    return tuple((key, told[key]) for key in keys if told.get(key))


def spoken_of(text: str, sources: Collection[Hints]) -> list[Hints]:
    """The sources that a supervisor's line may speak of: those it names, all where it names none. A line of a
    unit that none of them can be speaks of none."""
    if len(sources) > MOST:
        return []
    match = _UNIT.match(text)
    if match is not None:
        unit = match["unit"]
        same = [source for source in sources if unit in _names(source)]
        return same or [source for source in sources if _may_be(unit, _names(source))]
    text = text[:_READ]
    # A container's name is that of every pod of the set, the pod's is its own.
    named = {source: sum(_stands_in(text, name) for name in _names(source)) for source in sources}
    most = max(named.values(), default=0)
    return [source for source, found in named.items() if found == most]


def _names(source: Hints) -> list[str]:
    return [value for name, value in source if name in _NAMES]


def _may_be(unit: str, names: Collection[str]) -> bool:
    """Whether a unit runs a process that logs under another name: ``cortex-ingester`` runs ``cortex``."""
    if not names or any(name in unit or unit in name for name in names):
        return True
    if not any(word in unit for word in (*PRODUCTS, ROLE)):
        return False
    products = {product for product in PRODUCTS if product in unit}
    others = {product for product in PRODUCTS for name in names if product in name}
    return not (products and others) or not products.isdisjoint(others)


def _stands_in(text: str, name: str) -> bool:
    return name in text and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None
