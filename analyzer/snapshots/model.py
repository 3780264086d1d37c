"""The types of the snapshot layer: what was captured of a process or a host at one moment.

A snapshot parser turns one member into one or more :class:`Snapshot`. ``values`` are facts by name;
sizes are bytes, "unlimited" is :data:`UNLIMITED`. The names in use, by ``kind``:

========== =====================================================================================
kind        values
========== =====================================================================================
maps        ``maps``: MapsSummary (also for smaps, numa_maps, pmap: kind tells the source)
smaps       ``maps``: MapsSummary; numa_maps: ``maps``; pmap: ``maps``
line_count  ``lines``: int (``wc -l`` of maps; [vsyscall] may be in it)
status      name, state ("Z"), pid, ppid, nspid (tuple[int, ...]), threads, fdsize: int; vm_peak,
            vm_size, vm_lck, vm_hwm, vm_rss, vm_data, vm_pte: bytes
limits      address_space, data, nofile, nproc, memlock, stack, core ...: (soft, hard)
prlimit     as limits (``prlimit`` and ``ulimit -a`` texts; ``ulimit`` is of the shell: kind "ulimit")
meminfo     every row by its own name in bytes; HugePages_* rows are counts
sysctl      every key as text: ``vm.max_map_count`` ...; ``scope`` says running/configured/netns
cgroup_of   ``paths``: dict[str, str] controller ("" for v2) -> path; ``container_id``, ``pod_uid``
cgroup      one cgroup's file, merged by directory: ``path``, ``version`` (1 or 2); memory_max,
            memory_current, memory_peak, oom, oom_kill, failcnt, slab_unreclaimable,
            kmem_limit, kmem_usage, kmem_failcnt, pids_max, pids_current, pids_peak, pids_events_max,
            anon, file, under_oom
stat        ``starttime`` ticks since boot, comm, state, ppid, vsize (bytes), threads
fd_count    ``fds``: int; fd_types: dict[str, int] if known
task_count  ``tasks``: int
cmdline     ``argv``: tuple[str, ...]; comm: ``comm``; exe: ``path``, ``elf_class`` (32 or 64)
lsof        ``by_pid``: dict[int, LsofCount]
slabinfo    vm_area_struct: active objects
file_nr     allocated, max
df          ``mounts``: tuple[Mount, ...] (bytes or inodes; ``inodes``: bool)
filelist    ``data``: DataDir
thanos_shipper ``uploaded``: tuple[str, ...]; ``tenant``
metrics     series by name: ``process_memory_map_areas``, ``process_memory_map_areas_limit``,
            ``process_open_fds``, ``process_max_fds``, ``process_virtual_memory_bytes`` ...
pod         ``pods``: tuple[PodState, ...] (JSON, YAML, describe or docker inspect); k8s_events: ``events``
date, uptime, hostname, uname, version, loadavg, os_release, psi: ``text`` and parsed values
            (date: ``now`` Stamp; uptime: ``seconds``; hostname: ``name``; version: ``product``,
            ``version``; uname: ``release``, ``machine``; psi: ``avg10`` ...)
config      product config: ``replication_factor``, ``zone_awareness``, ``zone``, ``retention``,
            ``block_ranges``, ``data_dir``, ``ship_interval``, ``bucket``: text
capture     ``errors``: tuple[str, ...] of the collector; ``started``, ``ended`` Stamp, ``host``, ``marker``
manifest    ``rows``: tuple[ManifestRow, ...] of a collector's index
series      a count over time: ``points``: tuple[SeriesPoint, ...]
ps          ``processes``: tuple[PsProcess, ...]
free        total, used, free, available, swap_total ...: bytes
swaps       size, used: bytes; buddyinfo: ``free_pages``; vmstat: every counter by its own name
thp         ``enabled``, ``defrag``: the chosen word; proc_stat: ``btime`` seconds since the epoch
cgroup_psi  as psi, of the cgroup ``scope``; smaps_rollup: rss, pss, locked ...: bytes
statm       sizes in pages; oom_score_adj: ``oom_score_adj``, ``oom_score``
block_meta  ``ulid``, ``level``, ``min_time``, ``max_time`` (ms), ``series``, ``samples``
========== =====================================================================================
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from analyzer.facts import Evidence, Fact, Stamp

UNLIMITED = math.inf
MIXED = "holds "  # begins why a member of several processes or hosts is Unreadable: the coverage says so


class Snapshot(Struct):
    """One member's facts. ``group`` is the folder that holds the capture's ``proc`` (two members of
    one group were taken together); ``scope`` is "running", "configured" or "netns" for sysctl."""

    member: str
    kind: str
    values: Mapping[str, Fact[Any]]
    pid: int | None = None
    group: str = ""
    scope: str = "running"
    stamp: Stamp | None = None
    note: str = ""


class MapsSummary(Struct):
    """The mappings of one process, counted.

    ``lines`` is what the file lists, ``count`` without ``[vsyscall]`` (the kernel's map_count).
    ``total_bytes`` is the sum of all mappings without [vsyscall]: equal to VmSize in every complete
    capture. ``highest_end`` and ``largest_hole`` are bytes (largest_hole only when highest_end is
    below 2**32). ``complete`` is False when the last line is cut. ``blocks`` maps a tenant ("" for a
    single-tenant product) to its distinct block ULIDs, ``by_tenant`` to its mappings.
    ``duplicates`` counts mappings of a file beyond its first at the same offset, ``deleted`` those of deleted files.
    ``file_sizes`` counts the VMA sizes of file-backed mappings by kind, for joins with failing sizes
    rounded up to 4 KiB (at most 4096 distinct per kind). ``top_paths`` are the paths mapped most often.
    """

    lines: int = 0
    count: int = 0
    total_bytes: int | None = 0
    highest_end: int = 0
    largest_hole: int | None = None
    is_32bit: bool = False
    complete: bool = True
    has_addresses: bool = True
    vsyscall: bool = False
    by_kind: Counter[str] = field(default_factory=Counter)
    bytes_by_kind: Counter[str] = field(default_factory=Counter)
    by_tenant: Counter[str] = field(default_factory=Counter)
    blocks_by_tenant: Counter[str] = field(default_factory=Counter)
    block_count: int = 0
    deleted: int = 0
    duplicates: int = 0
    top_paths: list[tuple[str, int]] = field(default_factory=list)
    data_dirs: Counter[str] = field(default_factory=Counter)
    locked: int = 0  # mappings with VmFlags lo (smaps only)
    permission_denied: bool = False
    file_sizes: dict[str, Counter[int]] = field(default_factory=dict)  # kind -> VMA bytes -> mappings
    columns: MapColumns | None = None  # only when detail was asked for


class MapColumns(Struct):
    """The mappings themselves, as columns of equal length (lists or arrays).

    ``tenant`` is the directory that holds the block or head chunks ("" for other mappings): its last
    part names the tenant where ``MapsSummary.by_tenant`` has it.
    """

    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    perms: list[str] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    tenant: list[str] = field(default_factory=list)
    block: list[str] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)


class BlockFiles(Struct):
    """One block's files: sizes in bytes; ``segments`` of chunks/NNNNNN."""

    ulid: str
    index: int | None = None
    segments: list[int] = field(default_factory=list)
    has_meta: bool = False
    mtime: float | None = None
    no_maps: str = ""  # why it is not opened at start: "tmp", "upload", "" = it is


class TenantDir(Struct):
    """One tenant's TSDB directory ("" for a single-tenant product).

    ``head_sizes`` are the sizes of chunks_head files. ``phantom`` marks a directory named like a
    ULID, ``chunks``, ``chunks_head``, ``thanos`` ...: the mark of an aborted start, not a tenant.
    """

    name: str
    blocks: dict[str, BlockFiles] = field(default_factory=dict)
    head_sizes: list[int] = field(default_factory=list)
    wal_files: int = 0
    wal_bytes: int = 0
    tmp_dirs: int = 0
    phantom: bool = False
    shipped: set[str] | None = None  # ULIDs in thanos.shipper.json, where its content is known


class DataDir(Struct):
    """A listing of a data directory (find -printf, ls -lR, ls -lanR ...)."""

    root: str = ""
    tenants: dict[str, TenantDir] = field(default_factory=dict)
    files: int = 0
    total_bytes: int = 0
    complete: bool = True
    empty_files: list[str] = field(default_factory=list)  # 0-byte index/chunks/head files, at most 200
    has_sizes: bool = True


class Mount(Struct, frozen=True):
    """One df row. ``size``, ``used``, ``available`` are bytes, or inodes for df -i."""

    device: str
    path: str
    size: int | None
    used: int | None
    available: int | None
    line: int
    inodes: bool = False


class LsofCount(Struct):
    """Rows of one pid: ``mem`` rows (mapped files, one per file), ``fds`` numbered descriptors."""

    command: str
    mem: int = 0
    fds: int = 0
    deleted: int = 0
    sizes: Counter[int] = field(default_factory=Counter)
    first_line: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)


