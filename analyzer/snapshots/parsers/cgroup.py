"""One file of a cgroup's directory, v1 or v2: a number, a limit, or rows of ``name number``.

    low 0
    high 0
    max 1882
    oom 3
    oom_kill 1

>>> from analyzer.snapshots.parsers import member_of, sample
>>> facts = sample(PARSER, "sys/fs/cgroup/a2/memory.events", __doc__)
>>> facts["oom"].value, facts["oom_kill"].value, facts["path"].value, facts["version"].value
(3, 1, '/a2', 2)
>>> limit = "sys/fs/cgroup/memory/kubepods/memory.limit_in_bytes"
>>> facts = PARSER.read(member_of(limit, b"9223372036854771712\\n"))[0].values
>>> facts["memory_max"].value, facts["path"].value, facts["version"].value
(inf, '/kubepods', 1)

A flat folder holds them as ``cgroup_memory.max``, ``sys_fs_cgroup_memory_events.txt``, ``memory_max.txt``:
the cgroup that the reader stood in, which a container sees as the root.

Each file is one snapshot; the files of one directory are joined by the case layer. ``path`` is the
cgroup's as the member's path names it. v1 has no counter of oom; its ``oom_kill`` counts every kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present, Unreadable
from analyzer.snapshots.base import (
    SnapshotParser,
    Table,
    evidence,
    head_of,
    is_refused_or_empty,
    lines,
    present,
    refusal,
    snapshot,
    to_int,
)
from analyzer.snapshots.model import MIXED, UNLIMITED, Snapshot
from analyzer.snapshots.parsers.cgroup_of import container_in, pod_in
from analyzer.snapshots.paths import basename, names_of

_NO_LIMIT = 1 << 62  # v1 writes the largest whole page below 2**63
_SINGLE = {
    "memory.max": "memory_max", "memory.high": "memory_high", "memory.current": "memory_current",
    "memory.peak": "memory_peak", "memory.swap.max": "swap_max", "memory.swap.current": "swap_current",
    "memory.limit_in_bytes": "memory_max", "memory.usage_in_bytes": "memory_current",
    "memory.max_usage_in_bytes": "memory_peak", "memory.failcnt": "failcnt",
    "memory.memsw.limit_in_bytes": "memsw_max", "memory.memsw.failcnt": "memsw_failcnt",
    "memory.memsw.usage_in_bytes": "memsw_current",
    "memory.memsw.max_usage_in_bytes": "memsw_peak", "memory.kmem.limit_in_bytes": "kmem_limit",
    "memory.kmem.usage_in_bytes": "kmem_usage", "memory.kmem.max_usage_in_bytes": "kmem_peak",
    "memory.kmem.failcnt": "kmem_failcnt", "memory.oom.group": "oom_group",
    "pids.max": "pids_max", "pids.current": "pids_current", "pids.peak": "pids_peak",
}  # fmt: skip
_TABLES = {
    "memory.events": {"low": "events_low", "high": "events_high", "max": "events_max", "oom": "oom",
                      "oom_kill": "oom_kill", "oom_group_kill": "oom_group_kill"},
    "memory.events.local": {"oom": "oom_local", "oom_kill": "oom_kill_local", "max": "events_max_local"},
    "memory.oom_control": {"oom_kill": "oom_kill", "under_oom": "under_oom",
                           "oom_kill_disable": "oom_kill_disable"},
    "memory.stat": {"anon": "anon", "file": "file", "kernel": "kernel", "kernel_stack": "kernel_stack",
                    "pagetables": "pagetables", "slab": "slab", "slab_reclaimable": "slab_reclaimable",
                    "slab_unreclaimable": "slab_unreclaimable", "sock": "sock", "shmem": "shmem",
                    "file_mapped": "file_mapped", "inactive_file": "inactive_file",
                    "active_file": "active_file", "total_inactive_file": "inactive_file",
                    "total_active_file": "active_file", "total_rss": "anon", "total_cache": "file",
                    "hierarchical_memory_limit": "memory_limit_effective", "total_mapped_file": "file_mapped"},
    "memory.swap.events": {"max": "swap_events_max", "fail": "swap_events_fail"},
    "pids.events": {"max": "pids_events_max"},
    "pids.events.local": {"max": "pids_events_max_local"},
}  # fmt: skip
_FLAT = {name.replace(".", "_"): name for name in (*_SINGLE, *_TABLES)}
# What a flat name may hold of the path: deeper cgroups would be told apart by nothing.
_BEFORE = ("", "cgroup_", "cgroup_memory_", "cgroup_pids_", "sys_fs_cgroup_", "sys_fs_cgroup_memory_",
           "sys_fs_cgroup_pids_")  # fmt: skip
_CONTROLLERS = lazy.pattern(
    r"^(?:memory|pids|cpu|cpuacct|cpuset|blkio|devices|freezer|systemd|hugetlb|net_cls|perf_event|unified"
    r"|cpu,cpuacct|cpuacct,cpu|net_cls,net_prio|rdma|misc)$"
)
_V1 = lazy.pattern(r"_in_bytes$|failcnt$|oom_control$|\.kmem\.|\.memsw\.")
_AT = lazy.pattern(r"(?:^|[/!])sys/fs/cgroup/(.*)$|(?:^|[/!])cgroups?[0-9]?/(.*)$")


def cgroup_path(path: str) -> tuple[str, bool]:
    """The cgroup that a member's path names, and whether a v1 controller's folder stands in it."""
    folder = path[: max(path.rfind("/"), 0)]
    match = _AT.search(folder + "/")
    inner = next((g for g in match.groups() if g is not None), "") if match is not None else ""
    parts = [part for part in inner.split("/") if part]
    controlled = bool(parts) and _CONTROLLERS.match(parts[0]) is not None
    if controlled:
        controlled = parts.pop(0) != "unified"
    return "/" + "/".join(parts), controlled


def _name_of(path: str) -> str:
    """The file's name in its cgroup, also where a flat name holds the path before it.

    >>> _name_of("a/memory.max"), _name_of("flat/cat_.sys.fs.cgroup.memory.events"), _name_of("flat/memory_max.txt")
    ('memory.max', 'memory.events', 'memory.max')
    """
    name = basename(path).removesuffix(".txt")
    if name in _SINGLE or name in _TABLES:
        return name
    core = names_of(name)[-1].replace(".", "_")
    for before in _BEFORE:
        known = _FLAT.get(core.removeprefix(before))
        if known is not None:
            return known
    return name


def _confirm(path: str, head: bytes) -> bool:
    name = _name_of(path)
    if name not in _SINGLE and name not in _TABLES:
        return False
    if is_refused_or_empty(head):
        return "cgroup" in path
    words = head[:200].split()
    if name in _SINGLE:
        return len(words) == 1 and (words[0] == b"max" or words[0].lstrip(b"-").isdigit())
    if name != basename(path).removesuffix(".txt"):  # a flat name says less than a path in a cgroup's tree
        return any(word.decode("utf-8", "replace") in _TABLES[name] for word in head.split()[::2])
    return len(words) >= 2 and words[1].isdigit()


def read_cgroup(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with this file's facts, ``path`` and ``version``."""
    name = _name_of(member.path)
    group, v1_folder = cgroup_path(member.path)
    values: dict[str, Fact[Any]] = dict(_facts(member, name))
    if not values:
        main = _SINGLE.get(name) or next(iter(_TABLES.get(name, {"": "path"}).values()))
        why = refusal(bytes(member.head)) or "empty or garbled"
        values = {main: Unreadable(why, evidence(member, None, ""))}
    where = evidence(member, None, group)
    version = 1 if v1_folder or _V1.search(name) is not None else 2
    values["path"] = Present(group, where)
    values["version"] = Present(version, where)
    if container := container_in(group):
        values["container_id"] = Present(container, where)
    if pod := pod_in(group):
        values["pod_uid"] = Present(pod, where)
    return [snapshot(member, "cgroup", values)]


