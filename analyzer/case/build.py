"""From an intake to a case: hosts, subjects, lives, captures, need."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle import logpaths
from analyzer.bundle.model import Place
from analyzer.case import (
    attribution,
    collector,
    copies,
    hosts,
    identity,
    lives,
    need,
    overlaps,
    placement,
    sources,
    yearless,
)
from analyzer.case.model import Capture, Case, Host, Subject
from analyzer.facts import Present, Stamp
from analyzer.intake import Intake
from analyzer.logs.model import LogDigest
from analyzer.snapshots.model import PodEvent, PodState

TSDB_PRODUCTS = frozenset({"cortex", "mimir", "prometheus", "thanos"})
_SYSTEM_LOG = lazy.pattern(
    r"(^|/)(messages|syslog|secure|auth\.log|dpkg\.log|alternatives\.log|kern\.log|boot\.log|cron|maillog"
    r"|kubelet[^/]*|journalctl[^/]*|dmesg[^/]*|cloud-init[^/]*|apt/[^/]+|sos[^/]*\.log|audit[^/]*|bootstrap\.log"
    r"|history\.log|term\.log|unattended-upgrades[^/]*|wtmp|lastlog|faillog|sos_logs/[^/]+)(\.\d+)?$",
    re.IGNORECASE,
)


class Filter(Struct):
    """What the analyst asked for: times in UTC, a pid, a pod (or a part of its name), a tenant."""

    since: Stamp | None = None
    until: Stamp | None = None
    at: Stamp | None = None
    pid: int | None = None
    pod: str | None = None
    tenant: str | None = None


class _Stream(Struct):
    """The log files of one container or process."""

    key: tuple[str, ...]
    place: Place
    logs: list[tuple[LogDigest, Place]] = field(default_factory=list)


def build(intake: Intake, only: Filter | None = None) -> Case:
    """Join what the intake read. ``only`` narrows to a pid, a pod or a stretch of time."""
    only = only or Filter()
    all_hosts = hosts.build_hosts(intake)
    captured_at = _captured_at(intake, all_hosts)
    assumed = yearless.settle(intake, captured_at or _newest(intake))
    pods, events = _kubernetes(intake)
    containers, pods = [p for p in pods if not p.name], [p for p in pods if p.name]
    for log in intake.logs:
        if intake.layout.place(log.member).tail and not log.tail:
            log.tail = "only the end of this file was collected"
    told = [part for log in intake.logs for part in sources.apart(log)]
    places = {log.key: _with_hints(intake.layout.place(log.member), log) for log in told}
    told, doubles = copies.without_copies(told, places)
    kept = {log.member for log in told}
    logs = [log for log in intake.logs if log.member in kept]
    at = placement.Placement(all_hosts)
    for log in logs:
        place = places.get(log.key) or _with_hints(intake.layout.place(log.member), log)
        _share_kernel_lines(log, place, at)
    subjects = [_by_log(stream, pods, events) for stream in _streams(told, places, all_hosts)]
    nodes = {s.pod.node for s in subjects if s.pod is not None and s.pod.node}
    for subject in subjects:
        _on_host(subject, at.host_of_subject(subject, nodes))
    _attribute(subjects, containers)
    if not subjects:
        subjects = _subjects_without_log(all_hosts)
    _name_subjects(subjects)
    wanted: list[Subject] = []
    passed_over: list[Subject] = []
    for subject in subjects:
        (wanted if _wanted(subject, only) else passed_over).append(subject)
    subjects = wanted
    stamps = [s for log in logs for s in (log.first, log.last) if s is not None]
    case = Case(
        name=intake.name,
        sha256=intake.sha256,
        size_bytes=intake.size_bytes,
        layout=intake.layout.name,
        coverage=intake.coverage,
        hosts=all_hosts,
        subjects=subjects,
        logs=logs,
        snapshots=intake.snapshots,
        kernel_logs=[log for host in all_hosts for log in host.kernel_logs],
        captured_at=captured_at,
        first=min(stamps, default=None),
        last=max(stamps, default=None),
        passed_over=passed_over,
        warnings=[*intake.warnings, *intake.coverage.warnings, *collector.notes(intake), *assumed, *doubles],
        unrecognised=len(intake.unrecognised),
        paths=intake.paths,
        unclaimed=intake.unrecognised,
        links=intake.links,
    )
    for log in intake.logs:
        case.warnings.extend(log.warnings)
    for subject in subjects:
        case.warnings.extend(subject.warnings)
    return case


def _with_hints(place: Place, log: LogDigest) -> Place:
    """Fill what the layout does not tell from what the framing itself states. Where it tells several
    processes apart, a path that names one of them does not hold for the others."""
    hints = log.hints
    if log.source and hints.get("pod") and place.pod not in (None, hints["pod"]):
        place = replace(place, pod=None, container=None, container_id=None)
    elif log.source and hints.get("container") and place.container not in (None, hints["container"]):
        place = replace(place, container=None, container_id=None)
    return replace(
        place,
        host=place.host or hints.get("host"),
        namespace=place.namespace or hints.get("namespace"),
        pod=place.pod or hints.get("pod"),
        container=place.container or hints.get("container"),
    )


def _is_tsdb_log(log: LogDigest) -> bool:
    """Whether an ingester wrote it: a banner, TSDB life-cycle lines or TSDB failures."""
    if any(product in TSDB_PRODUCTS for product in log.products):
        return True
    for segment in log.segments:
        if segment.start is not None and segment.start.fields.get("product") in TSDB_PRODUCTS:
            return True
        if segment.healthy or segment.healthy_dropped or segment.tenants:
            return True
        if any(f.operation not in ("other", "config_watch") and f.era for f in segment.failures):
            return True
    return False


def _says_something(log: LogDigest) -> bool:
    return any(s.failures or s.start is not None or s.events for s in log.segments)


def _streams(
    logs: Sequence[LogDigest], places: dict[copies.Name, Place], all_hosts: Sequence[Host]
) -> list[_Stream]:
    """The logs of ingesters, by container; failing that, of whatever application there is."""
    chosen = [log for log in logs if _is_tsdb_log(log)]
    if not chosen:
        plain = [log for log in logs if not _SYSTEM_LOG.search(log.member)]
        chosen = [log for log in plain if _says_something(log)]
        if not chosen:
            captured = any(host.captures for host in all_hosts)
            alone = len({log.member for log in logs}) == 1
            chosen = [log for log in plain if log.lines] if captured or alone else []
    streams: dict[tuple[str, ...], _Stream] = {}
    keys = _keys(chosen, logs, places)
    for log in chosen:
        place = places[log.key]
        stream = streams.setdefault(keys[log.key], _Stream(keys[log.key], place))
        stream.logs.append((log, place))
    # Files of a chosen container that hold no such line themselves (a rotated quiet log) belong too.
    for log in logs:
        key = keys[log.key]
        if key in streams and all(log is not other for other, _ in streams[key].logs):
            streams[key].logs.append((log, places[log.key]))
    return list(streams.values())


def _keys(
    chosen: Iterable[LogDigest], logs: Sequence[LogDigest], places: dict[copies.Name, Place]
) -> dict[copies.Name, tuple[str, ...]]:
    """What the files of one process share. Those of one name are of several processes where their framing
    says so; a file without a word of it belongs to the only one there is."""
    keys = _join_rotated({log.key: _stream_key(log, places[log.key]) for log in logs}, logs)
    names = {log.key: sources.name_of(log) for log in logs if keys[log.key][0] == "file" and log.hints}
    known: dict[tuple[str, ...], set[str]] = {}
    for log in chosen:
        if name := names.get(log.key):
            known.setdefault(keys[log.key], set()).add(name)
    for of, key in keys.items():
        several = known.get(key, set())
        name = names.get(of) or (next(iter(several)) if len(several) == 1 else "")
        keys[of] = (*key, name) if several else key
    return keys


def _join_rotated(
    keys: dict[copies.Name, tuple[str, ...]], logs: Sequence[LogDigest]
) -> dict[copies.Name, tuple[str, ...]]:
    """Files whose names may be of one rotated log or of several processes (``x.log`` and ``x.1.log``) are of one
    where each ends before the next begins."""
    alike: dict[tuple[str, ...], list[LogDigest]] = {}
    numbered: set[tuple[str, ...]] = set()
    for log in logs:
        if keys[log.key][0] != "file":
            continue
        found = logpaths.perhaps_rotated(log.member)
        key = keys[log.key] if found is None else ("file", *logpaths.log_of(found[0]))
        alike.setdefault(key, []).append(log)
        if found is not None and found[1]:
            numbered.add(key)
    joined = dict(keys)
    for key, group in alike.items():
        present = any(keys[log.key] == key for log in group)
        if len(group) > 1 and (present or key not in numbered) and _one_after_another(group):
            joined.update((log.key, key) for log in group)
    return joined


def _one_after_another(logs: Sequence[LogDigest]) -> bool:
    spans = sorted((log.first, log.last) for log in logs if log.first is not None and log.last is not None)
    in_turn = all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    return in_turn and len(spans) == len(logs)


def _stream_key(log: LogDigest, place: Place) -> tuple[str, ...]:
    if place.pod:
        return ("pod", place.namespace or "", place.pod, place.container or "")
    if place.container:
        return ("container", place.root, place.container)
    return ("file", *logpaths.log_of(log.member))


def _by_log(stream: _Stream, pods: Sequence[PodState], events: Sequence[PodEvent]) -> Subject:
    """One subject from the logs of one container, as far as logs and pods tell; its host is open."""
    place = stream.place
    subject = Subject(id="", place=place, host=Host(root=place.root))
    subject.logs = [log for log, _ in lives.order_logs(stream.logs)]
    again = overlaps.told_again(stream.logs)
    subject.lives = lives.build_lives(stream.logs, again)
    subject.warnings.extend(overlaps.notes(stream.logs, again))
    identity.find_pod(subject, pods, events)
    return subject


def _on_host(subject: Subject, host: Host) -> None:
    """What the host's facts add."""
    subject.host = host
    identity.identify(subject)
    identity.check_version(subject)
    identity.pids_from_log(subject)


