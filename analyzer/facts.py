"""What stands on the ground: times, evidence and facts with three states.

A fact is present, absent or unreadable. An absent fact is never 0 and never "ok": it has no truth
value, so that ``if fact:`` is a programming error and raises :class:`TypeError`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Generic, NoReturn, TypeVar

from msgspec import Struct

NANOSECOND = 1_000_000_000


class Stamp(Struct, frozen=True, eq=False):
    """One moment, kept in UTC with what was written.

    ``ns`` is nanoseconds since the Unix epoch, UTC. ``offset`` is the zone as written, in minutes
    east of UTC, or None where none was written. ``digits`` counts the digits written after the
    second. ``assumed`` says in one word what was not written and had to be taken from elsewhere
    ("year", "zone", "boot"), else it is empty.
    """

    ns: int
    offset: int | None = 0
    digits: int = 9
    assumed: str = ""

    def __eq__(self, other: object) -> bool:
        """Whether it is the same moment, however it was written."""
        return self.ns == other.ns if isinstance(other, Stamp) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return self.ns != other.ns if isinstance(other, Stamp) else NotImplemented

    def __lt__(self, other: Stamp) -> bool:
        return self.ns < other.ns if isinstance(other, Stamp) else NotImplemented

    # All six by hand: functools.total_ordering adds nothing to a Struct, which has them all by inheritance.
    def __le__(self, other: Stamp) -> bool:
        return self.ns <= other.ns if isinstance(other, Stamp) else NotImplemented

    def __gt__(self, other: Stamp) -> bool:
        return self.ns > other.ns if isinstance(other, Stamp) else NotImplemented

    def __ge__(self, other: Stamp) -> bool:
        return self.ns >= other.ns if isinstance(other, Stamp) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.ns)

    @classmethod
    def from_seconds(cls, seconds: float, digits: int = 0, assumed: str = "") -> Stamp:
        """The moment ``seconds`` after the Unix epoch."""
        return cls(round(seconds * NANOSECOND), 0, digits, assumed)

    @property
    def seconds(self) -> float:
        """Seconds since the Unix epoch."""
        return self.ns / NANOSECOND

    def datetime(self) -> datetime:
        """The moment as an aware UTC datetime, cut to microseconds."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.ns // 1000)

    def iso(self) -> str:
        """RFC 3339 in UTC, at most milliseconds: ``2026-11-22T21:54:45.970Z``."""
        try:
            moment = self.datetime()
        except (OverflowError, ValueError):
            return f"@{self.ns / NANOSECOND:.0f}"
        text = moment.strftime("%Y-%m-%dT%H:%M:%S")
        if self.digits:
            text += f".{moment.microsecond // 1000:03d}"
        return text + "Z"


class Evidence(Struct, frozen=True):
    """Where a claim comes from: member, line (1-based, None for a whole member), quoted text, time.

    ``text`` is raw text of the bundle and hostile: every face escapes it.
    """

    member: str
    line: int | None
    text: str
    time: Stamp | None = None

    def where(self) -> str:
        """``member:line``, or the member alone."""
        return self.member if self.line is None else f"{self.member}:{self.line}"


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _NoTruth:
    """Mixed into the three states: none of them may be used as a condition."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("a fact has no truth value: match on Present, Absent or Unreadable")


class Present(_NoTruth, Struct, Generic[T_co], frozen=True):
    """A value that the bundle states, and where it states it."""

    value: T_co
    evidence: Evidence | None = None


class Absent(_NoTruth, Struct, frozen=True):
    """The bundle does not state the value. ``ask`` names what to collect for it."""

    ask: str = ""


class Unreadable(_NoTruth, Struct, frozen=True):
    """The member that should state the value is there, and does not (denied, empty, garbled)."""

    why: str
    evidence: Evidence | None = None


Fact = Present[T_co] | Absent | Unreadable


def known(fact: Present[T] | Absent | Unreadable) -> T | None:
    """The value of a present fact, else None. For joins that treat both other states alike."""
    return fact.value if isinstance(fact, Present) else None
