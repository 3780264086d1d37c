"""Syslog and the journal's text forms.

Nov 22 21:36:00 node1 cortex[4321]: level=info ts=...                          short, rsyslog: no year
Nov 22 21:36:00.123456 node1 kernel: Out of memory: Killed process 1234 (c)    short-precise
2026-11-22T21:36:00+0000 node1 cortex[4321]: level=info ts=...                 short-iso
Sun 2026-11-22 21:36:00 UTC node1 cortex[4321]: level=info ts=...              short-full, with-unit
1795383360.003164 node1 cortex[4321]: level=info ts=...                        short-unix
<30>Nov 22 21:36:00 node1 cortex[4321]: level=info ts=...                      RFC 3164 with priority
<30>1 2026-11-22T21:36:00.003Z node1 cortex 4321 - - level=info ts=...         RFC 5424
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.logs.framing_types import Peeled
from analyzer.logs.model import Level

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TAG = r"(?P<host>[\w.:-]+) (?P<unit>[^\s\[\]:=\"{]+(?:\[(?P<pid>\d+)\])?): ?"
_SYSLOG = lazy.pattern(
    rf"(?:<(?P<priority>\d{{1,3}})>)?(?P<stamp>{_MONTH} [ \d]\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?: \d{{4}})?) {_TAG}",
    re.ASCII,
)
_ISO = lazy.pattern(
    r"(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)) " + _TAG, re.ASCII
)
_FULL = lazy.pattern(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z+-][\w:]{1,9}) "
    + _TAG,
    re.ASCII,
)
_UNIX = lazy.pattern(r"(?P<stamp>\d{9,10}\.\d{6}) " + _TAG, re.ASCII)
_RFC5424 = lazy.pattern(
    r"<(?P<priority>\d{1,3})>\d{1,2} (?P<stamp>\S+) (?P<host>\S+) (?P<unit>\S+) (?P<pid>\S+) \S+ "
    r"(?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?:\ufeff)?",
    re.ASCII,
)


def priority_level(priority: int) -> Level:
    """The level of a syslog priority: its severity is the lower three bits."""
    severity = priority & 7
    return "error" if severity <= 3 else "warn" if severity == 4 else "info" if severity <= 6 else "debug"


def _peeled(match: re.Match[str], text: str, framing: str) -> Peeled:
    named = match.groupdict()
    unit = named["unit"].partition("[")[0]
    hints = [("host", named["host"]), ("unit", unit), ("pid", named["pid"] or "")]
    priority = named.get("priority")
    return Peeled(
        text[match.end() :],
        framing,
        stamp=named["stamp"],
        level=priority_level(int(priority)) if priority else "",
        hints=tuple((name, value) for name, value in hints if value and value != "-"),
        kernel=unit == "kernel",
    )


def peel_syslog(text: str) -> Peeled | None:
    """RFC 3164, rsyslog's files, and ``journalctl -o short`` and ``short-precise``."""
    match = _SYSLOG.match(text)
    return _peeled(match, text, "syslog") if match else None


def peel_iso_journal(text: str) -> Peeled | None:
    """``journalctl -o short-iso``. A process id, "kernel", or the journal's own spelling of the zone
    tells it from a container's line: ``...Z fatal error: out of memory`` is one of those."""
    match = _ISO.match(text)
    if match is None:
        return None
    if (
        match["pid"] is None
        and match["unit"] != "kernel"
        and (match["stamp"].endswith("Z") or "." in match["stamp"])
    ):
        return None
    return _peeled(match, text, "journal-iso")


def peel_full_journal(text: str) -> Peeled | None:
    """``journalctl -o short-full`` and ``with-unit``: a day of the week, and the zone by its name."""
    match = _FULL.match(text)
    return _peeled(match, text, "journal-full") if match else None


def peel_unix_journal(text: str) -> Peeled | None:
    """``journalctl -o short-unix``."""
    match = _UNIX.match(text)
    return _peeled(match, text, "journal-unix") if match else None


def peel_rfc5424(text: str) -> Peeled | None:
    """RFC 5424, as remote syslog servers write it."""
    match = _RFC5424.match(text)
    return _peeled(match, text, "rfc5424") if match else None
