"""The types of the log layer: records, error trees, failures, events, and a member's digest.

A log member is read once. What is rare is kept as rows (events, failures with their evidence), what
can be frequent is aggregated while reading, so that memory does not grow with the log.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from msgspec import Struct, field

from analyzer.facts import Evidence, Stamp
from analyzer.logs.sizes import Range

Level = Literal["error", "warn", "info", "debug", ""]


class Record(Struct, frozen=True):
    """One log record after framing and quoting are undone; a whole Go dump is one record.

    ``fields`` keeps duplicate keys in order of appearance. ``text`` is the payload without its
    framing (for bare text and dumps: all of it). ``line`` is the 1-based physical line of its
    first byte, ``lines`` the physical lines it spans. ``cut`` says that its end is missing.
    """

    member: str
    line: int
    stamp: Stamp | None
    level: Level
    fields: tuple[tuple[str, str], ...]
    text: str
    cut: bool = False
    lines: int = 1

    def get(self, *keys: str) -> str | None:
        """The first value whose key is one of ``keys``, in the order of ``keys``."""
        for key in keys:
            for name, value in self.fields:
                if name == key:
                    return value
        return None


class Leaf(Struct, frozen=True):
    """One innermost error.

    ``kind`` is "mmap" (a failed mapping), "errno" (another system call's error) or "text".
    ``size`` is the size in bytes that the text states. ``errno`` is the symbol ("ENOMEM") or None.
    ``file_kind`` is one of :data:`FILE_KINDS` or None. ``complete`` is False for a leaf that was cut:
    its number must not be used (and ``size`` is None then).
    """

    kind: Literal["mmap", "errno", "text"]
    text: str
    errno: str | None = None
    size: int | None = None
    file_kind: str | None = None
    path: str | None = None
    complete: bool = True


class Tree(Struct, frozen=True):
    """An error with what wraps it: ``prefixes`` from the outside in, then members or one leaf.

    ``declared`` is N of "N errors:" (None without a header); ``members`` are its members, cut ones
    included. ``ambiguous`` says that the members could not be told apart with certainty. ``form``
    is the library form that was recognised (see log-grammar 1.1), for the era.
    """

    prefixes: tuple[str, ...]
    leaf: Leaf | None = None
    members: tuple[Tree, ...] = ()
    declared: int | None = None
    ambiguous: bool = False
    form: Literal["leaf", "multi", "hashicorp", "map", "joined", "chain"] = "leaf"


FILE_KINDS = (
    "index",  # a block's index
    "chunks_segment",  # a block's chunks/NNNNNN
    "head_chunk",  # an existing chunks_head/NNNNNN
    "head_chunk_new",  # a head chunk file being cut, 128 MiB
    "index_writer",  # the index of a block being written, S and S+4
    "active_query_log",
    "index_header",
    "wal",
    "go_heap",  # the Go runtime's own memory
    "thread_stack",
    "other",
)

OPERATIONS = (
    "startup_open",  # opening the TSDBs that are on disk
    "startup_compaction",
    "wal_replay",
    "head_chunk_mapping",
    "compaction",  # head or block compaction at run time
    "block_write",
    "reload",
    "ingest",  # a push, or a head chunk cut by it
    "query",
    "ship",
    "allocate",  # the Go runtime growing its heap or metadata
    "thread_create",
    "config_watch",
    "other",
)

ERAS = ("0", "A", "B1", "B2", "C", "D")


class Known(Struct):
    """A failure that copies are known by: which of its segment's groups it is in, and, in a segment that may go
    on where another log ends, what it adds to the group beside its lines."""

    group: int
    members: int = 0
    sizes: Counter[int] | None = None
    sizes_dropped: int = 0
    errnos: Counter[str] | None = None


class FailureGroup(Struct):
    """Failures of one operation, file kind, errno and tenant within one segment of a log.

    ``lines`` counts log lines, ``count`` distinct failures (copies of one failure in one start are
    one), ``members`` the leaf errors. ``sizes`` counts sizes in bytes; past 4096 distinct sizes new
    ones are only counted in ``sizes_dropped``; the smallest and the largest of all are always among ``sizes``. ``evidence`` holds the first line, the line with
    most members and the last, at most three.
    """

    operation: str
    file_kind: str | None
    errno: str | None
    tenant: str | None
    lines: int = 0
    count: int = 0
    members: int = 0
    declared: int | None = None  # the largest N of "N errors:"
    complete: bool = True  # False when a line was cut
    sizes: Counter[int] = field(default_factory=Counter)
    sizes_dropped: int = 0
    dropped: Range | None = None  # of the sizes that are not in ``sizes``, while the log is read
    first: Stamp | None = None
    last: Stamp | None = None
    undated: tuple[Stamp, Stamp] | None = None  # first and last without a year, beside others that have one
    first_line: int = 0
    evidence: list[Evidence] = field(default_factory=list)
    directory: str | None = None
    paths: list[str] = field(default_factory=list)  # files that the text names, at most 32
    ulids: set[str] = field(default_factory=set)  # blocks that the text names, at most 10000
    era: str | None = None
    sample: str = ""  # innermost text of the first failure, cut to 400 characters
    fatal: bool = False  # the process died of it (Go fatal error, panic)
    errnos: Counter[str] = field(default_factory=Counter)  # leaf errors by errno, when a list mixes them
    corrupt: bool = False  # the text states real damage, not only the phrase "corrupted block"
    asked: int | None = None  # bytes that the Go runtime asked for, where the dump states it


class Event(Struct, frozen=True):
    """A life-cycle step.

    ``kind``: "start" (banner), "opening", "opened" (successfully opened), "ready" (all up),
    "replay", "replay_done", "module_failed", "shutdown" (signal received), "stopped", "exit"
    (an exit status or a kill that the log itself states), "fatal" (Go fatal error or panic),
    "fd_limits", "vm_limits", "build", "host", "sigquit", "warning_32bit", "restart_backoff", "note".
    ``fields`` holds what the line states, by kind: start {product, version}; fd_limits/vm_limits
    {soft, hard: bytes or count as digits, or "unlimited"}; build {go, platform}; host {text, machine};
    fatal {reason, asked, in_use, function, frames, signal, address, threads, errno, goroutines, lines, signature:
    "failed_munmap"}; exit {code, signal, pid, reason}; stopped {outcome: "error"} when it ended with an error;
    warning_32bit {goarch}; restart_backoff {container, pod, delay}; module_failed {module}; shutdown {signal};
    note {text, and what a process says of itself: mappings, max_map_count; recovered panics {reason, ...}}.
    """

    kind: str
    stamp: Stamp | None
    evidence: Evidence
    fields: dict[str, str] = field(default_factory=dict)
    count: int = 1


class Segment(Struct):
    """A stretch of one log member that one process wrote: a banner starts a new one.

    The first segment of a member may have no banner (``start`` is None): it may continue an
    earlier member. ``hints`` are what the framing states of the process that wrote it: pod, container, unit,
    host, pid. ``healthy`` holds the distinct ULIDs of "Found healthy block" seen before the
    first ENOMEM (as raw 26-byte strings), ``healthy_after`` counts those after it. ``healthy_dropped``
    counts ULIDs that are no longer kept: a log of many lives keeps those of its last ones.
    """

    first_line: int
    start: Event | None = None
    events: list[Event] = field(default_factory=list)
    failures: list[FailureGroup] = field(default_factory=list)
    healthy: set[bytes] = field(default_factory=set)
    healthy_after: int = 0
    healthy_dropped: int = 0
    blocks_by_tenant: Counter[str] = field(default_factory=Counter)
    tenants: set[str] = field(default_factory=set)  # tenants with life-cycle lines, at most 100000
    levels: Counter[str] = field(default_factory=Counter)  # error, warn, other
    lines: int = 0
    last_line: int = 0
    first: Stamp | None = None
    last: Stamp | None = None
    undated: tuple[Stamp, Stamp] | None = None  # see FailureGroup
    last_text: str = ""  # the last line, cut to 300 characters
    last_record: Evidence | None = None
    hints: tuple[tuple[str, str], ...] = ()
    records: int = 0  # lines with a recognised logger head among those parsed
    products: Counter[str] = field(default_factory=Counter)  # hints by caller=/msg, when no banner
    known: dict[str, Known] = field(default_factory=dict)  # where it may go on in another log


class KernelEvent(Struct, frozen=True):
    """A kernel log line that names a limit.

    ``kind``: "oom_kill" (a killed process), "oom_invoked", "overcommit_refused"
    (__vm_enough_memory), "data_ulimit", "fork_rejected", "slab" (allocation failure in the kernel).
    ``constraint`` is "memcg", "global" or "". ``boot_seconds`` is the stamp in brackets.
    ``values`` are bytes: total_vm, anon_rss, file_rss, requested, limit, vm_data, usage.
    """

    kind: str
    evidence: Evidence
    stamp: Stamp | None = None
    boot_seconds: float | None = None
    pid: int | None = None
    comm: str | None = None
    cgroup: str | None = None
    constraint: str = ""
    values: dict[str, int] = field(default_factory=dict)


class KernelLog(Struct):
    """What one kernel log says, and the stretch of time it covers (rule 6: silence is evidence
    only when these stamps enclose the failure)."""

    member: str
    events: list[KernelEvent] = field(default_factory=list)
    first: Stamp | None = None
    last: Stamp | None = None
    first_boot: float | None = None  # seconds since boot
    last_boot: float | None = None
    lines: int = 0
    complete: bool = True  # False when the ring buffer had wrapped: its first stamp is not ~0


class LogDigest(Struct):
    """All that one log member says; or, where several processes write in it, what one of them says: then
    ``source`` tells it from the others. ``framings`` counts lines by framing ("bare", "cri", "docker",
    "kubectl", ...); ``stream_hint`` are pod/container/host names that the framing itself states."""

    member: str
    size: int = 0
    lines: int = 0
    parsed: int = 0  # lines that were parsed, not only scanned
    records: int = 0  # lines with a recognised logger head among those parsed
    framings: Counter[str] = field(default_factory=Counter)
    segments: list[Segment] = field(default_factory=list)
    kernel: KernelLog | None = None  # kernel lines found in it (journal, syslog)
    hints: dict[str, str] = field(default_factory=dict)  # host, pod, container, pid as the framing says
    newest_first: bool = False
    partials_open: int = 0  # partial lines whose last piece is missing
    null_messages: int = 0  # of the process's own unit, which a journal as JSON leaves out
    cut_lines: int = 0  # lines over 1 MiB, kept by head and tail
    tail: str = ""  # why this log is only a tail ("sos .tailed", "10,000 lines"), else empty
    first: Stamp | None = None
    last: Stamp | None = None
    undated: tuple[Stamp, Stamp] | None = None  # see FailureGroup
    # Minutes by which times without a year are ahead of UTC, where lines show it.
    undated_zone: int | None = None
    eras: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    products: Counter[str] = field(default_factory=Counter)  # hints by caller=/msg, when no banner
    source: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other digest of the bundle."""
        return self.member, self.source
