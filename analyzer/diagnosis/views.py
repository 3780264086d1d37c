"""The parts of a subject's report that are drawn straight from the case: failures, mappings, lives."""

from __future__ import annotations

from collections import Counter

from analyzer.case.build import Filter
from analyzer.case.model import Case, Life, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.evidence import Ledger
from analyzer.diagnosis.files import name_files
from analyzer.diagnosis.model import (
    BlastRadius,
    CoverageView,
    FailureView,
    KindCount,
    LeftOut,
    LifeView,
    MappingsView,
    Need,
    SizeStats,
    Skipped,
    SnapshotView,
    TenantCount,
)
from analyzer.facts import Stamp, Unreadable
from analyzer.logs.kernel import KERNEL_LOG
from analyzer.logs.model import FailureGroup
from analyzer.logs.sizes import spread
from analyzer.snapshots.base import unread
from analyzer.snapshots.model import MIXED, Snapshot

MOST_FAILURES = 60
MOST_TENANTS = 20


Row = tuple[Life | None, FailureGroup]


def iso(stamp: Stamp | None) -> str | None:
    """RFC 3339, or None."""
    return stamp.iso() if stamp is not None else None


def failures(subject: Subject, ledger: Ledger, only: Filter) -> list[FailureView]:
    """Failures by operation, file kind, errno and tenant within one life, in order of time.

    Past MOST_FAILURES the tenants of one life, operation, kind and errno are taken together, and if
    they are still more, the lives too: nothing is left out.
    """
    rows: list[Row] = [
        (life, g)
        for life in subject.lives
        for g in life.failures
        if only.tenant is None or g.tenant == only.tenant
    ]
    if len(rows) > MOST_FAILURES:
        rows = _merge(rows, by_life=True)
    if len(rows) > MOST_FAILURES:
        rows = _merge(rows, by_life=False)
    views: list[FailureView] = []
    for life, group in rows:
        views.append(
            FailureView(
                operation=group.operation,
                file_kind=group.file_kind,
                errno=group.errno,
                tenant=group.tenant,
                life=life.id if life is not None else None,
                episode=life.episode if life is not None else None,
                lines=group.lines,
                count=group.count,
                members=group.members,
                sizes=SizeStats(*spread(group.sizes)),
                first=iso(group.first),
                last=iso(group.last),
                evidence=ledger.add_all(group.evidence),
                files=name_files(subject, group),
                declared=group.declared,
                complete=group.complete,
            )
        )
    return views


def _merge(rows: list[Row], *, by_life: bool) -> list[Row]:
    """Rows of all tenants (and, unless ``by_life``, of all lives) taken together."""
    merged: dict[tuple[str, str, str | None, str | None], Row] = {}
    for life, group in rows:
        owner = life if by_life else None
        key = (owner.id if owner is not None else "", group.operation, group.file_kind, group.errno)
        if key not in merged:
            copy = FailureGroup(group.operation, group.file_kind, group.errno, None)
            copy.first_line, copy.first, copy.evidence = group.first_line, group.first, list(group.evidence)
            copy.sample, copy.era, copy.complete = group.sample, group.era, group.complete
            merged[key] = (owner, copy)
        into = merged[key][1]
        into.lines += group.lines
        into.count += group.count
        into.members += group.members
        into.sizes.update(group.sizes)
        into.complete = into.complete and group.complete
        into.last = max((s for s in (into.last, group.last) if s is not None), default=None)
        into.first = min((s for s in (into.first, group.first) if s is not None), default=None)
    return list(merged.values())


