"""Which process wrote a line: the segments of a log, one for each source and each start.

A banner starts a new segment. Where several sources stand in one member (stern, compose, a journal),
each has its own; what a supervisor says (systemd, kubelet) belongs to the process it speaks of: the one
that it names, or the only one there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analyzer.facts import Evidence, Stamp
from analyzer.logs.fold import Life, quote, widen
from analyzer.logs.journal_json import unit_of
from analyzer.logs.lookback import Row
from analyzer.logs.model import Event, LogDigest, Segment
from analyzer.logs.writers import Hints, is_supervisor, source_of, spoken_of

MAX_SEGMENTS = 20_000
MAX_PREAMBLE = 50  # lines before the first banner that are the same process's
LAST_TEXT = 300


class Lives:
    """The segments of one member, in the order of their first line.

    ``worked`` tells whether life-cycle lines stand before the current one: of the source with these hints,
    of any for None. A life in which there are some is no mere preamble of the next.
    """

    def __init__(self, digest: LogDigest, worked: Callable[[Hints | None], bool]) -> None:
        self._digest = digest
        self._worked = worked
        self._open: dict[Hints, Life] = {}
        self._newest: dict[Hints, Life] = {}  # by what stays the same when a process restarts
        self._spoke: set[Hints] = set()  # sources of which an earlier life said something
        self._started: set[Hints] = set()
        self._last: Life | None = None
        self.all: list[Life] = []

    def open(self) -> list[tuple[Hints, Life]]:
        """The lives that were not closed, with what their source says of itself."""
        return list(self._open.items()) or [((), self.of((), 1))]

    @property
    def sources(self) -> int:
        """How many sources have written so far."""
        return len(self._open)

    def known(self, hints: Hints) -> Life | None:
        """The open life of the source with these hints, if it has written."""
        return self._open.get(hints)

    def units(self) -> frozenset[Hints]:
        """The units of which a process has said something; not that whose lines only stand before its banner."""
        return frozenset(
            unit_of(hints)
            for hints, life in self._open.items()
            if not life.blank and (life.segment.start is None or hints in self._started)
        )

    def current(self, line: int) -> Life:
        """The life that wrote last; the first of the member when none has yet."""
        return self._last if self._last is not None else self.of((), line)

    def of(self, hints: Hints, line: int, text: str = "") -> Life:
        """The life that a line with these hints belongs to. ``text`` is what it says, where a supervisor may
        have said it of any of several processes."""
        if self._last is not None and is_supervisor(hints):
            return self._spoken_of(hints, line, text) if text else self._last
        life = self._open.get(hints)
        if life is None:
            if len(self._open) >= MAX_SEGMENTS and self._last is not None:
                return self._last
            life = self._adopted(hints) or self._begin(line, hints)
            self._open[hints] = life
        self._last = life
        return life

    def _adopted(self, hints: Hints) -> Life | None:
        """The member's first life, where it holds but unremarkable lines that may be of the same process: they
        need no segment of their own."""
        if len(self.all) != 1 or not self.all[0].blank or self._worked(None):
            return None
        life = self.all[0]
        before = life.segment.hints
        if before and not is_supervisor(before) and source_of(before) != source_of(hints):
            return None
        self._newest.pop(source_of(before), None)
        self._newest[source_of(hints)] = life
        life.segment.hints = hints
        return life

    def _spoken_of(self, hints: Hints, line: int, text: str) -> Life:
        """The newest life of the process that a supervisor speaks of; of the only one of these that has said
        anything. What it says of others stays its own, between the lives where it was said."""
        newest = {
            source: life for source, life in self._newest.items() if not is_supervisor(life.segment.hints)
        }
        named = spoken_of(text, newest)
        if len(named) > 1:
            named = [source for source in named if source in self._spoke or not newest[source].blank]
        if len(named) == 1:
            return newest[named[0]]
        if self._last is not None and len(self.all) >= MAX_SEGMENTS:
            return self._last
        life = self._open.get(hints)
        if life is None or life is not self.all[-1]:
            life = self._open[hints] = self._begin(line, hints)
        return life

    def fresh(self, life: Life, hints: Hints) -> bool:
        """Whether nothing but a preamble stands in an open life."""
        return life.blank and not self._worked(hints)

    def start(self, hints: Hints, event: Event, line: int) -> Life:
        """A banner: the life that begins with it."""
        life = self._open.get(hints)
        if life is None or not self.fresh(life, hints) or line - life.segment.first_line > MAX_PREAMBLE:
            if life is None or len(self.all) < MAX_SEGMENTS:
                life = self._begin(line, hints)
        life.segment.start = event
        self._started.add(hints)
        self._open[hints] = life
        self._last = life
        return life

    def _begin(self, line: int, hints: Hints) -> Life:
        life = Life(Segment(line if self.all else 1, hints=hints))
        self.all.append(life)
        self._digest.segments.append(life.segment)
        source = source_of(hints)
        before = self._newest.get(source)
        if before is not None and not before.blank:
            self._spoke.add(source)
        self._newest[source] = life
        # Lines without hints were taken for the first source's; with a second one they may be of either.
        unframed = self._open.get(())
        if hints and unframed is not None and unframed.segment.hints and len(self._newest) > 1:
            del self._open[()]
        return life


def touch(life: Life, line: int, stamp: Stamp | None) -> None:
    """Widen a segment to a line that it wrote."""
    segment = life.segment
    segment.last_line = max(segment.last_line, line)
    widen(segment, stamp)


def close(life: Life, last_line: int, rows: Iterable[Row], member: str, line: int) -> None:
    """End a segment. ``rows`` are its last lines, newest first, seen from ``line`` upwards: the first
    is its last text, the first with a time its last record."""
    segment = life.segment
    segment.last_line = max(last_line, segment.first_line)
    for above, payload, stamp in rows:
        if not segment.last_text and payload.strip():
            segment.last_text = payload[:LAST_TEXT]
            segment.last_line = max(segment.last_line, line - above)
        if stamp is not None:
            segment.last_record = Evidence(member, line - above, quote(payload), stamp)
            touch(life, segment.last_line, stamp)
            break
    segment.lines = segment.last_line - segment.first_line + 1
