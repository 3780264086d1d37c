r"""Journal entries as JSON whose message is no text, made text before the scan searches them.

    {"__CURSOR":"s=1","MESSAGE":[27,91,51,49,109,108,101],"_PID":"7"}     colours, or what is not UTF-8
    {"__CURSOR":"s=1","MESSAGE":null,"_PID":"7"}                          over 4096 bytes, without --all

No literal matches an array of numbers, so it is written as the string it stands for; lines stay lines. What was null
is lost, and counted by the unit that wrote it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from analyzer import lazy
from analyzer.logs.engine import library
from analyzer.logs.framing_json import JOURNAL_HINTS
from analyzer.logs.writers import Hints

LONG_PIECE = 1 << 20  # a line that is longer is not waited for
MOST_NULLS = 100_000  # that are read for their unit
_KEYS = (b'"__REALTIME_TIMESTAMP"', b'"__CURSOR"')
_FORM = lazy.pattern(rb'"MESSAGE"[ \t]*:[ \t]*')
_FORMS = frozenset((b'"MESSAGE":', b'"MESSAGE": ', b'"MESSAGE" : '))
_NO_TEXT = lazy.pattern(rb'("MESSAGE"[ \t]*:[ \t]*)(?:(\[)[ \t]*(?=\d)|null\b|\[[ \t]*\[)')
_ARRAY_END = lazy.pattern(rb"[^\d, \t]")
_CONTROL = lazy.pattern(rb"[\x00-\x1f]")
_STRINGZILLA = library("stringzilla")


def is_journal_json(head: bytes) -> bool:
    """Whether ``head`` is the start of ``journalctl -o json``."""
    if not any(key in head for key in _KEYS):
        return False
    rows = head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n")
    return any(row.lstrip().startswith(b"{") and any(key in row for key in _KEYS) for row in rows)


def unit_of(hints: Iterable[tuple[str, str]]) -> Hints:
    """What is the same for all processes of one unit."""
    return tuple((name, value) for name, value in hints if name not in ("pid", "container_id"))


def _text_of(numbers: bytes) -> bytes:
    """The inside of a JSON string for the inside of an array of bytes."""
    try:
        text = bytes(msgspec.json.decode(b"[%b]" % numbers.strip(b", \t"), type=list[int]))
    except ValueError:
        return numbers  # not bytes after all
    text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return _CONTROL.sub(lambda found: b"\\u%04x" % found[0][0], text)


class JournalText:
    """The chunks of such a member, with text for arrays. ``unread`` counts messages that are null by the unit
    that wrote them; it is whole once the chunks are taken."""

    def __init__(self, chunks: Iterable[bytes | memoryview], head: bytes) -> None:
        self.unread: Counter[Hints] = Counter()
        self._chunks = chunks
        forms = frozenset(_FORM.findall(head)) or _FORMS
        self._marks = tuple(form + end for form in forms for end in (b"[", b"null"))
        self._inside = False  # an array that has begun

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._chunks:
            data = rest + chunk if rest else bytes(chunk)
            stop = data.rfind(b"\n") + 1
            if not stop and len(data) > LONG_PIECE:
                stop = data.rfind(b",") + 1 or len(data)  # neither a number nor a key is cut there
            rest = data[stop:]
            if stop:
                yield self._text(data[:stop] if rest else data)
        if rest:
            yield self._text(rest)

    def _text(self, data: bytes) -> bytes:
        if not self._inside and not any(_holds(data, mark) for mark in self._marks):
            return data
        parts: list[bytes] = []
        at = 0
        while True:
            if self._inside:
                at = self._array(data, at, parts)
            match = None if self._inside else _NO_TEXT.search(data, at)
            if match is None:
                parts.append(data[at:])
                return b"".join(parts)
            self._inside = match[2] is not None
            if self._inside:
                parts.append(data[at : match.end(1)] + b'"')
            else:  # null, or arrays in an array
                parts.append(data[at : match.end()])
                self._count(data, match.start())
            at = match.end()

    def _array(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Write the numbers from ``at`` on; returns where they end."""
        end = _ARRAY_END.search(data, at)
        stop = end.start() if end is not None else len(data)
        parts.append(_text_of(data[at:stop]))
        if end is None:
            return stop
        self._inside = False
        parts.append(b'"')
        return end.end() if end[0] == b"]" else stop

    def _count(self, data: bytes, at: int) -> None:
        """Count an entry without its message."""
        end = data.find(b"\n", at)
        line = data[data.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(data)]
        self.unread[self._unit(line)] += 1

    def _unit(self, line: bytes) -> Hints:
        if self.unread.total() >= MOST_NULLS:
            return ()
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return ()
        found = ((hint, entry.get(name)) for name, hint in JOURNAL_HINTS.items())
        return unit_of((hint, value) for hint, value in found if isinstance(value, str))


def _holds(data: bytes, mark: bytes) -> bool:
    found: int = data.find(mark) if _STRINGZILLA is None else _STRINGZILLA.find(data, mark)
    return found >= 0