def mappings(subject: Subject, ledger: Ledger) -> MappingsView | None:
    counts = reading.counted(subject)
    wanted = need_of(subject, ledger)
    limit = reading.max_map_count(subject, counts[0].capture if counts else None)
    if not counts:
        if wanted is None and limit is None:
            return None
        view = MappingsView(
            None, int(limit.value) if limit else None, None, None, None, None, "estimate" if wanted else None
        )
        view.need = wanted
        return view
    best = counts[0]
    maps = best.capture.maps
    view = MappingsView(
        count=best.mc,
        limit=int(limit.value) if limit else None,
        at=iso(best.count.stamp or best.capture.stamp),
        life=best.capture.life_candidates[0] if len(best.capture.life_candidates) == 1 else None,
        pid=best.capture.pid,
        complete=not best.count.lower_bound,
        basis=best.count.basis,  # type: ignore[arg-type]
        need=wanted,
        growth_per_hour=_growth(subject),
        evidence=ledger.add_all([best.count.evidence, limit.evidence if limit else None]),
    )
    if maps is not None:
        view.by_kind = [
            KindCount(k, n, maps.bytes_by_kind.get(k))
            for k, n in sorted(maps.by_kind.items(), key=lambda item: (-item[1], item[0]))
            if n
        ]
        blocks: Counter[str] = maps.blocks_by_tenant
        view.by_tenant = [
            TenantCount(t, n, blocks.get(t))
            for t, n in sorted(maps.by_tenant.items(), key=lambda item: (-item[1], item[0]))[:MOST_TENANTS]
            if t
        ]
        view.duplicates, view.deleted = maps.duplicates, maps.deleted
    return view


def _growth(subject: Subject) -> float | None:
    """Mappings per hour over a series of at least three samples of one pid and ten minutes."""
    by_pid: dict[int | None, list[tuple[float, int]]] = {}
    for point, _ in subject.host.series:
        if point.time is not None and (point.pid in subject.pids or not subject.pids):
            by_pid.setdefault(point.pid, []).append((point.time.seconds, point.count))
    best = max(by_pid.values(), key=len, default=[])
    if len(best) < 3:
        return None
    best.sort()
    (t0, c0), (t1, c1) = best[0], best[-1]
    return round((c1 - c0) * 3600 / (t1 - t0), 1) if t1 - t0 >= 600 else None


def need_of(subject: Subject, ledger: Ledger) -> Need | None:
    need = subject.need
    if need is None:
        return None
    basis = {"filelist": "file list", "log": "log: Found healthy block", "maps": "maps of another moment"}[
        need.basis
    ]
    if not need.complete:
        basis += " (a lower bound)"
    return Need(need.low, need.high, basis, need.blocks, need.tenants, ledger.add_all([need.evidence]))


def life(life: Life, ledger: Ledger) -> LifeView:
    evidence = [life.start.evidence] if life.start is not None else []
    return LifeView(
        id=life.id,
        pid=life.pid,
        started=iso(life.start.stamp if life.start else life.first),
        ended=iso(life.last) if life.outcome not in ("running", "starting") else None,
        exit_code=life.exit_code,
        signal=life.signal,
        reason=life.reason,
        outcome=life.outcome,
        episode=life.episode,
        log_lines=life.lines,
        levels=dict(life.levels),
        blocks_opened=life.blocks_opened or None,
        evidence=ledger.add_all([*evidence, life.last_record]),
    )


def snapshots(subject: Subject) -> list[SnapshotView]:
    views: list[SnapshotView] = []
    captures = [*((capture, True) for capture in subject.captures), *((c, False) for c in subject.bystanders)]
    for capture, own in captures:
        best = capture.best
        note = "; ".join([*capture.notes, *(f"{m}: {w}" for m, w in capture.unreadable)])
        if capture.zombie:
            note = "; ".join(filter(None, ["a zombie: its mappings are gone", note]))
        views.append(
            SnapshotView(
                time=iso(capture.stamp),
                pid=capture.pid,
                life_candidates=capture.life_candidates if own else [],
                link_basis=capture.link_basis if own else "not of this process",
                member=(capture.members or [capture.group])[0],
                mappings=best.count if best is not None else None,
                note=note,
            )
        )
    for point, member in subject.host.series[:1000]:
        if not subject.pids or point.pid in subject.pids:
            views.append(SnapshotView(iso(point.time), point.pid, [], "series", member, point.count))
    return views


