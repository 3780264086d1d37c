"""What every snapshot parser stands on: the protocol, a member's text, its pid and its group.

A parser is one file in ``parsers/`` that exports ``PARSER``. Its markers are suffix patterns of the
member's path (``proc/*/maps``, ``sysctl_-a``, ``*.maps``): they propose and settle the kind, the
first 8 KiB confirm it. A parser that knows its content by itself also has a strong sniff, which
decides where no marker proposes (a flat folder with ``m.txt``).

What a terminal, a script or kubectl wrote before the content (a prompt with its command, a title, a
date) is left out by :func:`leads` and :func:`behind`, once for all parsers: a parser counts lines from
the content's first, and evidence cites them as the file has them.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.model import HEAD_BYTES, Member
from analyzer.facts import Evidence, Fact, Present, Stamp, Unreadable
from analyzer.snapshots.model import MIXED, UNLIMITED, Snapshot
from analyzer.snapshots.paths import group_of, pid_of, proposes

QUOTE_LIMIT = 300  # characters of a quoted line
LINE_LIMIT = 1 << 20  # characters of a line that are looked at
_FEW_LINES = 20  # a text of more lines ends with a newline, unless it was cut
TEXT_LIMIT = 64 << 20  # bytes of a member that is read as a whole

Sniff = Callable[[str, bytes], bool]
Read = Callable[[Member, bool], list[Snapshot]]

_REFUSALS = (
    b"permission denied",
    b"operation not permitted",
    b"no such file or directory",
    b"no such process",
    b"cannot open",
    b"command not found",
    b"input/output error",
    b"executable file not found",
    b"no such container",
    b"container not found",
    b"oci runtime exec failed",
    b"error from server",
    b"error response from daemon",
    b"unable to connect to the server",
    b"unable to upgrade connection",
    b"cannot exec in",
    b"connection refused",
    b"password is required",
    b"terminal is required",
    b"command terminated with exit code",
)
_NOT_FOUND = b": not found"  # of dash and busybox, at the end of their line
_BARE_REFUSALS = (
    b"permission denied",
    b"operation not permitted",
    b"command terminated with",
)  # no tool named
_REFUSAL_LINE = 400  # bytes; longer ones are content that quotes an error

_MOST_LEADS = 6
_LEAD_LINE = 300  # bytes
# Titles, the trace of ``set -x``, and what kubectl, oc, ssh and sudo say before the output.
_SAID = (
    b"==", b"--", b"##", b"**", b">>", b"::::", b"~~~~", b"____", b"+ ", b"++ ",
    b"Defaulted container ", b"Defaulting container ", b"Use 'kubectl describe ", b"Unable to use a TTY",
    b"If you don't see ", b"Targeting container ", b"Creating debugging pod ", b"Starting pod/",
    b"To use host binaries, ", b"Temporary namespace ", b"Pseudo-terminal will not ", b"Warning: ",
    b"[sudo] password for ", b"Command: ", b"Output of ", b"Executing: ", b"Running: ",
)  # fmt: skip
_DAYS = frozenset({b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"})
_PROMPT = lazy.pattern(
    rb"(?:\[[^\]]{1,80}\]|[\w.-]{1,64}@[^$#%>]{1,120}|(?:ba|da|z|a|k)?sh-[\d.]+|[\w~/.-]{1,80})? ?[$#%] +\S.*"
)


class Parser(Protocol):
    """A parser of one kind of snapshot.

    ``sniff`` says whether the member is of this kind, from its path and first 8 KiB. ``read`` turns
    it into snapshots and never raises for what the member holds; ``detail`` keeps every row.
    """

    @property
    def kind(self) -> str: ...

    @property
    def markers(self) -> tuple[str, ...]: ...

    def sniff(self, path: str, head: bytes) -> bool: ...

    def read(self, member: Member, *, detail: bool = False) -> list[Snapshot]: ...


class SnapshotParser(Struct, frozen=True):
    """The one implementation of :class:`Parser`: markers, two sniffs and a function.

    ``confirm`` is asked where a marker proposes the member, ``strong`` where none does. ``main`` is
    the value that is Unreadable when the function fails on what it reads.
    """

    kind: str
    main: str
    markers: tuple[str, ...]
    confirm: Sniff
    parse: Read
    strong: Sniff | None = None

    def proposes(self, path: str) -> bool:
        """Whether a marker of this parser stands in ``path``."""
        return proposes(path, self.markers)

    def sniff(self, path: str, head: bytes) -> bool:
        """Whether the member is of this kind: confirmed by content, or known by it alone."""
        head = plain_head(head)
        if self.proposes(path):
            return self.confirm(path, head)
        return self.strong is not None and self.strong(path, head)

    def read(self, member: Member, *, detail: bool = False) -> list[Snapshot]:
        """The member's snapshots; a link has none; garbage gives one with an unreadable value."""
        if member.link is not None:
            return []
        try:
            found = self.parse(member, detail)
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            found = [unreadable(member, self.kind, self.main, f"garbled: {type(error).__name__}: {error}")]
        if not any(taken.values for taken in found) and refused(head_of(member)) is not None:
            found = [unreadable(member, self.kind, self.main, "refused")]
        if any(unread(taken) is not None for taken in found):
            _say_why(member, found)
        return found


