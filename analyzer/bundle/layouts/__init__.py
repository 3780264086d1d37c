"""The ways bundles are laid out, one file each; every file exports ``LAYOUT``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from analyzer import lazy
from analyzer.bundle.layout import Kind, Recognised, above, without_copy

FALLBACK = "flat"


@cache
def layouts() -> tuple[Kind, ...]:
    """All layouts of this package, by priority and name."""
    found: list[Kind] = []
    for module in lazy.modules(__path__):
        found.append(importlib.import_module(f"{__name__}.{module}").LAYOUT)
    return tuple(sorted(found, key=lambda kind: (kind.priority, kind.name)))


def recognise(
    paths: Iterable[str], name: str = "", links: Mapping[str, str] = MappingProxyType({})
) -> Recognised:
    """How a bundle with these paths and links is laid out.

    ``name`` is the bundle's own name: a folder or archive without a folder at its top may tell the host
    there. ``links`` are the bundle's, after the pass.
    """
    known = frozenset(without_copy(path) for path in paths)
    roots: dict[str, Kind] = {}
    left = known
    fallback = next(kind for kind in layouts() if kind.name == FALLBACK)
    for kind in layouts():
        if kind is fallback:
            left = frozenset(path for path in known if not _inside(path, roots))
        for root in kind.roots(left if kind is fallback else known):
            if root not in roots and not _divided(root, kind, roots):
                roots[root] = kind
    return Recognised(roots, fallback, known, name, links)


def _inside(path: str, roots: dict[str, Kind]) -> bool:
    """Whether a root stands above the path."""
    return "" in roots or any(folder in roots for folder in above(path))


def _divided(root: str, kind: Kind, roots: dict[str, Kind]) -> bool:
    """Whether the root lies in one of another kind, in the same archive: it is then a part of that."""
    archive = root.rfind("!") + 1
    return any(
        len(folder) >= archive and roots.get(folder, kind) is not kind
        for folder in ("", *above(root))
        if folder != root
    )
