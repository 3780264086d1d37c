"""Snapshots become hosts and captures: facts that were taken together stand together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from analyzer.bundle.model import Place
from analyzer.case.model import Capture, CgroupFacts, Count, Host
from analyzer.facts import Evidence, Fact, Present, Unreadable, known
from analyzer.intake import Intake
from analyzer.snapshots.model import LsofCount, MapsSummary, Snapshot

# The order of trust of the sources of a mapping count (kernel.md (ii) 11-14).
TRUST = ("maps", "smaps", "numa_maps", "pmap", "series", "line_count", "metric", "lsof", "open_files")
# Facts that make a folder a host of its own, rather than a folder of logs.
_IDENTITY = ("meminfo", "sysctl", "hostname", "uname")
_PROCESS_KINDS = frozenset(
    {
        "maps",
        "smaps",
        "numa_maps",
        "pmap",
        "line_count",
        "status",
        "stat",
        "limits",
        "prlimit",
        "ulimit",
        "cmdline",
        "comm",
        "exe",
        "cgroup_of",
        "fd_count",
        "task_count",
        "oom_score_adj",
        "smaps_rollup",
        "statm",
    }
)


def build_hosts(intake: Intake) -> list[Host]:
    """One Host per capture folder that has facts of its own; the rest joins the only one there is."""
    places: dict[str, Place] = {}
    hosts: dict[str, Host] = {}

    def place(path: str) -> Place:
        found = places.get(path)
        if found is None:
            found = places[path] = intake.layout.place(path)
        return found

    _part_hosts(intake.snapshots)
    for snapshot in intake.snapshots:
        where = place(snapshot.member)
        key = where.node or where.host or where.root
        host = hosts.get(key)
        if host is None:
            host = hosts[key] = Host(root=where.root, name=where.node or where.host)
        _take(host, snapshot)
    for log in intake.kernel_logs:
        where = place(log.member)
        key = where.node or where.host or where.root
        hosts.setdefault(key, Host(root=where.root, name=where.node or where.host)).kernel_logs.append(log)
    joined = _join_nameless(list(hosts.values()))
    for host in joined:
        _finish(host)
    return joined


def _part_hosts(snapshots: Iterable[Snapshot]) -> None:
    """Values of one key that differ by a host's name in flat names: which is this host's nobody knows."""
    found: dict[tuple[str, str], list[tuple[Snapshot, Present[Any]]]] = {}
    for snapshot in snapshots:
        if snapshot.kind == "sysctl" and snapshot.note:
            for name, fact in snapshot.values.items():
                if isinstance(fact, Present):
                    found.setdefault((snapshot.group, name), []).append((snapshot, fact))
    for (_, name), stated in found.items():
        if len({fact.value for _, fact in stated}) > 1:
            for snapshot, fact in stated:
                why = f"the values of {len(stated)} hosts stand in one folder, and differ"
                snapshot.values = {name: Unreadable(why, fact.evidence)}


def _join_nameless(hosts: list[Host]) -> list[Host]:
    """Folders without a host's own facts belong to the one host that has them."""
    real = [h for h in hosts if any(h.facts.has(kind) for kind in _IDENTITY)]
    if len(real) != 1:
        return hosts
    main = real[0]
    for other in hosts:
        if other is main or (other.name and main.name and other.name != main.name):
            continue
        main.groups.update(other.groups)
        for (kind, name), fact in other.facts.facts.items():
            main.facts.add(kind, {name: fact})
        main.captures.extend(other.captures)
        main.cgroups.extend(other.cgroups)
        main.data_dirs.extend(other.data_dirs)
        main.kernel_logs.extend(other.kernel_logs)
        main.mounts.extend(other.mounts)
        main.series.extend(other.series)
        main.configured_files.extend(other.configured_files)
    return [main] + [h for h in hosts if h is not main and h.name and main.name and h.name != main.name]


def _take(host: Host, snapshot: Snapshot) -> None:
    """File one snapshot under its host, by kind."""
    kind = snapshot.kind
    if kind == "sysctl" and snapshot.scope != "running":
        if snapshot.scope == "configured":
            host.configured.add(kind, snapshot.values)
            host.configured_files.append(snapshot)
        return
    if kind in _PROCESS_KINDS:
        _take_process(host, snapshot)
    elif kind == "cgroup":
        _take_cgroup(host, snapshot)
    elif kind == "filelist":
        fact = snapshot.values.get("data")
        if isinstance(fact, Present):
            host.data_dirs.append((fact.value, fact.evidence or Evidence(snapshot.member, None, "")))
    elif kind == "df":
        fact = snapshot.values.get("mounts")
        if isinstance(fact, Present):
            host.mounts.extend((mount, snapshot.member) for mount in fact.value)
    elif kind == "series":
        fact = snapshot.values.get("points")
        if isinstance(fact, Present):
            host.series.extend((point, snapshot.member) for point in fact.value)
    else:
        host.groups.setdefault(snapshot.group, type(host.facts)()).add(kind, snapshot.values)
        # The main folder speaks for the host; a series' folder only for its own moment.
        if not _is_series(snapshot.group):
            host.facts.add(kind, snapshot.values)


def _is_series(group: str) -> bool:
    parts = group.strip("/").split("/")
    return "series" in parts


def _capture(host: Host, group: str, pid: int | None) -> Capture:
    capture = host.capture_of.get((group, pid))
    if capture is None:
        capture = host.capture_of[group, pid] = Capture(group=group, pid=pid)
        host.captures.append(capture)
    return capture


