"""Frequent life-cycle lines, counted from the offsets of their matches without parsing each line.

    ts=... caller=repair.go:57 level=info org_id=t1 msg="Found healthy block" mint=16... maxt=16... ulid=01G0P1FM80...

The blocks a process announces before its first ENOMEM are what it had mapped when it failed: the ULIDs
of "Found healthy block" are read by offset and kept once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer import lazy
from analyzer.clock import parse_stamp
from analyzer.logs.fold import Folder, Life, count_minute, minute_of
from analyzer.logs.model import Segment
from analyzer.logs.patterns import PatternSet
from analyzer.logs.scan import Counted

ULID_LENGTH = 26
MAX_ULIDS = 131_072  # of one life: 4 times the blocks of the usual limit, 13 MB
MAX_KEPT = 65_536  # of the lives before it; older lives keep the count of theirs
MAX_BY_TENANT = 50_000  # blocks of a member that are counted by tenant
LINE_REACH = 2048  # bytes around a match that are searched for its time, ULID and tenant
ORG_ID = b" org_id="
TENANT_REACH = 140  # bytes before a match in which logfmt names the tenant
MINUTE_LENGTH = 16  # "2026-11-22T21:54"
MAX_MINUTES = 100_000

_ULID = lazy.pattern(rb'ulid[=":\\ ]+([0-9A-HJKMNP-TV-Z]{26})')
_LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TENANT = lazy.pattern(rb'(?:org_id|user|tenant)[=":\\ ]+([^\s"\\,}]{1,150})')
_TIME = lazy.pattern(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")


class Counts:
    """Counts what the scanner only counted, by life and minute. :meth:`flush` before a life's counts
    are read."""

    def __init__(self, patterns: PatternSet, folder: Folder) -> None:
        self._patterns = patterns
        self._folder = folder
        self._life: Life | None = None
        self._minute: int | None = None
        self._pending: Counter[int] = Counter()
        self._minutes: dict[bytes, int | None] = {}  # "2026-11-22T21:54" as written -> minute, UTC
        self._column = 0  # of the time in the line before
        self._distance = 0  # from the end of "healthy block" to its ULID in the line before
        self._to_attribute = MAX_BY_TENANT
        self._own: Counter[str] = Counter()
        self._kept: list[Segment] = []  # of the lives whose ULIDs are kept, the newest last

    def own(self, name: str) -> int:
        """How often one of the reader's own patterns has matched so far ("goroutine", "kernel_line")."""
        self.flush()
        return self._own[name]

    def add(self, life: Life, counted: Counted) -> None:
        """Count a stretch of matches."""
        ids = counted.ids
        for first, stop, minute in self._stretches(counted):
            if life is not self._life or minute != self._minute:
                self.flush()
                self._life, self._minute = life, minute
            self._pending.update(ids if stop - first == len(ids) else ids[first:stop])
        healthy = self._patterns.healthy
        if healthy in ids:
            if life.refused:
                life.segment.healthy_after += ids.count(healthy)
            else:
                self._healthy(life, counted)

    def flush(self) -> None:
        """Write what is pending to its life."""
        if self._life is None:
            return
        segment, minute, patterns = self._life.segment, self._minute, self._patterns
        for pattern, lines in self._pending.items():
            name = patterns.name(pattern)
            if pattern in patterns.levels:
                segment.levels[name] += lines
            elif pattern in patterns.own:
                self._own[name] += lines
            else:
                segment.counts[name] += lines
                count_minute(segment, name, minute, lines)
        self._pending.clear()

    def _stretches(self, counted: Counted) -> list[tuple[int, int, int | None]]:
        """(first match, behind the last, minute) of stretches within one minute. A log is in the
        order of time, so where a minute ends is found by halving."""
        done: list[tuple[int, int, int | None]] = []
        last = len(counted.ends) - 1
        first, minute, final = 0, self._minute_at(counted, 0), self._minute_at(counted, last)
        while minute != final:
            same, other, next_minute = first, last, final
            while other - same > 1:
                middle = (same + other) // 2
                found = self._minute_at(counted, middle)
                if found == minute:
                    same = middle
                else:
                    other, next_minute = middle, found
            done.append((first, other, minute))
            first, minute = other, next_minute
        done.append((first, last + 1, minute))
        return done

    def _minute_at(self, counted: Counted, index: int) -> int | None:
        """The minute since the epoch of the line of a match, None where it states no time. The time
        stands in the same column from line to line, and a minute is parsed once."""
        buffer = counted.buffer
        end = counted.base + counted.ends[index]
        start = buffer.rfind(b"\n", counted.base, end) + 1 or counted.base
        column = start + self._column
        known = self._minutes.get(buffer[column : column + MINUTE_LENGTH])
        if known is not None:
            return known
        match = _TIME.search(buffer, start, start + LINE_REACH)
        if match is None:
            return None
        self._column = match.start() - start
        minute = minute_of(parse_stamp(match[0].decode("ascii")))
        if len(self._minutes) < MAX_MINUTES:
            self._minutes[match[0][:MINUTE_LENGTH]] = minute
        return minute

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
        buffer, wanted = counted.buffer, self._patterns.healthy
        pairs = zip(counted.ids, counted.ends, strict=True)
        shift = counted.base + self._distance
        stop = shift + ULID_LENGTH
        ulids = [buffer[end + shift : end + stop] for pattern, end in pairs if pattern == wanted]
        joined = b"".join(ulids)
        # What stands beside a ULID is no letter of one: a slice at the wrong place cannot pass.
        exact = (
            self._distance
            and len(joined) == ULID_LENGTH * len(ulids)
            and not joined.translate(None, _LETTERS)
        )
        if not exact or self._to_attribute > 0:
            pairs = zip(counted.ids, counted.ends, strict=True)
            ends = [counted.base + end for pattern, end in pairs if pattern == wanted]
            if not exact:
                ends, ulids = self._searched(buffer, ends)
            once = dict(zip(ulids, ends, strict=True))
            fresh = [end for ulid, end in once.items() if ulid not in healthy]
            self._attribute(life.segment.blocks_by_tenant, buffer, fresh[: max(0, self._to_attribute)])
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

    def _searched(self, buffer: bytes, ends: list[int]) -> tuple[list[int], list[bytes]]:
        """The same, by a search in each line; matches without a ULID in their line are left out."""
        found: list[int] = []
        ulids: list[bytes] = []
        for end in ends:
            match = _ULID.search(buffer, end, end + LINE_REACH)
            if match is not None and b"\n" not in buffer[end : match.start()]:
                found.append(end)
                ulids.append(match[1])
                self._distance = match.start(1) - end
        return found, ulids

    def _attribute(self, tenants: Counter[str], buffer: bytes, ends: list[int]) -> None:
        """Count blocks under the tenants that their lines name, most often just before the match."""
        tails = [buffer[end - TENANT_REACH if end > TENANT_REACH else 0 : end] for end in ends]
        names = [
            tail[at + len(ORG_ID) : tail.find(b" ", at + len(ORG_ID))]
            for tail in tails
            if (at := tail.rfind(ORG_ID)) >= 0 and tail.find(b"\n", at) < 0
        ]
        if len(names) != len(ends):
            names = list(self._tenants(buffer, ends))
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
