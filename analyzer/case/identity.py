"""Who a subject is: product, version, pod, pids, cgroup, data directory, and the kernel lines that name it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from msgspec.structs import replace

from analyzer import lazy
from analyzer.case import attribution
from analyzer.case.model import Subject
from analyzer.facts import Evidence, Present
from analyzer.logs import eras
from analyzer.logs.model import KernelEvent
from analyzer.snapshots.model import DataDir, PodEvent, PodState

_INGESTERS = ("ingester", "prometheus", "receive")
_SOON = 60_000_000_000  # nanoseconds from a process's last line to its end
_SLACK = 2_000_000_000  # nanoseconds between what a container writes and what its engine notes
_CALLER = lazy.pattern(r"caller\W{1,5}([\w.]+\.go:\d+)")
_CONTAINER_ID = lazy.pattern(r"(?:^|/|-)([0-9a-f]{64})(?:[-./]|$)")
_UNIT = lazy.pattern(r"[^/]+\.service(?:/|$)|user\.slice")
_POD_UID = lazy.pattern(r"_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})/")


def identify(subject: Subject) -> None:
    """Product and version from the newest banner, else from what the log's lines hint at."""
    for life in subject.lives:
        if life.start is not None and life.start.fields.get("product"):
            subject.product = life.start.fields["product"]
            subject.version = life.start.fields.get("version") or subject.version
    if subject.product is None:
        hints = [p for log in subject.logs for p, _ in log.products.most_common(1)]
        subject.product = hints[0] if hints else None
    stated = subject.host.facts.get("version", "product")
    if subject.version is None and isinstance(stated, Present):
        same = subject.product in (None, stated.value)
        subject.version = subject.host.facts.value("version", "version") if same else None


def check_version(subject: Subject) -> None:
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


def find_pod(subject: Subject, pods: Sequence[PodState], events: Sequence[PodEvent]) -> None:
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
        named = [p for p in pods if any(w in p.name for w in _INGESTERS)]
        matching = named if len(named) == 1 else (list(pods) if len(pods) == 1 else [])
    if matching:
        subject.pod = matching[0]
        if place.pod and len(matching) == 1:
            subject.pod_uid = subject.pod_uid or matching[0].uid
    name = place.pod or (subject.pod.name if subject.pod else None)
    if name:
        subject.pod_events = [e for e in events if e.object.rsplit("/", 1)[-1] == name]


def find_container(subject: Subject, containers: Sequence[PodState], *, alone: bool) -> None:
    """The state of the subject's container outside of Kubernetes: by its id in the log's path or the process's
    cgroup. Where no id is known, and there is one subject (``alone``) and no pod: by its name, or as the only one,
    if it ended when the log did. It tells of the newest life only if it ran while that life wrote."""
    if subject.pod is not None:
        return
    known = {c.facts.value("cgroup_of", "container_id") for c in subject.captures} | {subject.container_id}
    known.discard(None)
    matching: list[PodState] = []
    if known:
        matching = [p for p in containers if p.containers[0].container_id in known]
    elif alone and not subject.place.pod:
        named = [p for p in containers if any(word in _names(p) for word in _INGESTERS)]
        matching = named or [p for p in containers if len(containers) == 1 and _ends_with(p, subject)]
    if len({p.containers[0].container_id for p in matching}) != 1 or not _encloses(matching[0], subject):
        return
    box = matching[0].containers[0]
    subject.container_id = subject.container_id or box.container_id
    # The log's own name of the container may be another; the state is its all the same.
    box = replace(box, name=subject.place.container or box.name)
    subject.pod = replace(matching[0], containers=[box])


def _names(container: PodState) -> str:
    return f"{container.containers[0].name} {container.labels.get('image', '')}".lower()


def _encloses(container: PodState, subject: Subject) -> bool:
    """Whether the newest life wrote while the container ran. Clocks without a zone tell nothing."""
    box, life = container.containers[0], subject.lives[-1] if subject.lives else None
    if life is None or life.first is None or life.last is None or life.last.assumed or life.first.assumed:
        return True
    started, finished = box.started, box.finished
    if started is not None and life.last.ns < started.ns - _SLACK:
        return False
    return finished is None or box.state != "terminated" or life.first.ns <= finished.ns + _SLACK


def _ends_with(container: PodState, subject: Subject) -> bool:
    """Whether the container ended right after the newest life's last line."""
    box, life = container.containers[0], subject.lives[-1] if subject.lives else None
    if life is None or life.last is None or life.last.assumed or box.finished is None:
        return False
    return box.state == "terminated" and -_SLACK <= box.finished.ns - life.last.ns <= _SOON


def pids_from_log(subject: Subject) -> None:
    for life in subject.lives:
        for event in life.events:
            pid = event.fields.get("pid", "")
            if event.kind == "exit" and pid.isdigit():
                subject.pids.add(int(pid))
    for log in subject.logs:
        stated = {log.hints.get("pid", ""), *(dict(segment.hints).get("pid", "") for segment in log.segments)}
        subject.pids.update(int(pid) for pid in stated if pid.isdigit())


def find_cgroup(subject: Subject) -> None:
    """The cgroup directories of the bundle that are the captured process's own. The only one of the bundle is taken
    for it where the process's own path is not known, and the path names nothing else."""
    stated = False
    wanted: set[str] = set()
    for capture in subject.captures:
        paths = capture.facts.value("cgroup_of", "paths")
        if isinstance(paths, dict):
            stated = True
            wanted |= {str(p).rstrip("/") for p in paths.values() if str(p).rstrip("/")}
    for held in subject.host.cgroups:
        path = held.path.rstrip("/")
        if any(path == want or re.fullmatch(re.escape(want) + r"[._-]after", path) for want in wanted) or (
            subject.pod_uid and subject.pod_uid.replace("-", "_") in path.replace("-", "_")
        ):
            subject.cgroup.append(held)
    if subject.cgroup or wanted or len(subject.host.cgroups) != 1:
        return
    only = subject.host.cgroups[0]
    if not only.path.strip("/") or not (stated or _of_another(subject, only.path)):
        subject.cgroup = [only]
    else:
        subject.notes.append(
            f"the cgroup {only.path} of the bundle cannot be linked to this process: not used"
        )


def _of_another(subject: Subject, path: str) -> bool:
    """Whether a cgroup's path names a unit, a container or a pod that is not known to be the subject's."""
    text = path.lower()
    if any(product in text for product in (*attribution.INGESTERS, subject.product or "ingester")):
        return False
    container = _CONTAINER_ID.search(text)
    if container is not None and subject.container_id not in (None, container[1]):
        return True
    return _UNIT.search(text) is not None or (subject.pod_uid is not None and "pod" in text)


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


def find_data_dir(subject: Subject) -> tuple[DataDir, Evidence] | None:
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


def product_from_capture(subject: Subject) -> None:
    for capture in subject.captures:
        names = attribution._names(capture)
        for product in ("cortex", "mimir", "prometheus", "thanos"):
            if product in names:
                subject.product = product
                return
