"""What the layouts share: a kind recognised by markers below a root, and the recognised whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.logpaths import place as place_by_path
from analyzer.bundle.logpaths import pod_of, rotation_key
from analyzer.bundle.model import Place

MAX_LINKS = 8  # links to one member that are looked at
_SEPARATOR = lazy.pattern(r"[/!]")
_COPY = lazy.pattern(r"((?:.*!)?)#\d+/")


class Kind(Protocol):
    """One layout, in one file of ``layouts/``. Paths given to :meth:`place` begin below the root."""

    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int: ...
    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        """The folders that hold such a capture: each "" or ending in ``/`` or ``!``."""
        ...

    def host(self, root: str) -> str | None:
        """The host a root's own name tells."""
        ...

    def matches(self, paths: frozenset[str]) -> bool: ...
    def place(self, path: str) -> Place: ...


class Marked(Struct, frozen=True):
    """A layout whose roots are the folders in which at least ``needs`` of the ``marks`` stand.

    A mark is a path below the root; one that ends in ``/`` is a folder. The lowest ``priority`` is asked
    first, and its roots are not divided by other layouts.
    """

    name: str
    priority: int
    marks: tuple[str, ...]
    needs: int = 1

    def roots(self, paths: frozenset[str]) -> Iterable[str]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for path in paths:
            for mark in self.marks:
                at = path.find(mark)
                while at >= 0:
                    whole = mark.endswith("/") or at + len(mark) == len(path)
                    if whole and (at == 0 or path[at - 1] in "/!"):
                        found[path[:at]].add(mark)
                        break
                    at = path.find(mark, at + 1)
        return [root for root, marks in found.items() if len(marks) >= self.needs]

    def matches(self, paths: frozenset[str]) -> bool:
        """Whether such a capture stands among ``paths``."""
        return any(True for _ in self.roots(paths))

    def host(self, root: str) -> str | None:
        return None

    def place(self, path: str) -> Place:
        """What the path below the root tells."""
        return place_by_path(path)


def last_folder(root: str) -> str:
    """The own name of a root: ``a/b/`` gives ``b``, ``outer.zip!`` gives ``outer.zip``."""
    return _SEPARATOR.split(root.rstrip("/!"))[-1]


def without_copy(path: str) -> str:
    """The path without the ``#2/`` that a second member of the same name bears."""
    match = _COPY.match(path)
    return match[1] + path[match.end() :] if match else path


def above(path: str) -> Iterator[str]:
    """The folders and archives above a path, outermost first: ``a/b!c`` gives ``a/`` and ``a/b!``."""
    for match in _SEPARATOR.finditer(path):
        yield path[: match.end()]


class Recognised:
    """The layout of one bundle: each path belongs to the innermost root above it.

    ``name`` is the outermost layout's, which gave the bundle its shape.
    """

    def __init__(
        self,
        roots: Mapping[str, Kind],
        fallback: Kind,
        paths: frozenset[str],
        name: str,
        links: Mapping[str, str],
    ) -> None:
        self._leading: defaultdict[str, list[str]] = defaultdict(list)  # target: the links that lead to it
        for link, target in links.items():
            self._leading[target].append(link)
        self._roots = roots
        self._fallback = fallback
        self._hosts = {root: self._host(kind, root, name) for root, kind in roots.items()}
        self._rotated = _rotations(paths)
        shapes = [(len(root), kind.name) for root, kind in roots.items() if kind is not fallback]
        self.name = min(shapes)[1] if shapes else fallback.name

    @staticmethod
    def _host(kind: Kind, root: str, name: str) -> str | None:
        return kind.host(root) if root else kind.host(name)

    def matches(self, paths: frozenset[str]) -> bool:
        """Always true: a bundle was recognised, if only as flat."""
        return True

    def place(self, path: str) -> Place:
        """Where the member at ``path``, a whole path of the bundle, was taken.

        A link to it may tell more than its own path: Docker's log of a container is linked from the
        pod's folder, the tail that sos kept of a log from the log's own path.
        """
        found = self._place(without_copy(path))
        steps = [path]
        for step in steps:
            for link in sorted(self._leading.get(step, ())):
                if link not in steps and len(steps) < MAX_LINKS:
                    steps.append(link)
                    found = _merge(found, self._place(without_copy(link)))
        return found

    def _place(self, path: str) -> Place:
        root = self._root(path)
        kind = self._roots.get(root, self._fallback)
        place = kind.place(path[len(root) :])
        base, number, date = rotation_key(path)
        order = self._rotated.get(base)
        rotation = place.rotation
        if order:
            rotation = 0 if base == path else number if number is not None else order.index(date) + 1
        host = place.host or self._hosts.get(root)
        pod = place.pod or (pod_of(last_folder(root)) if kind is self._fallback else None)
        return replace(place, root=root, host=host, pod=pod, rotation=rotation)

    def _root(self, path: str) -> str:
        root = ""
        for folder in above(path):
            if folder in self._roots:
                root = folder
        return root


def _merge(own: Place, other: Place) -> Place:
    """What a member's own path tells, completed by what a link to it tells."""
    return replace(
        own,
        namespace=own.namespace or other.namespace,
        pod=own.pod or other.pod,
        container=own.container or other.container,
        container_id=own.container_id or other.container_id,
        restart=own.restart if own.restart is not None else other.restart,
        rotation=own.rotation if own.rotation is not None else other.rotation,
        previous=own.previous or other.previous,
    )


def _rotations(paths: frozenset[str]) -> dict[str, list[str]]:
    """For each log that has rotated files: their dates, newest first."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        path = without_copy(path)
        base, _, date = rotation_key(path)
        if base != path:
            found[base].add(date)
    return {base: sorted(dates - {""}, reverse=True) or [""] for base, dates in found.items()}
