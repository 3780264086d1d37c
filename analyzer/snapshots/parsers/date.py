"""``date``, ``date --utc``, ``date -u +%FT%TZ``: the moment of the capture.

    Sun Nov 22 22:18:00 UTC 2026

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "sos_commands/date/date", __doc__)["now"].value.iso()
'2026-11-22T22:18:00Z'
"""

from __future__ import annotations

from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present, Stamp
from analyzer.snapshots.base import SnapshotParser, evidence, first_line, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.moments import moment


def _stamp_of(head: bytes) -> Stamp | None:
    line = first_line(head).decode("utf-8", "replace").strip()
    return moment(line) if 6 <= len(line) <= 64 else None


def read_date(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``now`` and ``text``; its stamp is that moment."""
    for number, line in enumerate(text(member, 4096).split("\n"), 1):
        stamp = moment(line.strip())
        if stamp is not None:
            values: dict[str, Fact[Any]] = {
                "now": Present(stamp, evidence(member, number, line, stamp)),
                "text": present(line.strip(), member, number, line),
            }
            return [snapshot(member, "date", values, stamp=stamp)]
    return [unreadable(member, "date", "now", "no date in it")]


PARSER = SnapshotParser(
    kind="date",
    main="now",
    markers=("date", "date_--utc", "date_utc", "date_u", "date_-u", "date.*", "timestamp", "captured_at"),
    confirm=lambda path, head: len(head) < 2048 and _stamp_of(head) is not None,
    parse=read_date,
)
