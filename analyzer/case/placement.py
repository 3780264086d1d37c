"""On which host of the bundle a subject ran: its facts (sysctl, meminfo, kernel log) speak for no other.

A log taken on a node lies beside the node's own files; one fetched through the API server does not, and
only the pod's ``nodeName`` tells the node. The facts of another node must never be held against it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from analyzer.bundle.model import Place
from analyzer.case.model import Host, Subject


def host_of(place: Place, hosts: Sequence[Host]) -> Host:
    """The host whose name or folder the place states; the only one there is otherwise."""
    return _named(hosts, place.node, place.host) or _beside(place, hosts) or _only(place, hosts)


def host_of_subject(subject: Subject, hosts: Sequence[Host], nodes: Collection[str]) -> Host:
    """The host that a subject ran on; one without facts where the bundle does not have it.

    ``nodes`` are those of all subjects' pods: facts of a host without a name cannot be of several.
    """
    place = subject.place
    node = place.node or (subject.pod.node if subject.pod is not None else None)
    stated = _named(hosts, node, place.host) or _by_cgroup(subject, hosts)
    if stated is not None:
        return stated
    # A pod's log beside the files of one host was taken there, unless the pod's node is another one.
    beside = _beside(place, hosts) or _only(place, hosts)
    if node is None or beside.name is None:
        return beside if node is None or len(nodes) < 2 else Host(root=place.root, name=node)
    taken_there = place.host is not None or beside.name in (place.pod, place.host)
    return beside if taken_there else Host(root=place.root, name=node)


def _named(hosts: Sequence[Host], *names: str | None) -> Host | None:
    """The first host of one of ``names``; a name with its domain is that name."""
    for name in names:
        for host in hosts:
            if name and host.name and (host.name == name or _short(host.name) == _short(name)):
                return host
    return None


def _short(name: str) -> str:
    """The name without its domain; an address is no name with a domain."""
    first = name.split(".", 1)[0]
    return name.lower() if first.isdigit() else first.lower()


def _by_cgroup(subject: Subject, hosts: Sequence[Host]) -> Host | None:
    """The host on which a process of the subject's own pod was captured."""
    if subject.pod_uid is None and subject.container_id is None:
        return None
    uid = (subject.pod_uid or "").replace("_", "-")
    for host in hosts:
        for capture in host.captures:
            pod = str(capture.facts.value("cgroup_of", "pod_uid") or "").replace("_", "-")
            container = capture.facts.value("cgroup_of", "container_id")
            if (uid and pod == uid) or (container and container == subject.container_id):
                return host
    return None


def _beside(place: Place, hosts: Sequence[Host]) -> Host | None:
    """The host whose files lie in the same folder; none where those of several nodes do."""
    same = [host for host in hosts if place.root and host.root == place.root]
    nameless = [host for host in same if host.name is None]
    return same[0] if len(same) == 1 else nameless[0] if nameless else None


def _only(place: Place, hosts: Sequence[Host]) -> Host:
    return hosts[0] if len(hosts) == 1 else Host(root=place.root, name=place.node or place.host)
