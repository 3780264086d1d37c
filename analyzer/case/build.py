"""From an intake to a case: hosts, subjects, lives, captures, need."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analyzer.bundle.model import Place
from analyzer.case import attribution, collector, copies, hosts, lives, need, placement, yearless
from analyzer.case.model import Capture, Case, Host, Subject
from analyzer.facts import Evidence, Present, Stamp, evidence_of
from analyzer.intake import Intake
from analyzer.logs import eras
from analyzer.logs.model import KernelEvent, LogDigest
from analyzer.snapshots.model import DataDir, PodEvent, PodState

TSDB_PRODUCTS = frozenset({"cortex", "mimir", "prometheus", "thanos"})
_SYSTEM_LOG = re.compile(
    r"(^|/)(messages|syslog|secure|auth\.log|dpkg\.log|alternatives\.log|kern\.log|boot\.log|cron|maillog"
    r"|kubelet[^/]*|journalctl[^/]*|dmesg[^/]*|cloud-init[^/]*|apt/[^/]+|sos[^/]*\.log|audit[^/]*|bootstrap\.log"
    r"|history\.log|term\.log|unattended-upgrades[^/]*|wtmp|lastlog|faillog|sos_logs/[^/]+)(\.\d+)?$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Filter:
    """What the analyst asked for: times in UTC, a pid, a pod (or a part of its name), a tenant."""

    since: Stamp | None = None
    until: Stamp | None = None
    at: Stamp | None = None
    pid: int | None = None
    pod: str | None = None
    tenant: str | None = None


@dataclass(slots=True)
class _Stream:
    """The log files of one container or process."""

    key: tuple[str, ...]
    place: Place
    logs: list[tuple[LogDigest, Place]] = field(default_factory=list)


def build(intake: Intake, only: Filter | None = None) -> Case:
    """Join what the intake read. ``only`` narrows to a pid, a pod or a stretch of time."""
    only = only or Filter()
    all_hosts = hosts.build_hosts(intake)
    captured_at = _captured_at(intake, all_hosts)
    assumed = yearless.settle(intake, captured_at)
    pods, events = _kubernetes(intake)
    places = {log.member: _with_hints(intake.layout.place(log.member), log) for log in intake.logs}
    for log in intake.logs:
        if places[log.member].tail and not log.tail:
            log.tail = "only the end of this file was collected"
    logs, doubles = copies.without_copies(intake.logs, places)
    _share_kernel_lines(logs, places, all_hosts)
    subjects = [_by_log(stream, pods, events) for stream in _streams(logs, places, all_hosts)]
    nodes = {s.pod.node for s in subjects if s.pod is not None and s.pod.node}
    for subject in subjects:
        _on_host(subject, placement.host_of_subject(subject, all_hosts, nodes))
    if not subjects:
        subjects = _subjects_without_log(all_hosts)
    _name_subjects(subjects)
    subjects = [s for s in subjects if _wanted(s, only)]
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
    """Fill what the layout does not tell from what the framing itself states."""
    hints = log.hints
    return Place(
        host=place.host or hints.get("host"),
        namespace=place.namespace or hints.get("namespace"),
        pod=place.pod or hints.get("pod"),
        container=place.container or hints.get("container"),
        pid=place.pid,
        node=place.node,
        root=place.root,
        previous=place.previous,
        rotation=place.rotation,
        restart=place.restart,
        container_id=place.container_id,
        part=place.part,
        tail=place.tail,
    )


def _is_tsdb_log(log: LogDigest) -> bool:
    """Whether an ingester wrote it: a banner, TSDB life-cycle lines or TSDB failures."""
    if any(product in TSDB_PRODUCTS for product in log.products):
        return True
    for segment in log.segments:
        if segment.start is not None and segment.start.fields.get("product") in TSDB_PRODUCTS:
            return True
        if segment.healthy or segment.tenants:
            return True
        if any(f.operation not in ("other", "config_watch") and f.era for f in segment.failures):
            return True
    return False


def _says_something(log: LogDigest) -> bool:
    return any(s.failures or s.start is not None or s.events for s in log.segments)


def _streams(logs: Sequence[LogDigest], places: dict[str, Place], all_hosts: Sequence[Host]) -> list[_Stream]:
    """The logs of ingesters, by container; failing that, of whatever application there is."""
    chosen = [log for log in logs if _is_tsdb_log(log)]
    if not chosen:
        plain = [log for log in logs if not _SYSTEM_LOG.search(log.member)]
        chosen = [log for log in plain if _says_something(log)]
        if not chosen:
            captured = any(host.captures for host in all_hosts)
            chosen = [log for log in plain if log.lines] if captured or len(logs) == 1 else []
    streams: dict[tuple[str, ...], _Stream] = {}
    for log in chosen:
        place = places[log.member]
        key = _stream_key(log, place)
        stream = streams.setdefault(key, _Stream(key, place))
        stream.logs.append((log, place))
    # Files of a chosen container that hold no such line themselves (a rotated quiet log) belong too.
    for log in logs:
        place = places[log.member]
        key = _stream_key(log, place)
        if key in streams and all(log is not other for other, _ in streams[key].logs):
            streams[key].logs.append((log, place))
    return list(streams.values())


_ROTATION = re.compile(r"(\.\d{1,3}|[-.]\d{8}(-\d{6})?|\.(gz|xz|bz2|zst))+$")


def _stream_key(log: LogDigest, place: Place) -> tuple[str, ...]:
    if place.pod:
        return ("pod", place.namespace or "", place.pod, place.container or "")
    if place.container:
        return ("container", place.root, place.container)
    folder, _, name = log.member.rpartition("/")
    stem = _ROTATION.sub("", name)
    stem = re.sub(r"([-_.](previous|prev|current))?(\.log|\.txt|\.json)?$", "", stem)
    if stem in ("previous", "current", "prev"):
        stem = ""
    return ("file", folder, stem)


def _by_log(stream: _Stream, pods: Sequence[PodState], events: Sequence[PodEvent]) -> Subject:
    """One subject from the logs of one container, as far as logs and pods tell; its host is open."""
    place = stream.place
    subject = Subject(id="", place=place, host=Host(root=place.root))
    subject.logs = [log for log, _ in lives.order_logs(stream.logs)]
    subject.lives = lives.build_lives(stream.logs)
    _pod(subject, pods, events)
    return subject


def _on_host(subject: Subject, host: Host) -> None:
    """What the host's facts and captures add."""
    subject.host = host
    _identity(subject)
    _check_version(subject)
    _pids_from_log(subject)
    attribution.attribute(subject, host.captures)
    _finish(subject)


