"""Times as commands and APIs write them, on top of :mod:`analyzer.clock`.

>>> moment("Sun Nov 22 22:18:00 UTC 2026").iso(), moment("Sun 22 Nov 2026 10:18:00 PM UTC").iso()
('2026-11-22T22:18:00Z', '2026-11-22T22:18:00Z')
>>> moment("Sun, 22 Nov 2026 22:18:00 +0100").iso(), moment("no time")
('2026-11-22T21:18:00Z', None)
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.clock import MONTHS, ZONES, parse_stamp
from analyzer.facts import Stamp

_CLOCK = lazy.pattern(r"(\d{1,2}):(\d\d):(\d\d)(?:[.,]\d+)?$")
_OFFSET = lazy.pattern(r"[+-]\d\d:?\d\d$|[+-]\d\d$")
_WEEKDAY = lazy.pattern(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?", re.IGNORECASE)


def moment(text: str) -> Stamp | None:
    """The moment that ``text`` states, else None. Texts without a year state none."""
    text = text.strip()
    if not 8 <= len(text) <= 80:
        return None
    if text[0].isalpha():
        words = text.split()
        if _WEEKDAY.fullmatch(words[0]) is not None or words[0][:3].lower() in MONTHS:
            return _from_words(words)
    return parse_stamp(text)


def _from_words(words: list[str]) -> Stamp | None:
    """``Sun Nov 22 22:18:00 UTC 2026`` and its kin: the parts in any order."""
    year = month = day = clock = None
    zone, afternoon = "", None
    for word in words:
        low = word.lower().strip(",.")
        if low in ("am", "pm"):
            afternoon = low == "pm"
        elif _WEEKDAY.fullmatch(low) is not None:
            continue
        elif low[:3] in MONTHS and low.isalpha() and month is None:
            month = MONTHS[low[:3]]
        elif ":" in low and _CLOCK.match(low) is not None:
            clock = low.replace(",", ".")
        elif low.isdecimal() and len(low) == 4:
            year = int(low)
        elif low.isdecimal() and len(low) <= 2:
            day = int(low)
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", low):
            year, month, day = (int(part) for part in low.split("-"))
        else:
            zone = word.strip(",()")
    if None in (year, month, day, clock):
        return None
    hour, rest = str(clock).split(":", 1)
    if afternoon is not None:
        hour = str(int(hour) % 12 + (12 if afternoon else 0))
    return parse_stamp(f"{year:04d}-{month:02d}-{day:02d}T{int(hour):02d}:{rest}{_zone(zone)}")


def _zone(word: str) -> str:
    """A zone's name or offset as RFC 3339 writes it; "" where it is not known."""
    if _OFFSET.match(word) is not None:
        return word if len(word) > 3 else word + ":00"
    minutes = ZONES.get(word.upper())
    if minutes is None:
        return ""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
