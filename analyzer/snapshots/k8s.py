"""Kubernetes objects, from JSON or YAML, as the case needs them: pods and events.

Both formats become plain mappings first; whatever is of an unexpected type is taken as not told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from analyzer import lazy
from analyzer.facts import Evidence, Stamp
from analyzer.snapshots.model import ContainerState, PodEvent, PodState
from analyzer.snapshots.moments import moment

Where = Callable[[str, object], Evidence]  # (field, value) -> where the object states it

_QUANTITY = lazy.pattern(r"(\d+(?:\.\d+)?)(?:e(\d{1,2}))?([kKMGTPE]i?|m)?")
_FACTORS = {
    None: 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "zone")
_ZONE_NAME = lazy.pattern(r"zone-([a-z0-9]+)(?:-\d+)?$")
_MOST_LABELS = 64


def quantity(text: object) -> int | None:
    """Bytes of a Kubernetes quantity (``8Gi``, ``500M``, ``1e9``), else None.

    >>> quantity("8Gi"), quantity("500M"), quantity(1024), quantity("much")
    (8589934592, 500000000, 1024, None)
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        return None
    value = float(match[1]) * 10.0 ** int(match[2] or 0) * _FACTORS[match[3]]
    return int(value) if value < 1e24 else None


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def whole_number(value: object) -> int | None:
    """The value if it is an integer (not a bool), or a text that is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else None


def word(value: object) -> str | None:
    """The value as text where it is a scalar and not empty."""
    return str(value) if isinstance(value, (str, int, float)) and str(value) else None


def time(value: object) -> Stamp | None:
    """The moment a field states; YAML may have made a datetime of it."""
    if value is None:
        return None
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return moment(text)


def objects(loaded: object, kind: str) -> Iterator[Mapping[str, Any]]:
    """The objects of ``kind`` in a document: itself, a list's items, or a list of documents."""
    if isinstance(loaded, list):
        for item in loaded:
            yield from objects(item, kind)
        return
    found = mapping(loaded)
    named = str(found.get("kind") or "")
    if named in ("List", f"{kind}List") or (not named and "items" in found):
        for item in sequence(found.get("items")):
            own = mapping(item)
            if own.get("kind", kind) == kind:
                yield own
    elif named == kind:
        yield found


def pod_state(pod: Mapping[str, Any], where: Where) -> PodState | None:
    """One pod, None where it has no name."""
    meta, spec, status = mapping(pod.get("metadata")), mapping(pod.get("spec")), mapping(pod.get("status"))
    name = word(meta.get("name"))
    if name is None:
        return None
    labels = {str(k): str(v) for k, v in list(mapping(meta.get("labels")).items())[:_MOST_LABELS]}
    state = PodState(
        namespace=word(meta.get("namespace")),
        name=name,
        uid=word(meta.get("uid")),
        node=word(spec.get("nodeName")),
        phase=word(status.get("phase")),
        reason=word(status.get("reason")),
        zone=zone_of(name, labels),
        labels=labels,
        evidence=where("name", name),
    )
    resources = {
        str(mapping(c).get("name")): mapping(mapping(c).get("resources"))
        for key in ("initContainers", "containers")
        for c in sequence(spec.get(key))
    }
    seen = set()
    for key in ("initContainerStatuses", "containerStatuses"):
        for entry in sequence(status.get(key)):
            container = _container(mapping(entry), resources, where, init=key.startswith("init"))
            seen.add(container.name)
            state.containers.append(container)
    for container_name in resources.keys() - seen:
        container = ContainerState(container_name)
        _add_resources(container, resources[container_name], where)
        state.containers.append(container)
    return state


def zone_of(name: str, labels: Mapping[str, str]) -> str | None:
    """The zone that a pod's labels or its name tell."""
    for label in _ZONE_LABELS:
        if labels.get(label):
            return labels[label]
    match = _ZONE_NAME.search(name)
    return f"zone-{match[1]}" if match is not None else None


def _container(
    entry: Mapping[str, Any], resources: Mapping[str, Mapping[str, Any]], where: Where, init: bool
) -> ContainerState:
    container = ContainerState(str(entry.get("name") or "?"), init=init)
    identity = word(entry.get("containerID"))
    if identity is not None:
        container.container_id = identity.split("://", 1)[-1]
    container.restarts = whole_number(entry.get("restartCount"))
    if container.restarts is not None:
        container.evidence["restarts"] = where("restartCount", container.restarts)
    _add_state(container, mapping(entry.get("state")), where, last=False)
    _add_state(container, mapping(entry.get("lastState")), where, last=True)
    _add_resources(container, resources.get(container.name, {}), where)
    return container


def _add_state(container: ContainerState, state: Mapping[str, Any], where: Where, last: bool) -> None:
    prefix = "last_" if last else ""
    for name in ("running", "waiting", "terminated"):
        if name not in state:
            continue
        found = mapping(state[name])
        setattr(container, "last_state" if last else "state", name)
        fields = {
            "reason": word(found.get("reason")),
            "exit_code": whole_number(found.get("exitCode")),
            "signal": whole_number(found.get("signal")),
            "started": time(found.get("startedAt")),
            "finished": time(found.get("finishedAt")),
        }
        for field, value in fields.items():
            if value is not None:
                setattr(container, prefix + field, value)
        for field, key in (("reason", "reason"), ("exit_code", "exitCode")):
            if fields[field] is not None:
                container.evidence[prefix + field] = where(key, fields[field])
        ended = word(found.get("containerID"))
        if last and ended is not None and container.container_id is None:
            container.container_id = ended.split("://", 1)[-1]
        return


def _add_resources(container: ContainerState, resources: Mapping[str, Any], where: Where) -> None:
    limit = mapping(resources.get("limits")).get("memory")
    request = mapping(resources.get("requests")).get("memory")
    container.memory_limit = quantity(limit) if limit is not None else None
    container.memory_request = quantity(request) if request is not None else None
    if container.memory_limit is not None:
        container.evidence["memory_limit"] = where("memory", limit)


def pod_event(event: Mapping[str, Any], where: Where) -> PodEvent | None:
    """One event, None where it has neither reason nor message."""
    reason = word(event.get("reason"))
    message = word(event.get("message")) or word(event.get("note"))
    about = mapping(event.get("involvedObject")) or mapping(event.get("regarding"))
    if reason is None and message is None:
        return None
    series = mapping(event.get("series"))
    first = time(event.get("firstTimestamp")) or time(event.get("eventTime"))
    last = (
        time(event.get("lastTimestamp"))
        or time(series.get("lastObservedTime"))
        or time(event.get("deprecatedLastTimestamp"))
        or first
    )
    count = whole_number(event.get("count")) or whole_number(series.get("count"))
    return PodEvent(
        reason=reason or "",
        message=(message or "")[:4000],
        object="/".join(str(about.get(key) or "") for key in ("kind", "namespace", "name")),
        count=count or whole_number(event.get("deprecatedCount")) or 1,
        first=first,
        last=last,
        evidence=where("reason", reason or ""),
    )
