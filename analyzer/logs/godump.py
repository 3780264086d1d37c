"""A Go fatal error, panic or signal dump: thousands of raw lines become one event and one failure.

    runtime: out of memory: cannot allocate 33554432-byte block (238780416 in use)
    fatal error: out of memory

    runtime stack:
    runtime.throw({0x20bdbf9?, 0x2030?})
            runtime/panic.go:1047 +0x5d fp=0x7fdbb6ffcc88 sp=0x7fdbb6ffcc58 pc=0x43c35d
    runtime.sysMapOS(0xc001000000, 0x400000?)
            runtime/mem_linux.go:187 +0x11b fp=0x7fdbb6ffccd0 sp=0x7fdbb6ffcc88 pc=0x41b0fb

"out of memory" in it is any ENOMEM of mmap: it does not say that memory was short (log-grammar 3.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, field

from analyzer import lazy
from analyzer.facts import Evidence, Stamp
from analyzer.logs.errors import parse as parse_error
from analyzer.logs.foreign import FAMILY
from analyzer.logs.leaf import ERRNO_NUMBERS, HEAD_CHUNK_BYTES, errno_within
from analyzer.logs.model import Event
from analyzer.logs.observation import SAMPLE_LIMIT, Observation, is_new_head_chunk, key_of, observe

STARTS: tuple[bytes, ...] = (
    b"panic: ",
    b"fatal error: ",
    b"runtime: out of memory",
    b"runtime: program exceeds ",
    b"runtime: failed to create new OS thread",
    b"runtime: may need to increase max user processes",
    b"runtime: mmap(",
    b"runtime: mmap: ",
    b"runtime: cannot allocate",
    b"runtime/cgo: ",
    b"unexpected fault address ",
    b"SIGABRT: abort",
    b"SIGSEGV: segmentation violation",
    b"SIGBUS: bus error",
    b"SIGQUIT: quit",
    b"SIGILL: illegal instruction",
    b"SIGTRAP: trace trap",
    b"SIGFPE: ",
)
"""What a line starts with (its framing undone) that opens a raw dump."""

_HEAD_LINES = 4000  # the failing stack stands first; what follows are bystanders
_BLOCK = lazy.pattern(r"cannot allocate (\d{1,20}+)-byte block \((\d{1,20}+) in use\)")
_THREADS = lazy.pattern(r"have (\d{1,9}+) already; errno=(\d{1,4}+)|program exceeds (\d{1,9}+)-thread limit")
_MMAP_RETURNED = lazy.pattern(
    r"runtime: mmap\((0x[0-9a-f]++), (\d{1,20}+)\) returned 0x[0-9a-f]++, (\d{1,4}+)"
)
_SIGNAL = lazy.pattern(r"\[signal (SIG\w++)[^\]]*?(?:\baddr=(0x[0-9a-f]++))?(?:\s+pc=0x[0-9a-f]++)?\]")
_SIGNAL_LINE = lazy.pattern(r"(SIG[A-Z]++): ")
_FAULT = lazy.pattern(r"unexpected fault address (0x[0-9a-f]++)")
_ARGUMENT = lazy.pattern(r"0x[0-9a-f]++")
_RECOVERED = lazy.pattern(r" \[recovered(?:, repanicked)?\]$")
_SIGNAL_ADDRESS = lazy.pattern(r"\bsigcode=-?\d++ addr=(0x[0-9a-f]++)")
_WITH_SIZE = lazy.pattern(r"while mmapping (\S++) with size: (\d{1,18}+)")
# Not the panic's own text: what follows it, and other goroutines' log lines in between.
# A second panic has a tab before it, which logcli trims off.
_NOT_IN_PANIC = (
    "[signal ",
    "fatal error: ",
    "\tpanic: ",
    "panic: ",
    "level=",
    "ts=",
    "time=",
    "{",
    "goroutine ",
)
_STACK_HEAD = lazy.pattern(r"(?:goroutine \d++ .*\[.*\]:|runtime stack:|goroutine \d++ \[)")

# Frames of the machinery of dying: the failing function stands below them.
_MACHINERY = frozenset(
    ("runtime.throw", "runtime.fatalthrow", "runtime.fatal", "runtime.fatalpanic", "runtime.sigpanic", "panic",
     "runtime.panicmem", "runtime.panicmemAddr", "runtime.gopanic", "runtime.goPanicIndex", "runtime.dopanic_m",
     "runtime.printpanics", "runtime.systemstack_switch", "runtime.systemstack", "runtime.mcall",
     "runtime.throw.func1", "runtime.fatalthrow.func1", "runtime.raise", "runtime.crash")
)  # fmt: skip
_DECIDING = (
    "sysMunmap", "munmap", "sysMapOS", "sysMap", "sysReserve", "sysHugePage", "sysFault", "persistentalloc",
    "newosproc", "newm", "(*mheap).grow", "(*mheap).sysAlloc", "allocLarge", "stackalloc", "(*pageAlloc)",
    "newArenaMayUnlock", "mmapCurrentHeadChunk", "mmapChunks", "mmapHeadChunks", "cutNewHeadChunk",
    "handleChunkWriteError", "(*ChunkDiskMapper)", "processWALSamples", "loadWAL", "openBlocks", "OpenBlock",
    "reloadBlocks", "(*DB).compact", "(*DB).Compact", "(*LeveledCompactor)", "(*headAppender).Commit",
    "(*Head).truncateMemory", "NewActiveQueryTracker", "activitytracker",
)  # fmt: skip
_OPERATION_BY_FRAME = (
    (("processWALSamples", "loadWAL", "loadWBL", "(*Head).Init"), "wal_replay"),
    (("(*LeveledCompactor)", "(*DB).Compact", "(*DB).compact", "truncateMemory", "CompactHead"), "compaction"),
    (("openBlocks", "OpenBlock", "reloadBlocks", "openExistingTSDB", "createTSDB", "tsdb.Open", "tsdb.open"), "startup_open"),
    (("(*headAppender)", "mmapHeadChunks", "_Push_Handler", ").Push(", "(*memSeries)", "ForceHeadMMap"), "ingest"),
    (("promql.", "Querier", "QueryStream"), "query"),
)  # fmt: skip
_HEAP_WORDS = (
    "out of memory",
    "cannot allocate memory",
    "cannot map pages in arena address space",
    "failed to reserve page summary memory",
    "failed to allocate",
    "cannot reserve arena",
    "runtime: cannot allocate",
)
_NOT_OF_FAMILY = (
    "all goroutines are asleep",
    "concurrent map",
    "sync: ",
    "stack overflow",
    "index out of range",
)


class _Dump(Struct):
    """The parts of a dump that decide: its words, and the stack that stands first."""

    words: list[str] = field(default_factory=list)
    panic: str | None = None
    fatal: str | None = None
    stack: list[tuple[str, str]] = field(default_factory=list)  # (function, its arguments)

    @property
    def text(self) -> str:
        return "\n".join(self.words)

    def function(self) -> str | None:
        """The function that failed: the first one below the machinery of dying."""
        return next((name for name, _ in self.stack if name not in _MACHINERY), None)

    def has(self, *parts: str) -> bool:
        return any(part in name or part in f"{name}(" for name, _ in self.stack for part in parts)

    def frames(self) -> str:
        names = [name for name, _ in self.stack if any(part in name for part in _DECIDING)]
        return ", ".join(dict.fromkeys(names))[:SAMPLE_LIMIT]


def parse(
    lines: Sequence[str],
    *,
    member: str,
    first_line: int,
    stamp: Stamp | None,
    total_lines: int,
    goroutines: int,
    previous: str | None = None,
) -> tuple[Event, Observation | None]:
    """The event of a dump, and the failure in it when it is one of this family. Never raises.

    ``lines`` is the dump or its start, without framing; ``total_lines`` and ``goroutines`` count the
    whole dump. ``previous`` is the life-cycle line before it, which tells a replay from a push.
    The event's ``fields``: reason, asked and in_use (bytes), function, frames, signal, address,
    threads, errno, goroutines, lines, and signature "failed_munmap" for Go's store to 0xf1.
    """
    dump = _read(lines)
    fields = _fields(dump)
    fields["goroutines"] = str(goroutines)
    fields["lines"] = str(total_lines)
    text = "\n".join(line for line in dump.words if line)[:SAMPLE_LIMIT]
    kind = "sigquit" if fields.get("signal") == "SIGQUIT" else "fatal"
    found = None if kind == "sigquit" else _classify(dump, fields, previous)
    if found is not None:
        found.fatal = True
        found.sample = found.sample or text
        if found.errno and "errno" not in fields:
            fields["errno"] = found.errno
    evidence = Evidence(member, first_line, text or "Go dump", stamp)
    return Event(kind, stamp, evidence, {key: value for key, value in fields.items() if value}), found


def _read(lines: Sequence[str]) -> _Dump:
    """Splits a dump: words before the first stack, then the frames of that stack alone."""
    dump = _Dump()
    in_panic = False
    stacks = 0
    for number, line in enumerate(lines):
        if number >= _HEAD_LINES:
            break
        if _STACK_HEAD.match(line):
            # A cgo abort prints the idle g0 first, without frames.
            if dump.stack:
                break
            stacks += 1
            in_panic = False
            continue
        if stacks:
            frame = _frame(line)
            if frame:
                dump.stack.append(frame)
            elif line.startswith("created by "):
                dump.stack.append((line[len("created by ") :].partition(" in goroutine ")[0], ""))
            elif line.startswith(("fatal error: ", "[signal ")):
                dump.words.append(line)
            continue
        if line.startswith("panic: ") and dump.panic is None:
            dump.panic, in_panic = line[len("panic: ") :], True
        elif in_panic and line and not line.startswith(_NOT_IN_PANIC):
            dump.panic = f"{dump.panic}\n{line.removeprefix(chr(9))}"
        elif not line:
            in_panic = False
        if line.startswith("fatal error: "):
            dump.fatal = line[len("fatal error: ") :]
        dump.words.append(line)
    if dump.panic is not None:
        dump.panic = _RECOVERED.sub("", dump.panic)
    return dump


def _frame(line: str) -> tuple[str, str] | None:
    """``runtime.(*mheap).grow(0x33bd880, 0x5?)`` as (function, arguments); arguments hold no ``(``."""
    if not line.endswith(")") or not line[0].isalpha() or len(line) > 2000:
        return None
    name, _, arguments = line[:-1].rpartition("(")
    return (name, arguments) if name and " " not in name and not line.startswith("created by ") else None


def _fields(dump: _Dump) -> dict[str, str]:
    text = dump.text
    fields: dict[str, str] = {"reason": _reason(dump)[:SAMPLE_LIMIT]}
    if block := _BLOCK.search(text):
        fields["asked"], fields["in_use"] = block[1], block[2]
    elif returned := _MMAP_RETURNED.search(text):
        fields["asked"] = returned[2]
        fields["errno"] = ERRNO_NUMBERS.get(int(returned[3]), returned[3])
    else:
        fields["asked"] = _asked(dump)
    if threads := _THREADS.search(text):
        fields["threads"] = threads[1] or threads[3]
        if threads[2]:
            fields["errno"] = ERRNO_NUMBERS.get(int(threads[2]), threads[2])
    if signal := _SIGNAL.search(text):
        fields["signal"], fields["address"] = signal[1], signal[2] or ""
    elif bare := next((m for m in map(_SIGNAL_LINE.match, dump.words) if m), None):
        fields["signal"] = bare[1]
    if not fields.get("address") and (fault := _FAULT.search(text) or _SIGNAL_ADDRESS.search(text)):
        fields["address"] = fault[1]
    # In a cgo abort the failing thread has no Go stack: what follows are bystanders.
    fields["function"] = "pthread_create" if "pthread_create failed" in text else dump.function() or ""
    fields["frames"] = dump.frames()
    if fields.get("address") == "0xf1" and dump.has("sysMunmap", "runtime.munmap"):
        fields["signature"] = "failed_munmap"
    return fields


def _reason(dump: _Dump) -> str:
    if dump.panic is not None:
        return f"panic: {dump.panic}"
    cgo = next((line for line in dump.words if line.startswith("runtime/cgo: ")), None)
    if cgo:
        return cgo
    if dump.fatal is not None:
        return f"fatal error: {dump.fatal}"
    return next((line for line in dump.words if line), "")


def _asked(dump: _Dump) -> str:
    """Bytes of the mapping that failed: the second argument of sysMapOS and its kin."""
    for name, arguments in dump.stack:
        if name in ("runtime.sysMapOS", "runtime.sysMap", "runtime.sysReserveOS", "runtime.mmap"):
            values = _ARGUMENT.findall(arguments)
            if len(values) >= 2:
                return str(int(values[1], 16))
        if name == "runtime.persistentalloc1":
            values = _ARGUMENT.findall(arguments)
            return str(int(values[0], 16)) if values else ""
    return ""


def _classify(dump: _Dump, fields: dict[str, str], previous: str | None) -> Observation | None:
    if dump.panic is not None:
        return _of_panic(dump, dump.panic, previous)
    text = dump.text
    if fields.get("signature") == "failed_munmap":
        return _failure(fields, "allocate", "go_heap", "ENOMEM")
    if "pthread_create failed" in text:
        return _failure(fields, "thread_create", "thread_stack", errno_within(text) or "EAGAIN")
    if "newosproc" in text or "failed to create new OS thread" in text:
        return _failure(fields, "thread_create", "thread_stack", fields.get("errno"))
    if "thread exhaustion" in text or "-thread limit" in text:
        return _failure(fields, "thread_create", None, None)  # Go's own limit, no errno
    if "too much locked memory" in text:
        return _failure(fields, "allocate", "go_heap", "EAGAIN")
    if "mmap: access denied" in text:
        return _failure(fields, "allocate", "go_heap", "EACCES")
    if fields.get("signal") == "SIGBUS":
        # A read behind the end of a mapped file, or one that failed: no errno, the disk is asked.
        return _failure(fields, _by_frames(dump, previous) or "other", None, None)
    if any(words in text for words in _NOT_OF_FAMILY):
        return None
    if any(words in text for words in _HEAP_WORDS):
        return _failure(fields, "allocate", "go_heap", fields.get("errno") or "ENOMEM")
    if dump.fatal is not None and (symbol := errno_within(dump.fatal)):
        return _failure(fields, "other", None, symbol)
    return None


def _failure(fields: dict[str, str], operation: str, kind: str | None, errno: str | None) -> Observation:
    asked = fields.get("asked")
    return Observation(
        operation,
        kind,
        errno,
        key=key_of(fields["reason"]),
        sample=fields["reason"][:SAMPLE_LIMIT],
        sizes=Counter({int(asked): 1}) if asked and operation == "allocate" else Counter(),
        errnos=Counter({errno: 1}) if errno else Counter(),
    )


def _of_panic(dump: _Dump, text: str, previous: str | None) -> Observation | None:
    """A panic carries an error text: the same grammar as err=."""
    if any(words in text for words in _NOT_OF_FAMILY) or text.startswith("runtime error: "):
        return None
    tree = parse_error(text)
    found = observe(tree, text, "other")
    if not found.errnos:
        symbol = errno_within(text)
        if symbol is not None:
            found.errno = symbol
            found.errnos[symbol] += 1
    if mapping := _WITH_SIZE.search(text):
        found.members, found.paths = 1, [mapping[1]]
        if dump.stack:  # what follows a panic shows that its number is whole
            found.sizes = Counter({int(mapping[2]): 1})
    if "active query log" in text:
        found.file_kind = "active_query_log"
    elif not (found.corrupt or found.errno in FAMILY or (found.errno and found.file_kind)):
        return None
    bare = tree.leaf is not None and tree.leaf.kind == "mmap" and not tree.prefixes
    if is_new_head_chunk(found) or (
        bare and dump.has("mmapCurrentHeadChunk", "handleChunkWriteError", "mmapChunks")
    ):
        found.file_kind = "head_chunk_new"
    operation = _by_frames(dump, previous)
    if operation is None and text.startswith(("opening storage", "opening existing")):
        operation = "startup_open"
    if operation is None and (found.file_kind == "head_chunk_new" or HEAD_CHUNK_BYTES in found.sizes):
        operation = "ingest"
    found.operation = operation or "other"
    return found


def _by_frames(dump: _Dump, previous: str | None) -> str | None:
    for parts, operation in _OPERATION_BY_FRAME:
        if dump.has(*parts):
            return operation
    if previous and not dump.stack:
        text = previous.lower()
        if "wal replay completed" in text or "replay_done" in text:
            return None
        if "replay" in text or "wal segment" in text or "wal_segment" in text:
            return "wal_replay"
    return None
