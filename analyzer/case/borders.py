"""One failure whose copies stand on both sides of the border of two rotated logs is one failure.

cortex.log.1   ... msg="unable to open TSDB" err="failed to open TSDB: /d/t1: 10 errors: mmap, size 31301: ...
cortex.log     ... msg="module failed" err="... unable to open TSDB for user t1: failed to open TSDB: /d/t1: ...
"""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from analyzer.case.overlaps import not_repeated
from analyzer.logs.model import FailureGroup, Known, Segment


def go_on(
    failures: list[FailureGroup], known: dict[str, int], segment: Segment, *, overlapping: bool
) -> None:
    """Add the failures of a life's next segment to those of the life. What is a copy of one that the life has
    becomes further lines of that. ``known`` finds the place of a failure by what its copies share. Where the
    segment repeats the end of the one before, what stands there already is not added."""
    copies: dict[int, list[tuple[int, Known]]] = {}
    for key, said in segment.known.items():
        if key in known and said.sizes is not None:
            copies.setdefault(said.group, []).append((known[key], said))
    places: dict[int, int] = {}
    before = failures.copy() if overlapping else []
    for number, group in enumerate(segment.failures):
        rest = not_repeated(group, segment, before)
        if rest is not None and number in copies:
            rest = _fold(failures, rest, copies[number])
        if rest is not None:
            places[number] = len(failures)
            failures.append(rest)
    for key, said in segment.known.items():
        if said.group in places:
            known.setdefault(key, places[said.group])


def _fold(
    failures: list[FailureGroup], group: FailureGroup, copies: list[tuple[int, Known]]
) -> FailureGroup | None:
    """What of a group is no copy, if there is such; the groups of a digest stay as they are."""
    whole = len(copies) >= group.count
    spare = group.lines - len(copies) if whole else 0
    for at, _ in copies:
        failures[at] = _with_lines(failures[at], group, 1 + spare)
        spare = 0
    if whole:
        return None
    rest = replace(group, sizes=group.sizes.copy(), errnos=group.errnos.copy())
    rest.lines = max(rest.lines - len(copies), 1)
    for _, said in copies:
        rest.count -= 1
        rest.members -= said.members
        rest.sizes -= said.sizes or Counter()
        rest.sizes_dropped = max(0, rest.sizes_dropped - said.sizes_dropped)
        if rest.errnos:
            rest.errnos -= said.errnos or Counter()
    return rest


def _with_lines(group: FailureGroup, more: FailureGroup, lines: int) -> FailureGroup:
    stamps = [stamp for stamp in (group.first, group.last, more.first, more.last) if stamp is not None]
    return replace(
        group,
        lines=group.lines + lines,
        first=min(stamps, default=None),
        last=max(stamps, default=None),
        complete=group.complete and more.complete,
        fatal=group.fatal or more.fatal,
        corrupt=group.corrupt or more.corrupt,
        evidence=[*group.evidence[:2], *more.evidence[-1:]],
        directory=group.directory or more.directory,
    )
