"""What not to do, what to do now, what to do after recovery, with this bundle's numbers.

Deleting a WAL, blocks, chunks_head or a volume is never a remedy: the newest samples are only
there. Every generated form of a limit only ever raises it: read first, write if lower.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from analyzer import lazy
from analyzer.case.model import Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.arbiter import Decision
from analyzer.diagnosis.model import Recommended, Remedy
from analyzer.diagnosis.sizing import BYTES_PER_MAPPING
from analyzer.diagnosis.weigh import human, number

# Sorts after all that distributions ship, Debian's 99-sysctl.conf (a link to /etc/sysctl.conf) too.
SYSCTL_FILE = "99-zz-ingester.conf"
SYSCTL_FILES = "/etc/sysctl.* /run/sysctl.d /usr/lib/sysctl.d /usr/local/lib/sysctl.d"

_PLAIN_NAME = lazy.pattern(r"[A-Za-z0-9._-]{1,15}")

Plan = Callable[[Subject, Decision, Recommended], list[Remedy]]


def remedies(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    """The remedies of the verdict in the order to act. A verdict that is open gets only warnings."""
    if decision.cause in ("none", "undetermined"):
        found = _warnings(decision) if decision.cause == "undetermined" else []
    else:
        found = _warnings(decision) + PLANS[decision.cause](subject, decision, recommended)
    for i, remedy in enumerate(found, 1):
        remedy.order = i
    return found


def _do_not(identity: str, title: str, why: str) -> Remedy:
    return Remedy(identity, title, why, "process", "now", 0, kind="do_not", risk="avoids data loss")


def _warnings(decision: Decision) -> list[Remedy]:
    found: list[Remedy] = []
    if decision.cause != "corruption":
        found.append(
            _do_not(
                "keep_data",
                "Do not delete blocks, the WAL, chunks_head or the volume",
                "the data is intact and the newest samples are only there",
            )
        )
    else:
        found.append(
            _do_not(
                "keep_data",
                "Do not delete anything: move damaged files aside",
                "only the named file is damaged",
            )
        )
    if decision.cause in ("max_map_count", "nofile", "rlimit_as", "cgroup_oom", "undetermined"):
        found.append(
            _do_not(
                "stop_loop",
                "Do not let the crash loop run",
                "each aborted start writes blocks and phantom tenants, so the need grows",
            )
        )
        found.append(
            _do_not(
                "keep_healthy",
                "Do not restart healthy ingesters",
                "a restart opens all blocks again, and meets the same limit",
            )
        )
    return found


def _step(
    identity: str,
    title: str,
    why: str,
    scope: str,
    commands: Sequence[str] = (),
    *,
    later: bool = False,
    persistent: bool = False,
    risk: str = "low",
) -> Remedy:
    return Remedy(
        identity,
        title,
        why,
        scope,  # type: ignore[arg-type]
        "after_recovery" if later else "now",
        0,
        list(commands),
        persistent,
        risk,
    )


def raise_sysctl(key: str, value: int) -> str:
    """A shell line that raises a running sysctl and never lowers it."""
    return f'[ "$(sysctl -n {key})" -ge {value} ] || sysctl -w {key}={value}'


def persist_sysctl(key: str, value: int) -> str:
    """A shell line that writes the persistent form: the highest of ``value``, what runs, and what any file sets.

    A higher value may be configured and not yet applied, or run and not be configured: neither is lowered.
    Nothing is loaded, since loading all files would undo what was set by hand.
    """
    name = key.rpartition(".")[2]
    return (
        f"v=$( (echo {value}; sysctl -n {key}; grep -rhos '^[^#;]*{name}[^0-9]*[0-9]*' {SYSCTL_FILES} "
        "| tr -cd '0-9\\n') | sort -n | tail -n 1); "
        f'echo "{key} = $v" > /etc/sysctl.d/{SYSCTL_FILE}'
    )


def raise_nofile(process: str, value: int) -> str:
    """A shell line that raises the open files of running processes, soft and hard each only if lower.

    A hard limit is never below the soft one, so where the soft one is high enough nothing is to be done. What is no
    number is "unlimited": the comparison fails, and nothing is written.
    """
    return (
        f"for p in $(pgrep -x {process}); do prlimit --pid $p --nofile --output SOFT,HARD --noheadings | while read s h; do "
        f"[ $s -lt {value} ] 2>/dev/null && {{ [ $h -lt {value} ] 2>/dev/null && h={value}; "
        f"prlimit --pid $p --nofile={value}:$h; }}; done; done"
    )


def raise_tasks(value: int) -> str:
    """A shell line that raises a unit's tasks and never lowers them; "infinity" is no number and stays."""
    return (
        f'[ "$(systemctl show -p TasksMax UNIT | cut -d= -f2)" -lt {value} ] 2>/dev/null '
        f"&& systemctl set-property UNIT TasksMax={value}"
    )


