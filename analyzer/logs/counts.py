"""Healthy blocks and levels, read from the offsets of their matches without parsing each line.

    ts=... caller=repair.go:57 level=info org_id=t1 msg="Found healthy block" mint=16... maxt=16... ulid=01G0P1FM80...

The blocks a process announces before its first ENOMEM are what it had mapped when it failed: the ULIDs
of "Found healthy block" are read by offset and kept once each.
"""

from __future__ import annotations

from collections import Counter

from analyzer.logs.fold import Folder, Life
from analyzer.logs.healthy import BlockLines
from analyzer.logs.model import Segment
from analyzer.logs.patterns import PatternSet
from analyzer.logs.scan import Counted

MAX_ULIDS = 131_072  # of one life: 4 times the blocks of the usual limit, 13 MB
MAX_KEPT = 65_536  # of the lives before it; older lives keep the count of theirs
MAX_BY_TENANT = 50_000  # blocks of a member that are counted by tenant


class Counts:
    """Counts by life what the scanner only counted."""

    def __init__(self, patterns: PatternSet, folder: Folder) -> None:
        self._patterns = patterns
        self._folder = folder
        self._lines = BlockLines()
        self._to_attribute = MAX_BY_TENANT
        self._own: Counter[str] = Counter()
        self._kept: list[Segment] = []  # of the lives whose ULIDs are kept, the newest last

    def own(self, name: str) -> int:
        """How often one of the reader's own patterns has matched so far ("goroutine", "kernel_line")."""
        return self._own[name]

    def add(self, life: Life, counted: Counted) -> None:
        """Count a stretch of matches."""
        ids, patterns, segment = counted.ids, self._patterns, life.segment
        if counted.marks:
            if life.refused:
                segment.healthy_after += len(counted.marks)
            else:
                self._healthy(segment, counted)
        for pattern in set(ids):
            if pattern in patterns.levels:
                segment.levels[patterns.levels[pattern]] += ids.count(pattern)
            else:
                self._own[patterns.own[pattern]] += ids.count(pattern)

    def _healthy(self, segment: Segment, counted: Counted) -> None:
        """Keep the ULIDs of healthy blocks, and count those not seen before under their tenants."""
        healthy = segment.healthy
        if not healthy:
            self._drop_oldest()
            self._kept.append(segment)
        if len(healthy) >= MAX_ULIDS:
            self._folder.warn(f"more than {MAX_ULIDS} healthy blocks in one life: only so many are kept")
            return
        buffer, base = counted.buffer, counted.base
        marks, ulids = self._lines.ulids(buffer, base, counted.marks)
        if self._to_attribute > 0:
            fresh = marks
            if len(set(ulids)) < len(ulids) or not healthy.isdisjoint(ulids):
                once = dict(zip(ulids, marks, strict=True))
                fresh = [mark for ulid, mark in once.items() if ulid not in healthy]
            tenants = self._lines.tenants(buffer, base, fresh[: self._to_attribute])
            for name, blocks in tenants.items():
                segment.blocks_by_tenant[name.decode("utf-8", "replace")] += blocks
            self._to_attribute -= len(fresh)
        healthy.update(ulids)
        if len(healthy) > MAX_BY_TENANT:
            self._folder.warn(
                f"more than {MAX_BY_TENANT} healthy blocks in one life: not all are told apart by tenant"
            )

    def _drop_oldest(self) -> None:
        """Keep the ULIDs of the newest lives only, so that memory does not grow with the lives."""
        total = 0
        for place in range(len(self._kept) - 1, -1, -1):
            total += len(self._kept[place].healthy)
            if total > MAX_KEPT:
                for segment in self._kept[: place + 1]:
                    segment.healthy_dropped += len(segment.healthy)
                    segment.healthy.clear()
                del self._kept[: place + 1]
                return
