"""One log member becomes its digest: lives, failures, events, counts, times.

    digest = read_log(member)
    for segment in digest.segments: ...

The scan hands out the few lines that matter; each is peeled of its framing, joined when the runtime
split it, parsed, interpreted and folded into the life that wrote it. Memory does not grow with the log.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from analyzer.bundle.model import Member
from analyzer.facts import Evidence, Stamp
from analyzer.logs import godump, kernel, meaning
from analyzer.logs.counts import Counts
from analyzer.logs.dumps import HEADS_THAT_END, Dump, opens
from analyzer.logs.errors import StreamCounter
from analyzer.logs.fold import Folder, Life
from analyzer.logs.framing import Framings
from analyzer.logs.framing_types import Peeled
from analyzer.logs.joining import Joined, Joiner
from analyzer.logs.lives import Lives, close, is_supervisor, touch
from analyzer.logs.model import Event, KernelEvent, KernelLog, LogDigest, Record
from analyzer.logs.patterns import SECTION, pattern_set
from analyzer.logs.records import has_head, parse, record_caller, record_error, record_message, record_tenant
from analyzer.logs.scan import Line, Scanner
from analyzer.logs.sniff import looks_like_log
from analyzer.logs.source import Source, open_source
from analyzer.logs.stamps import framing_stamp, payload_stamp

__all__ = ["looks_like_log", "read_log"]

LOOK_BACK = 400  # lines searched backwards for a time
STEP_LINES = 2_000  # lines searched backwards for a tenant's previous step
STEP_BUDGET = 400_000  # the same, over a whole member
FIRST_LINES = 50  # lines read for the first time of a member
MAX_KERNEL_EVENTS = 20_000
MAX_CACHE = 4096
MAX_HINTS = 20
TAIL_LINES = 10_000  # what "kubectl logs --tail" and troubleshoot.sh keep by default
JOURNALS = ("syslog", "journal", "rfc5424")
PRODUCTS = {
    "cortex.go": "cortex", "mimir.go": "mimir", "loki.go": "loki", "ingester_v2.go": "cortex", "web.go": "prometheus",
    "receive.go": "thanos", "multitsdb.go": "thanos", "multitsdb_receive.go": "thanos",
}  # fmt: skip

CacheKey = tuple[str, str, str | None, str | None, str | None]


def read_log(member: Member, *, tail: str = "") -> LogDigest:
    """Read a log member to its end. Never raises for what is in it.

    ``tail`` says why the member is known to be only the end of a log ("sos .tailed"); a member of
    exactly 10,000 lines without a banner near its start is taken for one by itself.
    """
    source = open_source(member)
    return _Reader(member.path, source, member.size, tail).read()


class _Context:
    """What :func:`meaning.interpret` may ask beyond the record. ``asked`` tells that it did, and that
    the answer holds for this line only."""

    def __init__(self, member: str, step: Callable[[str | None], str | None]) -> None:
        self.member = member
        self.asked = False
        self._step = step

    def previous_step(self, tenant: str | None) -> str | None:
        self.asked = True
        return self._step(tenant)


class _Reader:
    """Reads one member. ``_line`` takes the physical lines, ``_entry`` the joined ones."""

    def __init__(self, path: str, source: Source, size: int | None, tail: str) -> None:
        self._path = path
        self._source = source
        self._patterns = pattern_set()
        self._scanner = Scanner(self._patterns.parsed, self._patterns.counted, StreamCounter, expected=size)
        self._digest = LogDigest(path, tail=tail, newest_first=source.newest_first)
        self._digest.warnings.extend(source.warnings)
        self._framings = Framings()
        self._joiner = Joiner(StreamCounter)
        self._folder = Folder(self._digest)
        self._counts = Counts(self._patterns, self._folder)
        self._lives = Lives(self._digest)
        self._context = _Context(path, self._previous_step)
        self._dump: Dump | None = None
        self._kernel: list[KernelEvent] = []
        self._cache: dict[CacheKey, meaning.Meaning | None] = {}
        self._piece = 0  # number of the last line that was a piece: what is counted in it counts later
        self._section: tuple[tuple[str, str], ...] = ()
        self._steps_left = STEP_BUDGET
        self._searching = FIRST_LINES
        self._hint_values: dict[str, Counter[str]] = {}
        self._section_literal = SECTION.decode()

    def read(self) -> LogDigest:
        """The digest of the whole member."""
        for found in self._scanner.scan(self._source.chunks):
            if isinstance(found, Line):
                self._line(found)
            elif found.line == 0 or found.line != self._piece:
                self._counts.add(self._lives.current(1), found)
        for joined in self._joiner.finish():
            self._joined(joined)
        return self._finish()

    def _line(self, line: Line) -> None:
        """One physical line: its framing peeled off, joined to what it continues."""
        number = self._source.number(line.number)
        peeled = self._framings.peel(line.raw)
        self._digest.framings[peeled.framing] += 1
        self._digest.parsed += 1
        if line.cut:
            joined = Joined(peeled, number, 1, True, line.long)
            self._entry(joined, line.ids)
        elif peeled.partial or self._joiner.open:
            for joined in self._joiner.add(peeled, number):
                if joined.number != number:
                    self._joined(joined)
                else:
                    self._entry(joined, line.ids)
            if self._joiner.took:
                self._piece = line.number
        else:
            self._entry(Joined(peeled, number, 1, False), line.ids)
        dump = self._dump
        follow = self._joiner.open or (dump is not None and dump.followed) or self._searching > 0
        self._scanner.follow = follow

    def _joined(self, joined: Joined) -> None:
        """A line put together from pieces: only now can what it holds be found."""
        ids, counted = self._scanner.matches(joined.peeled.payload.encode("utf-8", "replace"))
        self._entry(joined, ids)
        if counted.ids:
            self._counts.add(self._lives.current(1), counted)

    def _entry(self, joined: Joined, ids: tuple[int, ...]) -> None:
        """One whole line of the log."""
        peeled = joined.peeled
        if self._section and not peeled.hints:
            peeled.hints = self._section
        if self._searching:
            self._search_first(peeled, joined.number)
        if self._dump is not None and self._in_dump(self._dump, joined, ids):
            return
        if not ids:
            return
        if opens(peeled.payload):
            self._open_dump(joined)
        elif self._section_literal in peeled.payload:
            self._begin_section(peeled.payload)
        elif peeled.kernel or not self._patterns.kernel.isdisjoint(ids):
            self._kernel_line(joined, ids)
        else:
            self._record(joined)

    def _record(self, joined: Joined) -> None:
        """A line worth parsing: what it means goes to the life that wrote it."""
        peeled = joined.peeled
        stamp = framing_stamp(peeled.stamp)
        record = parse(peeled.payload, self._path, joined.number, stamp, joined.cut, peeled.level)
        if peeled.fields or joined.lines > 1:
            record = replace(record, fields=record.fields + peeled.fields, lines=joined.lines)
        if record.fields:
            self._digest.records += 1
        self._widen(record.stamp)
        found = self._interpret(record)
        if found is None:
            return
        self._hints(peeled)
        life = self._lives.of(peeled.hints, joined.number)
        for event in found.events:
            life = self._event(life, event, peeled, joined.number)
        touch(life, joined.number, record.stamp)
        if found.failure is not None:
            failure = found.failure
            if isinstance(joined.long, StreamCounter):
                failure = meaning.with_stream(failure, joined.long.finish())
            self._folder.failure(life, failure, record)
        product = PRODUCTS.get((record_caller(record) or "").partition(":")[0])
        if product:
            self._digest.products[product] += 1

    def _interpret(self, record: Record) -> meaning.Meaning | None:
        """What the record means; a failure repeated word for word is interpreted once."""
        error = record_error(record)
        if error is None or record.cut:
            return meaning.interpret(record, self._context)
        key = (
            record_message(record),
            error,
            record_tenant(record),
            record.get("method"),
            record_caller(record),
        )
        if key in self._cache:
            return self._cache[key]
        self._context.asked = False
        found = meaning.interpret(record, self._context)
        if not self._context.asked and (found is None or not found.events):
            if len(self._cache) >= MAX_CACHE:
                self._cache.clear()
            self._cache[key] = found
        return found

    def _event(self, life: Life, event: Event, peeled: Peeled, number: int) -> Life:
        """Keep an event; a banner closes the life before it and begins the next."""
        if event.kind == "start":
            self._counts.flush()
            before = self._lives.of(peeled.hints, number)
            if not before.blank:
                self._close(before, number - 1, peeled.hints)
            life = self._lives.start(peeled.hints, event, number)
            self._digest.products[event.fields.get("product", "")] += 1
        self._folder.event(life, event)
        return life

    def _kernel_line(self, joined: Joined, ids: tuple[int, ...]) -> None:
        """A line of the kernel in a journal or syslog; one that only sounds like it is a record."""
        peeled = joined.peeled
        event = kernel.parse(peeled.payload, self._path, joined.number)
        if event is None or not (
            peeled.kernel or event.boot_seconds is not None or not has_head(peeled.payload)
        ):
            self._record(joined)
            return
        stamp = framing_stamp(peeled.stamp) or event.stamp
        self._widen(stamp)
        if len(self._kernel) >= MAX_KERNEL_EVENTS:
            self._folder.warn(f"more than {MAX_KERNEL_EVENTS} kernel events: the rest was not kept")
            return
        evidence = Evidence(self._path, joined.number, event.evidence.text, stamp)
        self._kernel.append(replace(event, stamp=stamp, evidence=evidence))

    def _begin_section(self, payload: str) -> None:
        """``==== START logs for container C of pod NS/POD ====`` in a cluster-info dump."""
        words = payload.partition(self._section_literal)[2].split()
        if len(words) >= 4:
            namespace, _, pod = words[3].rpartition("/")
            self._section = (("namespace", namespace), ("pod", pod), ("container", words[0]))

    def _open_dump(self, joined: Joined) -> None:
        peeled = joined.peeled
        stamp = framing_stamp(peeled.stamp)
        if stamp is None:
            stamp = next((time for _, time in self._before(peeled.hints) if time is not None), None)
        previous = self._previous_step(None)
        self._dump = Dump(joined.number, peeled.hints, stamp, self._counts.own("goroutine"), previous)
        self._dump.add(peeled.payload, joined.number)

    def _in_dump(self, dump: Dump, joined: Joined, ids: tuple[int, ...]) -> bool:
        """Whether the line is part of the open dump. Ends the dump where it is not its last word."""
        peeled = joined.peeled
        if not dump.belongs(peeled):
            return False
        if has_head(peeled.payload):
            dump.heads += 1
            if ids and (not dump.followed or dump.stacks or dump.heads >= HEADS_THAT_END):
                self._end_dump(dump, joined.number - 1)
            elif dump.heads >= HEADS_THAT_END:
                self._end_dump(dump, joined.number - dump.heads)
            return False
        if ids and dump.is_next(peeled.payload) and opens(peeled.payload):
            self._end_dump(dump, joined.number - 1)
            return False
        dump.add(peeled.payload, joined.number)
        return True

    def _end_dump(self, dump: Dump, last_line: int) -> None:
        """The dump becomes one event, and a failure when it is one."""
        self._dump = None
        total = max(dump.total, last_line - dump.first_line + 1 if not dump.followed else 0)
        event, failure = godump.parse(
            dump.lines,
            member=self._path,
            first_line=dump.first_line,
            stamp=dump.stamp,
            total_lines=total,
            goroutines=self._counts.own("goroutine") - dump.goroutines,
            previous=dump.previous,
        )
        life = self._lives.of(dump.hints, dump.first_line)
        self._folder.event(life, event)
        touch(life, dump.first_line + total - 1, dump.stamp)
        if failure is not None:
            record = Record(
                self._path, dump.first_line, dump.stamp, "error", (), event.evidence.text, lines=total
            )
            self._folder.failure(life, failure, record)

    def _before(self, hints: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, Stamp | None]]:
        """Payload and time of the lines before the current one, newest first, of the same source."""
        for raw in itertools.islice(self._scanner.backwards(), LOOK_BACK):
            peeled = self._framings.peel(raw)
            if self._lives.sources > 1 and peeled.hints != hints:
                continue
            if "maxprocs: " in peeled.payload[:60]:
                continue  # printed before the banner, by the next process
            yield peeled.payload, payload_stamp(peeled.payload) or framing_stamp(peeled.stamp)

    def _close(self, life: Life, last_line: int, hints: tuple[tuple[str, str], ...]) -> None:
        self._counts.flush()
        if self._dump is not None and self._dump.hints == hints:
            self._end_dump(self._dump, last_line)
        close(life, last_line, self._before(hints), self._path)

    def _previous_step(self, tenant: str | None) -> str | None:
        """The message of the tenant's last life-cycle line, through the last 4 MiB."""
        name = tenant.encode("utf-8", "replace") if tenant else b""
        literals = tuple(meaning.COUNTED.values())
        for raw in itertools.islice(self._scanner.backwards(), min(STEP_LINES, self._steps_left)):
            self._steps_left -= 1
            if name in raw and any(literal in raw for literal in literals):
                peeled = self._framings.peel(raw)
                record = parse(peeled.payload, self._path, 0)
                if not tenant or record_tenant(record) == tenant:
                    return record_message(record) or None
        if self._steps_left <= 0:
            self._folder.warn(
                "too many failures whose operation only the line before can tell: not all were traced"
            )
        return None

    def _search_first(self, peeled: Peeled, number: int) -> None:
        """The member's first time, from its first lines."""
        self._searching -= 1
        self._hints(peeled)
        stamp = payload_stamp(peeled.payload) or framing_stamp(peeled.stamp)
        if stamp is not None:
            self._searching = 0
            self._widen(stamp)
            touch(self._lives.of(peeled.hints, number), number, stamp)

    def _widen(self, stamp: Stamp | None) -> None:
        digest = self._digest
        if stamp is None:
            return
        if digest.first is None or stamp < digest.first:
            digest.first = stamp
        if digest.last is None or stamp > digest.last:
            digest.last = stamp

    def _hints(self, peeled: Peeled) -> None:
        if peeled.hints and not is_supervisor(peeled.hints):
            for name, value in peeled.hints:
                values = self._hint_values.setdefault(name, Counter())
                if value in values or len(values) < MAX_HINTS:
                    values[value] += 1

    def _finish(self) -> LogDigest:
        digest, scanner = self._digest, self._scanner
        digest.size, digest.lines, digest.cut_lines = scanner.size, scanner.lines, scanner.cut_lines
        digest.partials_open = self._joiner.broken
        last = self._source.number(scanner.lines) if not digest.newest_first else scanner.lines
        if self._dump is not None:
            self._end_dump(self._dump, last)
        self._counts.flush()
        self._close_all(last)
        for name, values in self._hint_values.items():
            digest.hints[name] = values.most_common(1)[0][0]
            if len(values) > 1:
                digest.hints[f"{name}s"] = ", ".join(sorted(values))
        if digest.framings:
            main = digest.framings.most_common(1)[0][0]
            digest.framings[main] += max(0, digest.lines - digest.parsed)
        digest.products.pop("", None)
        self._finish_kernel()
        if not digest.tail and digest.lines == TAIL_LINES and not any(self._early_start()):
            digest.tail = "10,000 lines"
        return digest

    def _early_start(self) -> Iterator[bool]:
        return (
            segment.start is not None and segment.first_line <= FIRST_LINES
            for segment in self._digest.segments
        )

    def _close_all(self, last: int) -> None:
        """Close what is open at the end: the life that wrote last at the last line."""
        if not self._lives.all:
            self._lives.of((), 1)
        rows = list(self._before(()))
        for _, stamp in rows:
            if stamp is not None:
                self._widen(stamp)
                break
        for life in self._lives.all:
            segment = life.segment
            segment.levels["other"] = 0
            if segment.lines:
                continue
            newest = life is self._lives.current(1)
            close(
                life,
                last if newest else max(segment.last_line, segment.first_line),
                rows if newest else (),
                self._path,
            )
        for life in self._lives.all:
            levels = life.segment.levels
            levels["other"] = max(0, life.segment.lines - levels["error"] - levels["warn"])
            life.segment.tenants.update(life.segment.blocks_by_tenant)

    def _finish_kernel(self) -> None:
        """The kernel's lines in this member, as a kernel log that covers the member's time."""
        digest = self._digest
        main = digest.framings.most_common(1)[0][0] if digest.framings else ""
        journal = main.startswith(JOURNALS) and self._counts.own("kernel_line") > 0
        if not self._kernel and not journal:
            return
        boots = [event.boot_seconds for event in self._kernel if event.boot_seconds is not None]
        digest.kernel = KernelLog(
            self._path,
            kernel.merge(self._kernel),
            digest.first,
            digest.last,
            min(boots, default=None),
            max(boots, default=None),
            digest.lines,
        )
