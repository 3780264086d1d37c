"""Members in which several processes write: ``kubectl logs --prefix -l app=ingester``, stern, a journal.

    [pod/ingester-0/ingester] ts=... msg="Found healthy block" ...
    [pod/ingester-1/ingester] ts=... msg="Found healthy block" ...

There each counted line is given to the process that wrote it, which costs a look at each.
"""

from __future__ import annotations

from analyzer.logs.framing import Framings
from analyzer.logs.scan import Counted

Hints = tuple[tuple[str, str], ...]

LINE_READ = 65_536  # bytes of a line that are peeled
HEAD_LINES = 200
_MARK = -1  # no pattern's id: a match of the frequent literal


def several_sources(head: bytes) -> bool:
    """Whether the first lines of a member are of more than one process."""
    framings = Framings()
    rows = head.split(b"\n")[:-1][:HEAD_LINES]
    return len({framings.peel(row).hints for row in rows} - {()}) > 1


def by_source(counted: Counted, framings: Framings) -> list[tuple[Hints, Counted]]:
    """The matches of each source, in the order in which the sources first appear."""
    buffer, base = counted.buffer, counted.base
    found: dict[Hints, Counted] = {}
    line_end = -1
    hints: Hints = ()
    matches = [*zip(counted.ends, counted.ids, strict=True), *((end, _MARK) for end in counted.marks)]
    for end, pattern in sorted(matches):
        if base + end > line_end:
            start = buffer.rfind(b"\n", base, base + end) + 1 or base
            stop = buffer.find(b"\n", base + end)
            line_end = len(buffer) if stop < 0 else stop
            hints = framings.peel(buffer[start : min(line_end, start + LINE_READ)]).hints
        part = found.get(hints)
        if part is None:
            part = found[hints] = Counted(buffer, base, [], [], [])
        if pattern == _MARK:
            part.marks.append(end)
        else:
            part.ids.append(pattern)
            part.ends.append(end)
    return list(found.items())
