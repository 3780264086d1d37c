"""Every frame of a case: its columns' names, dtypes, units and meaning, in one place.

The frames are built, checked and documented (``docs/columns.md``) from :data:`FRAMES`. A missing value
is always ``<NA>`` (``NaT`` for times): the bundle does not say. It is never 0 and never "". Sizes are
bytes, times are UTC. Text is raw text of the bundle, to be escaped where it is shown.

Columns that join frames: ``subject`` names one process across its restarts, ``life`` one of its lives
(unique within its subject: join on both), ``snapshot`` one capture, ``failure`` one group of failures,
``member`` a file of the bundle.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Dtype = Literal["string", "category", "Int64", "UInt64", "Float64", "boolean", "datetime64[ns, UTC]"]

TIME: Dtype = "datetime64[ns, UTC]"
KEYS = ("subject", "life", "snapshot")
"""Key columns are categoricals with the same categories in every frame of one case, so that a merge
on them stays categorical."""


class Column(Struct, frozen=True):
    """One column; ``unit`` is empty where a value has none."""

    name: str
    dtype: Dtype
    unit: str
    meaning: str


class FrameSpec(Struct, frozen=True):
    """One frame: what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


_SUBJECT = Column("subject", "category", "", "the process across its restarts; joins all frames")
_LIFE = Column("life", "category", "", "the life, from one start to its end; unique within its subject")
_SNAPSHOT = Column("snapshot", "category", "", "the capture of one process at one moment")
_HOST = Column("host", "category", "", "the host, by name where the bundle states it, else by its folder")
_MEMBER = Column("member", "category", "", "the file of the bundle that says so")
_LINE = Column("line", "Int64", "", "line in that file, from 1; `<NA>` for the whole file")
_TEXT = Column("text", "string", "", "the quoted line, raw text of the bundle")


def _spec(name: str, row: str, *columns: Column | tuple[str, Dtype, str, str]) -> FrameSpec:
    return FrameSpec(name, row, tuple(c if isinstance(c, Column) else Column(*c) for c in columns))


SUBJECTS = _spec(
    "subjects",
    "one process of one host or pod, across its restarts: what a verdict is about",
    _SUBJECT,
    ("product", "category", "", "cortex, prometheus, mimir or thanos"),
    ("version", "string", "", "version, from the banner in the log, else from a captured version file"),
    _HOST,
    ("node", "category", "", "Kubernetes node"),
    ("zone", "category", "", "availability zone"),
    ("namespace", "category", "", "Kubernetes namespace"),
    ("pod", "string", "", "pod"),
    ("container", "string", "", "container"),
    ("container_id", "string", "", "container id"),
    ("pod_uid", "string", "", "uid of the pod"),
    ("lives", "Int64", "lives", "lives seen in the log"),
    ("failing_lives", "Int64", "lives", "lives that show a failure or were killed"),
    ("episodes", "Int64", "episodes", "runs of consecutive failing lives"),
    ("failures", "Int64", "failures", "distinct failures; missing where no log of a known logger was read"),
    ("snapshots", "Int64", "snapshots", "captures of this process"),
    ("bystanders", "Int64", "snapshots", "captures of other processes of its host: no evidence for it"),
    ("map_limit", "Int64", "mappings", "`vm.max_map_count` in force; `<NA>` when the bundle does not say"),
    ("need_low", "Int64", "mappings", "mappings that its data directory requires, low end"),
    ("need_high", "Int64", "mappings", "the same, high end; no bound where `need_complete` is false"),
    ("need_basis", "category", "", "what the need was counted from: filelist, log or maps"),
    ("need_complete", "boolean", "", "false where only a part of the data directory was seen"),
    ("blocks", "Int64", "blocks", "blocks that the need counts"),
    ("tenants", "Int64", "tenants", "tenants that the need counts"),
    ("first", TIME, "", "first time in its logs"),
    ("last", TIME, "", "last time in its logs"),
    ("notes", "string", "", "what is odd about it, or could not be linked, one a line"),
)

