"""Members in which several processes write: ``kubectl logs --prefix -l app=ingester``, stern, a journal.

    [pod/ingester-0/ingester] ts=... msg="Found healthy block" ...
    [pod/ingester-1/ingester] ts=... msg="Found healthy block" ...

There each counted line is given to the process that wrote it, which costs a look at each.
"""

from __future__ import annotations

from operator import itemgetter

from analyzer.logs.engine import Mark
from analyzer.logs.framing import Framings
from analyzer.logs.scan import Counted
from analyzer.logs.writers import Hints

LINE_READ = 65_536  # bytes of a line that are peeled
HEAD_LINES = 200


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
    matches: list[tuple[int, int | Mark]] = [*zip(counted.ends, counted.ids, strict=True)]
    matches += [(mark[2], mark) for mark in counted.marks]
    for end, match in sorted(matches, key=itemgetter(0)):
        if base + end > line_end:
            start = buffer.rfind(b"\n", base, base + end) + 1 or base
            stop = buffer.find(b"\n", base + end)
            line_end = len(buffer) if stop < 0 else stop
            hints = framings.peel(buffer[start : min(line_end, start + LINE_READ)]).hints
        part = found.get(hints)
        if part is None:
            part = found[hints] = Counted(buffer, base, [], [], [])
        if isinstance(match, tuple):
            part.marks.append(match)
        else:
            part.ids.append(match)
            part.ends.append(end)
    return list(found.items())
