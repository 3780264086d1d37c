"""What ``/proc/PID/exe`` is: the link's target, ``ls -l`` of it, or what ``file`` says of the binary.

    /usr/bin/prometheus: ELF 32-bit LSB executable, Intel 80386, version 1 (SYSV), statically linked

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/26753/exe.txt", __doc__)
>>> facts["path"].value, facts["elf_class"].value
('/usr/bin/prometheus', 32)

The first bytes of the binary itself (``exe``, ``exe_header``) tell the class as well: byte 4 of ELF.
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import (
    SnapshotParser,
    first_line,
    head_of,
    of_several,
    present,
    refusal,
    refused,
    snapshot,
    text,
    unreadable,
)
from analyzer.snapshots.model import Snapshot

_FILE = lazy.pattern(r"(\S[^\n:]*): +(?:symbolic link to (\S+)|(?:setuid )?ELF (32|64)-bit[^\n]*)")
_CLASS = lazy.pattern(r"ELF (32|64)-bit\b.*")
_LINK = lazy.pattern(r"(?:.*\s)?\S*exe -> (/[^\n]*)")
_PATH = lazy.pattern(r"/[^\n]*")
_HEX = lazy.pattern(r"(?:0*0[: ]+)?7f ?45 ?4c ?46 ?0([12])", re.IGNORECASE)


def _confirm(path: str, head: bytes) -> bool:
    if head[:4] == b"\x7fELF":
        return True
    line = first_line(head).decode("utf-8", "replace").strip()
    known = _FILE.match(line) or _LINK.match(line) or _PATH.fullmatch(line) or _HEX.match(line)
    return known is not None or refusal(head) is not None


def read_exe(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``path`` and, where told, ``elf_class`` (32 or 64)."""
    head = bytes(member.head[:8])
    if head[:4] == b"\x7fELF":
        bits = {1: 32, 2: 64}.get(head[4] if len(head) > 4 else 0)
        if bits is None:
            return [unreadable(member, "exe", "elf_class", "the ELF header is cut")]
        return [snapshot(member, "exe", {"elf_class": present(bits, member, None, f"ELF class {bits}-bit")})]
    values: dict[str, Fact[Any]] = {}
    if refused(head_of(member)) is not None:  # ``/bin/sh: file: not found`` names no file
        return [unreadable(member, "exe", "path", "refused")]
    links: set[str] = set()
    for number, line in enumerate(text(member, 8192).split("\n"), 1):
        line = line.strip()
        alone = _CLASS.match(line)
        if alone is not None:
            values.setdefault("elf_class", present(int(alone[1]), member, number, line))
            continue
        described, link, dump = _FILE.match(line), _LINK.match(line), _HEX.match(line)
        if described is not None:
            if described[3]:
                values.setdefault("elf_class", present(int(described[3]), member, number, line))
            target = described[2] or described[1]
            links |= {described[2]} if described[2] else set()
        elif link is not None:
            target = link[1]
            links.add(target)
        elif dump is not None:
            bits = 32 if dump[1] == "1" else 64
            values.setdefault("elf_class", present(bits, member, number, line))
            continue
        elif _PATH.fullmatch(line) is not None:
            target = line
        else:
            continue
        if target.startswith("/") and "/proc/" not in target:
            values.setdefault("path", present(target.removesuffix(" (deleted)"), member, number, line))
    if len(links) > 1:
        return [unreadable(member, "exe", "path", of_several("the links"))]
    if not values:
        why = refusal(bytes(member.head)) or "names no file"
        return [unreadable(member, "exe", "path", why)]
    return [snapshot(member, "exe", values)]


PARSER = SnapshotParser(
    kind="exe",
    main="path",
    markers=("proc/*/exe", "exe", "exe_header", "exe_elf", "file_exe", "readlink_exe", "ls_l_exe"),
    confirm=_confirm,
    parse=read_exe,
)
