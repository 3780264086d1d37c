"""What the product says of itself: ``cortex --version``, ``prometheus --version``, ``/api/v1/status/buildinfo``.

    Cortex, version 1.11.1 (branch: HEAD, revision: d7188d35fd)
      build user:
      build date:
      go version:       go1.19.8
      platform:         linux/amd64

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/cortex/version", __doc__)
>>> facts["product"].value, facts["version"].value, facts["go_version"].value, facts["platform"].value
('cortex', '1.11.1', 'go1.19.8', 'linux/amd64')

The version may be empty (a build without ldflags): then only the product and the revision are known.
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot, unreadable
from analyzer.snapshots.model import Snapshot

_FIRST = lazy.pattern(
    r"\s*([A-Za-z][\w -]{1,40}?), version ?(\S*?) ?\(branch: ?(.*?), revision: ?([^)\s]*)\)?.*"
)
_FIRST_BYTES = lazy.pattern(rb"^\s*[A-Za-z][\w -]{1,40}, version ?\S* ?\(branch: ?[^\n]*", re.MULTILINE)
_ROWS = {"go version": "go_version", "platform": "platform", "build date": "build_date", "tags": "tags"}
_JSON = lazy.pattern(r'"(version|revision|goVersion|branch)"\s*:\s*"([^"]*)"')


def _is_version(path: str, head: bytes) -> bool:
    """The line may follow what the program logs before it."""
    return b", version" in head and _FIRST_BYTES.search(head[:2048]) is not None


def _confirm(path: str, head: bytes) -> bool:
    return _is_version(path, head) or (b'"goVersion"' in head and b'"revision"' in head)


def read_version(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: ``product`` in lower case, ``version``, ``revision``, ``go_version``, ``platform``."""
    values: dict[str, Fact[Any]] = {}
    for number, line in lines(member):
        first = _FIRST.fullmatch(line)
        if first is not None and "product" not in values:
            values["product"] = present(first[1].strip().lower(), member, number, line)
            if first[2]:
                values["version"] = present(first[2], member, number, line)
            if first[4]:
                values["revision"] = present(first[4], member, number, line)
        key, colon, rest = line.partition(":")
        name = _ROWS.get(key.strip())
        if colon and name is not None and rest.strip():
            values.setdefault(name, present(rest.strip(), member, number, line))
        for key, value in _JSON.findall(line[:10_000]):
            name = {"goVersion": "go_version"}.get(key, key)
            if value:
                values.setdefault(name, present(value, member, number, line))
        if number > 100:
            break
    if not values:
        return [unreadable(member, "version", "version", "names no product")]
    return [snapshot(member, "version", values)]


PARSER = SnapshotParser(
    kind="version",
    main="version",
    markers=("version", "*version", "version.*", "buildinfo", "*buildinfo*"),
    confirm=_confirm,
    parse=read_version,
    strong=lambda path, head: len(head) < 2000 and _is_version(path, head),
)
