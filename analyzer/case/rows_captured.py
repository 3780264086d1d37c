"""What was captured, as rows of the frames: snapshots, mappings, files, coverage."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from analyzer.case.model import Capture, Case, Count, Host, Subject
from analyzer.case.rows import Row, host_name, map_limit, place, whole
from analyzer.facts import Evidence, Present, Stamp
from analyzer.snapshots.model import BlockFiles, DataDir, MapColumns, MapsSummary, SeriesPoint, TenantDir

VSYSCALL = "[vsyscall]"


def owners(case: Case) -> dict[int, Subject]:
    """The subject of each capture, by the capture's identity; bystanders have none."""
    return {id(capture): subject for subject in case.subjects for capture in subject.captures}


def captures(case: Case) -> Iterator[tuple[str, Host, Capture]]:
    """Every capture of the case with its host and its name, which is unique within the case."""
    taken: set[str] = set()
    for host in _hosts(case):
        for capture in host.captures:
            yield _unique(capture.id, taken), host, capture


def _unique(name: str, taken: set[str]) -> str:
    """``name``, with a number where it is taken; takes it."""
    found, again = name, 1
    while found in taken:
        again += 1
        found = f"{name}~{again}"
    taken.add(found)
    return found


def _hosts(case: Case) -> list[Host]:
    """The hosts of the case, and those of subjects that no capture made known."""
    hosts = list(case.hosts)
    for subject in case.subjects:
        if all(host is not subject.host for host in hosts):
            hosts.append(subject.host)
    return hosts


def snapshot_names(case: Case) -> list[str]:
    """The names of all rows of ``snapshots``: captures, then points of series."""
    return [name for name, _, _ in captures(case)] + [name for name, _, _, _ in _points(case)]


def _points(case: Case) -> Iterator[tuple[str, Host, SeriesPoint, str]]:
    taken: set[str] = set()
    for host in _hosts(case):
        for number, (point, member) in enumerate(host.series, 1):
            at = point.line if point.line is not None else number
            yield _unique(f"{member}:{at}", taken), host, point, member


def snapshots(case: Case) -> Iterator[Row]:
    """Rows of ``snapshots``."""
    subject_of = owners(case)
    by_pid = {pid: subject for subject in case.subjects for pid in subject.pids}
    for name, host, capture in captures(case):
        yield _capture(name, host, capture, subject_of.get(id(capture)))
    for name, host, point, member in _points(case):
        owner = by_pid.get(point.pid) if point.pid is not None else None
        limit = point.limit or map_limit(host)
        yield {
            "snapshot": name,
            "subject": owner.id if owner is not None else None,
            "host": host_name(host),
            "group": posixpath.dirname(member),
            "kind": "point",
            "pid": point.pid,
            "time": point.time,
            "bystander": None,
            "count": point.count,
            "exact": True,
            "lower_bound": False,
            "basis": "series",
            "limit": limit,
            "ratio": point.count / limit if limit else None,
            "vm_size": point.values.get("vm_size"),
            "vm_rss": point.values.get("vm_rss"),
            "threads": point.values.get("threads"),
            "fds": point.values.get("fds"),
            "member": member,
            "line": point.line,
        }


def _capture(name: str, host: Host, capture: Capture, subject: Subject | None) -> Row:
    facts, best, maps = capture.facts, capture.best, capture.maps
    limit = map_limit(host, capture.group)
    row: Row = {
        "snapshot": name,
        "subject": subject.id if subject is not None else None,
        "host": host_name(host),
        "group": capture.group,
        "kind": "capture",
        "pid": capture.pid,
        "time": capture.stamp,
        "life": capture.life_candidates[0] if len(capture.life_candidates) == 1 else None,
        "life_candidates": ",".join(capture.life_candidates) or None,
        "link_basis": capture.link_basis or None,
        "bystander": subject is None,
        "limit": limit,
        "threads": whole(facts.value("status", "threads")) or whole(facts.value("task_count", "tasks")),
        "fds": whole(facts.value("fd_count", "fds")),
        "state": facts.value("status", "state") or facts.value("stat", "state"),
        "rlimit_as": _soft(capture, "address_space"),
        "rlimit_nofile": _soft(capture, "nofile"),
        "notes": "\n".join([*capture.notes, *(f"{m}: {why}" for m, why in capture.unreadable)]) or None,
        "member": capture.members[0] if capture.members else None,
    }
    for size in ("vm_peak", "vm_size", "vm_hwm", "vm_rss", "vm_data"):
        row[size] = whole(facts.value("status", size))
    if maps is not None:
        row |= {"blocks": maps.block_count, "duplicates": maps.duplicates, "deleted": maps.deleted}
    return row | _counted(best, limit)


def _counted(best: Count | None, limit: int | None) -> Row:
    if best is None:
        return {}
    row: Row = {
        "count": best.count,
        "exact": best.exact,
        "lower_bound": best.lower_bound,
        "basis": best.basis,
        "ratio": best.count / limit if limit else None,
    }
    return row | place(best.evidence) | ({"time": best.stamp} if best.stamp is not None else {})


def _soft(capture: Capture, name: str) -> float | None:
    fact = capture.facts.get("limits", name)
    return float(fact.value[0]) if isinstance(fact, Present) else None


