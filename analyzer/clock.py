"""Times as logs, kernels and commands write them, read into :class:`~analyzer.facts.Stamp`.

    2026-11-22T21:57:15.884431266Z      go-kit, RFC 3339 with any precision
    2026-11-22T21:36:00+0000            journalctl -o short-iso
    2026-11-22 22:17:59,934             Python's logging
    2026/11/22 21:57:16                 Go's standard log
    Nov 22 21:36:00                     syslog: no year, no zone
    1122 21:58:00.123456                klog: no year, no zone
    Sun Nov 22 21:26:46 2026            dmesg -T, ctime
    Sun Nov 22 10:17:58 PM UTC 2026     date
    1795384636316                       epoch milliseconds (also s, us and ns)

What was not written is not invented: a stamp without a zone is taken as UTC and says so in
``assumed``; one without a year stays in :data:`PLACEHOLDER_YEAR` until :func:`settle_year` gives it
the year of the bundle's clock.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from analyzer import lazy
from analyzer.facts import NANOSECOND, Stamp

PLACEHOLDER_YEAR = 2000  # a leap year, so that 29 February can be kept
DAY = 86400
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# Minutes east of UTC. CST, IST and BST name several zones: taken as the usual one, and said so.
ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "UCT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120,
    "EEST": 180, "MSK": 180, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720,
}  # fmt: skip
AMBIGUOUS_ZONES = {"CST": -360, "IST": 330, "BST": 60}

_SCALE = tuple(10 ** (9 - digits) for digits in range(10))
_FRACTION = lazy.pattern(r"[.,](\d+)", re.ASCII)
_EPOCH = lazy.pattern(r"\d{9,10}(?:[.,]\d{1,9})?|\d{13}|\d{16}|\d{19}", re.ASCII)
_OFFSET = lazy.pattern(r"([+-])(\d\d):?(\d\d)?(?::\d\d)?", re.ASCII)
_CLOCK = lazy.pattern(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?", re.ASCII)
_WORD = lazy.pattern(
    r"[A-Za-z]+\.?|[+-]\d\d:?\d\d|[+-]\d\d\b|\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?|\d+", re.ASCII
)
_SYSLOG = lazy.pattern(r"([A-Za-z]{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?", re.ASCII)
_KLOG = lazy.pattern(r"(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)


@lru_cache(maxsize=512)
def _day_seconds(year: int, month: int, day: int) -> int:
    """Seconds from the epoch to the start of a day; ValueError for a day that does not exist."""
    return (date(year, month, day).toordinal() - EPOCH_ORDINAL) * DAY


@lru_cache(maxsize=512)
def _iso_day(text: str) -> int | None:
    """Seconds from the epoch to the day ``2026-11-22`` (or with slashes), None if it is none."""
    if not (text.isascii() and text[:4].isdigit() and text[5:7].isdigit() and text[8:].isdigit()):
        return None
    if text[4] not in "-/" or text[7] != text[4]:
        return None
    try:
        return _day_seconds(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _second_of_day(clock: str) -> int | None:
    """Seconds since midnight of ``21:57:15``, None if it is no time of day."""
    if len(clock) != 8 or not (clock[:2] + clock[3:5] + clock[6:]).isdigit() or not clock.isascii():
        return None
    hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:8])
    if hour > 23 or minute > 59 or second > 60 or clock[2] != ":" or clock[5] != ":":
        return None
    return hour * 3600 + minute * 60 + second


def parse_stamp(text: str) -> Stamp | None:
    """The moment that ``text`` states, None when it states none (or lacks a year).

    Reads RFC 3339 and its relatives, Go's standard log, epoch numbers, dmesg -T and ``date``.
    """
    if len(text) >= 19 and text[13] == ":" and text[4] in "-/" and text[10] in "T t":
        return _parse_iso(text)
    text = text.strip()
    if not text or len(text) > 64:
        return None
    if text[0].isdigit() and _EPOCH.fullmatch(text):
        return _parse_epoch(text)
    if text[0].isdigit() and (len(text) == 10 or text[13:14] == ":"):
        return _parse_iso(text)
    return _parse_words(text)


def _parse_iso(text: str) -> Stamp | None:
    """``2026-11-22T21:57:15[.fraction][zone]``, the fast path: once for each parsed line."""
    base = _iso_day(text[:10])
    if base is None:
        return None
    if len(text) == 10:
        return Stamp(base * NANOSECOND, None, 0, "zone")
    second = _second_of_day(text[11:19])
    if second is None:
        return None
    seconds = base + second
    fraction = text[20:-1]
    if text[-1] == "Z" and text[19] == "." and fraction.isdigit() and len(fraction) <= 9 and text.isascii():
        return Stamp(seconds * NANOSECOND + int(fraction) * _SCALE[len(fraction)], 0, len(fraction))
    match = _FRACTION.match(text, 19)
    digits = 0
    nanoseconds = 0
    if match:
        digits = min(len(match[1]), 9)
        nanoseconds = int(match[1][:9]) * _SCALE[digits]
    offset, assumed = _parse_zone(text[match.end() if match else 19 :].strip())
    if assumed == "bad":
        return None
    return Stamp((seconds - (offset or 0) * 60) * NANOSECOND + nanoseconds, offset, digits, assumed)


def _parse_zone(zone: str) -> tuple[int | None, str]:
    """(minutes east of UTC or None, what was assumed); assumed is "bad" for text that is no zone."""
    if not zone:
        return None, "zone"
    if zone in ("Z", "z"):
        return 0, ""
    match = _OFFSET.match(zone)
    if match:
        rest = zone[match.end() :].strip()
        if rest and not rest.split(" m=")[0].strip().isalnum() and not rest.startswith("m="):
            return None, "bad"  # Go's Time.String writes "+0000 UTC m=+0.01"
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes > 18 * 60:
            return None, "bad"
        return (minutes if match[1] == "+" else -minutes), ""
    name = zone.upper()
    if name in ZONES:
        return ZONES[name], ""
    if name in AMBIGUOUS_ZONES:
        return AMBIGUOUS_ZONES[name], "zone"
    return (None, "zone") if name.isalpha() and len(name) <= 5 else (None, "bad")


def _parse_epoch(text: str) -> Stamp:
    """Seconds (9 or 10 digits, perhaps a fraction), else ms (13), us (16) or ns (19 digits)."""
    whole, _, fraction = text.replace(",", ".").partition(".")
    if len(whole) <= 10:
        digits = len(fraction)
        return Stamp(int(whole) * NANOSECOND + int(fraction.ljust(9, "0") or 0), 0, digits)
    digits = len(whole) - 10
    return Stamp(int(whole) * 10 ** (9 - digits), 0, digits)


def _parse_words(text: str) -> Stamp | None:
    """``Sun Nov 22 21:26:46 2026``, ``Sun, 22 Nov 2026 21:36:00 +0100``, ``date`` in usual locales."""
    month = day = year = None
    clock: re.Match[str] | None = None
    half = zone = ""
    for word in _WORD.findall(text):
        lower = word.lower()
        if word[0] in "+-" or (word.upper() in ZONES or word.upper() in AMBIGUOUS_ZONES):
            zone = zone or word
        elif ":" in word:
            clock = clock or _CLOCK.fullmatch(word)
        elif lower in ("am", "pm", "a.m.", "p.m."):
            half = lower[0]
        elif lower[:3] in MONTHS and (len(lower) == 3 or lower.isalpha()):
            month = month or MONTHS[lower[:3]]
        elif word.isdigit() and len(word) == 4:
            year = year or int(word)
        elif word.isdigit() and len(word) <= 2 and day is None:
            day = int(word)
        elif word.isalpha() and word.isupper() and clock is not None:
            zone = zone or word
    if month is None or day is None or year is None or clock is None:
        return None
    hour = int(clock[1])
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    offset, assumed = _parse_zone(zone)
    if assumed == "bad":
        return None
    stamp = _compose(year, month, day, hour, int(clock[2]), int(clock[3] or 0), clock[4] or "")
    if stamp is None:
        return None
    return Stamp(stamp.ns - (offset or 0) * 60 * NANOSECOND, offset, stamp.digits, assumed)


def _compose(
    year: int, month: int, day: int, hour: int, minute: int, second: int, fraction: str
) -> Stamp | None:
    """A stamp without zone from its numbers, None when they are out of range."""
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        base = _day_seconds(year, month, day)
    except ValueError:
        return None
    seconds = base + hour * 3600 + minute * 60 + second
    ns = seconds * NANOSECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
    return Stamp(ns, None, len(fraction), "zone")


def parse_yearless(text: str, year: int = PLACEHOLDER_YEAR) -> Stamp | None:
    """``Nov 22 21:36:00[.123456]`` (syslog) or ``1122 21:36:00.123456`` (klog) at the start of ``text``.

    The stamp carries ``assumed="year"``; :func:`settle_year` gives it its year after the pass.
    """
    match = _SYSLOG.match(text)
    if match:
        month = MONTHS.get(match[1].lower(), 0)
    else:
        match = _KLOG.match(text)
        if match is None:
            return None
        month = int(match[1])
    day, hour, minute, second = (int(match[group]) for group in (2, 3, 4, 5))
    stamp = _compose(year, month, day, hour, minute, second, match[6] or "") if month else None
    return None if stamp is None else Stamp(stamp.ns, None, stamp.digits, "year")


def settle_year(stamp: Stamp, reference: Stamp) -> Stamp:
    """The same day and time in the last year in which it is not after ``reference`` plus two days.

    ``reference`` is the bundle's own clock (``date``, the newest stamp with a year). The two days
    allow for zones and skewed clocks. A stamp that has its year is returned as it is.
    """
    if stamp.assumed != "year":
        return stamp
    latest = reference.ns + 2 * DAY * NANOSECOND
    try:
        year = reference.datetime().year + 1
    except (OverflowError, ValueError):
        return stamp
    for candidate in range(min(year, 9999), max(year - 10, 1), -1):
        dated = _in_year(stamp, candidate)
        if dated is not None and dated.ns <= latest:
            return dated
    return stamp


def year_beside(stamp: Stamp, first: Stamp, last: Stamp) -> Stamp:
    """The same day and time in the year in which it is nearest to the times from ``first`` to ``last``.

    These are times with a year of the same log. A stamp that has its year is returned as it is.
    """
    if stamp.assumed != "year":
        return stamp
    try:
        years = range(max(first.datetime().year - 1, 1), min(last.datetime().year + 1, 9999) + 1)
    except (OverflowError, ValueError):
        return stamp
    found = [dated for year in years[:1000] if (dated := _in_year(stamp, year)) is not None]
    return min(found, key=lambda dated: max(first.ns - dated.ns, dated.ns - last.ns, 0), default=stamp)


def _in_year(stamp: Stamp, year: int) -> Stamp | None:
    """The same day and time in another year, None for 29 February where there is none."""
    here = stamp.datetime()
    try:
        day = _day_seconds(year, here.month, here.day)
    except ValueError:
        return None
    return Stamp(day * NANOSECOND + stamp.ns % (DAY * NANOSECOND), stamp.offset, stamp.digits, "year")
