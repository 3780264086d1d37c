"""What the shape of an error says of the version that printed it (log-grammar 1.2).

    0   Opening storage failed open block DIR/ULID: mmap files: mmap: cannot allocate memory
    A   unexpected corrupted block:map[ULID:mmap files: mmap: cannot allocate memory ULID:...]
    B1  2 errors: corrupted block ULID: mmap: cannot allocate memory; ...
    B2  reloadBlocks: 2 errors: corrupted block ULID: mmap, size 31301: cannot allocate memory; ...
    C   2 errors: mmap, size 31301: cannot allocate memory; mmap files: mmap, size 16585: ...
    D   reloadBlocks: corrupted block ULID: mmap, size 31301: ...<newline>corrupted block ULID: ...

One failing block leaves no list, and B2 and D then print the same text: no era is named for it. A
failing head chunk file prints the same in every era.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analyzer import lazy
from analyzer.logs.errors import leaves
from analyzer.logs.leaf import HEAD_CHUNK_BYTES
from analyzer.logs.model import Tree

Bounds = tuple[str | None, str | None]

# First and last release of a product with this shape; None for an open end. Mimir's are by the dates
# of its fork of the TSDB, not by tags. No Cortex or Thanos prints D yet: their next minor could.
_BOUNDS: Mapping[str, Mapping[str, Bounds]] = {
    "0": {"prometheus": (None, "2.3")},
    "A": {"prometheus": ("2.13", "2.19"), "cortex": ("1.0", "1.1"), "thanos": ("0.4", "0.13")},
    "B1": {"prometheus": ("2.20", "2.22"), "cortex": ("1.2", "1.4"), "thanos": ("0.14", "0.16")},
    "B2": {
        "prometheus": ("2.23", "2.48"),
        "cortex": ("1.5", "1.16"),
        "thanos": ("0.17", "0.33"),
        "mimir": ("2.0", "2.11"),
    },
    "C": {
        "prometheus": ("2.49", "3.9"),
        "cortex": ("1.17", None),
        "thanos": ("0.34", None),
        "mimir": ("2.12", None),
    },
    "D": {
        "prometheus": ("3.10", None),
        "cortex": ("1.22", None),
        "thanos": ("0.43", None),
        "mimir": ("2.12", None),
    },
}

# A file of the sources that only some releases have, as caller= names it.
_CALLERS: Mapping[tuple[str, str], Bounds] = {
    ("cortex", "ingester_v2.go"): ("1.0", "1.13"),
    ("cortex", "handler.go"): ("1.19", None),  # slog behind go-kit
    ("thanos", "handler.go"): ("0.38", None),
}

_VERSION = lazy.pattern(r"v?(\d{1,4}+)\.(\d{1,6}+)")
_OPEN_BLOCK = lazy.pattern(r"pening storage failed:? open block ")
_COMPACTS = (
    "compact ",
    "persist head block",
    "populate block",
    "reloadBlocks blocks",
    "reload blocks",
    "head ",
)
_OPENS = (
    "failed to open TSDB",
    "failed to compact TSDB",
    "opening storage",
    "opening existing TSDBs",
    "unable to open TSDB",
)


def era(tree: Tree, text: str) -> str | None:
    """One of ERAS when the shape of the error allows one era only, else None."""
    core = tree.members[0] if tree.form == "chain" and len(tree.members) == 1 else tree
    prefixes = tree.prefixes + core.prefixes if core is not tree else tree.prefixes
    if core.form == "map":
        return "A"
    if _OPEN_BLOCK.search(text[:400]):
        return "0"
    if core.form == "joined":
        return "D" if any(_is_block(member) for member in core.members) else None
    if core.form == "multi":
        return _of_list(core, prefixes)
    return _of_leaf(core, prefixes)


def _is_block(tree: Tree) -> bool:
    return any(prefix.startswith("corrupted block ") for prefix in tree.prefixes)


def _of_list(tree: Tree, prefixes: tuple[str, ...]) -> str | None:
    reloads = any(prefix in ("reloadBlocks", "reloadBlocks blocks") for prefix in prefixes)
    if any(_is_block(member) for member in tree.members):
        return "B2" if reloads else "B1"
    if reloads or any(prefix.startswith(_COMPACTS) for prefix in prefixes):
        return None
    for path, leaf in leaves(tree):
        inside = path[len(tree.prefixes) :]
        if leaf.kind == "mmap" and leaf.size not in (None, HEAD_CHUNK_BYTES):
            if not inside or inside[0] in ("mmap files", "add series", "add symbol"):
                return "C"
    return None


def _of_leaf(tree: Tree, prefixes: tuple[str, ...]) -> str | None:
    """A single failing block behind the wrappers of an open: only C prints it bare."""
    leaf = tree.leaf
    if leaf is None or leaf.kind != "mmap" or leaf.size in (None, HEAD_CHUNK_BYTES):
        return None
    last = prefixes[-1] if prefixes else ""
    if last == "mmap files":
        last = prefixes[-2] if len(prefixes) > 1 else ""
    return "C" if last.startswith(_OPENS) else None


def version_bounds(name: str, product: str) -> Bounds:
    """First and last release of ``product`` that prints era ``name``; (None, None) if not known.

    An end is "major.minor" and includes its patch releases; None is an open end.
    """
    return _BOUNDS.get(name, {}).get(product.lower(), (None, None))


def contradiction(product: str, version: str, eras: Iterable[str], callers: Iterable[str]) -> str | None:
    """In one sentence, why a banner cannot be of the process that wrote these lines, or None.

    ``eras`` are those of its errors, ``callers`` its ``caller=`` values ("ingester_v2.go:1737").
    """
    stated = _numbers(version)
    if stated is None:
        return None
    product = product.lower()
    for name in eras:
        bounds = version_bounds(name, product)
        if not _within(stated, bounds):
            return (
                f"the banner says {product} {version}, but its errors have the shape of "
                f"{product} {_range(bounds)} (era {name})"
            )
    for caller in callers:
        bounds = _CALLERS.get((product, caller.partition(":")[0]), (None, None))
        if not _within(stated, bounds):
            return (
                f"the banner says {product} {version}, but caller={caller[:60]} is of "
                f"{product} {_range(bounds)}"
            )
    return None


def _numbers(version: str) -> tuple[int, int] | None:
    match = _VERSION.match(version.strip())
    return (int(match[1]), int(match[2])) if match else None


def _within(stated: tuple[int, int], bounds: Bounds) -> bool:
    first, last = (_numbers(end) if end else None for end in bounds)
    return (first is None or stated >= first) and (last is None or stated <= last)


def _range(bounds: Bounds) -> str:
    first, last = bounds
    if first and last:
        return f"{first} to {last}"
    return f"{first} or later" if first else f"{last} or earlier"
