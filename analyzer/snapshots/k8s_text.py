"""Kubernetes documents as streams of objects with places: JSON whole, YAML item by item.

A list in YAML is cut at its items, so that a large one costs the memory of its largest item, and
only items that are asked for are parsed at all.
"""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Evidence
from analyzer.snapshots import json_items
from analyzer.snapshots.base import body, evidence, head_of, lines
from analyzer.snapshots.k8s import Where, objects

_WHOLE = 4 << 20  # bytes of JSON that are decoded at once; of a longer text its objects, one by one
_ITEM_LIMIT = 1 << 20  # characters of one YAML item: each costs up to 200 bytes once it is parsed
_SMALLEST = 40  # bytes; an object with less names no pod and no event
_MANAGED = lazy.pattern(r"( *)(?:- )?managedFields:\s*$")


class Placed:
    """A text whose fields can be quoted with their line."""

    def __init__(self, member: Member, text: str, first_line: int = 1) -> None:
        self.member = member
        self.text = text
        self.first = first_line
        self._breaks: list[int] | None = None
        self.at = 0  # where the object in question begins

    def where(self, field: str, value: object) -> Evidence:
        """The first place after ``at`` that states ``field``: ``value``."""
        wanted = re.escape(str(value))
        pattern = re.compile(rf'["\']?{re.escape(field)}["\']?\s*:\s*["\']?{wanted}["\']?')
        match = pattern.search(self.text, self.at, self.at + _ITEM_LIMIT) or pattern.search(self.text)
        if match is None:
            return evidence(self.member, None, f"{field}: {value}")
        start = self.text.rfind("\n", 0, match.start()) + 1
        end = self.text.find("\n", match.end())
        row = self.text[start : end if end >= 0 else None]
        quoted = row if len(row) < 400 else match[0]
        return evidence(self.member, self._line(match.start()), quoted)

    def seek(self, uid: object, name: object) -> None:
        """Move ``at`` to the object with this uid or name; objects come in the order of the text."""
        start = self.at + 1 if self.at else 0
        for value in (uid, name):
            at = self.text.find(str(value), start) if value and len(str(value)) > 3 else -1
            if at >= 0:
                named = self.text.rfind(f'"{name}"', max(start, at - 4000), at)
                self.at = named if named >= 0 else at
                self.at = max(self.text.rfind("\n", start, self.at), self.at - 20, start)
                return

    def _line(self, offset: int) -> int:
        if self._breaks is None:
            self._breaks = [m.start() for m in re.finditer("\n", self.text)]
        return self.first + bisect_right(self._breaks, offset - 1)


def documents(member: Member, kind: str) -> Iterator[tuple[dict[str, Any], Where]]:
    """The objects of ``kind`` in a member, each with a function that says where it states a field."""
    if head_of(member).lstrip()[:1] in (b"{", b"["):
        yield from _from_json(member, kind)
    else:
        yield from _from_yaml(member, kind)


def _from_json(member: Member, kind: str) -> Iterator[tuple[dict[str, Any], Where]]:
    chunks = body(member)
    parts: list[bytes] = []
    while sum(map(len, parts)) <= _WHOLE and (chunk := next(chunks, None)) is not None:
        parts.append(chunk)
    raw = b"".join(parts)
    if len(raw) > _WHOLE:
        yield from _from_items(member, itertools.chain((raw,), chunks), kind)
        return
    placed = Placed(member, raw.decode("utf-8", "replace"))
    for loaded in json_values(raw, placed.text):
        for found in objects(loaded, kind):
            meta = found.get("metadata")
            if isinstance(meta, dict):
                placed.seek(meta.get("uid"), meta.get("name"))
            yield dict(found), placed.where


def _from_items(member: Member, chunks: Iterable[bytes], kind: str) -> Iterator[tuple[dict[str, Any], Where]]:
    """The objects of a long list, one at a time."""
    import msgspec

    for line, raw in json_items.items(chunks):
        if len(raw) < _SMALLEST:
            continue
        try:
            loaded = msgspec.json.decode(raw)
        except (msgspec.DecodeError, ValueError):
            continue
        placed = Placed(member, raw.decode("utf-8", "replace"), line)
        for found in objects({"items": [loaded]}, kind):
            yield dict(found), placed.where


def json_values(raw: bytes, text: str) -> Iterator[Any]:
    """The JSON values of a text: one, or several after each other; those before a cut."""
    import msgspec

    try:
        yield msgspec.json.decode(raw)
        return
    except (msgspec.DecodeError, ValueError):
        pass
    decoder = json.JSONDecoder()
    at, found = 0, 0
    while at < len(text):
        start = re.compile(r"\s*").match(text, at)
        at = start.end() if start is not None else at
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found += 1
        yield value
    if not found:
        yield from _items_of_cut_json(text, decoder)


def _items_of_cut_json(text: str, decoder: json.JSONDecoder) -> Iterator[Any]:
    """The whole items of a list whose end is missing."""
    at = text.find('"items"')
    at = text.find("[", at) + 1 if at >= 0 else 0
    items = []
    while at > 0:
        match = re.compile(r"[\s,]*(?=\{)").match(text, at)
        if match is None:
            break
        try:
            value, at = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            break
        items.append(value)
    if items:
        yield {"items": items}


def _from_yaml(member: Member, kind: str) -> Iterator[tuple[dict[str, Any], Where]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for first, text in _yaml_pieces(member):
        if not _asked_for(text, kind):
            continue
        try:
            loaded = yaml.load(text, Loader=loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        placed = Placed(member, text, first)
        if isinstance(loaded, list) and len(loaded) == 1 and isinstance(loaded[0], dict):
            loaded = loaded[0]
        if isinstance(loaded, dict) and "kind" not in loaded and "metadata" in loaded:
            loaded["kind"] = kind
        for found in objects(loaded, kind):
            yield dict(found), placed.where


def _asked_for(text: str, kind: str) -> bool:
    mark = "containerStatuses" if kind == "Pod" else "reason:"
    return mark in text or re.search(rf"^(?:- )?\s*kind: {kind}\b", text, re.MULTILINE) is not None


def _yaml_pieces(member: Member) -> Iterator[tuple[int, str]]:
    """(first line, text) of each document, or of each item of a list, ``managedFields`` left out."""
    piece: list[str] = []
    first, size, item_indent, skip = 1, 0, -1, -1
    in_items = False
    for number, line in lines(member):
        stripped = line.lstrip(" ")
        indent = len(line) - len(stripped)
        if skip >= 0:
            if not stripped or indent > skip or (indent == skip and stripped.startswith("-")):
                piece.append("")  # keeps the numbers of the lines that follow
                continue
            skip = -1
        managed = _MANAGED.match(line)
        if managed is not None:
            skip = len(managed[1])
            piece.append("")
            continue
        if stripped == "items:" and not in_items and indent == 0:
            in_items, piece, size, item_indent = True, [], 0, -1
            continue
        starts_item = in_items and stripped.startswith("- ") and item_indent in (-1, indent)
        if line.startswith("---") or starts_item or (in_items and indent == 0 and stripped[:1].isalpha()):
            if piece:
                yield first, "\n".join(piece)
            piece, size, first = [], 0, number
            if starts_item:
                item_indent = indent
            else:
                in_items = False
                if line.startswith("---"):
                    first = number + 1
                    continue
        size += len(line) + 1
        if size <= _ITEM_LIMIT:
            piece.append(line)
    if piece:
        yield first, "\n".join(piece)
