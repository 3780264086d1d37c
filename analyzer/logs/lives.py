"""Which process wrote a line: the segments of a log, one for each source and each start.

A banner starts a new segment. Where several sources stand in one member (stern, compose, a journal),
each has its own; what a supervisor says (systemd, kubelet) belongs to the process it speaks of, which
is the one that wrote last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analyzer.facts import Evidence, Stamp
from analyzer.logs.fold import Life, quote, widen
from analyzer.logs.lookback import Row
from analyzer.logs.model import Event, LogDigest, Segment

Hints = tuple[tuple[str, str], ...]

MAX_SEGMENTS = 20_000
MAX_PREAMBLE = 50  # lines before the first banner that are the same process's
LAST_TEXT = 300
SUPERVISORS = frozenset(
    (
        "systemd",
        "kubelet",
        "dockerd",
        "containerd",
        "crio",
        "cri-o",
        "kernel",
        "init",
        "k3s",
        "systemd-oomd",
        "rke2",
    )
)


def is_supervisor(hints: Hints) -> bool:
    """Whether the line is of the program that runs processes, not of a process it runs."""
    units = (value for name, value in hints if name in ("unit", "identifier"))
    return bool(hints) and any(unit.removesuffix(".service") in SUPERVISORS for unit in units)


class Lives:
    """The segments of one member, in the order of their first line.

    ``worked`` tells whether life-cycle lines stand before the current one: of the source with these hints,
    of any for None. A life in which there are some is no mere preamble of the next.
    """

    def __init__(self, digest: LogDigest, worked: Callable[[Hints | None], bool]) -> None:
        self._digest = digest
        self._worked = worked
        self._open: dict[Hints, Life] = {}
        self._last: Life | None = None
        self.all: list[Life] = []

    def open(self) -> list[tuple[Hints, Life]]:
        """The lives that were not closed, with what their source says of itself."""
        return list(self._open.items()) or [((), self.of((), 1))]

    @property
    def sources(self) -> int:
        """How many sources have written so far."""
        return len(self._open)

    def knows(self, hints: Hints) -> bool:
        """Whether the source with these hints has an open life."""
        return hints in self._open

    def current(self, line: int) -> Life:
        """The life that wrote last; the first of the member when none has yet."""
        return self._last if self._last is not None else self.of((), line)

    def of(self, hints: Hints, line: int) -> Life:
        """The life that a line with these hints belongs to."""
        if self._last is not None and is_supervisor(hints):
            return self._last
        life = self._open.get(hints)
        if life is None:
            if len(self._open) >= MAX_SEGMENTS and self._last is not None:
                return self._last
            # Unremarkable lines before: they need no segment of their own.
            adopted = len(self.all) == 1 and self.all[0].blank and not self._worked(None)
            life = self.all[0] if adopted else self._begin(line)
            self._open[hints] = life
        self._last = life
        return life

    def fresh(self, life: Life, hints: Hints) -> bool:
        """Whether nothing but a preamble stands in an open life."""
        return life.blank and not self._worked(hints)

    def start(self, hints: Hints, event: Event, line: int) -> Life:
        """A banner: the life that begins with it."""
        life = self._open.get(hints)
        if life is None or not self.fresh(life, hints) or line - life.segment.first_line > MAX_PREAMBLE:
            if life is None or len(self.all) < MAX_SEGMENTS:
                life = self._begin(line)
        life.segment.start = event
        self._open[hints] = life
        self._last = life
        return life

    def _begin(self, line: int) -> Life:
        life = Life(Segment(line if self.all else 1))
        self.all.append(life)
        self._digest.segments.append(life.segment)
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
