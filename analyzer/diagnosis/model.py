"""A diagnosis as data: the JSON report, version 1, is exactly these classes.

Every face (terminal, ticket, Markdown, HTML, JSON) draws the same :class:`Diagnosis`; redaction
transforms it before any face sees it. Sizes are bytes, times RFC 3339 in UTC, counts plain
integers; None stands for "not known" and is never 0. Evidence is referred to by its ``id``.

Fields may be added; none changes its meaning without a new ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

SCHEMA_VERSION = 1

CauseName = Literal[
    "max_map_count",
    "rlimit_as",
    "rlimit_data",
    "rlimit_memlock",
    "address_space_32bit",
    "overcommit",
    "cgroup_oom",
    "system_oom",
    "hugepages",
    "threads",
    "nofile",
    "inotify",
    "disk_full",
    "corruption",
    "kernel_memory",
    "none",
    "undetermined",
]
VerdictStatus = Literal["confirmed", "likely", "possible", "undetermined", "healthy"]
HypothesisStatus = Literal["confirmed", "likely", "possible", "ruled_out", "untestable"]
Answer = Literal["yes", "no", "unknown"]
Basis = Literal[
    "maps",
    "smaps",
    "numa_maps",
    "pmap",
    "series",
    "line_count",
    "metric",
    "lsof",
    "open_files",
    "estimate",
]


class Tool(Struct):
    name: str
    version: str


class TimeRange(Struct):
    first: str | None = None
    last: str | None = None


class BundleInfo(Struct):
    name: str
    sha256: str | None
    layout: str
    size_bytes: int | None
    captured_at: str | None
    time_range: TimeRange
    utc_offset: str | None = None  # of the host's own clock: "+02:00"


class Verdict(Struct):
    """``summary`` is one sentence with its numbers. ``first_seen`` is the first failure's time."""

    cause: CauseName
    status: VerdictStatus
    driver: str | None
    summary: str
    first_seen: str | None = None


class BundleVerdict(Verdict):
    """The worst subject's verdict. ``signature`` is the failure chain without names and numbers."""

    subject: str | None = None
    subjects_affected: int = 0
    signature: str = ""


class NamedFact(Struct):
    """One number behind an answer: ``state`` tells a missing fact from a zero."""

    name: str
    state: Literal["present", "absent", "unreadable"]
    value: int | float | str | None = None
    unit: str = ""
    at: str | None = None
    evidence: list[str] = field(default_factory=list)


class Question(Struct):
    id: Literal["free_memory", "map_limit"]
    answer: Answer
    why: str
    facts: list[NamedFact] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


class Margin(Struct):
    """``used`` of ``limit``, both in ``unit``; ``requested`` is what was asked for on top."""

    used: int | float | None
    limit: int | float | None
    requested: int | float | None
    unit: str
    at: str | None


class HypothesisView(Struct):
    cause: CauseName
    status: HypothesisStatus
    why: str
    margin: Margin | None = None
    evidence: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class SizeStats(Struct):
    """Sizes in bytes of the files that could not be mapped."""

    min: int | None = None
    median: int | None = None
    max: int | None = None


class FailureView(Struct):
    """``lines`` log lines, ``count`` distinct failures, ``members`` leaf errors inside."""

    operation: str
    file_kind: str | None
    errno: str | None
    tenant: str | None
    life: str | None
    episode: int | None
    lines: int
    count: int
    members: int
    sizes: SizeStats
    first: str | None
    last: str | None
    evidence: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    declared: int | None = None
    complete: bool = True


class KindCount(Struct):
    kind: str
    count: int
    bytes: int | None = None


class TenantCount(Struct):
    tenant: str
    count: int
    blocks: int | None = None


class Need(Struct):
    """Mappings that the data directory requires; ``basis`` says what was counted."""

    low: int
    high: int
    basis: str
    blocks: int | None = None
    tenants: int | None = None
    evidence: list[str] = field(default_factory=list)


class MappingsView(Struct):
    """``count`` is the kernel's map_count: lines of maps without ``[vsyscall]``."""

    count: int | None
    limit: int | None
    at: str | None
    life: str | None
    pid: int | None
    complete: bool | None
    basis: Basis | None
    by_kind: list[KindCount] = field(default_factory=list)
    by_tenant: list[TenantCount] = field(default_factory=list)
    need: Need | None = None
    growth_per_hour: float | None = None
    duplicates: int | None = None
    deleted: int | None = None
    evidence: list[str] = field(default_factory=list)


