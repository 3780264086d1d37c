"""Numbers, sizes, times and hostile text, written the way a reader sees them; used by every face.

Nothing here knows a face: no markup is added and none is escaped, except that :func:`clean` makes
every character that could act on a terminal or turn text around visible.
"""

from __future__ import annotations

import math
import re

from analyzer import lazy

UNKNOWN = "unknown"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_BYTE_UNITS = {"b", "byte", "bytes"}
_KIB_UNITS = {"kb", "kib"}

# C0, DEL, C1; line and paragraph separators; zero-width and direction marks; BOM; lone surrogates.
_ACTIVE = lazy.pattern(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": " "}
_ISO = lazy.pattern(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean(text: str, limit: int | None = None) -> str:
    """``text`` on one line with nothing in it that acts: ESC is ``\\x1b``, a newline ``\\n``.

    With ``limit`` (characters, at least 2) a longer text is cut and says how much was left out.
    """
    left_out = 0
    if limit is not None and len(text) > limit:
        text, left_out = text[:limit], len(text) - limit
    text = _ACTIVE.sub(_visible, text)
    if left_out:
        text += f" … (+{left_out:,} characters)"
    return text


_HEARTS = (
    lazy.pattern(r"""\berr(?:or)?=|\\?"err(?:or)?\\?":|\bfatal error: |\bpanic: """),
    lazy.pattern(r"""\bmsg=|\\?"msg\\?":"""),
)

_SYMPTOM = lazy.pattern(
    r"(?:\bmmap(?:, size \d+)?: )?(?:[Cc]annot allocate memory|too many open files|[Nn]o space left on device"
    r"|[Rr]esource temporarily unavailable|out of memory|invalid argument|permission denied)"
)


def excerpt(text: str, limit: int) -> str:
    """At most ``limit`` characters of a quoted line: from its error on, the end kept; cuts are ``…``."""
    if len(text) > 16 * limit:
        text = f"{text[: 8 * limit]}…{text[-8 * limit :]}"
    text = clean(text).rstrip()
    if len(text) <= limit:
        return text
    symptom = _SYMPTOM.search(text) if limit < 100 else None
    if symptom is not None:
        start = max(0, symptom.end() + 2 - limit, min(symptom.start(), len(text) + 1 - limit))
        piece = ("…" if start else "") + text[start:]
        return piece if len(piece) <= limit else piece[: limit - 1].rstrip() + "…"
    for heart in _HEARTS:
        match = heart.search(text)
        if match is not None:
            text = "…" + text[match.start() :] if match.start() else text
            break
    if len(text) <= limit:
        return text
    head = limit * 3 // 5
    return f"{text[:head].rstrip()}…{text[-(limit - head - 1) :].lstrip()}"


def lines(text: str, limit: int | None = None) -> list[str]:
    """``text`` as clean lines, newlines kept as line ends; cut after ``limit`` characters."""
    left_out = 0
    if limit is not None and len(text) > limit:
        text, left_out = text[:limit], len(text) - limit
    found = [clean(line) for line in text.split("\n")]
    if left_out:
        found[-1] += f" … (+{left_out:,} characters)"
    return found


def integer(value: int | None) -> str:
    """``16,001``; None is :data:`UNKNOWN`."""
    return UNKNOWN if value is None else f"{value:,}"


def size(value: float | None) -> str:
    """Bytes in human units ``21.5 GiB``, ``8 GiB``, ``598 B``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    step = 0
    amount = float(value)
    while abs(amount) >= 1024 and step < len(_UNITS) - 1:
        amount /= 1024
        step += 1
    if step == 0:
        return f"{value:,.0f} B"
    return f"{amount:,.1f}".removesuffix(".0") + f" {_UNITS[step]}"


def exact_size(value: int | None) -> str:
    """A size that names a file: ``4.7 KiB (4,783 B)``."""
    if value is None or value < 1024:
        return size(value)
    return f"{size(value)} ({value:,} B)"


def number(value: float | str | None, unit: str = "") -> str:
    """A value with its unit: bytes in human units, all else with thousands separators."""
    if value is None:
        return UNKNOWN
    unit = clean(unit, 40)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    low = unit.lower()
    if low in _BYTE_UNITS:
        return size(value)
    if low in _KIB_UNITS:
        return size(value * 1024)
    if isinstance(value, float) and not value.is_integer():
        figure = f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.3g}"
    else:
        figure = f"{int(value):,}"
    return f"{figure} {unit}".rstrip()


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 block``, ``7,874 blocks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(used: float | None, limit: float | None) -> str:
    """Never rounded up to a limit that was not reached: 15,999 of 16,000 is ``99.9 %``."""
    if used is None or limit is None or limit <= 0 or not math.isfinite(100 * used / limit):
        return ""
    share = 100 * used / limit
    if 0 < share < 1:
        return "<1 %"
    if 90 <= share < 100:
        return f"{math.floor(share * 10) / 10:g} %"
    return f"{math.floor(share):,} %"


def bar(used: float | None, limit: float | None, cells: int = 12) -> str:
    """A bar of ``cells`` characters; full only when the limit is reached, empty only at nothing."""
    if used is None or limit is None or limit <= 0 or not math.isfinite(used / limit):
        return ""
    share = max(0.0, min(1.0, used / limit))
    full = int(share * cells)
    if used > 0:
        full = max(full, 1)
    return "█" * full + "░" * (cells - full)


def moment(iso: str | None) -> str:
    """``2026-11-22 22:00:12.821Z``; what is no RFC 3339 stamp stays as it is, cleaned."""
    if not iso:
        return UNKNOWN
    match = _ISO.fullmatch(iso)
    if match is None:
        return clean(iso, 40)
    date, time, fraction = match.groups()
    return f"{date} {time}{'.' + fraction[:3] if fraction else ''}Z"


def date_of(iso: str | None) -> str:
    """``2026-11-22``, empty where unknown."""
    match = _ISO.fullmatch(iso or "")
    return match.group(1) if match else ""


def clock(iso: str | None) -> str:
    """The time of day alone: ``22:00:12.821Z``."""
    match = _ISO.fullmatch(iso or "")
    if match is None:
        return moment(iso)
    return moment(iso).split(" ", 1)[1]


def span(first: str | None, last: str | None) -> str:
    """``2026-11-22 21:59:47Z to 22:01:01Z``, the date said once."""
    if not first or not last or first == last:
        return moment(first or last) if first or last else UNKNOWN
    tail = clock(last) if date_of(first) and date_of(first) == date_of(last) else moment(last)
    return f"{moment(first)} to {tail}"


def seconds_between(first: str | None, last: str | None) -> float | None:
    """Seconds from ``first`` to ``last``, None where a stamp is missing or unreadable."""
    start, end = epoch(first), epoch(last)
    return None if start is None or end is None else end - start


def epoch(iso: str | None) -> float | None:
    """Seconds since the Unix epoch of an RFC 3339 stamp, None where it is none."""
    from datetime import datetime

    if not iso:
        return None
    try:
        stamp = datetime.fromisoformat(iso)
    except ValueError:
        return None
    if stamp.tzinfo is None:
        return None
    return stamp.timestamp()


def duration(seconds: float | None) -> str:
    """``1 min 15 s``, ``3.6 s``, ``2 h 5 min``, ``12 d``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != int(seconds) else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    if whole < 172_800:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h" + (f" {rest} min" if rest else "")
    return f"{whole / 86_400:,.1f} d"
