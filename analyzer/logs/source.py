"""A log member's bytes as lines in the order of time: encodings, documents and downloads undone.

    UTF-16 with a BOM (PowerShell's redirection)         becomes UTF-8
    journalctl -o export, binary fields and all          becomes one JSON line an entry
    journalctl -o json                                   has text where its messages are arrays of bytes
    Loki's and Grafana's JSON answers, Grafana's CSV     become one JSON line an entry, oldest first
    logcli and Grafana text and others, newest first     is turned round

Everything else passes through untouched, chunk by chunk. Where lines are made or moved, ``numbers``
maps each to the physical line of the member that it came from.
"""

from __future__ import annotations

import codecs
import itertools
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from analyzer.bundle.model import Member
from analyzer.clock import parse_stamp
from analyzer.logs import csv_download, holes, order
from analyzer.logs.framing import Framings
from analyzer.logs.framing_json import text_of
from analyzer.logs.framing_types import LABELS
from analyzer.logs.journal_json import JournalText, is_journal_json
from analyzer.logs.writers import Hints

WHOLE = 64 << 20  # a document, or a log to be turned round, is read whole up to this size
MOST_ENTRIES = 500_000  # of a document; their own cost is many times that of a short line
EXPORT_FIELDS = frozenset(
    (
        "MESSAGE", "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "_HOSTNAME", "_PID", "_SYSTEMD_UNIT",
        "SYSLOG_IDENTIFIER", "PRIORITY", "_TRANSPORT", "CONTAINER_NAME", "CONTAINER_ID", "ERR", "ERROR", "MSG",
        "CALLER", "TENANT", "USER", "ORG_ID", "COMPONENT", "MODULE", "VERSION",
    )
)  # fmt: skip
AHEAD = 1 << 20  # read for the order of a log whose first 8 KiB do not tell it


class Tally(Struct):
    """Counts the member's own bytes while they are read."""

    size: int = 0

    def count(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        """The chunks, counted."""
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk


class Source(Struct):
    """The lines of a member, as chunks of bytes. ``numbers[i]`` is the physical line of line i+1;
    it is filled as the chunks are taken, and None where lines are as they stand in the member."""

    chunks: Iterable[bytes | memoryview]
    numbers: array[int] | None = None
    newest_first: bool = False
    warnings: list[str] = field(default_factory=list)
    unread: Counter[Hints] = field(default_factory=Counter)  # messages that are null in a journal, by unit
    tally: Tally = field(default_factory=lambda: Tally())

    def number(self, line: int) -> int:
        """The member's physical line for the ``line``-th line handed out."""
        if self.numbers is None or not self.numbers:
            return line
        return self.numbers[min(line, len(self.numbers)) - 1]


def open_source(member: Member) -> Source:
    """The source for a member, chosen by its first 8 KiB."""
    member = holes.past(member)
    tally = Tally()
    source = _source(bytes(member.head), holes.text_of(tally.count(member.body)))
    source.tally = tally
    return source


def _source(head: bytes, chunks: Iterable[bytes | memoryview]) -> Source:
    encoding = utf16_of(head)
    if encoding:
        chunks = _transcoded(chunks, encoding)
        head = head.decode(encoding, "replace").encode("utf-8", "replace")
    if is_export(head):
        numbers: array[int] = array("Q")
        return Source(_export_lines(chunks, numbers), numbers)
    if is_journal_json(head):
        text = JournalText(chunks, head)
        newest_first = order.order_of(head.split(b"\n")[:-1]) == "newest first"
        source = _turned(text) if newest_first else Source(text)
        source.unread = text.unread
        return source
    if kind := document_kind(head):
        return _document(chunks, kind)
    found = order.order_of(head.split(b"\n")[:-1])
    if not found:
        data, chunks = _ahead(chunks)
        found = order.order_of(data.split(b"\n")[:-1])
    return _turned(chunks) if found == "newest first" else Source(chunks)


def utf16_of(head: bytes) -> str:
    """The codec of a UTF-16 text by its byte order mark or its zero bytes, "" for none."""
    if head[:2] == b"\xff\xfe":
        return "utf-16"
    if head[:2] == b"\xfe\xff":
        return "utf-16"
    sample = head[:512]
    if len(sample) < 8:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) * 0.4 and even < odd / 8:
        return "utf-16-le"
    return "utf-16-be" if even > len(sample) * 0.4 and odd < even / 8 else ""


