r"""Error texts become trees: every form of log-grammar 1.1, whole or cut, in time linear in the text.

    opening existing TSDBs: failed to open TSDB: /d/t1: 2 errors: mmap, size 31301: cannot allocate memory; mm...
    2 errors occurred:\n\t* Failed to resolve a: no such host\n\t* Failed to join 10.0.0.1: i/o timeout\n\n
    unexpected corrupted block:map[01E7G4W3ZK4Y5B0R2C8N9M6QTF:mmap files: mmap: cannot allocate memory]
    reloadBlocks: corrupted block 01G...K: mmap, size 9: cannot allocate memory\ncorrupted block 01G...X: mmap, ...
    2 errors: mmap, size 1: ...; mmap, size 2: ...\nopening storage\nmain.main\n\t/srv/x.go:18\nreceive command failed

``N errors: `` is an arity prefix, as in Polish notation, so nested lists are told apart by counting.
The text is the unquoted value of ``err=``: layers of quoting are undone before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct, field

from analyzer import lazy
from analyzer.logs.leaf import split_member, split_prefixes, text_behind_errno
from analyzer.logs.model import Leaf, Tree
from analyzer.logs.newlines import lines_of, member_lines
from analyzer.logs.stream import StreamCount, StreamCounter

__all__ = ["StreamCount", "StreamCounter", "innermost", "leaves", "parse", "render"]

MAX_DEPTH = 64
"""Lists nested deeper are kept flat and marked ambiguous; no library nests beyond four."""

_HEADER = lazy.pattern(r" *+(?:(\d{1,9}+) errors: |(?:1 error|(\d{1,9}+) errors) occurred:\n\t\* )")
_INNER_HEADER = lazy.pattern(
    r"(?<=: ) *+(?:(\d{1,9}+) errors: |(?:1 error|(\d{1,9}+) errors) occurred:\n\t\* )"
)
_HEADER_ALONE = lazy.pattern(r"(?:^|: )\d{1,9} errors? occurred:\s*$")
_HEADLESS = lazy.pattern(r"(?:memory|files|argument|device|unavailable); (?:mmap\b|corrupted block )")
_MAP_START = "unexpected corrupted block:map["
_MAP_NEXT = lazy.pattern(r" (?=[0-9A-HJKMNP-TV-Z]{26}+:)")
_MAP_KEY = lazy.pattern(r"[0-9A-HJKMNP-TV-Z]{26}+:")
_ITEM = "\n\t* "
_ITEM_LAST = "\n\n"
_CACHE_LIMIT = 65_536


def parse(text: str, *, cut: bool = False) -> Tree:
    """The tree of an error text. Never raises; cost is linear in ``len(text)``.

    ``cut`` says that the end of the text is missing: the last member is then incomplete unless it
    ends in a known errno, and a list may hold fewer members than ``declared``. A list with fewer
    members than declared was cut whether or not ``cut`` says so. A list whose members cannot be
    told apart (more than declared, or text behind an errno) is kept flat, ``ambiguous`` set.
    """
    start = text.find(_MAP_START)
    if start >= 0 and not _first_header(text, 0, start):
        return _parse_map(text, start, cut)
    if "\n" in text:
        shape = lines_of(text, cut=cut)
        if shape.wraps or shape.frames:
            return Tree(shape.wraps, members=(_parse_list(shape.cause, shape.cut),), form="chain")
    return _parse_list(text, cut)


def leaves(tree: Tree) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    """Every leaf in order, with all prefixes above it, outside in."""
    stack: list[tuple[tuple[str, ...], Tree]] = [((), tree)]
    while stack:
        above, node = stack.pop()
        path = above + node.prefixes
        if node.leaf is not None:
            yield path, node.leaf
        for member in reversed(node.members):
            stack.append((path, member))


def incomplete(tree: Tree) -> bool:
    """True when the text was cut: a leaf without its end, or fewer members than declared."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if node.leaf is not None and not node.leaf.complete:
            return True
        if node.declared is not None and len(node.members) < node.declared and not node.ambiguous:
            return True
        stack.extend(node.members)
    return False


