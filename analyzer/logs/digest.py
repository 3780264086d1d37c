"""One log member becomes its digest: lives, failures, events, counts, times.

    digest = read_log(member)
    for segment in digest.segments: ...

The scan hands out the few lines that matter; each is peeled of its framing, joined when the runtime
split it, parsed, interpreted and folded into the life that wrote it. Memory does not grow with the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from analyzer.bundle.model import Member
from analyzer.facts import Evidence, Stamp
from analyzer.logs import godump, kernel, meaning
from analyzer.logs.counts import Counts
from analyzer.logs.dumps import HEADS_THAT_END, Dump, opens
from analyzer.logs.errors import StreamCounter
from analyzer.logs.fold import Folder, Life, widen
from analyzer.logs.framing import Framings
from analyzer.logs.framing_types import Peeled
from analyzer.logs.joining import Joined, Joiner
from analyzer.logs.lives import Lives, close, touch
from analyzer.logs.lookback import LookBack
from analyzer.logs.model import Event, KernelEvent, KernelLog, LogDigest, Record
from analyzer.logs.order import Steps
from analyzer.logs.patterns import SECTION, pattern_set
from analyzer.logs.quoting import REPLACEMENT
from analyzer.logs.rawjoins import RawJoin, may_go_on
from analyzer.logs.records import has_head, level_of, parse, record_caller, tail_fields, time_of
from analyzer.logs.repeats import Context, Recalled, Repeats
from analyzer.logs.rewrite import renumber
from analyzer.logs.scan import Counted, Line, Scanner
from analyzer.logs.sniff import looks_like_log
from analyzer.logs.source import Source, open_source
from analyzer.logs.sources import by_source, several_sources
from analyzer.logs.stamps import framing_stamp, payload_stamp
from analyzer.logs.storms import Storms
from analyzer.logs.writers import Hints, is_supervisor
from analyzer.logs.years import zone_between

__all__ = ["looks_like_log", "read_log"]

FIRST_LINES = 50  # lines read for the first time of a member
MAX_KERNEL_EVENTS = 20_000
MAX_HINTS = 20
RECORDS_FOR_PRODUCT = 10_000
MAX_WAITING = 20_000  # lines of a storm that are folded together
TAIL_LINES = 10_000  # what "kubectl logs --tail" and troubleshoot.sh keep by default
JOURNALS = ("syslog", "journal", "rfc5424")
PRODUCTS = {
    "cortex.go": "cortex", "mimir.go": "mimir", "loki.go": "loki", "ingester_v2.go": "cortex", "web.go": "prometheus",
    "receive.go": "thanos", "multitsdb.go": "thanos", "multitsdb_receive.go": "thanos",
}  # fmt: skip


def read_log(member: Member, *, tail: str = "") -> LogDigest:
    """Read a log member to its end. Never raises for what is in it.

    ``tail`` says why the member is known to be only the end of a log ("sos .tailed"); a member of
    exactly 10,000 lines without a banner near its start is taken for one by itself.
    """
    source = open_source(member)
    return _Reader(member, source, tail).read()


def _completed(record: Record, joined: Joined) -> Record:
    """The record with what the framing and the end of a line over 1 MiB add to it."""
    more = joined.peeled.fields
    if joined.tail:
        more += tail_fields(record.text, joined.tail)
    fields = record.fields + more
    stamp = time_of(more) or record.stamp
    return replace(
        record, fields=fields, stamp=stamp, level=record.level or level_of(more), lines=joined.lines
    )


class _Reader:
    """Reads one member. ``_line`` takes the physical lines, ``_entry`` the joined ones."""

    def __init__(self, member: Member, source: Source, tail: str) -> None:
        path = member.path
        self._path = path
        self._source = source
        self._several = several_sources(bytes(member.head))
        self._patterns = pattern_set()
        parsed, counted, frequent = self._patterns.parsed, self._patterns.counted, self._patterns.frequent
        self._scanner = Scanner(parsed, counted, frequent, StreamCounter)
        self._digest = LogDigest(path, tail=tail, newest_first=source.newest_first)
        self._digest.warnings.extend(source.warnings)
        self._framings = Framings()
        self._joiner = Joiner(StreamCounter)
        self._folder = Folder(self._digest)
        self._counts = Counts(self._patterns, self._folder)
        self._back = LookBack(self._scanner, self._framings)
        self._lives = Lives(self._digest, self._worked)
        self._repeats = Repeats(Context(path, self._previous_step))
        self._storms = Storms(self._scanner)
        self._scanner.skim = self._skim
        self._recalled: Recalled | None = None  # what the last line was recalled as
        self._dump: Dump | None = None
        self._raw: RawJoin | None = None  # an error of several lines
        self._kernel: list[KernelEvent] = []
        self._steps = Steps()
        self._stamp: Stamp | None = None  # of the last line that was parsed
        self._writer: Hints = ()  # of the line that is being read
        self._section: tuple[tuple[str, str], ...] = ()
        self._searching = FIRST_LINES
        self._hint_values: dict[str, Counter[str]] = {}
        self._section_literal = SECTION.decode()

    def read(self) -> LogDigest:
        """The digest of the whole member."""
        for found in self._scanner.scan(self._source.chunks):
            if isinstance(found, Line):
                self._fold()
                self._line(found)
            else:
                self._count(found)
        self._fold()
        for joined in self._joiner.finish():
            self._joined(joined)
        self._end_raw()
        return self._finish()

    def _line(self, line: Line) -> None:
        """One physical line: its framing peeled off, joined to what it continues."""
        number = line.number
        long = self._long(line) if line.cut else None
        peeled = long.peeled if long is not None else self._framings.peel(line.raw)
        self._digest.framings[peeled.framing] += 1
        self._digest.parsed += 1
        if long is not None:
            self._entry(long, line.ids)
        elif peeled.partial or self._joiner.open:
            if REPLACEMENT in peeled.payload:  # maybe half a character
                peeled.payload = self._framings.peel(line.raw, "surrogateescape").payload
            for joined in self._joiner.add(peeled, number):
                if joined.number != number:
                    self._joined(joined)
                else:
                    self._entry(joined, line.ids)
            if self._joiner.took:
                self._count_before()
                self._scanner.skip()
        else:
            self._recalled = None
            self._entry(Joined(peeled, number, 1, False), line.ids)
            self._storm(line, peeled)
        dump = self._dump
        self._scanner.follow = (
            self._joiner.open
            or (dump is not None and dump.followed)
            or self._searching > 0
            or self._raw is not None
        )

    def _long(self, line: Line) -> Joined:
        """A line over 1 MiB, as far as it was kept; one whose head and tail are all of it is whole."""
        behind = line.size - len(line.raw)
        if behind <= len(line.tail):
            raw = line.raw + line.tail[len(line.tail) - behind :]
            return Joined(self._framings.peel(raw), line.number, 1, False)
        peeled, tail, cut = self._framings.peel_cut(line.raw, line.tail)
        return Joined(peeled, line.number, 1, cut, line.long if cut else None, tail)

    def _count_before(self) -> None:
        """Count what stands before the current line, before another life or another state begins."""
        counted = self._scanner.counted()
        if counted is not None:
            self._count(counted)

    def _count(self, counted: Counted) -> None:
        if not (self._several or self._section) and self._lives.sources <= 1:
            self._counts.add(self._lives.current(1), counted)
            return
        for hints, part in by_source(counted, self._framings):
            self._counts.add(self._lives.of(hints or self._section, self._scanner.lines), part)

    def _joined(self, joined: Joined) -> None:
        """A line put together from pieces: only now can what it holds be found."""
        self._digest.cut_lines += bool(joined.tail)
        ids, counted = self._scanner.matches(joined.peeled.payload.encode("utf-8", "replace"))
        self._entry(joined, ids)
        if counted.ids or counted.marks:
            self._count(counted)

    def _entry(self, joined: Joined, ids: tuple[int, ...]) -> None:
        """One whole line of the log."""
        peeled = joined.peeled
        if self._section and not peeled.hints:
            peeled.hints = self._section
        self._writer = peeled.hints
        if self._searching:
            self._search_first(peeled, joined.number)
        if self._raw is not None:
            if self._raw.take(joined):
                return
            self._end_raw()
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
        elif may_go_on(joined):
            self._raw = RawJoin(joined)
        else:
            self._record(joined)

    def _end_raw(self) -> None:
        """An error of several lines is whole."""
        raw, self._raw = self._raw, None
        if raw is not None:
            self._record(raw.whole(), self._time_before(raw.first.peeled))

    def _record(self, joined: Joined, before: Stamp | None = None) -> None:
        """A line worth parsing: what it means goes to the life that wrote it. ``before`` is the time of the
        lines before it, for one that may have none of its own."""
        peeled = joined.peeled
        framed = framing_stamp(peeled.stamp) or before
        if not joined.cut:
            known = self._repeats.recall(peeled.payload, peeled.hints, framed)
            if known is not None and self._recall(joined, known):
                return
        record = parse(peeled.payload, self._path, joined.number, framed, joined.cut, peeled.level)
        if peeled.fields or joined.lines > 1 or joined.tail:
            record = _completed(record, joined)
        if framed is not None and framed.assumed == "year" and self._digest.undated_zone is None:
            self._digest.undated_zone = zone_between(framed, record.stamp) if record.fields else None
        found = self._repeats.interpret(record, peeled.hints, framed)
        if found is None:
            self._widen(record.stamp)
            self._digest.records += bool(record.fields)
            if (writes := self._lives.known(peeled.hints)) is not None:
                writes.segment.records += bool(record.fields)
            return
        self._hints(peeled)
        for event in found.events:
            self._event(event, peeled, joined.number)
        if found.failure is not None:
            life = self._failure(joined, record, found.failure, bool(record.fields))
        else:
            life = self._wrote(joined, record, bool(record.fields))
        if record.fields and self._digest.records < RECORDS_FOR_PRODUCT:
            product = PRODUCTS.get((record_caller(record) or "").partition(":")[0])
            if product:
                self._digest.products[product] += 1
                life.segment.products[product] += 1

    def _recall(self, joined: Joined, known: Recalled) -> bool:
        """Fold a line that is like one before; not where it states an event that must be kept, or is the first of
        its group, whose text stays."""
        life = self._life(joined.peeled, joined.number)
        if not (self._folder.full(life, known.events) and self._folder.knows(life, known.failure)):
            return False
        self._folder.count_events(life, known.events)
        record = Record(self._path, joined.number, known.stamp, known.level, (), joined.peeled.payload)
        self._failure(joined, record, known.failure, known.is_record)
        self._recalled = known
        return True

    def _storm(self, line: Line, peeled: Peeled) -> None:
        """Fold the lines behind one that was recalled along with it, as far as each is like one before."""
        recalled = self._recalled
        if recalled is None or not self._alone():
            return
        life = self._lives.current(line.number)
        settled = partial(self._folder.settled, life, recalled.failure, recalled.events)
        place = partial(self._folder.place, life)
        self._storms.run(line, peeled, recalled, settled, place)
        self._fold()

    def _skim(self, buffer: bytes, base: int, stop: int) -> tuple[int, int, bool]:
        """Within a storm, fold what a block begins with before it is scanned; see :data:`scan.Skim`."""
        if not self._storms.hot or not self._alone():
            return 0, base, False
        life = self._lives.current(self._scanner.lines)
        found = self._storms.skim(buffer, base, stop, partial(self._folder.place, life))
        if found.lines:
            self._counts.add(life, Counted(b"", 0, found.counted, [], []))
        if self._storms.waiting > MAX_WAITING:
            self._fold()
        return found.lines, found.offset, found.on

    def _alone(self) -> bool:
        """Whether one source writes plain lines, each of which is read by itself."""
        busy = self._section or self._dump or self._searching or self._joiner.open or self._raw
        return not (self._several or self._lives.sources > 1 or busy)

    def _fold(self) -> None:
        """Fold the lines of a storm that say the same together: what was collected of the life that writes."""
        if not self._storms.waiting:
            return
        life, digest = self._lives.current(self._scanner.lines), self._digest
        for share in self._storms.take():
            said, lines = share.said, len(share.stamps)
            payload = self._framings.peel(share.raw).payload
            span, last = share.span()
            record = Record(self._path, share.number, last, said.recalled.level, (), payload)
            self._folder.count_events(life, said.recalled.events, lines)
            paths = self._folder.wants_paths(life, said.recalled.failure, share.spot)
            self._folder.failure(life, share.failure(paths), record, lines, span, share.spot)
            digest.framings[said.framing] += lines
            digest.parsed += lines
            records = lines if said.recalled.is_record or said.recalled.level else 0
            digest.records += records
            life.segment.records += records
            for stamp in (*span, last):
                self._widen(stamp)
                touch(life, share.number, stamp)

    def _wrote(self, joined: Joined, record: Record, is_record: bool) -> Life:
        """The life that wrote a record, widened to it."""
        if record.stamp is not None:
            self._steps.add(record.stamp)
        self._widen(record.stamp)
        life = self._life(joined.peeled, joined.number)
        self._digest.records += is_record or record.level != ""
        life.segment.records += is_record or record.level != ""
        touch(life, joined.number, record.stamp)
        return life

    def _failure(self, joined: Joined, record: Record, failure: meaning.Observation, is_record: bool) -> Life:
        life = self._wrote(joined, record, is_record)
        if not life.refused:
            self._count_before()
        if isinstance(joined.long, StreamCounter):
            text = meaning.failing_text(record)
            failure = meaning.with_stream(failure, joined.long.finish(), text)
        self._folder.failure(life, failure, record)
        return life

    def _life(self, peeled: Peeled, number: int) -> Life:
        """The life that wrote a line; what was counted before it is another's, if there are several. Whether
        a new source begins another is asked when all before it is counted, wherever its chunk began."""
        if self._lives.sources > 1 or self._lives.known(peeled.hints) is None:
            self._count_before()
        return self._lives.of(peeled.hints, number, peeled.payload)

    def _event(self, event: Event, peeled: Peeled, number: int) -> None:
        """Keep an event; a banner closes the life before it and begins the next."""
        life = self._life(peeled, number)
        if event.kind == "start":
            self._count_before()
            if not self._lives.fresh(life, peeled.hints):
                self._close(life, number - 1, peeled.hints)
            life = self._lives.start(peeled.hints, event, number)
            self._repeats.forget()
            self._storms.forget()
            for products in (self._digest.products, life.segment.products):
                products[event.fields.get("product", "")] += 1
        self._folder.event(life, event)

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
            self._count_before()
            namespace, _, pod = words[3].rpartition("/")
            self._section = (("namespace", namespace), ("pod", pod), ("container", words[0]))

    def _open_dump(self, joined: Joined) -> None:
        peeled = joined.peeled
        stamp = self._time_before(peeled)
        previous = self._previous_step(None)
        self._count_before()
        self._dump = Dump(
            joined.number, peeled.hints, stamp, self._counts.own("goroutine"), previous, peeled.stream
        )
        self._dump.add(peeled.payload, joined.number)

    def _time_before(self, peeled: Peeled) -> Stamp | None:
        """The time of a line, where it has none that of the last one before it."""
        stamp = framing_stamp(peeled.stamp)
        if stamp is None:
            rows = self._back.rows(peeled.hints, self._lives.sources > 1) if self._digest.first else ()
            stamp = next((time for _, _, time in rows if time is not None), self._stamp)
        return stamp

    def _in_dump(self, dump: Dump, joined: Joined, ids: tuple[int, ...]) -> bool:
        """Whether the line is part of the open dump. Ends the dump where it is not its last word."""
        peeled = joined.peeled
        if not dump.belongs(peeled):
            return False
        if peeled.stream != dump.stream:
            dump.strange += 1
            if ids and not dump.followed:
                self._end_dump(dump, dump.last_line)
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
        self._count_before()
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

    def _worked(self, hints: Hints | None) -> bool:
        return self._back.worked(hints if self._lives.sources > 1 else None)

    def _close(self, life: Life, last_line: int, hints: tuple[tuple[str, str], ...]) -> None:
        if self._dump is not None and self._dump.hints == hints:
            self._end_dump(self._dump, last_line)
        rows = self._back.rows(hints, self._lives.sources > 1)
        close(life, last_line, rows, self._path, last_line)

    def _previous_step(self, tenant: str | None) -> str | None:
        """The message of the tenant's last life-cycle line, through the last 4 MiB, of the process that writes."""
        self._count_before()
        several = self._lives.sources > 1 and not self._section
        found = self._back.step(tenant, self._writer if several else None)
        if self._back.spent:
            self._folder.warn("too many failures that only the line before explains: not all were traced")
        return found

    def _search_first(self, peeled: Peeled, number: int) -> None:
        """The member's first time, from its first lines."""
        self._searching -= 1
        self._hints(peeled)
        stamp = payload_stamp(peeled.payload) or framing_stamp(peeled.stamp)
        if stamp is not None:
            self._searching = 0
            self._widen(stamp)
        if self._lives.sources == 0 or stamp is not None:
            touch(self._lives.of(peeled.hints, number), number, stamp)

    def _widen(self, stamp: Stamp | None) -> None:
        if stamp is not None:
            self._stamp = stamp
            widen(self._digest, stamp)

    def _hints(self, peeled: Peeled) -> None:
        if peeled.hints and not is_supervisor(peeled.hints):
            for name, value in peeled.hints:
                values = self._hint_values.setdefault(name, Counter())
                if value in values or len(values) < MAX_HINTS:
                    values[value] += 1

    def _finish(self) -> LogDigest:
        digest, scanner = self._digest, self._scanner
        digest.size, digest.lines, digest.cut_lines = (
            self._source.tally.size,
            scanner.lines,
            digest.cut_lines + scanner.cut_lines,
        )
        digest.partials_open = self._joiner.broken
        if self._steps.back and self._lives.sources <= 1 and not digest.newest_first:
            self._folder.warn(
                f"{self._path}: its times go back from line to line; it was read in the order in which it stands, "
                "so that its starts and ends may be taken for each other"
            )
        if self._dump is not None:
            self._end_dump(self._dump, scanner.lines)
        self._close_all(scanner.lines)
        self._folder.finish()
        for name, values in self._hint_values.items():
            digest.hints[name] = values.most_common(1)[0][0]
            if len(values) > 1:
                digest.hints[f"{name}s"] = ", ".join(sorted(values))
        if digest.framings:
            main = digest.framings.most_common(1)[0][0]
            digest.framings[main] += max(0, digest.lines - digest.parsed)
        digest.products.pop("", None)
        self._finish_unread()
        self._finish_kernel()
        if self._source.numbers is not None:
            renumber(digest, self._source.number)
        if not digest.tail and digest.lines == TAIL_LINES and not any(self._early_start()):
            digest.tail = "10,000 lines"
        return digest

    def _finish_unread(self) -> None:
        """Messages of the log's own unit that a journal left out: they may be the longest, those of a failure."""
        units = self._lives.units()
        lost = sum(
            count
            for unit, count in self._source.unread.items()
            if not is_supervisor(unit) and (unit in units or not (unit and units))
        )
        if lost:
            self._digest.null_messages = lost
            verb = "message is" if lost == 1 else "messages are"
            words = (
                f"{self._path}: {lost:,} {verb} null, as journalctl -o json writes what is over 4096 bytes"
            )
            self._folder.warn(f"{words}; -o export or --all keeps it")

    def _early_start(self) -> Iterator[bool]:
        return (
            segment.start is not None and segment.first_line <= FIRST_LINES
            for segment in self._digest.segments
        )

    def _close_all(self, last: int) -> None:
        """Close what is open at the end: each source's life at its last line."""
        several = self._lives.sources > 1
        for _, _, stamp in self._back.rows((), several=False):
            if stamp is not None:
                self._widen(stamp)
                break
        newest = self._lives.current(1)
        for hints, life in self._lives.open():
            end = last if life is newest else life.segment.last_line
            close(life, end, self._back.rows(hints, several), self._path, last)
        last_lives = {id(life) for _, life in self._lives.open()}
        for life in self._lives.all:
            segment = life.segment
            if segment.start is None or id(life) in last_lives:
                life.settle()
            segment.levels["other"] = max(0, segment.lines - segment.levels["error"] - segment.levels["warn"])
            segment.tenants.update(segment.blocks_by_tenant)

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
