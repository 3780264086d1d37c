"""Segments of log members become lives: one process from its start to its end (design, rules 9, 10)."""

from __future__ import annotations

from collections.abc import Container, Sequence

from analyzer.bundle.model import Place
from analyzer.case import borders, overlaps
from analyzer.case.model import Life, Subject
from analyzer.facts import Stamp
from analyzer.logs.model import Event, KernelEvent, LogDigest, Segment
from analyzer.logs.operations import OPENS

_FAR_PAST = Stamp(-(1 << 62))


def order_logs(logs: Sequence[tuple[LogDigest, Place]]) -> list[tuple[LogDigest, Place]]:
    """Oldest first: by restart count, then previous before current, then rotation, then time."""

    def key(item: tuple[LogDigest, Place]) -> tuple[int, int, int, Stamp, str]:
        log, place = item
        return (
            place.restart if place.restart is not None else -1,
            0 if place.previous else 1,
            -(place.rotation or 0),
            log.first or _FAR_PAST,
            log.member,
        )

    return sorted(logs, key=key)


def build_lives(logs: Sequence[tuple[LogDigest, Place]], again: Container[int] = ()) -> list[Life]:
    """Lives in order of time. A banner starts one; so does a new container instance's log file. ``again`` are the
    ids of segments that another one tells as well."""
    lives: list[Life] = []
    known: dict[str, int] = {}  # of the life that is being put together
    before: Place | None = None
    for log, place in order_logs(logs):
        boundary = before is None or _new_instance(before, place)
        for segment in log.segments:
            if id(segment) in again:
                continue
            if segment.start is not None or boundary or not lives:
                lives.append(Life(id=f"L{len(lives) + 1}", start=segment.start))
                known = {}
            overlapping = overlaps.overlapping(segment, lives[-1].last)
            _extend(lives[-1], log, segment, overlapping=overlapping)
            borders.go_on(lives[-1].failures, known, segment, overlapping=overlapping)
            lives[-1].dead = place.previous
            boundary = False
        before = place
    return [life for life in lives if life.lines or life.events or life.failures]


def _new_instance(before: Place, place: Place) -> bool:
    """Whether two log files in a row are of two container instances rather than one rotated log."""
    if before.restart is not None or place.restart is not None:
        return before.restart != place.restart
    return before.previous != place.previous


def _extend(life: Life, log: LogDigest, segment: Segment, *, overlapping: bool) -> None:
    """Add a segment to the life that wrote it."""
    life.segments.append((log, segment))
    events = segment.events
    if overlapping:
        events = [event for event in events if not overlaps.repeated_event(event, life.events)]
    life.events.extend(events)
    life.fatals.extend(e for e in events if e.kind == "fatal")
    life.healthy |= segment.healthy
    life.healthy_after += segment.healthy_after
    life.healthy_dropped += segment.healthy_dropped
    life.blocks_by_tenant.update(segment.blocks_by_tenant)
    life.tenants |= segment.tenants
    life.levels.update(segment.levels)
    # A dump states no level, and is an error all the same, as its record says; its lines are one.
    dumps = min(sum(e.count for e in segment.events if e.kind == "fatal"), segment.levels["other"])
    life.levels["error"] += dumps
    life.levels["other"] -= dumps
    life.lines += segment.lines
    life.last_record = segment.last_record or life.last_record
    if segment.first is not None and (life.first is None or segment.first < life.first):
        life.first = segment.first
    if segment.last is not None and (life.last is None or segment.last > life.last):
        life.last = segment.last
    if segment.start is not None:
        life.start = segment.start


def settle_outcomes(subject: Subject, kills: Sequence[KernelEvent]) -> None:
    """How each life ended, whether it came up, and which lives make one episode.

    ``kills`` are the kernel's kills of this subject's own processes, oldest first.
    """
    _assign_kills(subject.lives, kills)
    for i, life in enumerate(subject.lives):
        last = i == len(subject.lives) - 1
        life.opened = any(e.kind == "opened" for e in life.events)
        ready = [e for e in life.events if e.kind == "ready"]
        life.ready = bool(ready)
        first_failure = min((f.first_line for f in life.failures if f.first_line), default=None)
        life.ready_clean = bool(ready) and (
            first_failure is None or (ready[0].evidence.line or 0) < first_failure
        )
        _settle_outcome(life, subject, last=last)
    _settle_episodes(subject.lives)