# What a path tells of a member, whatever stands in it.
_OF_THE_PATH = frozenset({"path", "version", "container_id", "pod_uid"})


def unread(taken: Snapshot) -> Unreadable | None:
    """The fact that the member should state and does not; None where it states any."""
    values = taken.values
    if any(isinstance(fact, Present) for name, fact in values.items() if name not in _OF_THE_PATH):
        return None
    return next((fact for fact in values.values() if isinstance(fact, Unreadable)), None)


def _say_why(member: Member, found: list[Snapshot]) -> None:
    """Of a member that holds nothing, or nothing but a refusal, each unreadable fact says so, and where."""
    head = head_of(member)
    said = refused(head)
    if said is not None:
        number, line = said
        why = refusal(line) or "refused"
        fact = Unreadable(why, evidence(member, number, line.decode("utf-8", "replace")))
    elif not head.strip():
        fact = Unreadable("empty", evidence(member, None, ""))
    else:
        return
    for taken in found:
        taken.values = {
            name: fact if isinstance(held, Unreadable) and not held.why.startswith("empty:") else held
            for name, held in taken.values.items()
        }


def plain_head(head: bytes) -> bytes:
    """The head as UTF-8 with plain newlines, whatever Windows tool wrote it."""
    if head[:3] == b"\xef\xbb\xbf":
        head = head[3:]
    elif head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[: len(head) & ~1].decode("utf-16", "replace").encode()
    return head.replace(b"\r\n", b"\n") if b"\r\n" in head else head


def head_of(member: Member) -> bytes:
    """The member's head as UTF-8 with plain newlines."""
    return plain_head(bytes(member.head))


class Body:
    """The member's chunks as UTF-8 with plain newlines, once; ``taken`` counts its bytes as they came."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.taken = 0
        self._chunks = self._plain()

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    @property
    def cut(self) -> bool:
        """Whether fewer bytes came up to now than the member was announced to have."""
        return self.member.size is not None and self.taken < self.member.size

    def _plain(self) -> Iterator[bytes]:
        head = bytes(self.member.head[:64])
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            decoder = codecs.getincrementaldecoder("utf-16")("replace")
            for part in self._counted():
                yield decoder.decode(part).replace("\r\n", "\n").encode("utf-8", "replace")
            return
        skip = 3 if head[:3] == b"\xef\xbb\xbf" else 0
        dos = b"\r\n" in self.member.head
        for part in self._counted():
            if skip:
                part, skip = part[skip:], max(0, skip - len(part))
            yield part.replace(b"\r", b"") if dos else part

    def _counted(self) -> Iterator[bytes]:
        for chunk in self.member.body:
            self.taken += len(chunk)
            yield bytes(chunk)


def body(member: Member) -> Iterator[bytes]:
    """The member's chunks as UTF-8 with plain newlines."""
    return iter(Body(member))