_WRAPPER = lazy.pattern(
    r"""(?:
      invalid\ service\ state:\ \w++,\ expected:\ \w++,\ failure
    | failed\ to\ start\ [^:]{1,200}+
    | opening\ existing\ TSDBs
    | (?:unable\ to\ open\ TSDB|failed\ to\ open\ TSDB|failed\ to\ compact\ TSDB)\ for\ user\ [^:;]++
    | starting\ module\ [^:]++
    | rpc\ error:\ code\ =\ [^=]{1,60}+=
    | user=[^:\s]++
    ):?\ ++""",
    re.VERBOSE,
)


def innermost(text: str) -> str:
    """``text`` without the wrappers that its copies differ by.

    One failed start logs one failure up to three times (``unable to open TSDB``, ``error while
    opening existing TSDBs``, ``module failed``), and a dependent module once more; what is left is
    the same for all of them.
    """
    position = 0
    while match := _WRAPPER.match(text, position):
        position = match.end()
    return text[position:].strip()


def render(tree: Tree) -> str:
    """The text of a tree, in the form that it names; ``parse`` of it gives the tree again.

    The stack frames of a ``%+v`` chain are not kept in a tree: one frame stands for each.
    """
    head = "".join(f"{prefix}: " for prefix in tree.prefixes)
    if tree.leaf is not None:
        return head + tree.leaf.text
    members = [render(member) for member in tree.members]
    if tree.form == "chain":
        frame = "\nmain.main\n\t/src/main.go:1"
        return "".join(members) + "".join(f"\n{wrap}{frame}" for wrap in reversed(tree.prefixes))
    if tree.form == "hashicorp":
        title = "1 error" if tree.declared == 1 else f"{tree.declared} errors"
        return f"{head}{title} occurred:{_ITEM}{_ITEM.join(members)}{_ITEM_LAST}"
    if tree.form == "map":
        pairs = (member.replace(": ", ":", 1) for member in members)
        return f"{head}{_MAP_START}{' '.join(pairs)}]"
    if tree.form == "joined":
        return head + "\n".join(members)
    title = "" if tree.declared is None else f"{tree.declared} errors: "
    return head + title + "; ".join(members)


class _Frame(Struct):
    """An open list: what it declared, and the members read so far."""

    form: Literal["multi", "hashicorp"]
    declared: int
    prefixes: tuple[str, ...]
    members: list[Tree] = field(default_factory=list)

    def close(self) -> Tree:
        return Tree(self.prefixes, None, tuple(self.members), self.declared, False, self.form)


