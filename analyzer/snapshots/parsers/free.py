"""``free``, with any unit (``-b``, ``-k``, ``-m``, ``-g``, ``-h``).

                   total        used        free      shared  buff/cache   available
    Mem:        24684092     1035492    18799996        8856     5170236    23648600
    Swap:              0           0           0

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "sos_commands/memory/free", __doc__)
>>> facts["total"].value, facts["available"].value, facts["swap_total"].value
(25276510208, 24216166400, 0)

The text does not say its unit. It is told by the suffixes of ``-h`` or by an option in the name
(``free_-m``); sos names every option, so that its ``free`` is in kB. Any other text is read only where
one unit alone makes a machine of its total: kB are whole pages, multiples of 4. Rounded units give
rounded values; of whole gigabytes a few are no number at all.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Unreadable
from analyzer.snapshots.base import SnapshotParser, evidence, lines, present, snapshot, to_bytes, unreadable
from analyzer.snapshots.model import MIXED, Snapshot
from analyzer.snapshots.paths import basename, parts_of

_HEADING = lazy.pattern(rb"\s+total +used +free +shared ")
_OPTION = lazy.pattern(r"--?([a-z]+)")
_LONG = {"bytes": "b", "kibi": "k", "mebi": "m", "gibi": "g"}
_FACTORS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_GRAINS = {"b": 4096, "k": 4, "m": 1, "g": 1}  # what every number is a multiple of: whole pages
_ROWS = {"Mem:": "", "Swap:": "swap_"}
_LEAST, _MOST = 1 << 28, 1 << 42  # bytes of a machine whose unit is to be guessed: 256 MiB to 4 TiB
_MOST_NAMED = 1 << 46
_FEW_NUMBERS = 4
_FEW_GIGABYTES = 10  # below, what a whole number of them leaves out is too much


def _is_free(path: str, head: bytes) -> bool:
    return _HEADING.match(head) is not None and b"\nMem:" in head


def read_free(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot in bytes: total, used, free, shared, ``buff/cache``, available, ``swap_total`` ..."""
    rows: dict[str, tuple[int, str]] = {}
    heading: list[str] = []
    for number, line in lines(member):
        first, *words = line.split() or [""]
        if not heading:
            heading = [first, *words]
        elif first in rows and first == "Mem:" and rows[first][1].split()[1:2] != words[:1]:
            return [unreadable(member, "free", "total", f"{MIXED}the memory of several hosts")]
        elif first in _ROWS:
            rows.setdefault(first, (number, line))
    if "Mem:" not in rows:
        return [unreadable(member, "free", "total", "empty or garbled")]
    unit = _unit_of(member.path, rows["Mem:"][1].split()[1:])
    values: dict[str, Fact[int]] = {}
    for first, (number, line) in rows.items():
        for name, word in zip(heading, line.split()[1:], strict=False):
            values[_ROWS[first] + name] = _amount(word, unit, member, number, line)
    return [snapshot(member, "free", values)]


def _unit_of(path: str, words: list[str]) -> str | None:
    """The letter of the unit, "h" for numbers with suffixes, None where it is not certain."""
    if any(word[-1:].isalpha() for word in words):
        return "h"
    numbers = [int(word) for word in words if word.isdecimal() and len(word) < 20]
    if not numbers:
        return None
    stem = basename(path).lower().rsplit(".", 1)[0]
    named = _named(stem)
    if named is None and "sos_commands" in parts_of(path) and stem == "free":
        named = "k"
    if named == "?":
        return None
    if named is not None:
        return named if _LEAST // 4 <= numbers[0] * _FACTORS[named] <= _MOST_NAMED else None
    known = [number for number in numbers if number]
    fitting = [
        unit
        for unit, factor in _FACTORS.items()
        if _LEAST <= numbers[0] * factor <= _MOST and all(n % _GRAINS[unit] == 0 for n in known)
    ]
    return fitting[0] if len(fitting) == 1 and len(known) >= _FEW_NUMBERS else None


def _named(stem: str) -> str | None:
    """The unit that the options in the name tell; "?" for one that has had two meanings, None for no option."""
    found = None
    for option in _OPTION.findall(stem):
        if option == "si" or option in ("kilo", "mega", "giga", "tera", "peta"):
            return "?"  # thousands, or 1024s in older versions
        if option in _LONG:
            found = _LONG[option]
        elif re.fullmatch(r"[hltvw]*[bkmg][hltvw]*", option):
            found = option.strip("hltvw")
    return found


def _amount(word: str, unit: str | None, member: Member, number: int, line: str) -> Fact[int]:
    size = to_bytes(word, _FACTORS.get(unit or "", 1))
    if unit is None or size is None:
        return Unreadable("the unit of its numbers is not certain", evidence(member, number, line))
    if unit == "g" and 0 <= size < _FEW_GIGABYTES * _FACTORS["g"]:
        return Unreadable("rounded to whole gigabytes", evidence(member, number, line))
    return present(size, member, number, line)


PARSER = SnapshotParser(
    kind="free",
    main="total",
    markers=("free", "free_*", "free-*", "*free"),
    confirm=_is_free,
    parse=read_free,
    strong=_is_free,
)