def _facts(member: Member, name: str) -> Iterator[tuple[str, Fact[Any]]]:
    table, rows = _TABLES.get(name, {}), Table()
    total = name == "memory.stat" and b"total_rss " in head_of(member)
    for number, line in lines(member):
        words = line.split()
        if not table:
            value = _amount(words[0]) if len(words) == 1 else None
            if value is not None and name in _SINGLE:
                yield _SINGLE[name], present(value, member, number, line)
            return
        if len(words) != 2 or words[0] not in table or (total and words[0] in ("anon", "file")):
            continue
        value = _amount(words[1])
        if value is not None:
            rows.add(words[0], present(value, member, number, line))
    if rows.several:
        why = f"{MIXED}the counters of several cgroups or moments"
        yield from ((fact, Unreadable(why, evidence(member, None, ""))) for fact in table.values())
    else:
        yield from ((table[word], fact) for word, fact in rows.values.items())


def _amount(word: str) -> int | float | None:
    if word == "max":
        return UNLIMITED
    value = to_int(word)
    if value is None:
        return None
    return UNLIMITED if value >= _NO_LIMIT or value < 0 else value


PARSER = SnapshotParser(
    kind="cgroup",
    main="path",
    markers=(*_SINGLE, *_TABLES, *(before + flat for before in _BEFORE for flat in _FLAT)),
    confirm=_confirm,
    parse=read_cgroup,
)
