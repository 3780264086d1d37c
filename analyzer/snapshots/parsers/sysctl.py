"""``sysctl -a``: the values that run.

    kernel.threads-max = 192730
    net.ipv4.conf.eth0/100.forwarding = 1
    vm.max_map_count = 65530
    vm.overcommit_memory = 0
    sysctl: reading key "net.ipv6.conf.all.stable_secret"

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/kernel/sysctl_-a", __doc__)
>>> facts["vm.max_map_count"].value, facts["vm.max_map_count"].evidence.line
('65530', 3)

Configured values (``etc/sysctl.d``) and those of a network namespace have parsers of their own: the
path settles that, never the content.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, known
from analyzer.snapshots.base import (
    SnapshotParser,
    is_refusal,
    is_refused_or_empty,
    lines,
    present,
    refusal,
    snapshot,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

ROW = lazy.pattern(r"([A-Za-z][\w./*:@-]*)\s*[=:]\s*(.*)")
_ROW_BYTES = lazy.pattern(
    rb"^(?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm)(?:[./][\w./:@-]+)+ ?[=:] ?[^\n]*$", re.MULTILINE
)
_CONFIGURED = lazy.pattern(r"(?:^|[/!])(?:etc|run|lib)/sysctl|sysctl\.(?:d|conf)|\.conf$")
_SYSTEM = lazy.pattern(r"(?:^|[/!])(?:etc|run|lib)/|sysctl\.d(?:[/!]|$)")
# Keys that can be read and never be configured: they stand in the first lines of a sorted dump.
_READ_ONLY = lazy.pattern(
    rb"^(?:fs\.(?:dentry-state|file-nr|inode-nr|inode-state|aio-nr)|kernel\.(?:ostype|osrelease|version)) ?=",
    re.MULTILINE,
)


def is_dump(path: str, head: bytes) -> bool:
    """Whether a ``sysctl.conf`` outside of ``etc`` is what ``sysctl -a`` printed (PingCAP's diag)."""
    return _SYSTEM.search(path.lower()) is None and _READ_ONLY.search(head) is not None


def looks_like_sysctl(path: str, head: bytes) -> bool:
    """Most of the first rows are ``key.name = value`` of the kernel's own families."""
    rows = [row for row in head[:4096].split(b"\n")[:40] if row.strip() and row[:1] not in b"#;$"]
    rows = [row for row in rows if not row.startswith(b"sysctl:")]
    if len(head) > 4096 and len(rows) > 1:
        rows.pop()
    fitting = sum(_ROW_BYTES.match(row) is not None for row in rows)
    return fitting > 0 and fitting * 4 >= len(rows) * 3


def _strong(path: str, head: bytes) -> bool:
    if b"=" not in head[:300] and b":" not in head[:300]:
        return False
    low = path.lower()
    if "netns" in low or (_CONFIGURED.search(low) and not is_dump(path, head)):
        return False
    return looks_like_sysctl(path, head)


def values_of(member: Member, most: int = 20_000) -> dict[str, Fact[str]]:
    """Every ``key = value`` as text; the first of a key wins."""
    return _stated(member, most)[0]


def _stated(member: Member, most: int = 20_000) -> tuple[dict[str, Fact[str]], dict[str, Fact[str]]]:
    """What is stated first of each key, and what another host or moment states otherwise in the same text."""
    values: dict[str, Fact[str]] = {}
    others: dict[str, Fact[str]] = {}
    for number, line in lines(member):
        if line[:1] in "#;" or line.startswith("sysctl:"):
            continue
        match = ROW.fullmatch(line.strip())
        if match is None or len(values) >= most or _is_no_key(match[1], line):
            continue
        key = match[1].replace("/", ".") if "." not in match[1] else match[1]
        key, value = key.removeprefix("-"), match[2].strip()
        if known(values.setdefault(key, present(value, member, number, line))) != value:
            others.setdefault(key, present(value, member, number, line))
    return values, others


def _is_no_key(name: str, line: str) -> bool:
    """``bash: sysctl: command not found`` has the form of a row; every key stands in a family."""
    return ("." not in name and "/" not in name) or ("=" not in line and is_refusal(line.encode()))


def read_sysctl(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of scope "running" with every key as text, and one of what is stated otherwise further on."""
    values, others = _stated(member)
    if not values:
        why = refusal(bytes(member.head)) or "empty or garbled"
        return [unreadable(member, "sysctl", "vm.max_map_count", why)]
    return [snapshot(member, "sysctl", held) for held in (values, others) if held]


PARSER = SnapshotParser(
    kind="sysctl",
    main="vm.max_map_count",
    markers=("sysctl_-a", "sysctl", "sysctl_a", "*sysctl", "*sysctl_a", "sysctl_vm*", "inotify"),
    confirm=lambda path, head: (
        _CONFIGURED.search(path.lower()) is None
        and (looks_like_sysctl(path, head) or is_refused_or_empty(head))
    ),
    parse=read_sysctl,
    strong=_strong,
)
