"""Healthy blocks and levels, read from the offsets of their matches without parsing each line.

    ts=... caller=repair.go:57 level=info org_id=t1 msg="Found healthy block" mint=16... maxt=16... ulid=01G0P1FM80...

The blocks a process announces before its first ENOMEM are what it had mapped when it failed: the ULIDs
of "Found healthy block" are read by offset and kept once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import eq

from analyzer import lazy
from analyzer.logs.fold import Folder, Life
from analyzer.logs.model import Segment
from analyzer.logs.patterns import PatternSet
from analyzer.logs.scan import Counted

ULID_LENGTH = 26
MAX_ULIDS = 131_072  # of one life: 4 times the blocks of the usual limit, 13 MB
MAX_KEPT = 65_536  # of the lives before it; older lives keep the count of theirs
MAX_BY_TENANT = 50_000  # blocks of a member that are counted by tenant
LINE_REACH = 2048  # bytes around a match that are searched for its ULID and tenant
ORG_ID = b" org_id="
TENANT_REACH = 140  # bytes before a match in which logfmt names the tenant

_ULID = lazy.pattern(rb'ulid[=":\\ ]+([0-9A-HJKMNP-TV-Z]{26})')
_LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TENANT = lazy.pattern(rb'(?:org_id|user|tenant)[=":\\ ]+([^\s"\\,}]{1,150})')


class Counts:
    """Counts by life what the scanner only counted."""

    def __init__(self, patterns: PatternSet, folder: Folder) -> None:
        self._patterns = patterns
        self._folder = folder
        self._distance = 0  # from the end of "healthy block" to its ULID in the line before
        self._to_attribute = MAX_BY_TENANT
        self._own: Counter[str] = Counter()
        self._kept: list[Segment] = []  # of the lives whose ULIDs are kept, the newest last

    def own(self, name: str) -> int:
        """How often one of the reader's own patterns has matched so far ("goroutine", "kernel_line")."""
        return self._own[name]

    def add(self, life: Life, counted: Counted) -> None:
        """Count a stretch of matches."""
        ids, patterns, segment = counted.ids, self._patterns, life.segment
        for pattern in set(ids):
            if pattern == patterns.healthy:
                if life.refused:
                    segment.healthy_after += ids.count(pattern)
                else:
                    self._healthy(life, counted)
            elif pattern in patterns.levels:
                segment.levels[patterns.levels[pattern]] += ids.count(pattern)
            else:
                self._own[patterns.own[pattern]] += ids.count(pattern)

    def _healthy(self, life: Life, counted: Counted) -> None:
        """Keep the ULIDs of healthy blocks. They stand at the same distance behind the match from
        line to line: then they are sliced out all at once, else each line is searched."""
        healthy = life.segment.healthy
        if not healthy:
            self._drop_oldest()
            self._kept.append(life.segment)
        if len(healthy) >= MAX_ULIDS:
            self._folder.warn(f"more than {MAX_ULIDS} healthy blocks in one life: only so many are kept")
            return
        buffer, base, ids, ends = counted.buffer, counted.base, counted.ids, counted.ends
        wanted = self._patterns.healthy
        if ids.count(wanted) < len(ids):
            ends = [end for pattern, end in zip(ids, ends, strict=True) if pattern == wanted]
        shift = base + self._distance
        stop = shift + ULID_LENGTH
        ulids = [buffer[end + shift : end + stop] for end in ends]
        joined = b"".join(ulids)
        # What stands beside a ULID is no letter of one: a slice at the wrong place cannot pass.
        odd = len(joined) != ULID_LENGTH * len(ulids) or joined.translate(None, _LETTERS)
        if odd or not self._distance:
            ends, ulids = self._searched(buffer, base, ends)
        if self._to_attribute > 0:
            once = dict(zip(ulids, ends, strict=True))
            fresh = [base + end for ulid, end in once.items() if ulid not in healthy]
            self._attribute(life.segment.blocks_by_tenant, buffer, fresh[: self._to_attribute])
            self._to_attribute -= len(fresh)
        healthy.update(ulids)

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

    def _searched(self, buffer: bytes, base: int, ends: list[int]) -> tuple[list[int], list[bytes]]:
        """The same, by a search in each line; matches without a ULID in their line are left out."""
        found: list[int] = []
        ulids: list[bytes] = []
        for end in ends:
            at = base + end
            match = _ULID.search(buffer, at, at + LINE_REACH)
            if match is not None and b"\n" not in buffer[at : match.start()]:
                found.append(end)
                ulids.append(match[1])
                self._distance = match.start(1) - at
        return found, ulids

    def _attribute(self, tenants: Counter[str], buffer: bytes, ends: list[int]) -> None:
        """Count blocks under the tenants that their lines name, most often just before the match."""
        tails = [buffer[end - TENANT_REACH if end > TENANT_REACH else 0 : end] for end in ends]
        behind = [tail.rpartition(ORG_ID)[2] for tail in tails]
        # A newline or a whole tail: the match's own line does not name the tenant there.
        if b"\n" in b"".join(behind) or any(map(eq, behind, tails)):
            names = list(self._tenants(buffer, ends))
        else:
            names = [rest.partition(b" ")[0] for rest in behind]
        for name, blocks in Counter(names).items():
            tenants[name.decode("utf-8", "replace")] += blocks

    def _tenants(self, buffer: bytes, ends: list[int]) -> Iterator[bytes]:
        """The tenant of each match's line, by a search through the line."""
        for end in ends:
            start = buffer.rfind(b"\n", max(0, end - LINE_REACH), end) + 1
            stop = buffer.find(b"\n", end, end + LINE_REACH)
            match = _TENANT.search(buffer, start, stop if stop >= 0 else end + LINE_REACH)
            if match is not None:
                yield match[1]