LIVES = _spec(
    "lives",
    "one life: one process from its start to its end, as its log and captures tell",
    _SUBJECT,
    _LIFE,
    ("pid", "Int64", "", "process id, where the log or a capture names it"),
    ("started", TIME, "", "first time in its log"),
    ("ended", TIME, "", "last time in its log"),
    (
        "outcome",
        "category",
        "",
        "error_exit, go_fatal, killed, clean_exit, running, log_stops, starting or unknown",
    ),
    ("exit_code", "Int64", "", "exit status"),
    ("signal", "Int64", "", "signal that ended it"),
    ("reason", "string", "", "why it ended, in the words of the log or the pod's state"),
    ("episode", "Int64", "", "number of the run of failing lives it belongs to; `<NA>` for a healthy life"),
    ("failing", "boolean", "", "it shows a failure or was killed"),
    ("ready", "boolean", "", "it came up"),
    ("ready_clean", "boolean", "", "it came up before any failure"),
    ("opened", "boolean", "", "it opened its data directory"),
    ("lines", "Int64", "lines", "log lines"),
    ("errors", "Int64", "lines", "log lines of level error; a Go dump counts as one"),
    ("warnings", "Int64", "lines", "log lines of level warn"),
    ("blocks_opened", "Int64", "blocks", "blocks that the log says were found before the first ENOMEM"),
    ("tenants", "Int64", "tenants", "tenants named by life-cycle lines"),
    ("failures", "Int64", "failures", "distinct failures"),
    ("member", "category", "", "log file in which it starts"),
    ("line", "Int64", "", "line at which it starts"),
)

FAILURES = _spec(
    "failures",
    "failures of one operation, file kind, errno and tenant within one life: repeated lines are counted,"
    " since a log may hold millions of them",
    ("failure", "Int64", "", "number of the row within the case; joins `members`"),
    _SUBJECT,
    _LIFE,
    ("episode", "Int64", "", "number of the run of failing lives"),
    ("operation", "category", "", "what was done: startup_open, compaction, thread_create ..."),
    ("file_kind", "category", "", "kind of file that could not be mapped: index, chunks_segment ..."),
    ("errno", "category", "", "errno as its symbol: ENOMEM, EMFILE ..."),
    ("tenant", "string", "", "tenant that the line names"),
    ("lines", "Int64", "lines", "log lines"),
    ("count", "Int64", "failures", "distinct failures; copies of one failure in one start are one"),
    ("members", "Int64", "errors", "leaf errors inside: N of `N errors:`, as far as they are written"),
    ("declared", "Int64", "errors", "the largest N of `N errors:`"),
    ("complete", "boolean", "", "false where a line was cut"),
    ("size_min", "Int64", "bytes", "smallest size that could not be mapped"),
    ("size_median", "Int64", "bytes", "median of these sizes (the lower one)"),
    ("size_max", "Int64", "bytes", "largest of these sizes"),
    ("sizes", "Int64", "sizes", "distinct sizes"),
    ("asked", "Int64", "bytes", "what the Go runtime asked for"),
    ("fatal", "boolean", "", "the process died of it at once (Go fatal error, panic)"),
    ("corrupt", "boolean", "", "the text states real damage, not only the phrase `corrupted block`"),
    ("directory", "string", "", "data directory that the text names"),
    ("era", "category", "", "generation of the product's error forms"),
    ("first", TIME, "", "time of the first line"),
    ("last", TIME, "", "time of the last line"),
    _MEMBER,
    _LINE,
    _TEXT,
)

MEMBERS = _spec(
    "members",
    "leaf errors (the members of `N errors:`) of one group of failures and one size. The log is aggregated"
    " while it is read, so equal leaves are one row with their count, not a row each; where the size is"
    " not stated or not kept (beyond 4096 distinct ones), one row with the size `<NA>` holds the rest",
    ("failure", "Int64", "", "row of `failures` that they belong to"),
    _SUBJECT,
    _LIFE,
    ("operation", "category", "", "as in `failures`"),
    ("file_kind", "category", "", "as in `failures`"),
    ("errno", "category", "", "as in `failures`"),
    ("tenant", "string", "", "as in `failures`"),
    ("size", "Int64", "bytes", "size that the leaf states: of the file that could not be mapped"),
    ("count", "Int64", "errors", "leaf errors of this size"),
)

