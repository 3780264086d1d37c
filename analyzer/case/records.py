"""Every log record of a bundle, read anew when asked for.

The first pass aggregates: it parses the lines that matter and keeps no other. Whoever wants the records
themselves (a notebook) has them read here, through the same framings, joiner and record parser, up to a
limit, so that memory stays bounded however long the logs are; what was left out is reported.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from analyzer.bundle.model import Member
from analyzer.bundle.opened import Bundle
from analyzer.case.frames import build, keys_of
from analyzer.case.model import Case
from analyzer.logs.dumps import HEADS_THAT_END, opens
from analyzer.logs.framing import Framings
from analyzer.logs.joining import Joined, Joiner
from analyzer.logs.model import Record
from analyzer.logs.records import has_head, parse, record_caller, record_error, record_message, record_tenant
from analyzer.logs.source import open_source
from analyzer.logs.stamps import framing_stamp

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 200_000
"""Records kept unless more are asked for: some 50 to 200 MB as a frame."""
MOST_TEXT = 4096
"""Characters of a record's text that are kept."""
_MOST_LINE = 1 << 20  # bytes of a physical line that are looked at
_MOST_CHARACTERS = 256 << 20  # of all texts together
_DUMP_TEXT = 64 << 10  # characters of a Go dump that are joined


class Selection(Struct):
    """Which records are wanted: all that hold, up to ``limit``.

    ``match`` is searched in the text without its framing: a plain string as it stands, a compiled
    pattern by its rules. ``levels`` are error, warn, info, debug, or "" for none.
    """

    match: str | re.Pattern[str] | None = None
    levels: Container[str] | None = None
    subject: str | None = None
    life: str | None = None
    limit: int = LIMIT

    def wants(self, record: Record) -> bool:
        """Whether the record's level and text are the wanted ones."""
        if self.levels is not None and record.level not in self.levels:
            return False
        if self.match is None:
            return True
        if isinstance(self.match, str):
            return self.match in record.text
        return self.match.search(record.text) is not None


def records_of(member: Member) -> Iterator[Record]:
    """The records of one log member, to its end. Never raises for what is in it.

    A line that no logger wrote is a record without fields; a Go dump is one record, which comes when
    it has ended (its ``line`` is that of its first line).
    """
    source = open_source(member)
    framings, joiner, dumps = Framings(), Joiner(), _Dumps(member.path)
    for number, (raw, cut) in enumerate(_lines(source.chunks), 1):
        peeled = framings.peel(raw)
        at = source.number(number)
        if cut or not (peeled.partial or joiner.open):
            yield from dumps.take(Joined(peeled, at, 1, cut))
        else:
            for joined in joiner.add(peeled, at):
                yield from dumps.take(joined)
    for joined in joiner.finish():
        yield from dumps.take(joined)
    yield from dumps.end()


def _lines(chunks: Any) -> Iterator[tuple[bytes, bool]]:
    """(line, whether its end was dropped): lines beyond 1 MiB keep their first MiB."""
    carry = bytearray()
    dropping = False
    for chunk in chunks:
        data = bytes(chunk)
        start = 0
        while (newline := data.find(b"\n", start)) >= 0:
            if not dropping:
                carry += data[start : min(newline, start + _MOST_LINE)]
            yield bytes(carry[:_MOST_LINE]), dropping or len(carry) > _MOST_LINE
            carry.clear()
            dropping = False
            start = newline + 1
        if not dropping:
            carry += data[start : start + _MOST_LINE + 1]
            dropping = len(carry) > _MOST_LINE
    if carry:
        yield bytes(carry[:_MOST_LINE]), dropping