def _max_map_count(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    value, nofile = recommended.max_map_count or 1_048_576, recommended.nofile or 1_048_576
    current = reading.max_map_count(subject)
    need = subject.need
    because = f"now {number(current.value)}" if current is not None else "the present value is unknown"
    if need is not None:
        because += f"; a start needs {number(need.low)} to {number(need.high)} mappings, twice that leaves room to grow"
    memory = human(BYTES_PER_MAPPING * (need.high if need is not None else value))
    found = [
        _step(
            "raise_max_map_count",
            f"On the node: raise vm.max_map_count to {value:,} and open files to {nofile:,}",
            f"{because}. It acts at once on live processes and belongs to the node: a pod cannot set it. "
            f"One descriptor per mapped file, so nofile would be met next. Kernel memory for the mappings, "
            f"charged to the pod: about {memory}",
            "node",
            [
                raise_sysctl("vm.max_map_count", value),
                raise_nofile(_process(subject), nofile),
            ],
            risk="none for other processes: the limit costs memory only where it is used",
        ),
        _step(
            "safe_order",
            "Safe order: all nodes first, then the failed ingester, then the next, one zone at a time",
            "wait for ACTIVE in the ring and the WAL replay done before the next; a second ingester down may lose quorum",
            "cluster",
        ),
        _step(
            "persist_max_map_count",
            f"Keep it over reboots: sysctl.d with vm.max_map_count = {value:,}, LimitNOFILE={nofile}",
            _overrides(subject, value)
            or f"a file of sysctl.d whose name sorts after {SYSCTL_FILE}, or /etc/sysctl.conf, would override it; "
            "a replaced node comes up with the default again: put it into the node image too",
            "node",
            [persist_sysctl("vm.max_map_count", value)],
            persistent=True,
        ),
        _step(
            "other_node",
            "If the node cannot be changed: move pod and volume to a node with a higher limit",
            "or move aside (never delete) blocks whose ULIDs are in thanos.shipper.json and in the bucket",
            "pod",
            risk="moved blocks are not queried from this ingester until they are back or loaded from the bucket",
        ),
    ]
    found += _after_map(subject, decision)
    found.append(
        _step(
            "alert",
            "Alert before it happens: process_memory_map_areas / process_memory_map_areas_limit > 0.8",
            "the metrics exist in Cortex 1.6 and later and in Mimir; include store-gateways in the job selector",
            "cluster",
            later=True,
            persistent=True,
        )
    )
    return found


def _after_map(subject: Subject, decision: Decision) -> list[Remedy]:
    driver = decision.winner.driver if decision.winner else None
    words = {
        "many_tenants": ("Spread the tenants: more ingesters or smaller shuffle shards", "each tenant costs a head and its blocks"),
        "many_blocks": ("Keep fewer blocks: shorter local retention, working shipping and compaction", "two mappings per block"),
        "unshipped_blocks": ("Repair the shipping of blocks to the bucket", "blocks that are not shipped are kept"),
        "leak_duplicates": ("Upgrade: the same files are mapped again and again, a leak", "a higher limit only buys time"),
        "leak_deleted": ("Upgrade: mappings of deleted files are kept, a leak", "a higher limit only buys time"),
        "anonymous_memory": ("Look at the heap: most mappings are anonymous memory, not blocks", "a higher limit may only buy time"),
        "head_chunks": ("Fewer head chunk files: check head compaction and long churn", "each is one mapping"),
        "threads": ("Fewer threads: each has a stack of its own", "a higher limit may only buy time"),
    }  # fmt: skip
    if driver not in words:
        return []
    title, why = words[driver]
    return [
        _step(f"driver_{driver}", title, f"{why}; it does not shrink the next start", "cluster", later=True)
    ]


def _overrides(subject: Subject, value: int) -> str:
    """Which file of the bundle would override the new one at the next boot, or what it is read after."""
    found = reading.configured_files(subject, "vm.max_map_count")
    for setting in reversed(found):
        if setting.value >= value or not (setting.last_of_all or setting.name > SYSCTL_FILE):
            continue
        reader = "sysctl --system reads it" if setting.last_of_all else "it is read"
        return (
            f"{setting.evidence.member} sets {number(setting.value)}, and {reader} after {SYSCTL_FILE}: "
            "change it there too"
        )
    if not found:
        return ""
    last = found[-1]
    if last.value >= value:
        return f"{last.evidence.member} sets {number(last.value)} already: the higher value is kept"
    return (
        f"{last.evidence.member} sets {number(last.value)}: {SYSCTL_FILE} is read after it, the last one wins"
    )


def _process(subject: Subject) -> str:
    """The kernel's name of the process, at most 15 characters; the product's where none was captured.

    Not its command line: every shell and editor that names the product there would be taken for it.
    """
    for capture in subject.captures:
        comm = capture.facts.value("comm", "comm") or capture.facts.value("status", "name")
        if comm and _PLAIN_NAME.fullmatch(str(comm)):
            return str(comm)
    return subject.product[:15] if subject.product else "PROCESS"


def _rlimit(name: str, option: str, directive: str) -> Plan:
    def plan(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
        margin = decision.winner.margin if decision.winner else None
        limit = human(margin.limit) if margin and margin.limit else "a finite value"
        process = _process(subject)
        return [
            _step(
                f"lift_{decision.cause}",
                f"Lift the process's {name} (now {limit}): remove the ulimit, or {directive}=infinity",
                "virtual size is not memory use: head chunk files reserve 128 MiB each; more RAM or a higher vm.max_map_count changes nothing",
                "process",
                [
                    f'for p in $(pgrep -x {process}); do prlimit --pid "$p" {option}=unlimited:unlimited; done',
                    "systemctl show -p "
                    + directive
                    + " UNIT   # then: systemctl edit UNIT, [Service] "
                    + directive
                    + "=infinity",
                ],
                persistent=True,
            )
        ]

    return plan


def _address_space(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step(
            "binary_64bit",
            "Run a 64-bit build of the product (amd64 or arm64 image)",
            "a 32-bit process has 2 to 4 GiB of addresses whatever the machine has; the data directory can be kept",
            "process",
            ["file $(readlink -f /proc/PID/exe)"],
            persistent=True,
        )
    ]


def _overcommit(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    mode = reading.sysctl(subject, "vm.overcommit_memory")
    if mode is not None and mode.value == 0:
        return [
            _step(
                "shrink_request",
                "Reduce the single huge request, or add RAM or swap",
                "mode 0 refuses a request larger than both together",
                "process",
            )
        ]
    return [
        _step(
            "commit_limit",
            "On the node: raise the commit limit (vm.overcommit_ratio, or swap), or use mode 0",
            "with vm.overcommit_memory=2 reserved memory counts, used or not; free memory does not help",
            "node",
            ["sysctl vm.overcommit_memory vm.overcommit_ratio vm.overcommit_kbytes", "sysctl -w vm.overcommit_memory=0"],
            risk="mode 0 may end in an OOM kill where mode 2 refused: check the node's other services first",
        ),
        _step("hog", "Find what holds the commit: the process with the largest VmData", "it may be another process", "node",
              ["grep -H VmData /proc/[0-9]*/status | sort -k2 -n | tail -5"]),
    ]  # fmt: skip


def _cgroup_oom(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    margin = decision.winner.margin if decision.winner else None
    limit = f" (now {human(margin.limit)})" if margin and margin.limit else ""
    return [
        _step(
            "raise_memory_limit",
            f"Raise the pod's memory limit{limit}; the WAL replay at start needs more than the steady state",
            "the kernel killed the process for its cgroup's limit, not for the host's memory",
            "pod",
            ["kubectl -n NAMESPACE set resources statefulset/NAME --limits=memory=NEW"],
            persistent=True,
            risk="changing a StatefulSet restarts its pods one by one: one zone at a time",
        ),
        _step("series", "After recovery: fewer active series or more ingesters", "series set the memory need", "cluster", later=True),
    ]  # fmt: skip


def _system_oom(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step("node_memory", "Give the node memory: move other workloads away or use a larger node", "the whole machine was exhausted", "node"),
        _step("requests", "Set memory requests so that the scheduler does not overfill the node", "it prevents the next one", "pod", later=True, persistent=True),
    ]  # fmt: skip


def _hugepages(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step("hugepages", "Check whether the process asks for huge pages; reserve them or turn that off", "none are free", "node",
              ["grep -i huge /proc/meminfo", "sysctl vm.nr_hugepages"]),
    ]  # fmt: skip


def _threads(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    margin = decision.winner.margin if decision.winner else None
    now = f" (now {number(margin.limit)})" if margin and margin.limit and not math.isinf(margin.limit) else ""
    return [
        _step(
            "raise_tasks",
            f"Raise the limit of tasks{now}: pids limit of the pod, TasksMax of the unit, or ulimit -u",
            "a thread was refused, not memory",
            "pod",
            [raise_tasks(32_768), "grep -H . /sys/fs/cgroup/PATH/pids.max /sys/fs/cgroup/PATH/pids.peak"],
            persistent=True,
        ),
        _step("why_threads", "Find out why there are so many threads: blocked system calls, often a slow disk", "Go adds a thread for each blocked call", "process", later=True),
    ]  # fmt: skip


def _nofile(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    value = recommended.nofile or 1_048_576
    limit = reading.max_map_count(subject)
    neighbour = ""
    if limit is not None and limit.value < value:
        neighbour = f"; vm.max_map_count {number(limit.value)} would be met next: raise it to {number(recommended.max_map_count)} too"
    commands = [raise_nofile(_process(subject), value)]
    if recommended.max_map_count is not None:
        commands.append(raise_sysctl("vm.max_map_count", recommended.max_map_count))
    commands.append(
        f"systemctl show -p LimitNOFILE UNIT   # if lower: systemctl edit UNIT, [Service] LimitNOFILE={value}"
    )
    return [
        _step(
            "raise_nofile",
            f"Raise the process's open files to {value:,} (LimitNOFILE of the unit or of the container runtime)",
            f"each mapped file keeps a descriptor; limits.conf does not apply to services{neighbour}",
            "process",
            commands,
            persistent=True,
        )
    ]


def _inotify(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step(
            "raise_inotify",
            "On the node: raise fs.inotify.max_user_instances and max_user_watches",
            "they are counted per user over all containers of the node",
            "node",
            [raise_sysctl("fs.inotify.max_user_instances", 8192), raise_sysctl("fs.inotify.max_user_watches", 1_048_576)],
            persistent=True,
        )
    ]  # fmt: skip


def _disk_full(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step(
            "grow_volume",
            "Grow the data volume (or its inodes or quota)",
            "the head writes 128 MiB files ahead; a failed preallocation is rolled back, so df may show room",
            "pod",
            ["df -h DATA; df -i DATA; quota -s 2>/dev/null", "kubectl -n NAMESPACE edit pvc NAME   # spec.resources.requests.storage"],
        ),
        _step("retention", "After recovery: shorter retention or working shipping", "so that it does not fill again", "cluster", later=True),
    ]  # fmt: skip


def _corruption(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step(
            "move_aside",
            "Move the damaged block or file aside (never delete), then start",
            "the rest of the data is intact; a shipped block is still in the bucket, an unshipped one can be repaired later",
            "process",
            ["mkdir -p DATA/../aside && mv DATA/TENANT/ULID DATA/../aside/"],
            risk="queries of this ingester lack the moved block until it is restored",
        ),
        _step("disk_check", "Check disk and file system for the reason: a full disk, a crash of the node, I/O errors", "a damaged file has a cause of its own", "node",
              ["dmesg -T | grep -iE 'I/O error|EXT4-fs|XFS' | tail"], later=True),
    ]  # fmt: skip


def _kernel_memory(subject: Subject, decision: Decision, recommended: Recommended) -> list[Remedy]:
    return [
        _step(
            "cgroup_kernel_memory",
            "Raise the pod's memory limit (kernel memory is charged to it), or lift a kmem limit",
            f"each mapping costs about {BYTES_PER_MAPPING} bytes of kernel memory; nothing was killed, mappings were refused",
            "pod",
            ["grep -H . /sys/fs/cgroup/PATH/memory.max /sys/fs/cgroup/PATH/memory.events", "grep -E 'slab|kernel' /sys/fs/cgroup/PATH/memory.stat"],
            persistent=True,
        )
    ]  # fmt: skip


PLANS: dict[str, Plan] = {
    "max_map_count": _max_map_count,
    "rlimit_as": _rlimit("Max address space (ulimit -v)", "--as", "LimitAS"),
    "rlimit_data": _rlimit("Max data size (ulimit -d)", "--data", "LimitDATA"),
    "rlimit_memlock": _rlimit("Max locked memory (ulimit -l)", "--memlock", "LimitMEMLOCK"),
    "address_space_32bit": _address_space,
    "overcommit": _overcommit,
    "cgroup_oom": _cgroup_oom,
    "system_oom": _system_oom,
    "hugepages": _hugepages,
    "threads": _threads,
    "nofile": _nofile,
    "inotify": _inotify,
    "disk_full": _disk_full,
    "corruption": _corruption,
    "kernel_memory": _kernel_memory,
}