def byte_blocks(member: Member | Body, size: int = 1 << 19) -> Iterator[bytes]:
    """Blocks of about ``size`` bytes that end at a newline; only the last may lack one.

    A line longer than a block makes a longer block, so no line is cut in two; of an endless one all
    behind its first LINE_LIMIT bytes, or somewhat more, is left out.
    """
    parts: list[bytes] = []
    held = 0
    for chunk in member if isinstance(member, Body) else body(member):
        for i in range(0, len(chunk), size):
            piece = chunk[i : i + size] if len(chunk) > size else chunk
            if held > size + LINE_LIMIT:  # no newline since the block was full
                end = piece.find(b"\n")
                if end < 0:
                    continue
                piece = piece[end:]
            parts.append(piece)
            held += len(piece)
            if held < size:
                continue
            cut = piece.rfind(b"\n") + 1
            if cut == 0:
                continue
            parts[-1] = piece[:cut]
            yield b"".join(parts)
            rest = piece[cut:]
            parts, held = ([rest], len(rest)) if rest else ([], 0)
    if parts:
        yield b"".join(parts)


def _line_blocks(member: Member) -> Iterator[bytes]:
    """The member's lines in blocks, each without its last newline.

    A last line without its newline is left out where it is known or likely to be cut: the member is
    shorter than announced, or a text of many lines ends in the middle of one. A cut number is no number.
    """
    chunks = Body(member)
    newlines = 0
    for block in byte_blocks(chunks):
        if newlines <= _FEW_LINES:
            newlines += block.count(b"\n")
        end = block.rfind(b"\n")
        if end >= 0:
            yield block[:end]
        if end + 1 < len(block) and newlines <= _FEW_LINES and not chunks.cut:
            yield block[end + 1 :]


def raw_lines(member: Member) -> Iterator[bytes]:
    """The member's lines without their newline, as a stream; a cut last line is left out."""
    for block in _line_blocks(member):
        yield from block.split(b"\n")


def lines(member: Member) -> Iterator[tuple[int, str]]:
    """(1-based number, text) of each line; invalid bytes are replaced, endless lines cut."""
    number = 0
    for block in _line_blocks(member):
        rows = block.decode("utf-8", "replace").split("\n")
        if len(block) > LINE_LIMIT:
            rows = [row[:LINE_LIMIT] for row in rows]
        yield from enumerate(rows, number + 1)
        number += len(rows)


def whole(member: Member, limit: int = TEXT_LIMIT) -> bytes:
    """The member up to ``limit`` bytes as UTF-8 with plain newlines."""
    parts: list[bytes] = []
    size = 0
    chunks = Body(member)
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    content = b"".join(parts)[:limit]
    if (size > limit or chunks.cut) and not content.endswith(b"\n"):
        content = content[: content.rfind(b"\n") + 1]
    return content


def text(member: Member, limit: int = 1 << 20) -> str:
    """A small member as one string."""
    return whole(member, limit).decode("utf-8", "replace")


def leads(head: bytes) -> Iterator[tuple[int, int]]:
    """(lines, bytes) that may stand before the content of a text, one line more each time.

    Only what reads the rest can tell where the content begins: a date may be a title or the content.

    >>> list(leads(b"[root@n ~]# cat /proc/1/limits\\nLimit   Soft Limit\\n"))
    [(1, 31)]
    """
    at = 0
    for number in range(1, _MOST_LEADS + 1):
        end = head.find(b"\n", at)
        if end < 0:
            return
        line = head[at:end].strip()
        if line and not _is_lead(line):
            return
        at = end + 1
        if head[at : at + 1] != b"\n":  # a blank line belongs to what stands before it
            yield number, at


def opens_otherwise(head: bytes) -> bool:
    """Whether the text opens with what may stand before a content, or instead of it."""
    return head[:1] == b"\n" or _is_lead(first_line(head).strip())


