"""Kubernetes events: ``kubectl get events`` as JSON, YAML or a table.

    LAST SEEN   TYPE      REASON      OBJECT                  MESSAGE
    2m10s       Warning   BackOff     pod/cortex-ingester-0   Back-off restarting failed container
    5m          Warning   OOMKilling  node/node-3             Memory cgroup out of memory: Killed process 31232

>>> from analyzer.snapshots.parsers import sample
>>> for event in sample(PARSER, "events.txt", __doc__)["events"].value:
...     print(event.reason, event.object, event.evidence.line)
BackOff pod//cortex-ingester-0 2
OOMKilling node//node-3 3
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots.base import (
    SnapshotParser,
    evidence,
    first_line,
    head_of,
    lines,
    refusal,
    snapshot,
    to_int,
    unreadable,
)
from analyzer.snapshots.k8s import pod_event
from analyzer.snapshots.k8s_text import documents
from analyzer.snapshots.model import PodEvent, Snapshot
from analyzer.snapshots.moments import moment

_JSON = lazy.pattern(rb'"kind"\s*:\s*"(?:Event|EventList)"')
_YAML = lazy.pattern(rb"^\s{0,6}(?:- )?kind: (?:Event|EventList)\s*$", re.MULTILINE)
_TABLE = lazy.pattern(r"(?:NAMESPACE +)?LAST SEEN +.*\bREASON\b.*\bOBJECT\b.*\bMESSAGE\b.*")
_INVOLVED = lazy.pattern(rb'"?involvedObject"?\s*:')
_MOST = 20_000


def is_events(path: str, head: bytes) -> bool:
    """A table of events, or JSON or YAML whose first objects are events."""
    start = head.lstrip()[:1]
    if start in (b"{", b"["):
        return _JSON.search(head) is not None or (_INVOLVED.search(head) is not None and b'"items"' in head)
    if _TABLE.fullmatch(first_line(head).decode("utf-8", "replace").rstrip()):
        return True
    return start in (b"a", b"i", b"k", b"-") and _YAML.search(head) is not None


def _read_table(member: Member) -> list[PodEvent]:
    """Rows by the columns of the heading; the last column takes the rest."""
    spans: dict[str, tuple[int, int | None]] = {}
    found: list[PodEvent] = []
    for number, line in lines(member):
        if not spans:
            if _TABLE.fullmatch(line.rstrip()):
                marks = [(m[0], m.start()) for m in re.finditer(r"\S+(?: SEEN)?", line)]
                ends = [start for _, start in marks[1:]] + [None]
                spans = {name: (start, end) for (name, start), end in zip(marks, ends, strict=True)}
            continue
        cells = {name: line[start:end].strip() for name, (start, end) in spans.items()}
        if not cells.get("REASON") or len(found) >= _MOST:
            continue
        kind, _, name = cells.get("OBJECT", "").partition("/")
        seen = moment(cells.get("LAST SEEN", ""))
        found.append(
            PodEvent(
                reason=cells["REASON"],
                message=cells.get("MESSAGE", ""),
                object=f"{kind}/{cells.get('NAMESPACE', '')}/{name}",
                count=to_int(cells.get("COUNT", "")) or 1,
                first=None,
                last=seen,
                evidence=evidence(member, number, line),
            )
        )
    return found


def read_events(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with ``events``."""
    head = head_of(member)
    found: list[PodEvent] = []
    if _TABLE.fullmatch(first_line(head).decode("utf-8", "replace").rstrip()):
        found = _read_table(member)
    else:
        for event, where in documents(member, "Event"):
            made = pod_event(event, where)
            if made is not None and len(found) < _MOST:
                found.append(made)
    if not found:
        return [unreadable(member, "k8s_events", "events", refusal(head) or "no event in it")]
    quoted = f"{len(found)} events, the first {found[0].reason}"
    return [
        snapshot(
            member, "k8s_events", {"events": Present(tuple(found), evidence(member, None, quoted))}, pid=None
        )
    ]


PARSER = SnapshotParser(
    kind="k8s_events",
    main="events",
    markers=("events", "events.*", "*events.json", "*events.yaml", "*events", "*_events*", "events/*.json"),
    confirm=is_events,
    parse=read_events,
    strong=is_events,
)