MAPPINGS = _spec(
    "mappings",
    "one mapping (VMA) of one capture: one line of its most trusted mappings file. `[vsyscall]` is listed,"
    " with `counted` false, since the kernel's map_count does not hold it",
    _SUBJECT,
    _SNAPSHOT,
    ("pid", "Int64", "", "process id"),
    ("basis", "category", "", "the file's kind: maps, smaps, numa_maps or pmap"),
    ("start", "UInt64", "", "first address"),
    ("end", "UInt64", "", "address behind the last"),
    ("size", "Int64", "bytes", "its size"),
    ("perms", "category", "", "permissions, as `r--s`"),
    ("offset", "UInt64", "bytes", "offset in the file"),
    ("path", "string", "", "the mapped file, without ` (deleted)`; `<NA>` for anonymous memory"),
    ("kind", "category", "", "index, chunks_segment, head_chunk, block_other, file_other, binary, library,"
     " heap, stack, anonymous or special"),
    ("tenant", "string", "", "tenant; empty for a product with one TSDB; `<NA>` outside of blocks and heads"),
    ("directory", "string", "", "the TSDB's directory"),
    ("block", "string", "", "ULID of the block"),
    ("deleted", "boolean", "", "the file was deleted"),
    ("counted", "boolean", "", "it is in the kernel's map_count"),
    ("member", "category", "", "the file it is listed in"),
)  # fmt: skip

SNAPSHOTS = _spec(
    "snapshots",
    "one capture of one process at one moment, or one point of a captured series",
    _SNAPSHOT,
    _SUBJECT,
    _HOST,
    ("group", "category", "", "folder of the bundle that was captured together"),
    ("kind", "category", "", "capture or point"),
    ("pid", "Int64", "", "process id"),
    ("time", TIME, "", "when it was taken, where the bundle says"),
    ("life", "category", "", "the life it is of; `<NA>` when several are possible"),
    ("life_candidates", "string", "", "all lives it may be of, separated by commas"),
    ("link_basis", "string", "", "why it belongs to the subject"),
    ("bystander", "boolean", "", "of another process than any log in the bundle: proves nothing about it"),
    ("count", "Int64", "mappings", "mappings as the kernel counts them (without `[vsyscall]`) where `exact`"),
    ("exact", "boolean", "", "false for counts that may hold `[vsyscall]` and for proxies"),
    ("lower_bound", "boolean", "", "the capture is truncated, or the basis sees only a part"),
    ("basis", "category", "", "maps, smaps, numa_maps, pmap, series, line_count, metric, lsof, open_files"),
    ("limit", "Int64", "mappings", "`vm.max_map_count` at that moment, else the host's"),
    ("ratio", "Float64", "", "`count` / `limit`"),
    ("blocks", "Int64", "blocks", "distinct blocks that are mapped"),
    ("duplicates", "Int64", "mappings", "mappings of a file beyond its first at the same offset"),
    ("deleted", "Int64", "mappings", "mappings of deleted files"),
    ("state", "category", "", "process state: R, S, D, Z ..."),
    ("threads", "Int64", "threads", "threads"),
    ("fds", "Int64", "descriptors", "open file descriptors"),
    ("vm_peak", "Int64", "bytes", "VmPeak"),
    ("vm_size", "Int64", "bytes", "VmSize"),
    ("vm_hwm", "Int64", "bytes", "VmHWM, the highest resident memory"),
    ("vm_rss", "Int64", "bytes", "VmRSS"),
    ("vm_data", "Int64", "bytes", "VmData"),
    ("rlimit_as", "Float64", "bytes", "soft RLIMIT_AS; `inf` for unlimited"),
    ("rlimit_nofile", "Float64", "descriptors", "soft RLIMIT_NOFILE; `inf` for unlimited"),
    ("notes", "string", "", "why it cannot be trusted, one a line"),
    _MEMBER,
    _LINE,
)