def _is_lead(line: bytes) -> bool:
    """Asked of every text that nobody knows, mostly a log: an expression is used where one is needed."""
    if len(line) > _LEAD_LINE:
        return False
    if line.startswith(_SAID) or _is_date(line):
        return True
    if line.startswith((b"/proc/", b"/sys/")) and b" " not in line:
        return True
    if any(sign in line for sign in (b"$ ", b"# ", b"% ")) and _PROMPT.fullmatch(line) is not None:
        return True
    return is_refusal(line)


def _is_date(line: bytes) -> bool:
    """Whether the line is not longer than a date, and begins as ``date`` or ``date -Is`` writes one."""
    if line[:3] in _DAYS:
        return len(line) <= 64 and line.count(b":") >= 2
    return len(line) <= 40 and line[:2] == b"20" and line[4:5] + line[7:8] + line[13:14] == b"--:"


_TITLE = lazy.pattern(rb"(?:[^$#%\n]{0,120}?[$#%] |\+{1,2} |[=#*>:~_-]{2,} ?)(?=\S)")


def next_title(head: bytes, count: int) -> tuple[int, str] | None:
    """(number, text) of a later line that begins as a title or prompt among the first ``count`` lines does:
    the text holds several outputs, one after the other.

    >>> next_title(b"== limits\\nLimit   Soft Limit\\n== status\\nName:\\tcortex\\n", 1)
    (3, '== status')
    """
    rows = head.split(b"\n")
    for title in rows[:count]:
        match = _TITLE.match(title)
        if match is None:
            continue
        for number, row in enumerate(rows[count:], count + 1):
            if row.startswith(match[0]) and row != title and _is_lead(row.strip()):
                return number, quote(row.decode("utf-8", "replace"))
    return None


def behind(member: Member, count: int) -> Member:
    """The member without its first ``count`` lines, which its head must hold; evidence still counts them."""
    head = bytes(member.head)
    start = keep = 0
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        keep = 2  # the mark that says which UTF-16 it is
        rows = head[: len(head) & ~1].decode("utf-16", "replace").split("\n")
        start = 2 * count + len("".join(rows[:count]).encode("utf-16-le", "replace"))
    else:
        for _ in range(count):
            start = head.find(b"\n", start) + 1
    size = None if member.size is None else member.size - start
    return replace(
        member,
        head=head[:keep] + head[keep + start :],
        body=_without(member.body, keep, start),
        size=size,
        first_line=member.first_line + count,
    )


def _without(chunks: Iterator[bytes], keep: int, count: int) -> Iterator[bytes]:
    """The chunks without ``count`` bytes behind the first ``keep``."""
    held = b""
    for chunk in chunks:
        held += bytes(chunk)
        if len(held) >= keep + count:
            yield held[:keep] + held[keep + count :]
            break
    yield from chunks


def line_of(member: Member, line: int) -> int:
    """The number in the whole file of the content's ``line``."""
    return line + member.first_line - 1


def quote(line: str) -> str:
    """A line as evidence quotes it: without its blanks around, cut to 300 characters."""
    line = line.strip()
    return line if len(line) <= QUOTE_LIMIT else line[: QUOTE_LIMIT - 1] + "…"


def evidence(member: Member, line: int | None, quoted: str, time: Stamp | None = None) -> Evidence:
    """Evidence at ``line`` of this member's content."""
    return Evidence(member.path, None if line is None else line_of(member, line), quote(quoted), time)


def present(value: Any, member: Member, line: int | None, quoted: str) -> Present[Any]:
    """A present fact with its evidence."""
    return Present(value, evidence(member, line, quoted))


def snapshot(member: Member, kind: str, values: Mapping[str, Fact[Any]], **more: Any) -> Snapshot:
    """A snapshot of ``member`` with its group, and its pid where the path tells one."""
    more.setdefault("pid", pid_of(member.path))
    return Snapshot(member.path, kind, values, group=group_of(member.path), **more)


def unreadable(member: Member, kind: str, main: str, why: str, **more: Any) -> Snapshot:
    """A snapshot whose ``main`` value could not be read, and why."""
    quoted = bytes(member.head[:QUOTE_LIMIT]).decode("utf-8", "replace").split("\n")[0]
    return snapshot(member, kind, {main: Unreadable(why, evidence(member, None, quoted))}, **more)


