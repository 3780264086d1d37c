"""``/proc/uptime``, or the ``uptime`` command.

    940.81 1049.64

>>> from analyzer.snapshots.parsers import member_of, sample
>>> sample(PARSER, "proc/uptime", __doc__)["seconds"].value
940.81
>>> line = b" 22:01:02 up 3 days, 34 min,  0 user,  load average: 1.66, 2.60, 2.54\\n"
>>> PARSER.read(member_of("uptime", line))[0].values["seconds"].value
261240.0

The command shows whole minutes: ``precision`` says how many seconds the value may lack.
"""

from __future__ import annotations

import re
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot

_FILE = lazy.pattern(r"(\d{1,12}\.\d\d) (\d{1,15}\.\d\d)\s*")
_COMMAND = lazy.pattern(
    r"\s*\d\d?:\d\d(?::\d\d)?(?: ?[AP]M)? +up +(.*?),\s+(?:\d+ users?,\s+)?load averages?: .*", re.DOTALL
)
_SPAN = lazy.pattern(r"(\d{1,6}) (day|min|sec|week)s?|(\d{1,2}):(\d\d)")
_SECONDS = {"day": 86400, "min": 60, "sec": 1, "week": 604800}


def _seconds_of(line: str) -> tuple[float, float] | None:
    """(seconds, precision) of either form."""
    match = _FILE.fullmatch(line)
    if match is not None:
        return float(match[1]), 0.01
    match = _COMMAND.fullmatch(line)
    if match is None:
        return None
    total = 0
    for count, unit, hours, minutes in _SPAN.findall(match[1]):
        total += int(count) * _SECONDS[unit] if unit else int(hours) * 3600 + int(minutes) * 60
    return float(total), 60.0


def read_uptime(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``seconds``, ``precision`` and ``text``."""
    line = text(member, 512)
    found = _seconds_of(line)
    if found is None:
        return [unreadable(member, "uptime", "seconds", "empty or garbled")]
    values: dict[str, Fact[Any]] = {
        "seconds": present(found[0], member, 1, line),
        "precision": present(found[1], member, 1, line),
        "text": present(line.strip(), member, 1, line),
    }
    return [snapshot(member, "uptime", values)]


PARSER = SnapshotParser(
    kind="uptime",
    main="seconds",
    markers=("proc/uptime", "uptime"),
    confirm=lambda path, head: len(head) < 400 and _seconds_of(head.decode("utf-8", "replace")) is not None,
    parse=read_uptime,
    strong=lambda path, head: (
        len(head) < 200
        and b"load average" in head
        and _seconds_of(head.decode("utf-8", "replace")) is not None
    ),
)
