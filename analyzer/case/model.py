"""A case: all that one bundle says, joined.

A subject is one process of one host or pod across its restarts; its lives are the stretches of log
between a start and an end. Captures are what was taken of one process at one moment; host facts
(meminfo, sysctl, kernel log, df) stand beside them, per folder of the bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from analyzer.bundle.model import Coverage, Place
from analyzer.facts import Absent, Evidence, Fact, Present, Stamp, known
from analyzer.logs.model import Event, FailureGroup, KernelEvent, KernelLog, LogDigest, Segment
from analyzer.snapshots.model import DataDir, MapsSummary, PodEvent, PodState, SeriesPoint, Snapshot


class FactSet(Struct):
    """Facts by (kind, name); a later fact does not replace a present one. ``denied`` holds the first present fact
    that states another value than the one that is held."""

    facts: dict[tuple[str, str], Fact[Any]] = field(default_factory=dict)
    denied: dict[tuple[str, str], Fact[Any]] = field(default_factory=dict)

    def add(self, kind: str, values: Mapping[str, Fact[Any]]) -> None:
        """Take over ``values``; a present fact wins over an unreadable one, the first over later."""
        for name, fact in values.items():
            held = self.facts.get((kind, name))
            if not isinstance(held, Present):
                self.facts[kind, name] = fact
            elif isinstance(fact, Present) and fact.value != held.value:
                self.denied.setdefault((kind, name), fact)

    def get(self, kind: str, name: str) -> Fact[Any]:
        """The fact, or Absent with the kind as what to ask for."""
        return self.facts.get((kind, name), Absent(kind))

    def value(self, kind: str, name: str) -> Any:
        """The present value, else None."""
        return known(self.get(kind, name))

    def has(self, kind: str) -> bool:
        """Whether any fact of this kind is present."""
        return any(k == kind and isinstance(f, Present) for (k, _), f in self.facts.items())


class Count(Struct, frozen=True):
    """A mapping count and where it is from.

    ``count`` is map_count where ``exact``; a line count that may hold ``[vsyscall]`` is not exact:
    map_count is then ``count`` or ``count - 1``. ``lower_bound`` marks truncated captures and proxies.
    """

    count: int
    basis: str
    evidence: Evidence
    exact: bool = True
    lower_bound: bool = False
    summary: MapsSummary | None = None
    stamp: Stamp | None = None


class Capture(Struct):
    """What was captured of one process at one moment (one ``proc/PID`` of one folder)."""

    group: str
    pid: int | None
    facts: FactSet = field(default_factory=FactSet)
    counts: list[Count] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # (member, why)
    stamp: Stamp | None = None
    life_candidates: list[str] = field(default_factory=list)
    link_basis: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """``group#pid``: names the capture within a case."""
        return f"{self.group}#{self.pid if self.pid is not None else '?'}"

    @property
    def best(self) -> Count | None:
        """The most trusted count (counts are held in the order of trust), else None."""
        return self.counts[0] if self.counts else None

    @property
    def maps(self) -> MapsSummary | None:
        """The breakdown of the most trusted count that has one."""
        return next((c.summary for c in self.counts if c.summary is not None and c.count > 0), None)

    @property
    def zombie(self) -> bool:
        return str(self.facts.value("status", "state") or "").startswith("Z")


class CgroupFacts(Struct):
    """One cgroup's files, merged by directory. ``path`` is as the cgroup file system names it."""

    path: str
    directory: str
    facts: FactSet = field(default_factory=FactSet)


class Host(Struct):
    """One host of the bundle: the folder that holds its files and the facts taken there.

    ``groups`` maps a capture's folder to the facts of that moment; "" + the root folder is the main
    one. ``facts`` joins all, the main folder first.
    """

    root: str
    name: str | None = None
    groups: dict[str, FactSet] = field(default_factory=dict)
    facts: FactSet = field(default_factory=FactSet)
    configured: FactSet = field(default_factory=FactSet)
    # One a file: the order of their names decides.
    configured_files: list[Snapshot] = field(default_factory=list)
    kernel_logs: list[KernelLog] = field(default_factory=list)
    cgroups: list[CgroupFacts] = field(default_factory=list)
    data_dirs: list[tuple[DataDir, Evidence]] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)
    # Where a member's facts go while the hosts are built: by (folder, pid), by the cgroup's folder.
    capture_of: dict[tuple[str, int | None], Capture] = field(default_factory=dict)
    cgroup_of: dict[str, CgroupFacts] = field(default_factory=dict)
    mounts: list[tuple[Any, str]] = field(default_factory=list)  # (Mount, member)
    series: list[tuple[SeriesPoint, str]] = field(default_factory=list)  # (point, member)
    now: Stamp | None = None
    btime: float | None = None  # boot time in seconds, only where the bundle states it

    def fact(self, kind: str, name: str, group: str | None = None) -> Fact[Any]:
        """The fact of ``group``'s moment if that folder states it, else the host's."""
        if group is not None and group in self.groups:
            own = self.groups[group].get(kind, name)
            if isinstance(own, Present):
                return own
        return self.facts.get(kind, name)

    def kernel_events(self, *kinds: str) -> Iterable[KernelEvent]:
        """Kernel events of these kinds (all if none named), in log order."""
        for log in self.kernel_logs:
            for event in log.events:
                if not kinds or event.kind in kinds:
                    yield event