EVENTS = _spec(
    "events",
    "one life-cycle step of the log, one kernel log line that names a limit, or one Kubernetes event",
    _SUBJECT,
    _LIFE,
    _HOST,
    ("source", "category", "", "log, kernel or kubernetes"),
    ("kind", "category", "", "start, opening, opened, ready, replay, shutdown, exit, fatal ...; of the kernel"
     " oom_kill, overcommit_refused ...; of Kubernetes the reason"),
    ("time", TIME, "", "its time"),
    ("boot_seconds", "Float64", "seconds", "seconds since boot, as the kernel writes them"),
    ("count", "Int64", "events", "how often it was seen"),
    ("pid", "Int64", "", "process id that it names"),
    ("fields", "string", "", "what the line states, as a JSON object of texts and numbers; sizes are bytes"),
    _MEMBER,
    _LINE,
    _TEXT,
)  # fmt: skip

RECORDS = _spec(
    "records",
    "one log record after its framing and quoting are undone. Read anew from the bundle when asked for,"
    " up to a limit; `attrs` say how many there were",
    _SUBJECT,
    _LIFE,
    ("member", "category", "", "the log file"),
    ("line", "Int64", "", "its first line in that file, from 1"),
    ("lines", "Int64", "lines", "physical lines it spans"),
    ("time", TIME, "", "its own time, else its framing's"),
    ("level", "category", "", "error, warn, info or debug; `<NA>` where it states none"),
    ("caller", "string", "", "`file.go:line` of the code that logged"),
    ("tenant", "string", "", "tenant that a field names"),
    ("msg", "string", "", "message"),
    ("err", "string", "", "error text; cut to 4096 characters"),
    ("text", "string", "", "the line without its framing; cut to 4096 characters"),
    ("cut", "boolean", "", "its end is missing in the bundle, or was cut here"),
)

FILES = _spec(
    "files",
    "one file of a listed data directory; the WAL of a tenant is one row",
    _SUBJECT,
    _HOST,
    ("root", "string", "", "the data directory"),
    ("tenant", "string", "", "tenant; empty for a product with one TSDB"),
    ("block", "string", "", "ULID of the block"),
    ("kind", "category", "", "index, chunks_segment, head_chunk, wal or other (a block without them)"),
    ("segment", "Int64", "", "number of the chunks segment within its block, from 1, as listed"),
    ("size", "Int64", "bytes", "size; `<NA>` when the listing has none"),
    ("files", "Int64", "files", "files that the row stands for"),
    ("mappings", "Int64", "mappings", "mappings it takes at start: 1 for index, segment and head chunk"),
    ("not_opened", "category", "", "why the block is not opened at start: tmp or upload; `<NA>`: it is"),
    ("shipped", "boolean", "", "the block is listed in `thanos.shipper.json`"),
    ("phantom", "boolean", "", "a directory left by an aborted start, not a tenant"),
    ("modified", TIME, "", "modification time of the block"),
    ("member", "category", "", "the listing"),
)

FACTS = _spec(
    "facts",
    "one captured fact: of a process (with `snapshot`), a cgroup or a host",
    _SUBJECT,
    _SNAPSHOT,
    _HOST,
    ("group", "category", "", "folder of the bundle that was captured together; the cgroup's for a cgroup"),
    ("scope", "category", "", "process, cgroup, host, or configured (set in a file, not known in force)"),
    ("kind", "category", "", "meminfo, sysctl, status, limits, cgroup, df ..."),
    ("name", "string", "", "the fact's own name: MemAvailable, vm.max_map_count, nofile.soft ..."),
    ("state", "category", "", "present, absent or unreadable"),
    ("value", "string", "", "the value as text; `unlimited` for no limit"),
    ("number", "Float64", "", "the value as a number where it is one; `inf` for unlimited"),
    ("unit", "category", "", "unit of the number; `<NA>` where it has none or none is known"),
    ("why", "string", "", "why it is unreadable, or what to collect when it is absent"),
    _MEMBER,
    _LINE,
    _TEXT,
)

