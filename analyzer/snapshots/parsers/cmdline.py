"""``/proc/PID/cmdline``: the arguments, each ended by a NUL byte (shown as blanks by some tools).

    /usr/bin/prometheus --config.file=/etc/prometheus.yml --storage.tsdb.path=/data

>>> from analyzer.snapshots.parsers import member_of
>>> taken = PARSER.read(member_of("proc/7/cmdline", b"/bin/cortex\\0-target=ingester\\0"))[0]
>>> taken.pid, taken.values["argv"].value
(7, ('/bin/cortex', '-target=ingester'))

Empty is a zombie or a kernel thread: unreadable.
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    refusal,
    snapshot,
    unreadable,
    whole,
)
from analyzer.snapshots.model import Snapshot


def _confirm(path: str, head: bytes) -> bool:
    return b"\0" in head or head.count(b"\n") <= 200


def read_cmdline(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``argv``."""
    raw = whole(member, 1 << 20)
    why = refusal(raw) if b"\0" not in raw else None
    if why is not None or not raw.strip(b"\0 \n"):
        return [unreadable(member, "cmdline", "argv", why or "empty: a zombie or a kernel thread")]
    if b"\0" in raw:
        words = raw.strip(b"\n").split(b"\0")
    else:  # a collector wrote them with blanks, or one a line
        words = raw.strip(b"\n").split(b"\n") if raw.strip(b"\n").count(b"\n") else raw.split()
    if not words[-1]:
        words.pop()
    argv = tuple(word.decode("utf-8", "replace") for word in words)
    return [snapshot(member, "cmdline", {"argv": Present(argv, evidence(member, 1, " ".join(argv)))})]


PARSER = SnapshotParser(
    kind="cmdline",
    main="argv",
    markers=("proc/*/cmdline", "cmdline"),
    confirm=_confirm,
    parse=read_cmdline,
)