def mappings(case: Case) -> dict[str, list[Any]]:
    """Columns of ``mappings``; empty unless the case was read with detail."""
    found: dict[str, list[Any]] = {
        name: []
        for name in (
            "subject", "snapshot", "pid", "basis", "start", "end", "size", "perms", "offset", "path", "kind",
            "tenant", "directory", "block", "deleted", "counted", "member",
        )
    }  # fmt: skip
    subject_of = owners(case)
    for name, _, capture in captures(case):
        detailed = [(c, c.summary) for c in capture.counts if c.summary is not None and c.summary.columns]
        if not detailed:
            continue
        count, summary = detailed[0]
        columns = summary.columns
        assert columns is not None
        owner = subject_of.get(id(capture))
        rows = len(columns.start)
        for column, value in (
            ("subject", owner.id if owner is not None else None),
            ("snapshot", name),
            ("pid", capture.pid),
            ("basis", count.basis),
            ("member", count.evidence.member),
        ):
            found[column].extend([value] * rows)
        _mappings(found, columns, summary)
    return found


def _mappings(found: dict[str, list[Any]], columns: MapColumns, summary: MapsSummary) -> None:
    found["start"].extend(columns.start)
    found["end"].extend(columns.end)
    found["size"].extend(b - a if b > a else None for a, b in zip(columns.start, columns.end, strict=True))
    found["perms"].extend(p or None for p in columns.perms)
    found["offset"].extend(columns.offset)
    found["path"].extend(p or None for p in columns.path)
    found["kind"].extend(columns.kind)
    tenants = {d: _tenant(d, summary) for d in set(columns.tenant)}
    found["tenant"].extend(tenants[d] for d in columns.tenant)
    found["directory"].extend(d or None for d in columns.tenant)
    found["block"].extend(b or None for b in columns.block)
    found["deleted"].extend(columns.deleted)
    found["counted"].extend(p != VSYSCALL for p in columns.path)


def _tenant(directory: str, summary: MapsSummary) -> str | None:
    """The tenant whose TSDB stands in ``directory``: its last part, "" where that is a whole TSDB."""
    if not directory:
        return None
    name = directory.rsplit("/", 1)[-1]
    return "" if directory in summary.data_dirs or name not in summary.by_tenant else name


def files(case: Case) -> Iterator[Row]:
    """Rows of ``files``: every listed data directory, with the subject that it is known to be of."""
    own = {id(s.data_dir[0]): s for s in case.subjects if s.data_dir is not None}
    seen: set[int] = set()
    for host in _hosts(case):
        for data, evidence in host.data_dirs:
            if id(data) not in seen:
                seen.add(id(data))
                yield from _data_dir(host, data, evidence, own.get(id(data)))


def _data_dir(host: Host, data: DataDir, evidence: Evidence, owner: Subject | None) -> Iterator[Row]:
    head: Row = {
        "subject": owner.id if owner is not None else None,
        "host": host_name(host),
        "root": data.root,
        "member": evidence.member,
    }
    for tenant in data.tenants.values():
        own = head | {"tenant": tenant.name, "phantom": tenant.phantom}
        for block in tenant.blocks.values():
            yield from _block(own, tenant, block, data.has_sizes)
        for size in tenant.head_sizes:
            yield own | {"kind": "head_chunk", "size": _size(size, data), "files": 1, "mappings": 1}
        if tenant.wal_files:
            row = {"kind": "wal", "files": tenant.wal_files, "mappings": 0}
            yield own | row | {"size": _size(tenant.wal_bytes, data)}


def _size(size: int, data: DataDir) -> int | None:
    return size if data.has_sizes else None


def _block(own: Row, tenant: TenantDir, block: BlockFiles, has_sizes: bool) -> Iterator[Row]:
    opened = not block.no_maps
    own = own | {
        "block": block.ulid,
        "not_opened": block.no_maps or None,
        "shipped": block.ulid in tenant.shipped if tenant.shipped is not None else None,
        "modified": Stamp.from_seconds(block.mtime) if block.mtime is not None else None,
        "files": 1,
    }
    if block.index is not None:
        size = block.index if has_sizes else None
        yield own | {"kind": "index", "size": size, "mappings": int(opened)}
    for number, size in enumerate(block.segments, 1):
        listed = size if has_sizes else None
        row = {"kind": "chunks_segment", "segment": number, "size": listed, "mappings": int(opened)}
        yield own | row
    if block.index is None and not block.segments:
        yield own | {"kind": "other", "mappings": 0}


def coverage(case: Case) -> Iterator[Row]:
    """Rows of ``coverage``: every file of the bundle, and what is known of those it could not list."""
    kinds: dict[str, str] = {}
    lines: dict[str, int] = {}
    for log in case.logs:
        kinds[log.member], lines[log.member] = "log", log.lines
    for kernel in case.kernel_logs:
        if kernel.member not in kinds:
            kinds[kernel.member], lines[kernel.member] = "kernel_log", kernel.lines
    for snapshot in case.snapshots:
        kinds.setdefault(snapshot.member, snapshot.kind)
    skipped = dict(case.coverage.skipped)
    truncated, unclaimed = set(case.coverage.truncated), set(case.unclaimed)
    tails = {log.member: log.tail for log in case.logs if log.tail}
    for member in dict.fromkeys([*case.paths, *kinds, *skipped, *truncated]):
        row: Row = {"member": member, "kind": kinds.get(member), "lines": lines.get(member)}
        if member in skipped:
            yield row | {"state": "skipped", "why": skipped[member]}
        elif member in case.links:
            yield row | {"state": "link", "why": case.links[member]}
        elif member in truncated:
            yield row | {"state": "truncated", "why": "it ends before its end"}
        elif member in unclaimed:
            yield row | {"state": "unrecognised"}
        else:
            why = f"only the end of the log: {tails[member]}" if member in tails else None
            yield row | {"state": "read", "why": why}