def _attribute(subjects: Sequence[Subject], containers: Sequence[PodState]) -> None:
    """Which of its host's captures are a subject's. All claims to them are known before the first is granted."""
    on_host: dict[int, list[Subject]] = {}
    for subject in subjects:
        on_host.setdefault(id(subject.host), []).append(subject)
    for group in on_host.values():
        claims = [attribution.links(subject, subject.host.captures) for subject in group]
        for subject, links in zip(group, attribution.granted(claims), strict=True):
            attribution.attribute(subject, subject.host.captures, links)
            identity.find_container(subject, containers, alone=len(subjects) == 1)
            _finish(subject)


def _finish(subject: Subject) -> None:
    """What needs the subject's captures: its cgroup, data directory, config, lives' ends, need."""
    for capture in subject.captures:
        for pid in capture.facts.value("status", "nspid") or ():
            subject.pids.add(int(pid))
    identity.find_cgroup(subject)
    subject.config = subject.host.facts
    lives.settle_outcomes(subject, identity.own_kills(subject))
    subject.data_dir = identity.find_data_dir(subject)
    subject.need = need.estimate(subject)
    if subject.need is not None and subject.need.phantoms:
        names = subject.need.phantoms
        subject.notes.append(
            f"{len(names)} directories such as {names[0]} are no tenants: they are the mark of an earlier "
            "aborted start, which opened blocks and chunks as if they were tenants"
        )
    if subject.product is None:
        identity.product_from_capture(subject)