COVERAGE = _spec(
    "coverage",
    "one file of the bundle: whether it was read",
    ("member", "category", "", "the file"),
    ("state", "category", "", "read, link, skipped, truncated (read to where it ends) or unrecognised"),
    (
        "kind",
        "category",
        "",
        "what it was read as: log, kernel_log, maps, meminfo ...; `<NA>` for a copy of another log",
    ),
    ("lines", "Int64", "lines", "lines, of a log"),
    ("why", "string", "", "why it was skipped, where a link leads, or what is missing"),
)

HYPOTHESES = _spec(
    "hypotheses",
    "one cause weighed for one subject",
    _SUBJECT,
    ("cause", "category", "", "the limit that could explain the failure"),
    ("status", "category", "", "confirmed, likely, possible, ruled_out or untestable"),
    ("why", "string", "", "in one sentence, with the numbers"),
    ("used", "Float64", "see `unit`", "what was used"),
    ("limit", "Float64", "see `unit`", "of this limit"),
    ("requested", "Float64", "see `unit`", "what was asked for on top"),
    ("unit", "category", "", "unit of the three"),
    ("at", TIME, "", "the moment of the numbers"),
    ("evidence", "string", "", "ids in `evidence`, separated by commas"),
    ("missing", "string", "", "what the bundle lacks to test it, separated by `; `"),
)

EVIDENCE = _spec(
    "evidence",
    "one quoted line that a claim of the diagnosis rests on",
    ("id", "string", "", "its name in the report: E1, E2 ..."),
    _MEMBER,
    _LINE,
    ("time", TIME, "", "the time that the line states"),
    _TEXT,
)

FRAMES: dict[str, FrameSpec] = {
    spec.name: spec
    for spec in (
        SUBJECTS,
        LIVES,
        FAILURES,
        MEMBERS,
        MAPPINGS,
        SNAPSHOTS,
        EVENTS,
        RECORDS,
        FILES,
        FACTS,
        COVERAGE,
        HYPOTHESES,
        EVIDENCE,
    )
}


def markdown(spec: FrameSpec) -> str:
    """One frame as a Markdown section, for the documentation."""
    from tabulate import tabulate

    cells = [(f"`{c.name}`", f"`{c.dtype}`", c.unit, c.meaning) for c in spec.columns]
    table = tabulate(cells, headers=("column", "dtype", "unit", "meaning"), tablefmt="github")
    return f"## {spec.name}\n\nA row is {spec.row}.\n\n{table}\n"


def reference() -> str:
    """The page ``docs/columns.md``."""
    head = (
        "# Frames and their columns\n\n"
        "What `case.subjects`, `case.failures` and their sisters hold. This page is made from the one table in\n"
        "`analyzer/case/columns.py` by `python docs/make_reference.py`.\n\n"
        "- A missing value is `<NA>` (`NaT` for times): the bundle does not say. It is never 0.\n"
        "- Sizes are bytes, times are UTC; the unit of a column stands beside it.\n"
        "- `subject`, `life` and `snapshot` are categoricals with the same categories in every frame of one case,\n"
        "  so `merge` on them keeps them so. A life is unique within its subject: join on both.\n"
        "- Text is raw text of the bundle: escape it where you show it (pandas does).\n"
        "- A frame without rows has the same columns and dtypes.\n"
        "- `analyze BUNDLE --output DIR` writes them as Parquet, but for `records`, which are read on demand;\n"
        "  `analyzer.concat` lays the same frame of many bundles under each other.\n"
    )
    return head + "\n" + "\n".join(markdown(spec) for spec in FRAMES.values())