def refusal(head: bytes) -> str | None:
    """What a short member says instead of its content (``permission denied`` ...), else None."""
    if len(head) > 2048:
        return None
    low = head.lower()
    for phrase in _REFUSALS:
        if phrase in low:
            return phrase.decode()
    return "not found" if low.rstrip().endswith(_NOT_FOUND) else None


def is_refusal(line: bytes) -> bool:
    """Whether one line is what a shell, a tool or kubectl says instead of the content."""
    if len(line) > _REFUSAL_LINE or (b":" not in line and not line.lower().startswith(_BARE_REFUSALS)):
        return False
    return refusal(line) is not None


def refused(head: bytes) -> tuple[int, bytes] | None:
    """(number, text) of the first refusal in a text that holds nothing else, but prompts and titles.

    >>> refused(b"$ cat /proc/7/maps\\ncat: /proc/7/maps: Permission denied\\n")
    (2, b'cat: /proc/7/maps: Permission denied')
    >>> refused(b"cat: /proc/7/maps: Permission denied\\n0\\n")
    """
    if not 0 < len(head) < HEAD_BYTES:
        return None
    first: tuple[int, bytes] | None = None
    if not opens_otherwise(head):
        return None
    for number, row in enumerate(head.split(b"\n"), 1):
        line = row.strip()
        if not line:
            continue
        if is_refusal(line):
            first = first or (number, line)
        elif not _is_lead(line):
            return None
    return first


def first_line(head: bytes) -> bytes:
    """The first line that is not blank."""
    for line in head[:4096].split(b"\n"):
        if line.strip():
            return line
    return b""


def is_refused_or_empty(head: bytes) -> bool:
    """Whether a marked member holds nothing, or only the reason why."""
    return not head.strip() or refused(head) is not None


def to_int(word: str) -> int | None:
    """A decimal number of at most 30 digits, else None."""
    word = word.strip()
    if not word or len(word) > 30:
        return None
    digits = word[1:] if word[0] in "+-" else word
    return int(word) if digits.isascii() and digits.isdigit() else None


def to_limit(word: str) -> int | float | None:
    """A limit: a number, UNLIMITED for ``unlimited``, ``max``, ``infinity`` and ``-1``, else None."""
    word = word.strip().lower()
    if word in ("unlimited", "max", "infinity", "infinite", "-1"):
        return UNLIMITED
    return to_int(word)


_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50, "e": 1 << 60}
_DECIMAL = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def to_bytes(word: str, unit: int = 1) -> int | None:
    """Bytes of ``12G``, ``1.5Ti``, ``404`` (times ``unit``); None for what is no size."""
    word = word.strip().replace(",", ".")
    number = word.rstrip("bBiIkKmMgGtTpPeE")
    suffix = word[len(number) :].lower()
    try:
        value = float(number)
    except ValueError:
        return None
    if not 0 <= value < 1e24:
        return None
    if not suffix:
        return int(number) * unit if number.isdigit() else round(value * unit)
    factor = _DECIMAL.get(suffix) or _UNITS.get(suffix.removesuffix("b").removesuffix("i"))
    return None if factor is None else round(value * factor)


class Table:
    """The rows of one process's table by name; whether the text holds several tables stays known.

    A name that comes again begins another table: another process's, or another moment's. The text does
    not say whose is whose, so such a member tells nothing, unless the table only repeats the first.
    """

    def __init__(self) -> None:
        self.values: dict[str, Fact[Any]] = {}
        self.several = False
        self._first = True

    def begin(self) -> None:
        """A heading: what follows is another table, if rows came before."""
        self._first = not self.values

    def add(self, name: str, fact: Present[Any]) -> None:
        """One row."""
        held = self.values.get(name)
        if held is None and self._first:
            self.values[name] = fact
            return
        self._first = False
        self.several = self.several or not isinstance(held, Present) or held.value != fact.value


def of_several(what: str) -> str:
    """Why a member with more than one :class:`Table` is not read."""
    return f"{MIXED}{what} of several processes or moments"