def _subjects_without_log(all_hosts: Sequence[Host]) -> list[Subject]:
    """Captured ingesters whose log is not in the bundle."""
    found: list[Subject] = []
    for host in all_hosts:
        by_pid: dict[int | None, list[Capture]] = {}
        for capture in host.captures:
            by_pid.setdefault(capture.pid, []).append(capture)
        telling = {
            pid: group
            for pid, group in by_pid.items()
            if any(c.counts or c.facts.has("status") or c.facts.has("limits") for c in group)
        }
        ours = {
            pid: group
            for pid, group in telling.items()
            if any(_looks_like_ingester(c) for c in group) or len(telling) == 1
        }
        for pid, group in ours.items():
            subject = Subject(id="", place=Place(root=host.root, host=host.name, pid=pid), host=host)
            subject.captures = group
            if pid is not None:
                subject.pids.add(pid)
            _finish(subject)
            found.append(subject)
    return found


def _looks_like_ingester(capture: Capture) -> bool:
    maps = capture.maps
    if maps is not None and maps.block_count:
        return True
    names = attribution._names(capture)
    return any(name in names for name in attribution.INGESTERS)


def _kubernetes(intake: Intake) -> tuple[list[PodState], list[PodEvent]]:
    pods: list[PodState] = []
    events: list[PodEvent] = []
    for snapshot in intake.snapshots:
        fact = snapshot.values.get("pods")
        if isinstance(fact, Present):
            pods.extend(fact.value)
        fact = snapshot.values.get("events")
        if (snapshot.kind == "k8s_events" and isinstance(fact, Present)) or (
            isinstance(fact, Present) and snapshot.kind == "pod"
        ):
            events.extend(fact.value)
    return pods, events


