"""What has not failed yet but is near its limit: a healthy ingester at 97 % of max_map_count."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analyzer.case.model import Capture, Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.model import Risk, Verdict
from analyzer.diagnosis.weigh import human, number

NEAR = 0.8  # the alert threshold of the field (incidents.md section 6)


# Which verdicts say that a limit has been met.
_FAILED: dict[str, tuple[str, ...]] = {
    "vm.max_map_count": ("max_map_count",),
    "vm.max_map_count at start": ("max_map_count",),
    "Max address space": ("rlimit_as",),
    "Max data size": ("rlimit_data",),
    "Max locked memory": ("rlimit_memlock",),
    "Max open files": ("nofile",),
    "cgroup memory": ("cgroup_oom", "kernel_memory"),
    "cgroup pids": ("threads",),
}


def risks(case: Case, verdicts: Mapping[str, Verdict]) -> list[Risk]:
    """Every limit of every subject and bystander that is used to 80 % or more, the nearest first.

    ``verdicts`` by subject id: a limit that the verdict names has failed already and is no risk.
    """
    found: list[Risk] = []
    for subject in case.subjects:
        for capture in subject.captures:
            found.extend(_of_capture(subject, capture, subject.id))
        found.extend(_of_need(subject))
        for capture in subject.bystanders:
            found.extend(_of_capture(subject, capture, f"pid {capture.pid} (another process)"))
        found.extend(_of_cgroup(subject))
    best: dict[tuple[str, str], Risk] = {}
    for risk in found:
        verdict = verdicts.get(risk.subject)
        if verdict is not None and verdict.cause in _FAILED.get(risk.limit, ()):
            continue
        key = (risk.subject, risk.limit)
        if key not in best or risk.ratio > best[key].ratio:
            best[key] = risk
    return sorted(best.values(), key=lambda r: -r.ratio)


def _risk(who: str, limit: str, used: float, most: float, text: str) -> list[Risk]:
    if not most or not math.isfinite(most) or not math.isfinite(used) or used / most < NEAR:
        return []
    return [Risk(who, limit, int(used), round(used / most, 4), text)]


def _of_capture(subject: Subject, capture: Capture, who: str) -> list[Risk]:
    found: list[Risk] = []
    limit = reading.max_map_count(subject, capture)
    best = capture.best
    if best is not None and limit is not None and best.basis not in ("lsof", "open_files"):
        text = f"{number(best.count)} of {number(limit.value)} mappings"
        found += _risk(who, "vm.max_map_count", best.count, limit.value, text)
    for name, kind, key, label in (
        ("nofile", "fd_count", "fds", "Max open files"),
        ("address_space", "status", "vm_peak", "Max address space"),
        ("data", "status", "vm_data", "Max data size"),
        ("memlock", "status", "vm_lck", "Max locked memory"),
    ):
        soft = capture.facts.value("limits", name)
        used = reading.present(capture.facts.get(kind, key))
        if soft is None or used is None or math.isinf(float(soft[0])):
            continue
        show = number if name == "nofile" else human
        text = f"{show(used.value)} of {label} {show(float(soft[0]))}"
        found += _risk(who, label, used.value, float(soft[0]), text)
    return found


def _of_need(subject: Subject) -> list[Risk]:
    """A running process may hold less than its next start needs."""
    need, limit = subject.need, reading.max_map_count(subject)
    if need is None or limit is None:
        return []
    text = (
        f"the next start needs {number(need.low)} or more mappings, vm.max_map_count is {number(limit.value)}"
    )
    return _risk(subject.id, "vm.max_map_count at start", need.low, limit.value, text)


def _of_cgroup(subject: Subject) -> list[Risk]:
    found: list[Risk] = []
    for group in subject.cgroup:
        for used_key, limit_key, label, show in (
            ("memory_current", "memory_max", "cgroup memory", human),
            ("pids_current", "pids_max", "cgroup pids", number),
        ):
            used = reading.present(group.facts.get("cgroup", used_key))
            most = reading.present(group.facts.get("cgroup", limit_key))
            if used is not None and most is not None:
                text = f"{show(used.value)} of {show(most.value)} in {group.path}"
                found += _risk(subject.id, label, used.value, most.value, text)
    return found