class _Members:
    """Members without headers, parsed once per distinct text: long lists repeat few texts."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Tree] = {}

    def whole(self, text: str) -> Tree:
        tree = self._known.get(text)
        if tree is None:
            tree = _parse_member(text, False)
            if len(self._known) < _CACHE_LIMIT:
                self._known[text] = tree
        return tree


def _parse_member(text: str, cut: bool) -> Tree:
    if "\n" in text:
        lines = member_lines(text, cut=cut)
        if len(lines.members) > 1:
            parts = [
                _one(line, cut and number == len(lines.members) - 1)
                for number, line in enumerate(lines.members)
            ]
            return Tree(lines.prefixes, members=tuple(parts), form="joined")
    return _one(text, cut)


def _one(text: str, cut: bool) -> Tree:
    prefixes, leaf = split_member(text, cut=cut)
    return Tree(prefixes, leaf)


def _first_header(text: str, start: int, end: int) -> re.Match[str] | None:
    return _HEADER.match(text, start, end) or _INNER_HEADER.search(text, start, end)


def _parse_list(text: str, cut: bool) -> Tree:
    """A text in which lists may be nested by header; see :func:`parse`."""
    first = _first_header(text, 0, len(text))
    if first is None and _HEADLESS.search(text):
        return _parse_headless(text, cut)
    if first is None:
        return _parse_member(text.rstrip("\n") if not cut else text, cut)
    tree = _Reader(text, cut).read(first)
    if tree is None:
        return _parse_flat(text, first, cut)
    if _has_suffix(tree):
        return Tree(tree.prefixes, None, tree.members, tree.declared, True, tree.form)
    return tree


def _has_suffix(tree: Tree) -> bool:
    """Text behind the errno of the last leaf: a suffix, or a separator inside a leaf."""
    node = tree
    while node.members:
        node = node.members[-1]
    leaf = node.leaf
    return leaf is not None and leaf.complete and text_behind_errno(leaf.text)


class _Reader:
    """One pass over a text with headers. Positions only grow, so that the cost is linear."""

    def __init__(self, text: str, cut: bool) -> None:
        self.text = text
        self.cut = cut
        self.stack: list[_Frame] = []
        self.items = 0  # open hashicorp lists
        self.known = _Members()
        self._next: dict[str, int] = {}
        self._root: Tree | None = None

    def read(self, first: re.Match[str]) -> Tree | None:
        """The tree, or None when members are left over (the text is not decodable by arity)."""
        self._open(first, 0)
        position = first.end()
        while True:
            end, separator = self._separator(position)
            header = None
            if self._find(" error", position) < end:
                # The first item of an inner hashicorp list is part of its header.
                header = _first_header(self.text, position, end + len(_ITEM) * (separator == _ITEM))
            if header is not None:
                if len(self.stack) >= MAX_DEPTH:
                    return None
                self._open(header, position)
                position = header.end()
                continue
            if not separator:
                return self._finish(position)
            self._add(self.known.whole(self.text[position:end]))
            position = end + len(separator)
            if not self._after(separator):
                return None
            if separator == _ITEM_LAST:
                settled = self._settle(position)
                if settled is None or not self.stack:
                    rest = "" if settled is None else self.text[settled:]
                    return self._root if settled is not None and not rest.strip() else None
                position = settled

    def _open(self, header: re.Match[str], start: int) -> None:
        prefixes = split_prefixes(self.text[start : max(start, header.start() - 2)])
        if header[1] is not None:
            self.stack.append(_Frame("multi", int(header[1]), prefixes))
        else:
            self.stack.append(_Frame("hashicorp", int(header[2] or 1), prefixes))
            self.items += 1

    def _find(self, mark: str, position: int) -> int:
        """The next ``mark`` at or after ``position``; remembered, since positions only grow."""
        known = self._next.get(mark, -1)
        if known < position:
            known = self.text.find(mark, position)
            if known < 0:
                known = len(self.text) + 1
            self._next[mark] = known
        return known

    def _separator(self, position: int) -> tuple[int, str]:
        """End of the member at ``position`` and the separator there ("" at the end of the text)."""
        end, found = len(self.text), ""
        if self.stack[-1].form == "multi":
            end, found = self._find("; ", position), "; "
        if self.items:
            for mark in (_ITEM, _ITEM_LAST):
                at = self._find(mark, position)
                if at < end:
                    end, found = at, mark
        return (end, found) if end < len(self.text) else (len(self.text), "")

    def _add(self, tree: Tree) -> None:
        """Adds a whole member, closing every "N errors:" list that it completes."""
        self.stack[-1].members.append(tree)
        while self.stack[-1].form == "multi" and len(self.stack[-1].members) >= self.stack[-1].declared:
            self._close()
            if not self.stack:
                break

    def _close(self) -> None:
        frame = self.stack.pop()
        self.items -= frame.form == "hashicorp"
        if self.stack:
            self.stack[-1].members.append(frame.close())
        else:
            self._root = frame.close()

    def _after(self, separator: str) -> bool:
        """Whether ``separator`` can follow the member that was just added."""
        if not self.stack:
            return False
        if separator == "; ":
            return self.stack[-1].form == "multi"
        return self.stack[-1].form != "multi"  # an item cannot end a list that is short of members

    def _settle(self, position: int) -> int | None:
        """After the blank line that ends a hashicorp list: closes it, and reads what follows.

        Returns the position of the next member (or the end of the text), None when it does not fit.
        """
        while self.stack:
            if len(self.stack[-1].members) != self.stack[-1].declared:
                return None
            self._close()
            while self.stack and self.stack[-1].form == "multi":
                if len(self.stack[-1].members) < self.stack[-1].declared:
                    break
                self._close()
            if position == len(self.text) or not self.stack:
                break
            if self.stack[-1].form == "multi":
                return position + 2 if self.text.startswith("; ", position) else None
            if self.text.startswith(_ITEM, position):
                return position + len(_ITEM)
            if not self.text.startswith(_ITEM_LAST, position):
                return None
            position += len(_ITEM_LAST)
        while self.stack and position == len(self.text):
            self._close()  # cut behind a blank line
        return position

    def _finish(self, position: int) -> Tree | None:
        """The last member, which ends with the text, and all lists that are still open."""
        text = self.text[position:]
        inside = self.stack[-1]
        short = self.cut or any(len(frame.members) + 1 < frame.declared for frame in self.stack)
        if short and text.endswith(";"):
            text = text[:-1]
        text = text.rstrip("\n")
        if text:
            inside.members.append(_parse_member(text, short))
        while self.stack:
            if len(self.stack[-1].members) > self.stack[-1].declared:
                return None
            self._close()
        return self._root


def _parse_flat(text: str, first: re.Match[str], cut: bool) -> Tree:
    """One level of members, for a text that arity cannot decode. An inner header before a separator is none."""
    prefixes = split_prefixes(text[: max(0, first.start() - 2)])
    separator = "; " if first[1] is not None else _ITEM
    parts = text[first.end() :].rstrip("\n").split(separator)
    parts = [part for part in parts[:-1] if not _HEADER_ALONE.search(part)] + parts[-1:]
    known = _Members()
    members = [known.whole(part.rstrip("\n")) for part in parts[:-1]]
    if parts[-1]:
        members.append(_parse_member(parts[-1], cut))
    form: Literal["multi", "hashicorp"] = "multi" if first[1] is not None else "hashicorp"
    return Tree(prefixes, None, tuple(members), int(first[1] or first[2] or 1), True, form)


def _parse_headless(text: str, cut: bool) -> Tree:
    """The rest of a list whose start is cut off: a termination message, the last piece of a line."""
    parts = text.rstrip("\n").split("; ")
    known = _Members()
    members = [known.whole(part) for part in parts[:-1]]
    members.append(_parse_member(parts[-1], cut))
    return Tree((), None, tuple(members), None, True, "multi")


def _parse_map(text: str, start: int, cut: bool) -> Tree:
    """``unexpected corrupted block:map[ULID:error ULID:error]`` of Prometheus 2.13 to 2.19."""
    prefixes = split_prefixes(text[: max(0, start - 2)])
    body = text[start + len(_MAP_START) :]
    whole = body.endswith("]") and not cut
    if body.endswith("]"):
        body = body[:-1]
    members: list[Tree] = []
    parts = _MAP_NEXT.split(body)
    for number, part in enumerate(parts):
        key = _MAP_KEY.match(part)
        if key is None:
            if part and not members:
                members.append(_parse_list(part, not whole))
            continue
        last = number == len(parts) - 1
        inner = _parse_list(part[key.end() :], last and not whole)
        prefix = (part[: key.end() - 1],)
        members.append(
            Tree(
                prefix + inner.prefixes,
                inner.leaf,
                inner.members,
                inner.declared,
                inner.ambiguous,
                inner.form,
            )
        )
    return Tree(prefixes, members=tuple(members), form="map")
