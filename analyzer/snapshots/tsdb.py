"""The shape of a TSDB on disk: which path is what, and where the tenants' directories meet.

A block is a directory named by a ULID that holds ``index``, ``chunks/NNNNNN``, ``meta.json``. The
directory above it is the tenant's (Cortex, Mimir, Thanos receive), or the whole TSDB (Prometheus).
An aborted start leaves directories named like a ULID, ``chunks``, ``chunks_head``, ``thanos`` or
``wal`` beside the tenants: phantoms, which hold a ``wal`` or ``chunks_head`` of their own and no index.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from analyzer import lazy

_ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PHANTOM_NAMES = frozenset({"chunks", "chunks_head", "thanos", "wal", "wbl", "upload"})
_MULTI_TENANT = lazy.pattern(r"tsdb|receive|ingester|blocks?$", re.IGNORECASE)
_DEFAULT_TENANTS = frozenset({"fake", "anonymous", "default-tenant"})
_SINGLE = lazy.pattern(r"prometheus|/data$|promdb", re.IGNORECASE)


def is_ulid(name: str) -> bool:
    """Whether ``name`` is a ULID, as blocks are named."""
    return len(name) == 26 and name[0] in "01234567" and not name.strip(_ULID_LETTERS)


def is_phantom_name(name: str) -> bool:
    """Whether a directory of that name beside tenants is the mark of an aborted start."""
    return name in PHANTOM_NAMES or is_ulid(name)


def parent_of(path: str) -> str:
    """The directory above; "" for a bare name, "/" for a child of the root."""
    cut = path.rfind("/")
    return path[:cut] if cut > 0 else path[: cut + 1]


def child_of(path: str) -> str:
    """The last component."""
    return path[path.rfind("/") + 1 :]


def place_tenants(
    prefixes: Iterable[str], single: Iterable[str] = (), many: bool | None = None
) -> dict[str, tuple[str, str]]:
    """Where each directory that holds blocks or heads belongs: (TSDB root, tenant).

    Directories that share a parent are tenants of it. One alone is a tenant where its parent is
    named like a multi-tenant TSDB (``tsdb``, ``receive``), else a single TSDB with the tenant "".
    ``single`` names directories known to be whole TSDBs (they hold ``lock`` or ``queries.active``);
    ``many`` overrides the guess for lone directories, where the product is known.

    >>> place_tenants(["/data/tsdb/a", "/data/tsdb/b"])["/data/tsdb/b"]
    ('/data/tsdb', 'b')
    >>> place_tenants(["/prometheus"]), place_tenants(["/data/tsdb/a"])
    ({'/prometheus': ('/prometheus', '')}, {'/data/tsdb/a': ('/data/tsdb', 'a')})
    """
    whole = set(single)
    by_parent: defaultdict[str, list[str]] = defaultdict(list)
    for prefix in prefixes:
        by_parent[parent_of(prefix)].append(prefix)
    placed: dict[str, tuple[str, str]] = {}
    for parent, children in by_parent.items():
        tenants = [child for child in children if child not in whole]
        real = [child for child in tenants if not is_phantom_name(child_of(child))]
        together = len(real) > 1 or (
            len(real) == 1 and (len(tenants) > 1 or _lone_is_tenant(parent, real[0], many))
        )
        for child in children:
            phantom = is_phantom_name(child_of(child)) and child not in whole
            if child not in whole and (together or phantom):
                placed[child] = (parent, child_of(child))
            else:
                placed[child] = (child, "")
    return placed


def _lone_is_tenant(parent: str, child: str, many: bool | None) -> bool:
    if many is not None:
        return many
    name = child_of(parent)
    if parent in (".", "") and child not in (".", ""):
        return True
    if child_of(child) in _DEFAULT_TENANTS:
        return True
    if _SINGLE.search(child):
        return False
    return bool(parent) and _MULTI_TENANT.search(name) is not None
