"""Whether a log stands with its newest line first: downloads do, and ``journalctl -r``, ``tac``.

    2026-11-22T22:02:15Z {pod="ingester-0"} ts=2026-11-22T22:02:15.103703628Z caller=log.go:106 level=error ...
    2026-11-22T22:02:15Z {pod="ingester-0"} ts=2026-11-22T22:02:15.102469061Z caller=cortex.go:437 level=info ...

A framing may write whole seconds, in which a start fails a hundred lines long; there the records' own
times decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Literal

from analyzer.facts import Stamp
from analyzer.logs.framing import Framings
from analyzer.logs.framing_types import Peeled
from analyzer.logs.stamps import framing_stamp, payload_stamp

Order = Literal["newest first", "oldest first", ""]

DOWNLOADS = ("logcli", "grafana")  # newest entry first by default
MOST_ROWS = 200  # of which the times are compared
ENOUGH = 3  # more steps one way than the other
STEADY = 4  # steps back for each forward, in what is no download: threads overtake each other by a little
Times = tuple[Stamp | None, Stamp | None]  # the framing's and the record's
_PREFIX = 4096  # bytes of a row in which a framing that is no JSON object stands


def is_download(peeled: Peeled) -> bool:
    """Whether a line is of a download that has its newest entry first by default."""
    return peeled.framing.partition("+")[0] in DOWNLOADS


def peel(framings: Framings, row: bytes) -> Peeled:
    """The framing of a row; of a long one its start is enough, unless it is a JSON object."""
    return framings.peel(row if row[:1] == b"{" else row[:_PREFIX])


def order_of(rows: Iterable[bytes]) -> Order:
    """The order of a log's first lines by their times, "" where they do not tell it."""
    framings = Framings()
    first: Times | None = None
    before: Times = (None, None)
    rises = falls = 0
    download = False
    for row in itertools.islice(rows, MOST_ROWS):
        peeled = peel(framings, row)
        times = framing_stamp(peeled.stamp), payload_stamp(peeled.payload)
        if times == (None, None):
            continue
        download = download or is_download(peeled)
        step = _step(before, times)
        rises += step > 0
        falls += step < 0
        first, before = first or times, times
        if rises - falls >= ENOUGH:
            return "oldest first"
    back = falls > rises and first is not None and _step(first, before) < 0
    if back and (download or (falls >= ENOUGH and falls >= STEADY * rises)):
        return "newest first"
    return "oldest first" if rises > falls else ""


class Steps:
    """Counts, while a log is read, how often the times of its records go forwards and back."""

    def __init__(self) -> None:
        self._before: Stamp | None = None
        self._rises = self._falls = 0

    def add(self, stamp: Stamp) -> None:
        """The time of the next record."""
        before, self._before = self._before, stamp
        if before is None or before.ns == stamp.ns or before.assumed != stamp.assumed:
            return
        if stamp.ns > before.ns:
            self._rises += 1
        else:
            self._falls += 1

    @property
    def back(self) -> bool:
        """Whether they mostly went back."""
        return self._falls >= ENOUGH and self._falls >= STEADY * self._rises


def _step(before: Times, after: Times) -> int:
    """1 for a later line, -1 for an earlier one, 0 for one of the same time: by the framing, then by the record."""
    for one, other in zip(before, after, strict=True):
        if one is not None and other is not None and one.ns != other.ns and one.assumed == other.assumed:
            return 1 if other.ns > one.ns else -1
    return 0
