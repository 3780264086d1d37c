"""Captured facts as rows: of processes, of cgroups, of hosts, and those that are only configured.

meminfo MemAvailable 1234567 (bytes)      one row
limits  nofile (1024, 4096)               two rows: nofile.soft, nofile.hard
df      / size used available             three rows by mount point
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from analyzer.case.model import Capture, Case, FactSet, Host, Subject
from analyzer.case.rows import Row, host_name
from analyzer.case.rows_captured import captures, owners
from analyzer.facts import Absent, Evidence, Fact, Present, Stamp, Unreadable
from analyzer.snapshots.model import MapsSummary, Mount

MOST_TEXT = 4096
"""Characters of a fact's value or quoted line that are kept."""

_BYTES = frozenset((
    "memory_max", "memory_high", "memory_current", "memory_peak", "swap_max", "swap_current", "memsw_max",
    "memsw_current", "memsw_peak", "kmem_limit", "kmem_usage", "kmem_peak", "anon", "file", "kernel",
    "kernel_stack", "pagetables", "slab", "slab_reclaimable", "slab_unreclaimable", "sock", "shmem",
    "file_mapped", "inactive_file", "active_file", "memory_limit_effective", "vsize", "address_space",
    "data", "stack", "core", "rss", "memlock", "fsize", "msgqueue", "rss_anon", "rss_file", "rss_shmem",
))  # fmt: skip
_COUNTS = {
    "nofile": "descriptors", "nproc": "threads", "threads": "threads", "fds": "descriptors", "tasks": "threads",
    "fdsize": "descriptors", "pids_max": "threads", "pids_current": "threads", "pids_peak": "threads",
    "vm.max_map_count": "mappings", "process_memory_map_areas": "mappings",
    "process_memory_map_areas_limit": "mappings", "process_open_fds": "descriptors",
    "process_max_fds": "descriptors", "kernel.pid_max": "threads", "kernel.threads-max": "threads",
    "fs.file-max": "descriptors", "fs.nr_open": "descriptors", "lines": "lines", "starttime": "ticks",
}  # fmt: skip

_LIMITS = ("limits", "prlimit", "ulimit")


def unit_of(kind: str, name: str) -> str | None:
    """The unit of a fact's number, None where it has none or none is known."""
    base = name.removesuffix(".soft").removesuffix(".hard")
    if kind == "meminfo":
        return "pages" if name.startswith("HugePages_") else "bytes"
    if base in _COUNTS:
        return _COUNTS[base]
    if base in _BYTES or base.startswith("vm_") or name.endswith("_bytes"):
        return "bytes"
    return "seconds" if name.endswith("_seconds") or (kind, name) == ("uptime", "seconds") else None


def facts(case: Case) -> Iterator[Row]:
    """Rows of ``facts``."""
    subject_of = owners(case)
    cgroup_of = {id(cgroup): subject for subject in case.subjects for cgroup in subject.cgroup}
    for name, host, capture in captures(case):
        yield from _process(name, host, capture, subject_of.get(id(capture)))
    for host in case.hosts:
        for cgroup in host.cgroups:
            owner = cgroup_of.get(id(cgroup))
            head = {"host": host_name(host), "group": cgroup.directory, "scope": "cgroup"}
            yield from _rows(head | ({"subject": owner.id} if owner is not None else {}), cgroup.facts)
        for group, held in host.groups.items():
            yield from _rows({"host": host_name(host), "group": group, "scope": "host"}, held)
        yield from _rows(
            {"host": host_name(host), "group": host.root, "scope": "configured"}, host.configured
        )
        for mount, member in host.mounts:
            yield from _mount(host, mount, member)


def _process(name: str, host: Host, capture: Capture, subject: Subject | None) -> Iterator[Row]:
    head: Row = {"snapshot": name, "host": host_name(host), "group": capture.group, "scope": "process"}
    if subject is not None:
        head["subject"] = subject.id
    yield from _rows(head, capture.facts)
    for count in capture.counts:
        if count.basis == "line_count":
            line_count: Fact[Any] = Present(count.count, count.evidence)
            yield from _fact(head, "line_count", "lines", line_count)


def _rows(head: Row, held: FactSet) -> Iterator[Row]:
    for (kind, name), fact in held.facts.items():
        yield from _fact(head, kind, name, fact)


def _fact(head: Row, kind: str, name: str, fact: Fact[Any]) -> Iterator[Row]:
    row = head | {"kind": kind, "name": name}
    if isinstance(fact, Absent):
        yield row | {"state": "absent", "why": fact.ask or None}
    elif isinstance(fact, Unreadable):
        yield row | {"state": "unreadable", "why": fact.why} | _quoted(fact.evidence)
    elif kind in _LIMITS and _is_limit_pair(fact.value):
        for part, value in zip(("soft", "hard"), fact.value, strict=True):
            yield (
                row
                | {"name": f"{name}.{part}"}
                | _value(kind, f"{name}.{part}", value)
                | _quoted(fact.evidence)
            )
    else:
        yield row | _value(kind, name, fact.value) | _quoted(fact.evidence)


def _quoted(evidence: Evidence | None) -> Row:
    if evidence is None:
        return {}
    return {"member": evidence.member, "line": evidence.line, "text": evidence.text[:MOST_TEXT]}


def _is_limit_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int | float) for v in value)


def _value(kind: str, name: str, value: object) -> Row:
    """State, text, number and unit of a present value."""
    number = _number(value)
    shown = "unlimited" if number is not None and math.isinf(number) else _shown(value)[:MOST_TEXT]
    unit = unit_of(kind, name) if number is not None else None
    return {"state": "present", "value": shown, "number": number, "unit": unit}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if math.isnan(found) or (isinstance(value, str) and not value.strip()[-1:].isdigit()):
        return None
    return found


def _shown(value: object) -> str:
    """A value as text; what is more than a scalar as JSON, what is a frame of its own in short."""
    if isinstance(value, str):
        return value
    if isinstance(value, Stamp):
        return value.iso()
    if isinstance(value, MapsSummary):
        return f"{value.count} mappings"
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Counter | dict):
        plain: object = {str(k): v for k, v in list(value.items())[:100]}
    elif isinstance(value, tuple | list | set | frozenset):
        plain = list(value)[:100]
    else:
        plain = value
    return json.dumps(plain, ensure_ascii=False, default=_short)


def _short(value: object) -> str:
    """A nested row by its name and type: it stands in a frame of its own or in its member."""
    name = getattr(value, "name", None)
    return f"{type(value).__name__} {name}" if isinstance(name, str) else type(value).__name__


def _mount(host: Host, mount: Mount, member: str) -> Iterator[Row]:
    unit = "inodes" if mount.inodes else "bytes"
    for part, value in (("size", mount.size), ("used", mount.used), ("available", mount.available)):
        row: Row = {
            "host": host_name(host),
            "group": host.root,
            "scope": "host",
            "kind": "df",
            "name": f"{mount.path} {unit} {part}",
            "state": "present" if value is not None else "unreadable",
            "member": member,
            "line": mount.line,
        }
        if value is not None:
            row |= {"value": str(value), "number": float(value), "unit": unit}
        yield row