def _finish(subject: Subject) -> None:
    """What needs the subject's captures: its cgroup, data directory, config, lives' ends, need."""
    for capture in subject.captures:
        for pid in capture.facts.value("status", "nspid") or ():
            subject.pids.add(int(pid))
    _cgroup(subject)
    subject.config = subject.host.facts
    lives.settle_outcomes(subject, own_kills(subject))
    subject.data_dir = _data_dir(subject)
    subject.need = need.estimate(subject)
    if subject.product is None:
        _product_from_capture(subject)


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
    return any(product in names for product in attribution.PRODUCTS)


def _product_from_capture(subject: Subject) -> None:
    for capture in subject.captures:
        names = attribution._names(capture)
        for product in ("cortex", "mimir", "prometheus", "thanos"):
            if product in names:
                subject.product = product
                return


def _identity(subject: Subject) -> None:
    """Product and version from the newest banner, else from what the log's lines hint at."""
    for life in subject.lives:
        if life.start is not None and life.start.fields.get("product"):
            subject.product = life.start.fields["product"]
            subject.version = life.start.fields.get("version") or subject.version
            subject.product_evidence = life.start.evidence
    if subject.product is None:
        hints = [p for log in subject.logs for p, _ in log.products.most_common(1)]
        subject.product = hints[0] if hints else None
    stated = subject.host.facts.get("version", "product")
    if subject.version is None and isinstance(stated, Present):
        same = subject.product in (None, stated.value)
        subject.version = subject.host.facts.value("version", "version") if same else None


