r"""What a record means: a life-cycle event, a failure, both, or nothing of this family.

level=error ts=... msg="unable to open TSDB" err="failed to open TSDB: /d/t1: 2 errors: mmap, size 31301: cannot ...
ts=... level=warn msg="TSDB blocks compaction for user has failed" user=t1 err="mmap, size 6569: cannot allocate ...
level=warn ts=... method=/cortex.Ingester/Push err="user=t1: failed to open TSDB: ..." msg="gRPC\n"
opening existing TSDBs: failed to open TSDB: 10 errors: mmap, size 31301: cannot allocate memory; ...
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from functools import lru_cache
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from analyzer import lazy
from analyzer.logs import eras, godump
from analyzer.logs.errors import StreamCount, parse
from analyzer.logs.foreign import FAMILY, by_errno, by_words, is_watch
from analyzer.logs.lifecycle import events
from analyzer.logs.literals import LITERALS
from analyzer.logs.model import Event, Record, Tree
from analyzer.logs.observation import Observation, is_damage, key_of, observe
from analyzer.logs.operations import OPENS, operation_of
from analyzer.logs.records import record_error, record_message, record_tenant

__all__ = ["LITERALS", "Context", "Meaning", "Observation", "interpret", "with_stream"]

# Errnos that fail a TSDB's work, and say nothing elsewhere (a missing configuration file).
_OF_TSDB = frozenset(
    ("EINVAL", "EACCES", "EPERM", "ENOENT", "EBADF", "EFBIG", "ENOTDIR", "EISDIR", "EEXIST", "EBUSY")
)
_TSDB_WORK = OPENS | {"compaction", "block_write", "ship"}
_CONSEQUENCES = ("context canceled", "context deadline exceeded", "failed services", "TSDB not ready")
_TENANT = lazy.pattern(r"(?:for user |\buser=)(?P<tenant>[^\s:;,\"]++)")
_SHORT = 400
_DUMPS = tuple(start.decode() for start in godump.STARTS)
_STACK_KEYS = ("stacktrace", "stack", "stack_trace", "panic")
_ATTEMPTED = ("Attemptedsize", "Attempted size")  # go-kit drops the blank from the key
_SIZE = lazy.pattern(r"[0-9]{1,18}")
_TSDB_WORDS = lazy.pattern(
    r"TSDB|reloadBlocks|corrupted block|opening storage|persist head block|compact head|mmap files",
    re.IGNORECASE,
)


class Meaning(Struct):
    """The event and the failure that a record states. ``more`` are further events of the same line."""

    event: Event | None
    failure: Observation | None
    more: tuple[Event, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """All events of the line, in order."""
        return (self.event, *self.more) if self.event else self.more


class Context(Protocol):
    """What the reader of a member knows beyond the record."""

    member: str

    def previous_step(self, tenant: str | None) -> str | None:
        """The previous life-cycle line of ``tenant`` (of the process for None): text or name."""
        ...


def interpret(record: Record, context: Context) -> Meaning | None:
    """What ``record`` means, or None for a record without meaning here. Never raises.

    A refused push ("out of bounds", a series limit) is no failure of this family. The collections
    of the failure are shared with equal lines: read them, do not change them.
    """
    if not record.fields and record.text.startswith(_DUMPS):
        return _dump(record, context)
    found = events(record)
    failure = _failure(record, context)
    if failure is None:
        recovered = _recovered(record)
        if recovered is not None:
            event, failure = recovered
            found = (*found, event)
    if not found and failure is None:
        return None
    return Meaning(found[0] if found else None, failure, found[1:])


def _dump(record: Record, context: Context) -> Meaning:
    """A record that is a whole Go dump, or its first line alone."""
    lines = record.text.split("\n")
    event, failure = godump.parse(
        lines,
        member=record.member,
        first_line=record.line,
        stamp=record.stamp,
        total_lines=max(record.lines, len(lines)),
        goroutines=sum(line.startswith("goroutine ") for line in lines),
        previous=context.previous_step(None),
    )
    return Meaning(event, failure)


def with_stream(failure: Observation, count: StreamCount, text: str) -> Observation:
    """``failure``, read from ``text``, the head of a line over the limit, with the numbers of the whole line."""
    key = key_of(text, count.members)
    if not count.members:  # no list that can be counted: the numbers are those of the head
        return replace(failure, key=key, complete=False)
    errno = count.errnos.most_common(1)[0][0] if count.errnos else failure.errno
    kind = count.kinds.most_common(1)[0][0] if count.kinds else failure.file_kind
    return replace(
        failure,
        key=key,
        errno=errno,
        file_kind=kind,
        members=count.members,
        declared=count.declared if count.declared is not None else failure.declared,
        complete=count.complete,
        sizes=count.sizes,
        sizes_dropped=count.sizes_dropped,
        dropped=count.dropped,
        errnos=count.errnos,
    )


class _Text(Struct, frozen=True):
    """What an error text says without its record. ``watch``: a file watch failed; ``of_tsdb``: its
    words are a TSDB's; ``foreign``: what it says in another program's words."""

    tree: Tree
    found: Observation
    foreign: Observation | None
    watch: bool
    of_tsdb: bool


def _read_text(text: str, cut: bool) -> _Text:
    tree = parse(text, cut=cut)
    found = observe(tree, text, "other")
    found.era = eras.era(tree, text)
    of_tsdb = _TSDB_WORDS.search(text, 0, 4000) is not None
    return _Text(tree, found, None if of_tsdb else by_words(text, cut=cut), is_watch(text[:4000]), of_tsdb)


# The same few errors are logged a million times: their sizes repeat. Only short texts are kept.
_short_text = lru_cache(maxsize=4096)(_read_text)


def failing_text(record: Record) -> str:
    """What a record says that failed: its error, else its message, else all of it."""
    text = (record_error(record) or "").strip()
    if not text or text == "null":
        text = record_message(record).strip() if record.fields else record.text.strip()
    return text


def _failure(record: Record, context: Context) -> Observation | None:
    message = record_message(record).strip()
    error = record_error(record)
    text = failing_text(record)
    if not text or text.startswith(_CONSEQUENCES):
        return None
    read = _short_text(text, record.cut) if len(text) <= _SHORT else _read_text(text, record.cut)
    foreign = read.foreign
    if foreign is None and record.fields and not error:
        foreign = by_words(record.text, cut=record.cut)
    if foreign is not None:
        return _finish(replace(foreign), record, text)
    tenant = record_tenant(record) or _tenant_in(text)
    operation = operation_of(record, message, text, read.tree, lambda: context.previous_step(tenant))
    found = replace(read.found, operation=operation)
    found.corrupt = found.corrupt or is_damage(message)
    if read.watch:
        found.operation, found.file_kind = "config_watch", None
    elif message == "Failed to mmap":
        found.operation, found.file_kind = "startup_open", "active_query_log"
        found.paths = [path for path in [record.get("file")] if path]
        size = record.get(*_ATTEMPTED)
        found.sizes = Counter([int(size)] if size and _SIZE.fullmatch(size) else ())
    elif operation == "other" and found.file_kind == "index" and not read.of_tsdb:
        found.file_kind = None  # a bare mapping of an unknown program is not a block's index
    if not _is_failure(found, record, text):
        return _fallback(record, text, operation)
    return _finish(found, record, text)


def _is_failure(found: Observation, record: Record, text: str) -> bool:
    if found.corrupt or any(errno in FAMILY for errno in found.errnos):
        return True
    if found.errno in _OF_TSDB:
        return found.operation in _TSDB_WORK or found.file_kind is not None
    if any(word in text for word in _CONSEQUENCES):
        return False
    return found.operation in OPENS and record.level in ("error", "") and _says_failed(record, text)


def _says_failed(record: Record, text: str) -> bool:
    """Whether the words themselves state a failed open: not merely the step's own name."""
    if record_error(record):
        return True
    return "failed" in text or "unable" in text


