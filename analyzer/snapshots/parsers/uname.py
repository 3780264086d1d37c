"""``uname -a`` and ``/proc/version``: the kernel.

    Linux ingester-3 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64 GNU/Linux

>>> from analyzer.snapshots.parsers import member_of, sample
>>> facts = sample(PARSER, "sos_commands/kernel/uname_-a", __doc__)
>>> facts["release"].value, facts["machine"].value, facts["node"].value
('6.1.0-18-amd64', 'x86_64', 'ingester-3')
>>> line = b"Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\\n"
>>> PARSER.read(member_of("proc/version", line))[0].values["release"].value
'6.1.0-18-amd64'

``machine`` is the kernel's: a 32-bit process runs under an x86_64 kernel as well.
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, first_line, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_UNAME = lazy.pattern(r"Linux (\S+) (\d+\.\d+\S*) (.*)")
_VERSION = lazy.pattern(r"Linux version (\S+) .*")
_SHORT = lazy.pattern(r"(?:Linux )?(\d+\.\d+\.\d+\S*)(?: (\w+))?")
_MACHINE = lazy.pattern(
    r"\b(x86_64|aarch64|arm64|armv\d\w*|i[3-6]86|ppc64(?:le)?|s390x|riscv64|mips\w*|loongarch64)\b"
)


def _is_uname(path: str, head: bytes) -> bool:
    line = first_line(head[:1024]).decode("utf-8", "replace").strip()
    if _UNAME.fullmatch(line) or _VERSION.fullmatch(line):
        return head.count(b"\n") <= 3
    return _SHORT.fullmatch(line) is not None and "uname" in path.lower()


def read_uname(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``release``, and ``node`` and ``machine`` where the text has them."""
    line = text(member, 2048).strip().split("\n")[0]
    full, version, short = _UNAME.fullmatch(line), _VERSION.fullmatch(line), _SHORT.fullmatch(line)
    if full is not None and full[1] == "version":
        full = None
    match = full or version or short
    if match is None:
        return [unreadable(member, "uname", "release", "empty or garbled")]
    release = full[2] if full is not None else match[1]
    values: dict[str, Fact[Any]] = {
        "release": present(release, member, 1, line),
        "text": present(line, member, 1, line),
    }
    if full is not None:
        values["node"] = present(full[1], member, 1, line)
    machine = _MACHINE.findall(full[3] if full is not None else (short[2] or "") if short is not None else "")
    if machine:
        values["machine"] = present(machine[-1], member, 1, line)
    return [snapshot(member, "uname", values)]


PARSER = SnapshotParser(
    kind="uname",
    main="release",
    markers=("uname", "uname_-a", "uname_a", "uname*", "proc/version", "kernel_version"),
    confirm=lambda path, head: _is_uname(path, head) or (not head.strip() and "version" in path),
    parse=read_uname,
    strong=lambda path, head: len(head) < 400 and head.startswith(b"Linux ") and _is_uname(path, head),
)