def _share_kernel_lines(log: LogDigest, place: Place, at: placement.Placement) -> None:
    """Kernel lines found in a journal or syslog belong to its host."""
    if log.kernel is not None and log.kernel.events:
        at.host_of(place).kernel_logs.append(log.kernel)


def _captured_at(intake: Intake, all_hosts: Sequence[Host]) -> Stamp | None:
    """When the bundle was taken: the host's own clock, else the newest member's mtime.

    A folder, which alone has no checksum, has the file times of who unpacked it: they say nothing.
    """
    stated = [host.now for host in all_hosts if host.now is not None]
    if stated:
        return max(stated)
    return _newest(intake) if intake.sha256 is not None else None


def _newest(intake: Intake) -> Stamp | None:
    return Stamp.from_seconds(intake.newest_mtime) if intake.newest_mtime else None


def _name_subjects(subjects: Sequence[Subject]) -> None:
    """Short, unique, stable ids: namespace/pod/container, else host/product, else the log's name."""
    seen: dict[str, int] = {}
    for subject in subjects:
        place = subject.place
        if place.pod:
            parts = [place.namespace, place.pod, place.container]
        else:
            log = posixpath.basename(subject.logs[0].member) if subject.logs else None
            unit = sources.unit_of(subject.logs[0]) if subject.logs else None
            parts = [subject.host.name or place.host, place.container or unit or subject.product or log]
            if not any(parts) and place.pid is not None:
                parts = [f"pid {place.pid}"]
        name = "/".join(str(p) for p in parts if p) or "process"
        seen[name] = seen.get(name, 0) + 1
        subject.id = name if seen[name] == 1 else f"{name}#{seen[name]}"


def _wanted(subject: Subject, only: Filter) -> bool:
    if only.pod is not None and only.pod not in (subject.place.pod or ""):
        return False
    if only.pid is not None and only.pid not in subject.pids and only.pid != subject.place.pid:
        return False
    if only.since is None and only.until is None:
        return True
    subject.lives = [
        life
        for life in subject.lives
        if not (only.since is not None and life.last is not None and life.last < only.since)
        and not (only.until is not None and life.first is not None and life.first > only.until)
    ]
    return bool(subject.lives)