def _fallback(record: Record, text: str, operation: str) -> Observation | None:
    """An errno wording in the middle of the text, or in a field that is neither message nor error."""
    found = by_errno(text)
    if found is None and record.level in ("error", "warn", "") and record.fields:
        found = by_errno(record.text)
    if found is None:
        return None
    found.operation = operation
    if is_watch(text):
        found.operation, found.file_kind = "config_watch", None
    return _finish(found, record, text)


def _finish(found: Observation, record: Record, text: str) -> Observation:
    found.tenant = record_tenant(record) or _tenant_in(text)
    if found.tenant is None and record.cut and found.directory:
        found.tenant = posixpath.basename(found.directory)  # the field that names it is behind the cut
    found.complete = found.complete and not record.cut
    found.members = max(found.members, 1)
    found.fatal = found.fatal or _is_fatal(record)
    if not found.errnos and found.errno:
        found.errnos = Counter({found.errno: 1})
    return found


def _is_fatal(record: Record) -> bool:
    """VictoriaMetrics' loggers write FATAL: and end; other loggers' "fatal" and "panic" levels too."""
    level = (record.get("level", "lvl") or "").lower()
    return level in ("fatal", "panic") or "FATAL: " in record.text[:400]


def _tenant_in(text: str) -> str | None:
    match = _TENANT.search(text, 0, 4000)
    return match["tenant"] if match else None


def _recovered(record: Record) -> tuple[Event, Observation | None] | None:
    """A panic that was caught and logged: its stack is in a field of one record."""
    stack = record.get(*_STACK_KEYS)
    if stack is None or "goroutine " not in stack:
        return None
    lines = [f"panic: {record_error(record) or record_message(record)}", "", *stack.split("\n")]
    event, failure = godump.parse(
        lines,
        member=record.member,
        first_line=record.line,
        stamp=record.stamp,
        total_lines=len(lines),
        goroutines=stack.count("goroutine "),
    )
    if failure is not None:
        failure.fatal = False
    return Event("note", record.stamp, event.evidence, {**event.fields, "recovered": "true"}), failure