class Life(Struct):
    """One process from its start to its end, as its log and captures tell.

    ``outcome``: "error_exit", "go_fatal", "killed", "clean_exit", "running", "log_stops" (the log
    just ends although the process did), "starting" (the log ends before it was ready), "unknown".
    ``ready`` says that it came up; ``ready_clean`` that it did so before any failure. ``episode`` numbers runs of consecutive failing lives from 1, None for healthy lives.
    """

    id: str
    segments: list[tuple[LogDigest, Segment]] = field(default_factory=list)
    start: Event | None = None
    events: list[Event] = field(default_factory=list)
    failures: list[FailureGroup] = field(default_factory=list)
    fatals: list[Event] = field(default_factory=list)
    kernel: list[KernelEvent] = field(default_factory=list)
    healthy: set[bytes] = field(default_factory=set)
    healthy_after: int = 0
    healthy_dropped: int = 0
    blocks_by_tenant: Counter[str] = field(default_factory=Counter)
    tenants: set[str] = field(default_factory=set)
    levels: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    first: Stamp | None = None
    last: Stamp | None = None
    pid: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str | None = None
    outcome: str = "unknown"
    ready: bool = False
    ready_clean: bool = False
    opened: bool = False
    episode: int | None = None
    evidence: list[Evidence] = field(default_factory=list)
    last_record: Evidence | None = None
    dead: bool = False  # the log is of a container instance that has ended ("previous")

    @property
    def blocks_opened(self) -> int:
        """Distinct blocks found healthy before the first ENOMEM."""
        return len(self.healthy) + self.healthy_dropped

    @property
    def failing(self) -> bool:
        """Whether this life shows a failure of the kinds that a cause explains, or was killed."""
        ended_badly = self.outcome in ("killed", "error_exit", "go_fatal", "log_stops")
        return bool(self.failures) or bool(self.fatals) or ended_badly


class NeedEstimate(Struct):
    """Mappings that the data directory requires at start-up, from low to high."""

    low: int
    high: int
    basis: str  # "filelist", "log", "maps"
    blocks: int
    tenants: int | None
    segments: int = 0
    heads: int = 0
    evidence: Evidence | None = None
    complete: bool = True  # False: a lower bound only (high is then not to be used to rule out)
    phantoms: list[str] = field(default_factory=list)


class Subject(Struct):
    """One process of one host or pod across its lives: what a verdict is about."""

    id: str
    place: Place
    host: Host
    product: str | None = None
    version: str | None = None
    logs: list[LogDigest] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)
    bystanders: list[Capture] = field(default_factory=list)
    container_id: str | None = None
    pod_uid: str | None = None
    pod: PodState | None = None
    pod_events: list[PodEvent] = field(default_factory=list)
    data_dir: tuple[DataDir, Evidence] | None = None
    need: NeedEstimate | None = None
    config: FactSet = field(default_factory=FactSet)
    cgroup: list[CgroupFacts] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)  # pids that are known to be this subject's
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sized_files: dict[tuple[str, int], list[str]] = field(default_factory=dict)  # (kind, size) -> files

    @property
    def is_logged(self) -> bool:
        """Whether any line of its logs is a record of a known logger: else nothing was counted, and 0 is no count."""
        return any(
            log.records or any(segment.start or segment.events for segment in log.segments)
            for log in self.logs
        )

    def life(self, identity: str) -> Life | None:
        """The life of that id."""
        return next((life for life in self.lives if life.id == identity), None)


class Case(Struct):
    """All that one bundle says, joined."""

    name: str
    sha256: str | None
    size_bytes: int | None
    layout: str
    coverage: Coverage
    hosts: list[Host]
    subjects: list[Subject]
    logs: list[LogDigest]
    snapshots: list[Snapshot]
    kernel_logs: list[KernelLog]
    captured_at: Stamp | None = None
    first: Stamp | None = None
    last: Stamp | None = None
    passed_over: list[Subject] = field(default_factory=list)  # what the filter left out
    warnings: list[str] = field(default_factory=list)
    unrecognised: int = 0
    paths: list[str] = field(default_factory=list)  # every file and link of the bundle, as it came
    unclaimed: list[str] = field(default_factory=list)  # the files that no parser claimed
    links: dict[str, str] = field(default_factory=dict)  # link -> where it leads inside the bundle
