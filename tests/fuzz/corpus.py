"""Seeds and words, made of the captured data each time: no corpus is kept."""

from __future__ import annotations

import re
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from textwrap import dedent

from captured import BUNDLES, FIXTURES, bundle_names

MEMBER_BYTES = 3000  # a member is cut to this: enough for its grammar, little enough to be changed fast


@cache
def log_samples() -> tuple[bytes, ...]:
    """Whole logs of real programs."""
    return tuple(path.read_bytes() for path in sorted((FIXTURES / "log-samples").iterdir()))


@cache
def log_lines() -> tuple[bytes, ...]:
    """Every form of line that is known."""
    rows = (FIXTURES / "grammar-examples.txt").read_bytes().split(b"\n")
    return tuple(row for row in rows if row and not row.startswith(b"# "))


@cache
def members() -> tuple[tuple[str, bytes], ...]:
    """One member of each file name in the bundles, cut at a line."""
    found: dict[str, tuple[str, bytes]] = {}
    for name in bundle_names():
        with tarfile.open(BUNDLES / name / "bundle.tar.gz") as archive:
            for entry in archive:
                kind = re.sub(r"\d+", "N", entry.name.rpartition("/")[2])
                body = archive.extractfile(entry) if entry.isfile() and kind not in found else None
                if body is not None:
                    found[kind] = (entry.name, _cut(body.read(MEMBER_BYTES)))
    return tuple(found[kind] for kind in sorted(found))


def _cut(content: bytes) -> bytes:
    end = content.rfind(b"\n") + 1
    return content[:end] if len(content) == MEMBER_BYTES and end else content


def members_of(*endings: str) -> Iterator[bytes]:
    """The members whose path ends so."""
    for path, content in members():
        if path.endswith(endings):
            yield content


def doc_samples(parser: object) -> list[bytes]:
    """The sample in a parser's docstring: the lines indented by four blanks."""
    doc = sys.modules[getattr(parser, "parse").__module__].__doc__ or ""  # noqa: B009
    rows = [row for row in doc.split("\n\n>>> ")[0].split("\n") if row.startswith("    ")]
    return [(dedent("\n".join(rows)) + "\n").encode()] if rows else []
