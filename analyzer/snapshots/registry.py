"""Which parser a member belongs to: markers in the path propose, the first 8 KiB confirm.

The registry walks ``parsers/`` once and indexes the markers by their last component, so that a
bundle of many members costs a few dictionary look-ups each. A marker settles the kind: where one
proposes and its parser confirms, nothing else is asked, the most specific marker first. Only where
no marker is confirmed do the strong sniffs decide. A text that nobody knows is asked again without the
lines that may stand before its content.
"""

from __future__ import annotations

import importlib

from msgspec import Struct, field

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.snapshots import parsers
from analyzer.snapshots.base import (
    Parser,
    SnapshotParser,
    behind,
    head_of,
    is_refused_or_empty,
    leads,
    opens_otherwise,
    plain_head,
)
from analyzer.snapshots.paths import fits, marker_fits, names_of, parts_of


def find_parsers() -> tuple[SnapshotParser, ...]:
    """Every ``PARSER`` of the package, in the order of the module names."""
    names = lazy.modules(parsers.__path__)
    return tuple(importlib.import_module(f"{parsers.__name__}.{name}").PARSER for name in names)


Entry = tuple[str, SnapshotParser]


class Index(Struct):
    """Markers by their last component: those without a ``*`` by name, the others by the letter they begin
    or end with; ``anywhere`` are those with a ``*`` at both ends. ``wild`` holds these in their order."""

    exact: dict[str, list[Entry]] = field(default_factory=dict)
    wild: list[tuple[str, str, SnapshotParser]] = field(default_factory=list)
    begins: dict[str, list[int]] = field(default_factory=dict)
    ends: dict[str, list[int]] = field(default_factory=dict)
    anywhere: list[int] = field(default_factory=list)
    found: dict[tuple[str, ...], list[Entry]] = field(default_factory=dict)

    @classmethod
    def of(cls, all_parsers: tuple[SnapshotParser, ...]) -> Index:
        """Index every marker of ``all_parsers``."""
        index = cls()
        for parser in all_parsers:
            for marker in parser.markers:
                last = marker.rsplit("/", 1)[-1]
                if "*" not in last:
                    index.exact.setdefault(last, []).append((marker, parser))
                    continue
                if last[0] != "*":
                    places = index.begins.setdefault(last[0], [])
                elif last[-1] != "*":
                    places = index.ends.setdefault(last[-1], [])
                else:
                    places = index.anywhere
                places.append(len(index.wild))
                index.wild.append((last, marker, parser))
        return index

    def by_name(self, names: tuple[str, ...]) -> list[Entry]:
        """Entries whose last component fits one of ``names``, most specific first.

        Bundles repeat their file names (``maps``, ``status``), so the answer is kept, for at most
        4096 names.
        """
        held = self.found.get(names)
        if held is None:
            held = [entry for name in names for entry in self.exact.get(name, ())]
            near = set(self.anywhere)
            for name in names:
                near.update(self.begins.get(name[:1], ()), self.ends.get(name[-1:], ()))
            for last, marker, parser in (self.wild[place] for place in sorted(near)):
                if any(fits(name, last) for name in names):
                    held.append((marker, parser))
            held.sort(key=lambda entry: specificity(entry[0]), reverse=True)
            if len(self.found) < 4096:
                self.found[names] = held
        return held


def specificity(marker: str) -> tuple[int, int, int]:
    """More components first, then more literal text, then fewer wildcards."""
    return marker.count("/"), len(marker.replace("*", "")), -marker.count("*")


PARSERS: tuple[SnapshotParser, ...] = find_parsers()
_INDEX = Index.of(PARSERS)
_STRONG = tuple(parser for parser in PARSERS if parser.strong is not None)


def classify(path: str, head: bytes) -> Parser | None:
    """The parser that claims the member at ``path`` with the first bytes ``head``, else None."""
    parts = parts_of(path)
    if not parts:
        return None
    head = plain_head(bytes(head))
    names = names_of(parts[-1])
    for marker, parser in _INDEX.by_name(names):
        if marker_fits(parts, names, marker) and parser.confirm(path, head):
            return parser
    for parser in _STRONG:
        if parser.strong is not None and parser.strong(path, head):
            return parser
    return None


def claimed(member: Member) -> tuple[Parser, Member] | None:
    """The parser that claims ``member``, and the member as that parser reads it, else None.

    The member begins with its content then. One that is empty or says only why it could not be read is
    of the parser that its path proposes first: the fact is unreadable, not absent.
    """
    parser = classify(member.path, member.head)
    if parser is not None:
        return parser, member
    head = head_of(member)
    if head.strip() and not opens_otherwise(head):
        return None
    if is_refused_or_empty(head):
        parts = parts_of(member.path)
        names = names_of(parts[-1]) if parts else ()
        for marker, proposed in _INDEX.by_name(names):
            if marker_fits(parts, names, marker):
                return proposed, member
        return None
    for lines, start in leads(head):
        parser = classify(member.path, head[start:]) if head[start:].strip() else None
        if parser is not None:
            return parser, behind(member, lines)
    return None


def claimants(path: str, head: bytes) -> list[Parser]:
    """Every parser that would claim the member if it were the only one. For tests: at most one."""
    return [parser for parser in PARSERS if parser.sniff(path, head)]
