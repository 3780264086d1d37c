"""One file per kind of snapshot, each exporting ``PARSER``; its docstring begins with a real sample."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Fact


def member_of(path: str, content: bytes, chunk: int = 1 << 16) -> Member:
    """A member made of ``content``, for samples and tests."""
    pieces = [content[i : i + chunk] for i in range(0, len(content), chunk)]
    return Member(path, len(content), content[:8192], iter(pieces))


def sample(parser: Any, path: str, doc: str | None) -> Mapping[str, Fact[Any]]:
    """The facts of the sample in a parser's docstring: its lines that are indented by four blanks.

    The sample must be the parser's own: its sniff is asked first.
    """
    rows = [line for line in (doc or "").split("\n\n>>> ")[0].split("\n") if line.startswith("    ")]
    content = (dedent("\n".join(rows)) + "\n").encode()
    assert parser.sniff(path, content[:8192]), f"{parser.kind} does not know its own sample"
    snapshots = parser.read(member_of(path, content))
    merged: dict[str, Fact[Any]] = {}
    for taken in snapshots:
        merged.update(taken.values)
    return merged