def blast(subject: Subject) -> BlastRadius:
    factor = subject.config.value("config", "replication_factor")
    zones = subject.config.value("config", "zone_awareness")
    try:
        replicas = int(str(factor)) if factor is not None else None
    except ValueError:
        replicas = None
    if replicas is None:
        why = "the replication factor is not in the bundle: ask for the ring configuration before restarting a second ingester"
    elif replicas == 1:
        why = "replication factor 1: while this ingester is down its newest samples cannot be queried and writes to it fail"
    else:
        spare = (replicas - 1) // 2
        why = f"replication factor {replicas}: at most {spare} ingester may be down (one zone with zone awareness) before writes fail"
    if zones is not None and replicas is not None:
        why += f"; zone awareness is {zones}"
    return BlastRadius(replicas, None, None, why)


def _left_out(case: Case, only: Filter) -> LeftOut | None:
    """What the bundle has where the filter left nothing of it."""
    if case.subjects or not case.passed_over:
        return None
    pids = {pid for s in case.passed_over for pid in (*s.pids, s.place.pid) if pid is not None}
    pods = dict.fromkeys(s.place.pod for s in case.passed_over if s.place.pod)
    return LeftOut(only.pod, only.pid, iso(only.since), iso(only.until), list(pods), sorted(pids))


_WANTED = {
    "log of an ingester": {"log"},
    "mappings (maps)": {"maps", "smaps", "numa_maps", "pmap", "line_count"},
    "vm.max_map_count": {"vm.max_map_count"},
    "limits": {"limits", "prlimit"},
    "meminfo": {"meminfo"},
    "kernel log": {"kernel log"},
    "data directory listing": {"filelist"},
    "pod state": {"pod"},
}
"""What a whole bundle holds, and the kinds of facts that are it."""


def coverage(case: Case, only: Filter) -> CoverageView:
    """What was read, skipped, cut, is missing, and was left out by a filter that left nothing."""
    coverage = case.coverage
    subjects = [*case.subjects, *case.passed_over]  # what a filter leaves out is in the bundle all the same
    known: set[str] = set()
    refused: set[str] = set()
    for snapshot in case.snapshots:
        (known if unread(snapshot) is None else refused).add(snapshot.kind)
        if isinstance(snapshot.values.get("vm.max_map_count"), Unreadable):
            refused.add("vm.max_map_count")
    if any(reading.max_map_count(s) for s in subjects):
        known.add("vm.max_map_count")
    if any(s.logs for s in subjects):
        known.add("log")
    if case.kernel_logs:
        known.add("kernel log")
    elif any(KERNEL_LOG.search(member) for member, _ in coverage.skipped):
        refused.add("kernel log")
    absent = [name for name, kinds in _WANTED.items() if not known & kinds]
    mixed = {s.member: why for s in case.snapshots if (why := _mixed(s))}
    for member, _ in coverage.skipped:
        mixed.pop(member, None)
    return CoverageView(
        members_total=coverage.members_total,
        members_read=coverage.members_read - len(mixed),
        members_skipped=[Skipped(m, w) for m, w in coverage.skipped]
        + [Skipped(m, w) for m, w in mixed.items()],
        truncated=list(coverage.truncated),
        bytes_read=coverage.bytes_read,
        missing=[name for name in absent if not refused & _WANTED[name]],
        log_lines=sum(log.lines for log in case.logs),
        lines_parsed=sum(log.parsed for log in case.logs),
        partials_open=sum(log.partials_open for log in case.logs),
        null_messages=sum(log.null_messages for log in case.logs),
        tails=[f"{log.member}: {log.tail}" for log in case.logs if log.tail],
        unreadable=[name for name in absent if refused & _WANTED[name]],
        members_unrecognised=case.unrecognised,
        left_out=_left_out(case, only),
    )


def _mixed(snapshot: Snapshot) -> str:
    """Why nothing is taken from a member that holds what is of several processes or hosts; "" for any other."""
    whys = [fact.why for fact in snapshot.values.values() if isinstance(fact, Unreadable)]
    return next((why for why in whys if why.startswith(MIXED)), "")