def _transcoded(chunks: Iterable[bytes | memoryview], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(bytes(chunk)).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def is_export(head: bytes) -> bool:
    """Whether ``head`` is the start of ``journalctl -o export``."""
    return head.startswith((b"__CURSOR=", b"__REALTIME_TIMESTAMP=")) and b"\n__" in head


def _export_lines(chunks: Iterable[bytes | memoryview], numbers: array[int]) -> Iterator[bytes]:
    """One JSON line for each entry of the export format: ``KEY=value`` lines, or ``KEY``, an eight
    byte little endian length, the data and a newline; an empty line ends an entry."""
    buffer = b""
    start = 0  # of the field to be read next
    line = first = 1
    entry: dict[str, str] = {}
    for chunk in itertools.chain(chunks, (b"\n\n",)):
        buffer = buffer[start:] + bytes(chunk)
        start = 0
        out: list[bytes] = []
        while (newline := buffer.find(b"\n", start)) >= 0:
            row = buffer[start:newline]
            key, equals, value = row.partition(b"=")
            if not row:
                if entry:
                    out.append(json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                    numbers.append(first)
                entry, first = {}, line + 1
                line, start = line + 1, newline + 1
                continue
            lines, after = 1, newline + 1
            if not equals:
                if len(buffer) < after + 8:
                    break
                size = int.from_bytes(buffer[after : after + 8], "little")
                if size > WHOLE:  # not the export format after all, or damaged: go on behind it
                    size = 0
                if len(buffer) < after + 8 + size + 1:
                    break
                value = buffer[after + 8 : after + 8 + size]
                lines += buffer.count(b"\n", after, after + 8 + size + 1)
                after += 8 + size + 1
            name = key.decode("utf-8", "replace")
            if name in EXPORT_FIELDS:
                entry[name] = value.decode("utf-8", "replace")
            line, start = line + lines, after
        if out:
            yield b"".join(out)


def document_kind(head: bytes) -> str:
    """ "loki" for an answer of Loki's query API, "grafana" for Grafana's JSON download, "csv" for its CSV
    download, else ""."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:4096]
    if text.startswith(b"{") and b'"resultType"' in text and (b'"streams"' in text or b'"values"' in text):
        return "loki"
    if text.startswith(b"{") and b'"result"' in text and b'"stream"' in text and b'"values"' in text:
        return "loki"
    first = text[1:].lstrip()
    if text.startswith(b"[") and first.startswith(b"{") and b'"line"' in text and b'"timestamp"' in text:
        return "grafana"
    return "csv" if csv_download.is_csv_download(head) else ""


def _document(chunks: Iterable[bytes | memoryview], kind: str) -> Source:
    """Read a JSON or CSV document whole and lay its entries out as lines, oldest first."""
    name = "CSV" if kind == "csv" else "JSON"
    data, complete = _whole(chunks)
    warnings = [] if complete else [f"a {name} download over 64 MiB: only its first 64 MiB were read"]
    text = data.decode("utf-8", "replace").lstrip("\ufeff")
    del data  # 64 MiB that are not needed twice
    found = csv_download.entries(text) if kind == "csv" else _entries(text)
    entries = list(itertools.islice(found, MOST_ENTRIES + 1))
    if not entries:
        raw = text.encode("utf-8", "replace")
        return Source((raw,), warnings=[*warnings, f"a {name} download that could not be read as one"])
    if len(entries) > MOST_ENTRIES:
        entries.pop()
        warnings.append(f"a {name} download of more than {MOST_ENTRIES:,} entries: only these were read")
    if kind != "csv" and not text.rstrip().endswith(("]", "}")):
        warnings.append("a JSON download that does not end: read up to where it was cut")
    stamps = [stamp for stamp, _, _ in entries]
    newest_first = len(stamps) > 1 and stamps[0] > stamps[-1]
    if len(stamps) > 1 and stamps[0] == stamps[-1]:
        newest_first = order.order_of(row for _, _, row in entries) == "newest first"
    if newest_first:
        entries.reverse()
    entries.sort(key=lambda entry: entry[0])
    numbers = array("Q", (number for _, number, _ in entries))
    return Source(_batches(entries), numbers, newest_first, warnings)


def _batches(entries: list[tuple[int, int, bytes]]) -> Iterator[bytes]:
    """The lines of ``entries``, a thousand at a time."""
    for start in range(0, len(entries), 1000):
        yield b"".join(line for _, _, line in entries[start : start + 1000])


def _entries(text: str) -> Iterator[tuple[int, int, bytes]]:
    """(nanoseconds, physical line, JSON line) of each entry that can be read, however it ends."""
    decoder = json.JSONDecoder()
    for start, labels in _arrays(text, decoder):
        position, number = start, text.count("\n", 0, start) + 1
        while True:
            begin = _skip(text, position)
            number += text.count("\n", position, begin)
            try:
                value, end = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError):
                break
            number_end = number + text.count("\n", begin, end)
            entry = _entry(value, labels)
            if entry is not None:
                yield entry[0], number, entry[1]
            position, number = end, number_end


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


def _arrays(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[int, object]]:
    """Where each array of entries starts, and the labels that hold for it."""
    if text.lstrip().startswith("["):
        yield text.index("[") + 1, None
        return
    position = 0
    while (found := text.find('"stream":', position)) >= 0:
        labels: object = None
        try:
            labels, after = decoder.raw_decode(text, _skip(text, found + len('"stream":')))
        except (ValueError, RecursionError):
            after = found + len('"stream":')
        values = text.find('"values":', after)
        if values < 0:
            return
        opening = text.find("[", values)
        if opening < 0:
            return
        yield opening + 1, labels
        position = opening + 1


def _entry(value: object, labels: object) -> tuple[int, bytes] | None:
    """A Loki pair ``["ns", "line"]`` or a Grafana object as (nanoseconds, logcli's JSON line)."""
    if isinstance(value, list) and len(value) >= 2:
        stamp, line = text_of(value[0]), value[1]
    elif isinstance(value, dict):
        stamp, line = (
            text_of(value.get("timestamp") or value.get("tsNs") or value.get("date")),
            value.get("line"),
        )
        labels = value.get("fields") or value.get("labels") or labels
    else:
        return None
    if not isinstance(line, str):
        return None
    moment = parse_stamp(stamp)
    kept = (
        {name: text_of(labels[name]) for name in LABELS if name in labels} if isinstance(labels, dict) else {}
    )
    row = {"labels": kept, "line": line, "timestamp": stamp}
    return (moment.ns if moment else 0), json.dumps(row).encode() + b"\n"


def _ahead(chunks: Iterable[bytes | memoryview]) -> tuple[bytes, Iterable[bytes | memoryview]]:
    """The first MiB of the chunks, and all of them."""
    rest = iter(chunks)
    parts: list[bytes] = []
    size = 0
    while size < AHEAD and (chunk := next(rest, None)) is not None:
        parts.append(bytes(chunk))
        size += len(chunk)
    return b"".join(parts), itertools.chain(parts, rest)


def _turned(chunks: Iterable[bytes | memoryview]) -> Source:
    """A log with its newest entry first, turned round; the further lines of an entry (a Go dump of a download
    is one entry) stay behind its first. Bare lines are an entry each."""
    data, complete = _whole(chunks)
    if not complete:
        warning = "newest entry first, and over 64 MiB: read in the order in which it stands"
        return Source(itertools.chain((data,), chunks), newest_first=True, warnings=[warning])
    framings = Framings()
    entries: list[list[tuple[int, bytes]]] = []
    rows = data.split(b"\n")
    if rows[-1] == b"":
        rows.pop()
    framed = [order.peel(framings, row).framing != "bare" for row in rows]
    bare = sum(framed) * 2 < len(rows)
    for number, (row, starts) in enumerate(zip(rows, framed, strict=True), 1):
        if starts or bare or not entries:
            entries.append([])
        entries[-1].append((number, row))
    entries.reverse()
    ordered = [line for entry in entries for line in entry]
    numbers = array("Q", (number for number, _ in ordered))
    return Source((b"\n".join(row for _, row in ordered) + b"\n",), numbers, newest_first=True)


def _whole(chunks: Iterable[bytes | memoryview]) -> tuple[bytes, bool]:
    """The chunks joined, up to the first that passes WHOLE, and whether that was all."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(bytes(chunk))
        size += len(parts[-1])
        if size > WHOLE:
            return b"".join(parts), False
    return b"".join(parts), True