def _take_process(host: Host, snapshot: Snapshot) -> None:
    capture = _capture(host, snapshot.group, snapshot.pid)
    capture.members.append(snapshot.member)
    if snapshot.stamp is not None and capture.stamp is None:
        capture.stamp = snapshot.stamp
    kind = snapshot.kind
    if kind in ("maps", "smaps", "numa_maps", "pmap"):
        fact = snapshot.values.get("maps")
        if isinstance(fact, Present):
            summary: MapsSummary = fact.value
            capture.counts.append(
                Count(
                    count=summary.count,
                    basis=kind,
                    evidence=_count_evidence(snapshot.member, summary, fact.evidence),
                    lower_bound=not summary.complete,
                    summary=summary,
                    stamp=snapshot.stamp,
                )
            )
            capture.facts.add(kind, snapshot.values)
        elif isinstance(fact, Unreadable):
            capture.unreadable.append((snapshot.member, fact.why))
            capture.facts.add(kind, snapshot.values)
    elif kind == "line_count":
        fact = snapshot.values.get("lines")
        if isinstance(fact, Present):
            evidence = fact.evidence or Evidence(snapshot.member, None, "")
            capture.counts.append(Count(int(fact.value), "line_count", evidence, exact=False))
    else:
        capture.facts.add("limits" if kind == "prlimit" else kind, snapshot.values)


def _count_evidence(member: str, summary: MapsSummary, stated: Evidence | None) -> Evidence:
    """What a count rests on: the file's last line, with the count in words."""
    words = f"{summary.lines:,} mappings listed"
    if summary.vsyscall:
        words += f", {summary.count:,} without [vsyscall]"
    return Evidence(member, stated.line if stated is not None else None, words)


def _take_cgroup(host: Host, snapshot: Snapshot) -> None:
    directory = snapshot.member.rsplit("/", 1)[0]
    path = known(snapshot.values.get("path", Unreadable("no path"))) or ""
    held = host.cgroup_of.get(directory)
    if held is None:
        held = host.cgroup_of[directory] = CgroupFacts(path=str(path), directory=directory)
        host.cgroups.append(held)
    held.facts.add("cgroup", snapshot.values)


def _finish(host: Host) -> None:
    """Settle what needs all members of the host: captures without a pid, proxies, truncation."""
    _join_pidless(host)
    _add_proxies(host)
    for capture in host.captures:
        _check_complete(capture)
        # A series dates each of its samples; a date file elsewhere was taken apart from the process.
        if capture.stamp is None and _is_series(capture.group) and capture.group in host.groups:
            capture.stamp = host.groups[capture.group].value("date", "now")
        capture.counts.sort(key=lambda c: (c.lower_bound, TRUST.index(c.basis)))
    host.name = host.name or host.facts.value("hostname", "name")
    host.now = host.facts.value("date", "now")


def _join_pidless(host: Host) -> None:
    """Process members without a pid belong to the one capture of their folder, or of the bundle."""
    others = [c for c in host.captures if c.pid is not None]
    by_group: dict[str, list[Capture]] = {}
    for capture in others:
        by_group.setdefault(capture.group, []).append(capture)
    for capture in [c for c in host.captures if c.pid is None]:
        own = capture.facts.value("status", "pid")
        beside = by_group.get(capture.group, [])
        near = beside or (others if len(others) == 1 else [])
        if own is not None:
            near = [c for c in beside if c.pid == own]
            if not near:
                capture.pid = own
                others.append(capture)
                by_group.setdefault(capture.group, []).append(capture)
                continue
        if len(near) == 1:
            target = near[0]
            for (kind, name), fact in capture.facts.facts.items():
                if kind != "ulimit":
                    target.facts.add(kind, {name: fact})
            target.counts.extend(capture.counts)
            target.members.extend(capture.members)
            target.unreadable.extend(capture.unreadable)
            host.captures.remove(capture)


def _check_complete(capture: Capture) -> None:
    """A capture whose mappings do not add up to VmSize is truncated: its count is a lower bound.

    Measured: the sum of all mappings without [vsyscall] equals VmSize in every complete capture
    (kernel.md (ii) 12). A process at work may differ by a mapping that came or went between two
    reads, so a shortfall below 1 % passes; a surplus never marks truncation.
    """
    vm_size = capture.facts.value("status", "vm_size")
    if not vm_size:
        return
    for i, count in enumerate(capture.counts):
        summary = count.summary
        if summary is None or not summary.has_addresses or not summary.total_bytes or count.lower_bound:
            continue
        if summary.total_bytes < vm_size * 0.99:
            capture.counts[i] = replace(count, lower_bound=True)
            capture.notes.append(
                f"{count.evidence.member} is truncated: its mappings add up to {summary.total_bytes:,} bytes, "
                f"VmSize is {vm_size:,}"
            )


def _add_proxies(host: Host) -> None:
    """lsof rows, open descriptors and metrics as weaker counts of a capture's mappings."""
    by_pid = host.facts.value("lsof", "by_pid")
    evidence = host.facts.get("lsof", "by_pid")
    if isinstance(by_pid, dict):
        member = evidence.evidence.member if isinstance(evidence, Present) and evidence.evidence else "lsof"
        for capture in host.captures:
            row = by_pid.get(capture.pid)
            if isinstance(row, LsofCount) and row.mem:
                quoted = Evidence(member, row.first_line or None, f"{row.mem} mem rows of pid {capture.pid}")
                capture.counts.append(Count(row.mem, "lsof", quoted, exact=False, lower_bound=True))
    for capture in host.captures:
        fds: Fact[Any] = capture.facts.get("fd_count", "fds")
        if isinstance(fds, Present) and fds.value and fds.evidence:
            capture.counts.append(
                Count(int(fds.value), "open_files", fds.evidence, exact=False, lower_bound=True)
            )