class ContainerState(Struct):
    name: str
    container_id: str | None = None
    restarts: int | None = None
    state: str | None = None  # running, waiting, terminated
    reason: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    started: Stamp | None = None
    finished: Stamp | None = None
    last_state: str | None = None
    last_reason: str | None = None
    last_exit_code: int | None = None
    last_signal: int | None = None
    last_started: Stamp | None = None
    last_finished: Stamp | None = None
    memory_limit: int | None = None
    memory_request: int | None = None
    init: bool = False
    evidence: dict[str, Evidence] = field(default_factory=dict)  # by field name


class PodState(Struct):
    """A pod; without a name, one container outside of Kubernetes (its image stands among the labels)."""

    namespace: str | None
    name: str
    uid: str | None = None
    node: str | None = None
    phase: str | None = None
    reason: str | None = None
    zone: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    containers: list[ContainerState] = field(default_factory=list)
    evidence: Evidence | None = None


class PodEvent(Struct, frozen=True):
    """A Kubernetes event. ``object`` is "kind/namespace/name"."""

    reason: str
    message: str
    object: str
    count: int
    first: Stamp | None
    last: Stamp | None
    evidence: Evidence


class SeriesPoint(Struct, frozen=True):
    """One sample of a process's mapping count."""

    time: Stamp | None
    count: int
    pid: int | None = None
    limit: int | None = None
    line: int | None = None
    values: Mapping[str, int] = field(default_factory=dict)


class PsProcess(Struct, frozen=True):
    """One process of a ps listing. ``rss`` and ``vsz`` are bytes, ``threads`` its LWPs."""

    pid: int
    command: str
    line: int
    ppid: int | None = None
    rss: int | None = None
    vsz: int | None = None
    threads: int | None = None
    state: str = ""
    user: str = ""


class ManifestRow(Struct, frozen=True):
    """One row of a collector's index: the member it wrote, by which command, when, and how it ended."""

    path: str
    command: str
    started: Stamp | None
    ended: Stamp | None
    exit_code: int | None
    size: int | None
    error: str
    line: int