class Recommended(Struct):
    max_map_count: int | None = None
    nofile: int | None = None


class LifeView(Struct):
    id: str
    pid: int | None
    started: str | None
    ended: str | None
    exit_code: int | None
    signal: int | None
    reason: str | None
    outcome: str
    episode: int | None = None
    log_lines: int | None = None
    levels: dict[str, int] = field(default_factory=dict)
    blocks_opened: int | None = None
    evidence: list[str] = field(default_factory=list)


class EpisodeView(Struct):
    """Consecutive failing lives, ended by a clean ready state. ``judged`` marks the one that the verdict is about;
    ``at`` is a time within it, for ``--at``."""

    number: int
    first: str | None
    last: str | None
    lives: int
    what: str
    judged: bool
    at: str | None = None


class SnapshotView(Struct):
    time: str | None
    pid: int | None
    life_candidates: list[str]
    link_basis: str
    member: str = ""
    mappings: int | None = None
    note: str = ""


class TimelineEntry(Struct):
    time: str | None
    kind: str
    text: str
    evidence: list[str] = field(default_factory=list)
    count: int = 1


class ChainLink(Struct):
    time: str | None
    cause: str
    text: str


class Remedy(Struct):
    """``order`` counts from 1 in the order to act; ``commands`` are shell lines to copy."""

    id: str
    title: str
    why: str
    scope: Literal["process", "pod", "node", "cluster"]
    when: Literal["now", "after_recovery"]
    order: int
    commands: list[str] = field(default_factory=list)
    persistent: bool = False
    risk: str = ""
    data_loss: str = "none"
    kind: Literal["do", "do_not"] = "do"


class BlastRadius(Struct):
    replication_factor: int | None = None
    zones: int | None = None
    members_down: int | None = None
    why: str = ""


class Ask(Struct):
    """What to collect. ``decides`` names the causes that the answer would confirm or rule out."""

    id: str
    need: str
    why: str
    command: str
    decides: list[str] = field(default_factory=list)


class SubjectReport(Struct):
    id: str
    product: str | None
    version: str | None
    host: str | None
    node: str | None
    zone: str | None
    namespace: str | None
    pod: str | None
    container: str | None
    container_id: str | None
    pid: int | None
    verdict: Verdict
    questions: list[Question] = field(default_factory=list)
    hypotheses: list[HypothesisView] = field(default_factory=list)
    failures: list[FailureView] = field(default_factory=list)
    mappings: MappingsView | None = None
    recommended: Recommended = field(default_factory=Recommended)
    lives: list[LifeView] = field(default_factory=list)
    snapshots: list[SnapshotView] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    chain: list[ChainLink] = field(default_factory=list)
    remedies: list[Remedy] = field(default_factory=list)
    blast_radius: BlastRadius = field(default_factory=BlastRadius)
    ask: list[Ask] = field(default_factory=list)
    episodes: list[EpisodeView] = field(default_factory=list)


class EvidenceView(Struct):
    id: str
    text: str
    member: str
    line: int | None
    time: str | None


class Risk(Struct):
    """What has not failed yet but is near its limit; ``ratio`` is used / limit."""

    subject: str
    limit: str
    used: int | float
    ratio: float
    text: str


class Skipped(Struct):
    member: str
    why: str


class LeftOut(Struct):
    """A filter that left nothing: what was asked for, and the pods and pids that the bundle has."""

    pod: str | None
    pid: int | None
    since: str | None
    until: str | None
    pods: list[str]
    pids: list[int]


class CoverageView(Struct):
    members_total: int
    members_read: int
    members_skipped: list[Skipped] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    bytes_read: int = 0
    missing: list[str] = field(default_factory=list)
    log_lines: int = 0
    lines_parsed: int = 0
    partials_open: int = 0
    tails: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # in the bundle, and refused, empty or garbled
    members_unrecognised: int = 0  # no reader knows them: neither read nor skipped
    left_out: LeftOut | None = None
    null_messages: int = 0


class Diagnosis(Struct):
    tool: Tool
    exit_status: int
    bundle: BundleInfo
    verdict: BundleVerdict
    subjects: list[SubjectReport]
    evidence: list[EvidenceView]
    risks: list[Risk]
    coverage: CoverageView
    warnings: list[str]
    schema_version: int = SCHEMA_VERSION