_CALLER = re.compile(r"caller\W{1,5}([\w.]+\.go:\d+)")


def _check_version(subject: Subject) -> None:
    """The banner against the form of the errors; without a banner the form bounds the version."""
    found = {name for log in subject.logs for name in log.eras}
    quoted = [e.text for life in subject.lives for f in life.failures for e in f.evidence]
    callers = {caller for text in quoted for caller in _CALLER.findall(text)}
    if subject.product and subject.version:
        words = eras.contradiction(subject.product, subject.version, sorted(found), sorted(callers))
        if words:
            subject.warnings.append(f"{subject.id or subject.product}: {words}")
    elif subject.product and len(found) == 1:
        first, last = eras.version_bounds(next(iter(found)), subject.product)
        if first or last:
            subject.version = f"{first or '...'} to {last or 'later'} (by the form of its errors)"


_CONTAINER_ID = re.compile(r"(?:^|/|-)([0-9a-f]{64})(?:[-./]|$)")
_POD_UID = re.compile(r"_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})/")


def _pod(subject: Subject, pods: Sequence[PodState], events: Sequence[PodEvent]) -> None:
    """Container id and pod uid from the log's path; the pod's state where the bundle has it."""
    subject.container_id = subject.place.container_id
    for log in subject.logs:
        if (match := _CONTAINER_ID.search(log.member)) is not None:
            subject.container_id = match[1]
        if (match := _POD_UID.search(log.member)) is not None:
            subject.pod_uid = match[1]
    place = subject.place
    matching = [
        p
        for p in pods
        if (
            place.pod
            and p.name == place.pod
            and (not place.namespace or p.namespace in (None, place.namespace))
        )
        or (subject.pod_uid and p.uid == subject.pod_uid)
    ]
    if not matching and not place.pod:
        named = [p for p in pods if any(w in p.name for w in ("ingester", "prometheus", "receive"))]
        matching = named if len(named) == 1 else (list(pods) if len(pods) == 1 else [])
    if matching:
        subject.pod = matching[0]
        if place.pod and len(matching) == 1:
            subject.pod_uid = subject.pod_uid or matching[0].uid
    name = place.pod or (subject.pod.name if subject.pod else None)
    if name:
        subject.pod_events = [e for e in events if e.object.rsplit("/", 1)[-1] == name]


def _pids_from_log(subject: Subject) -> None:
    for life in subject.lives:
        for event in life.events:
            pid = event.fields.get("pid", "")
            if event.kind == "exit" and pid.isdigit():
                subject.pids.add(int(pid))
    for log in subject.logs:
        pid = log.hints.get("pid", "")
        if pid.isdigit():
            subject.pids.add(int(pid))


def _cgroup(subject: Subject) -> None:
    """The cgroup directories of the bundle that are the captured process's own."""
    wanted: set[str] = set()
    for capture in subject.captures:
        paths = capture.facts.value("cgroup_of", "paths")
        if isinstance(paths, dict):
            wanted |= {str(p).rstrip("/") for p in paths.values() if str(p).rstrip("/")}
    for held in subject.host.cgroups:
        path = held.path.rstrip("/")
        if any(path == want or re.fullmatch(re.escape(want) + r"[._-]after", path) for want in wanted) or (
            subject.pod_uid and subject.pod_uid.replace("-", "_") in path.replace("-", "_")
        ):
            subject.cgroup.append(held)
    if not subject.cgroup and not wanted and len(subject.host.cgroups) == 1:
        subject.cgroup = list(subject.host.cgroups)


