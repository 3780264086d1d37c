"""What the logs of a case say, as rows of the frames: subjects, lives, failures, members, events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from analyzer.case.model import Case, Host, Life, Subject
from analyzer.facts import Evidence, Present
from analyzer.logs.model import Event, FailureGroup, KernelEvent
from analyzer.logs.sizes import spread
from analyzer.snapshots.model import PodEvent

Row = dict[str, Any]
_NUMBER = 20  # digits; a longer field stays text


def whole(value: object) -> int | None:
    """``value`` as an integer where it is one (``65530``, ``"65530"``), else None."""
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None


def host_name(host: Host) -> str:
    """The host's name, else its folder in the bundle."""
    return host.name or host.root or "."


def place(evidence: Evidence | None) -> Row:
    """Member and line of an evidence."""
    return {"member": evidence.member, "line": evidence.line} if evidence is not None else {}


def quoted(evidence: Evidence | None) -> Row:
    """Member, line and text of an evidence."""
    return place(evidence) | ({"text": evidence.text} if evidence is not None else {})


def map_limit(host: Host, group: str | None = None) -> int | None:
    """``vm.max_map_count`` in force at the moment of ``group``, else of the host, else of a series."""
    for kind, name in (("sysctl", "vm.max_map_count"), ("metrics", "process_memory_map_areas_limit")):
        fact = host.fact(kind, name, group)
        if isinstance(fact, Present) and (limit := whole(fact.value)):
            return limit
    stated = [point.limit for point, _ in host.series if point.limit]
    return stated[-1] if stated else None


def subjects(case: Case) -> Iterator[Row]:
    """Rows of ``subjects``."""
    for subject in case.subjects:
        stamps = [s for log in subject.logs for s in (log.first, log.last) if s is not None]
        yield _identity(subject) | {
            "lives": _counted(subject, len(subject.lives)),
            "failing_lives": _counted(subject, sum(life.failing for life in subject.lives)),
            "episodes": _counted(subject, max((life.episode or 0 for life in subject.lives), default=0)),
            "failures": _counted(
                subject, sum(group.count for life in subject.lives for group in life.failures)
            ),
            "snapshots": len(subject.captures),
            "bystanders": len(subject.bystanders),
            "map_limit": map_limit(subject.host),
            "first": min(stamps, default=None),
            "last": max(stamps, default=None),
            "notes": "\n".join(subject.notes) or None,
        }


def _counted(subject: Subject, count: int) -> int | None:
    """A count of what logs tell: where none was read, or none of a known logger, 0 is not known."""
    return count if count or subject.is_logged else None


def _identity(subject: Subject) -> Row:
    need, pod = subject.need, subject.pod
    row: Row = {
        "subject": subject.id,
        "product": subject.product,
        "version": subject.version,
        "host": host_name(subject.host),
        "node": subject.place.node or (pod.node if pod is not None else None),
        "zone": pod.zone if pod is not None else None,
        "namespace": subject.place.namespace or (pod.namespace if pod is not None else None),
        "pod": subject.place.pod or (pod.name if pod is not None else None) or None,
        "container": subject.place.container,
        "container_id": subject.container_id,
        "pod_uid": subject.pod_uid,
    }
    if need is not None:
        row |= {
            "need_low": need.low,
            "need_high": need.high,
            "need_basis": need.basis,
            "need_complete": need.complete,
            "blocks": need.blocks,
            "tenants": need.tenants,
        }
    return row


def lives(case: Case) -> Iterator[Row]:
    """Rows of ``lives``."""
    for subject in case.subjects:
        for life in subject.lives:
            yield _life(subject, life)


def _life(subject: Subject, life: Life) -> Row:
    row: Row = {
        "subject": subject.id,
        "life": life.id,
        "pid": life.pid,
        "started": life.first,
        "ended": life.last,
        "outcome": life.outcome,
        "exit_code": life.exit_code,
        "signal": life.signal,
        "reason": life.reason,
        "episode": life.episode,
        "failing": life.failing,
        "ready": life.ready,
        "ready_clean": life.ready_clean,
        "opened": life.opened,
        "lines": life.lines,
        "errors": life.levels["error"],
        "warnings": life.levels["warn"],
        "blocks_opened": life.blocks_opened,
        "tenants": len(life.tenants),
        "failures": _counted(subject, sum(group.count for group in life.failures)),
    }
    if life.start is not None:
        row |= place(life.start.evidence)
    elif life.segments:
        log, segment = life.segments[0]
        row |= {"member": log.member, "line": segment.first_line or None}
    return row


