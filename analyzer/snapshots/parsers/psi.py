"""Pressure stall information of memory: ``/proc/pressure/memory``, a cgroup's ``memory.pressure``.

    some avg10=12.50 avg60=4.00 avg300=0.90 total=8112351
    full avg10=10.00 avg60=3.10 avg300=0.70 total=7012350

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "proc/pressure/memory", __doc__)
>>> facts["avg10"].value, facts["full_avg10"].value, facts["scope"].value
(12.5, 10.0, '')
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import SnapshotParser, evidence, lines, present, snapshot, unreadable
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers.cgroup import cgroup_path

_PAIR = lazy.pattern(r"(avg10|avg60|avg300|total)=(\d{1,20}(?:\.\d{1,4})?)(?= |$)")


def _is_psi(path: str, head: bytes) -> bool:
    return head.startswith(b"some avg10=")


def read_psi(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot: shares of time (%) in which some tasks waited, ``full_`` for all; ``scope`` the cgroup."""
    values: dict[str, Fact[Any]] = {}
    for number, line in lines(member):
        kind, _, rest = line.partition(" ")
        prefix = {"some": "", "full": "full_"}.get(kind)
        if prefix is None:
            continue
        for name, value in _PAIR.findall(rest):
            values[prefix + name] = present(float(value), member, number, line)
    if not values:
        return [unreadable(member, "psi", "avg10", "empty or garbled")]
    of_host = "proc/pressure" in member.path or "cgroup" not in member.path
    scope = "" if of_host else cgroup_path(member.path)[0]
    values["scope"] = Present(scope, evidence(member, None, scope))
    return [snapshot(member, "cgroup_psi" if scope else "psi", values)]


PARSER = SnapshotParser(
    kind="psi",
    main="avg10",
    markers=("proc/pressure/memory", "pressure_memory", "memory.pressure", "psi_memory"),
    confirm=_is_psi,
    parse=read_psi,
)