class _Dumps(Struct):
    """Turns joined lines into records, and the raw lines of a Go dump into one.

    Lines of other goroutines' loggers may stand in a dump; several in a row end it.
    """

    member: str
    first: Joined | None = None
    texts: list[str] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    heads: int = 0
    stacks: bool = False

    def take(self, joined: Joined) -> Iterator[Record]:
        """The records that are whole with this line."""
        payload = joined.peeled.payload
        head = has_head(payload[:512])
        if self.first is not None and not head and self._same_source(joined):
            if not (self.stacks and opens(payload) and not payload.startswith("SIG")):
                self._add(payload)
                return
            yield from self.end()
        if self.first is None and not head and opens(payload):
            self.first = joined
            self._add(payload)
            return
        if self.first is not None and head and self._same_source(joined):
            self.heads += 1
            if self.heads >= HEADS_THAT_END:
                yield from self.end()
        yield self._record(joined)

    def end(self) -> Iterator[Record]:
        """The open dump, if there is one."""
        if self.first is None:
            return
        self.first.peeled.payload = "\n".join(self.texts)
        record = replace(self._record(self.first), lines=self.lines, level="error", fields=())
        self.first, self.texts, self.size, self.lines, self.heads, self.stacks = None, [], 0, 0, 0, False
        yield record

    def _same_source(self, joined: Joined) -> bool:
        return self.first is not None and self.first.peeled.hints == joined.peeled.hints

    def _add(self, payload: str) -> None:
        self.lines += 1
        self.heads = 0
        self.stacks = self.stacks or payload.startswith(("goroutine ", "runtime stack:"))
        if self.size < _DUMP_TEXT:
            self.texts.append(payload)
            self.size += len(payload)

    def _record(self, joined: Joined) -> Record:
        peeled = joined.peeled
        stamp = framing_stamp(peeled.stamp)
        record = parse(peeled.payload, self.member, joined.number, stamp, joined.cut, peeled.level)
        if peeled.fields or joined.lines > 1:
            record = replace(record, fields=record.fields + peeled.fields, lines=joined.lines)
        return record


class Lives:
    """Which life wrote a line, by member and line number."""

    def __init__(self, case: Case) -> None:
        held: dict[str, list[tuple[int, int, str, str]]] = {}
        for subject in case.subjects:
            for life in subject.lives:
                for log, segment in life.segments:
                    ends = (segment.first_line, segment.last_line or segment.first_line)
                    held.setdefault(log.member, []).append((min(ends), max(ends), subject.id, life.id))
        self._by_member = {member: sorted(stretches) for member, stretches in held.items()}
        self._apart = {
            member: all(a[1] < b[0] for a, b in itertools.pairwise(stretches))
            for member, stretches in self._by_member.items()
        }

    def of(self, member: str, line: int) -> tuple[str | None, str | None]:
        """(subject, life); None where the line is nobody's, or may be of several."""
        held = self._by_member.get(member, [])
        if len(held) == 1:
            return held[0][2:]
        if self._apart.get(member):
            at = bisect.bisect_right(held, line, key=lambda stretch: stretch[0])
            held = held[max(0, at - 1) : at]
        found = {stretch[2:] for stretch in held if stretch[0] <= line <= stretch[1]}
        subjects = {subject for subject, _ in found}
        subject = subjects.pop() if len(subjects) == 1 else None
        return subject, found.pop()[1] if len(found) == 1 else None


def read(case: Case, bundle: Bundle, wanted: Selection) -> tuple[pd.DataFrame, bool]:
    """The wanted records as the frame ``records``, and whether these are all of them.

    ``bundle`` is the case's bundle, opened anew; reading stops when the limit is reached.
    """
    lives = Lives(case)
    logs = {log.member for log in case.logs}
    rows: list[tuple[Any, ...]] = []
    complete = True
    room = _MOST_CHARACTERS
    for record in _records(bundle, logs.__contains__):
        if not wanted.wants(record):
            continue
        subject, life = lives.of(record.member, record.line)
        if wanted.subject not in (None, subject) or wanted.life not in (None, life):
            continue
        if len(rows) >= wanted.limit or room <= 0:
            complete = False
            break
        row = _row(record, subject, life)
        room -= sum(len(value) for value in row if isinstance(value, str))
        rows.append(row)
    order = {member: place for place, member in enumerate(dict.fromkeys(row[2] for row in rows))}
    rows.sort(key=lambda row: (order[row[2]], row[3]))
    columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {}
    return build("records", columns, keys_of(case)), complete


_COLUMNS = (
    "subject", "life", "member", "line", "lines", "time", "level", "caller", "tenant", "msg", "err", "text", "cut",
)  # fmt: skip


def _row(record: Record, subject: str | None, life: str | None) -> tuple[Any, ...]:
    error = record_error(record)
    return (
        subject,
        life,
        record.member,
        record.line,
        record.lines,
        record.stamp,
        record.level or None,
        record_caller(record),
        record_tenant(record),
        record_message(record)[:MOST_TEXT] or None,
        error[:MOST_TEXT] if error is not None else None,
        record.text[:MOST_TEXT],
        record.cut or len(record.text) > MOST_TEXT,
    )


def _records(bundle: Bundle, wanted: Callable[[str], bool]) -> Iterator[Record]:
    for member in bundle.members():
        if member.link is None and wanted(member.path):
            yield from records_of(member)