def _groups(case: Case) -> Iterator[tuple[int, Subject, Life, FailureGroup]]:
    """Every group of failures with its number within the case."""
    number = 0
    for subject in case.subjects:
        for life in subject.lives:
            for group in life.failures:
                number += 1
                yield number, subject, life, group


def failures(case: Case) -> Iterator[Row]:
    """Rows of ``failures``."""
    for number, subject, life, group in _groups(case):
        evidence = group.evidence[0] if group.evidence else None
        low, median, high = spread(group.sizes)
        yield {
            "failure": number,
            "subject": subject.id,
            "life": life.id,
            "episode": life.episode,
            "operation": group.operation,
            "file_kind": group.file_kind,
            "errno": group.errno,
            "tenant": group.tenant,
            "lines": group.lines,
            "count": group.count,
            "members": group.members,
            "declared": group.declared,
            "complete": group.complete,
            "size_min": low,
            "size_median": median,
            "size_max": high,
            "sizes": len(group.sizes),
            "asked": group.asked,
            "fatal": group.fatal,
            "corrupt": group.corrupt,
            "directory": group.directory,
            "era": group.era,
            "first": group.first,
            "last": group.last,
        } | quoted(evidence)


def members(case: Case) -> Iterator[Row]:
    """Rows of ``members``: one a size, and one for what states no size or was not kept."""
    for number, subject, life, group in _groups(case):
        head = {
            "failure": number,
            "subject": subject.id,
            "life": life.id,
            "operation": group.operation,
            "file_kind": group.file_kind,
            "errno": group.errno,
            "tenant": group.tenant,
        }
        for size, count in sorted(group.sizes.items()):
            yield head | {"size": size, "count": count}
        rest = group.members - sum(group.sizes.values())
        if rest > 0:
            yield head | {"count": rest}


def events(case: Case) -> Iterator[Row]:
    """Rows of ``events``: of the logs by life, then the kernel's by host, then those of Kubernetes."""
    owners: dict[int, tuple[Subject, Life]] = {}
    for subject in case.subjects:
        for life in subject.lives:
            for event in life.events:
                yield _event(subject, life, event)
            owners.update((id(kernel), (subject, life)) for kernel in life.kernel)
    for host in case.hosts:
        for kernel in host.kernel_events():
            yield _kernel_event(host, kernel, owners.get(id(kernel)))
    for subject in case.subjects:
        for pod_event in subject.pod_events:
            yield _pod_event(subject, pod_event)


def _event(subject: Subject, life: Life, event: Event) -> Row:
    return {
        "subject": subject.id,
        "life": life.id,
        "host": host_name(subject.host),
        "source": "log",
        "kind": event.kind,
        "time": event.stamp,
        "count": event.count,
        "pid": whole(event.fields.get("pid")),
        "fields": _json(event.fields),
    } | quoted(event.evidence)


def _kernel_event(host: Host, event: KernelEvent, owner: tuple[Subject, Life] | None) -> Row:
    stated = {"comm": event.comm, "cgroup": event.cgroup, "constraint": event.constraint or None}
    row: Row = {
        "host": host_name(host),
        "source": "kernel",
        "kind": event.kind,
        "time": event.stamp,
        "boot_seconds": event.boot_seconds,
        "count": 1,
        "pid": event.pid,
        "fields": _json({k: v for k, v in stated.items() if v is not None} | event.values),
    }
    if owner is not None:
        row |= {"subject": owner[0].id, "life": owner[1].id}
    return row | quoted(event.evidence)


def _pod_event(subject: Subject, event: PodEvent) -> Row:
    return {
        "subject": subject.id,
        "host": host_name(subject.host),
        "source": "kubernetes",
        "kind": event.reason,
        "time": event.last or event.first,
        "count": event.count,
        "fields": _json({"object": event.object}),
    } | quoted(event.evidence) | {"text": event.message}  # fmt: skip


def _json(fields: dict[str, Any]) -> str | None:
    """The fields as a JSON object: digits as numbers, all else as text; None without any."""
    if not fields:
        return None
    plain = {
        key: int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _NUMBER
        else value
        for key, value in fields.items()
    }
    return json.dumps(plain, ensure_ascii=False, default=str)