def own_kills(subject: Subject) -> list[KernelEvent]:
    """Kernel OOM kills that name the subject's pid or cgroup (comm alone convicts the wrong one)."""
    return [k for k in subject.host.kernel_events("oom_kill") if names_subject(subject, k)]


def names_subject(subject: Subject, event: KernelEvent) -> str:
    """How a kernel line names the subject: "pid", "cgroup" or "" (not at all)."""
    host_pids = {c.pid for c in subject.captures if c.pid is not None} | {
        int(e.fields["pid"])
        for life in subject.lives
        for e in life.events
        if e.kind == "exit" and e.fields.get("pid", "").isdigit()
    }
    if event.pid is not None and event.pid in host_pids and event.pid != 1:
        return "pid"
    cgroup = (event.cgroup or "").replace("_", "-")
    if cgroup and subject.pod_uid and subject.pod_uid.replace("_", "-") in cgroup:
        return "cgroup"
    if cgroup and subject.container_id and subject.container_id in cgroup:
        return "cgroup"
    for capture in subject.captures:
        paths = capture.facts.value("cgroup_of", "paths")
        if isinstance(paths, dict):
            for path in paths.values():
                if len(str(path)) > 1 and event.cgroup == path:
                    return "cgroup"
    return ""


def _data_dir(subject: Subject) -> tuple[DataDir, Evidence] | None:
    """The listing of this subject's data directory. Another ingester's does not count."""
    listed = [(d, e) for d, e in subject.host.data_dirs if d.tenants]
    if not listed:
        return None
    healthy = {u.decode("ascii", "replace") for life in subject.lives for u in life.healthy}
    named = {f.directory for life in subject.lives for f in life.failures if f.directory}
    scored: list[tuple[int, int, tuple[DataDir, Evidence]]] = []
    for i, (data, evidence) in enumerate(listed):
        ulids = {u for t in data.tenants.values() for u in t.blocks}
        score = 0
        if healthy and ulids:
            common = len(healthy & ulids)
            score = 4 if common * 5 > min(len(healthy), len(ulids)) else (2 if common else -4)
        if any(d == data.root or d.startswith(data.root + "/") for d in named):
            score += 3
        elif named and {posixpath.basename(d) for d in named} & set(data.tenants):
            score += 1
        scored.append((score, -i, (data, evidence)))
    score, _, best = max(scored)
    if score > 0 or (len(listed) == 1 and score == 0):
        return best
    if score == 0:
        subject.notes.append(
            f"{len(listed)} data directories are listed; none can be linked to this process, so no need is taken from them"
        )
    return None


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


def _share_kernel_lines(
    logs: Iterable[LogDigest], places: dict[str, Place], all_hosts: Sequence[Host]
) -> None:
    """Kernel lines found in journals and syslogs belong to their host."""
    for log in logs:
        if log.kernel is not None and log.kernel.events:
            host = placement.host_of(places[log.member], all_hosts)
            host.kernel_logs.append(log.kernel)


def _captured_at(intake: Intake, all_hosts: Sequence[Host]) -> Stamp | None:
    """When the bundle was taken: the host's own clock, else the newest member's mtime."""
    stated = [host.now for host in all_hosts if host.now is not None]
    if stated:
        return max(stated)
    if intake.newest_mtime:
        return Stamp.from_seconds(intake.newest_mtime)
    return None


def _name_subjects(subjects: Sequence[Subject]) -> None:
    """Short, unique, stable ids: namespace/pod/container, else host/product, else the log's name."""
    seen: dict[str, int] = {}
    for subject in subjects:
        place = subject.place
        if place.pod:
            parts = [place.namespace, place.pod, place.container]
        else:
            log = posixpath.basename(subject.logs[0].member) if subject.logs else None
            parts = [subject.host.name or place.host, place.container or subject.product or log]
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


def version_evidence(subject: Subject) -> Evidence | None:
    """Where product and version are stated."""
    return subject.product_evidence or evidence_of(subject.host.facts.get("version", "version"))