def _assign_kills(lives: Sequence[Life], kills: Sequence[KernelEvent]) -> None:
    """A kill belongs to the life whose pid it names; without one, the newest kills to the newest
    lives that just stop."""
    silent = [life for life in lives if not life.fatals and not _stopped(life)]
    for kill in kills:
        for life in lives:
            if life.pid is not None and life.pid == kill.pid:
                life.kernel.append(kill)
                break
    left = [k for k in kills if not any(k in life.kernel for life in lives)]
    free = [life for life in silent if not life.kernel]
    for life, kill in zip(reversed(free), reversed(left), strict=False):
        life.kernel.append(kill)


def _stopped(life: Life) -> bool:
    return any(e.kind in ("stopped", "exit") for e in life.events)


def _settle_outcome(life: Life, subject: Subject, *, last: bool) -> None:
    exits = [e for e in life.events if e.kind == "exit"]
    for event in exits:
        _read_exit(life, event)
    if any(k.kind == "oom_kill" for k in life.kernel):
        life.outcome, life.signal, life.reason = "killed", 9, "OOM kill (kernel log)"
    elif life.fatals:
        life.outcome = "go_fatal"
        life.exit_code = life.exit_code if life.exit_code is not None else 2
        life.reason = life.fatals[0].fields.get("reason") or "Go fatal error"
    elif life.signal == 9:
        life.outcome, life.reason = "killed", life.reason or "SIGKILL"
    elif _error_exit(life):
        life.outcome = "error_exit"
        life.exit_code = life.exit_code if life.exit_code is not None else 1
    elif any(e.kind == "shutdown" for e in life.events) or (_stopped(life) and life.exit_code in (0, None)):
        life.outcome = "clean_exit"
    elif not last:
        life.outcome = "log_stops"
    else:
        life.outcome = _open_end(life, subject)
    if last and subject.pod is not None:
        _from_pod(life, subject)


def _open_end(life: Life, subject: Subject) -> str:
    """How the newest life stands when its log states no end."""
    if life.dead:
        return "log_stops"
    if life.ready or life.start is None:
        return "running"
    if life.failures:
        return "log_stops"
    # A start that has not come up yet is only suspicious when the one before it did not either.
    earlier = [other for other in subject.lives if other is not life]
    stopped = bool(earlier) and earlier[-1].outcome in ("log_stops", "killed")
    return "log_stops" if stopped else "starting"


def _error_exit(life: Life) -> bool:
    """Whether the process returned an error: by its own last word, which rarely says why, or by what failed."""
    if any(e.kind == "stopped" and e.fields.get("outcome") == "error" for e in life.events):
        return True
    startup = [f for f in life.failures if f.operation in OPENS]
    shutdown = any(e.kind == "shutdown" for e in life.events)
    # While it is asked to stop, a module may fail of nothing but that.
    if any(e.kind == "module_failed" for e in life.events) and (life.failures or not shutdown):
        return True
    return bool(startup) and not life.ready and not shutdown


def _read_exit(life: Life, event: Event) -> None:
    """Take exit code, signal and pid from a line that states them."""
    code, signal, pid = (event.fields.get(k) for k in ("code", "signal", "pid"))
    if code is not None and code.isdigit():
        life.exit_code = int(code)
    if signal is not None and signal.isdigit():
        life.signal = int(signal)
    if pid is not None and pid.isdigit() and life.pid is None:
        life.pid = int(pid)


def _from_pod(life: Life, subject: Subject) -> None:
    """What the pod's state says of its newest terminated container instance."""
    pod = subject.pod
    if pod is None:
        return
    for container in pod.containers:
        if subject.place.container not in (None, container.name):
            continue
        code = container.exit_code if container.state == "terminated" else container.last_exit_code
        reason = container.reason if container.state == "terminated" else container.last_reason
        if reason == "OOMKilled":
            life.outcome, life.signal, life.exit_code = "killed", 9, code
            life.reason = "OOMKilled (pod state)" if pod.name else "OOMKilled (container state)"
        elif code is not None and life.outcome in ("log_stops", "starting", "unknown"):
            life.exit_code, life.reason = code, reason
            if code == 137:
                life.outcome, life.signal = "killed", 9


def _settle_episodes(lives: Sequence[Life]) -> None:
    """Number runs of consecutive failing lives; a clean ready state ends an episode (rule 10)."""
    number = 0
    running = False
    for life in lives:
        if not life.failing:
            running = running and not life.ready
            continue
        if not running or life.ready_clean:
            number += 1
        running = True
        life.episode = number
