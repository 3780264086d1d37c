"""On which host of the bundle a subject ran: its facts (sysctl, meminfo, kernel log) speak for no other.

A log taken on a node lies beside the node's own files; one fetched through the API server does not, and
only the pod's ``nodeName`` tells the node. The facts of another node must never be held against it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from analyzer.bundle.model import Place
from analyzer.case.model import Host, Subject


class Placement:
    """The hosts of a bundle, found by name and by folder."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._by_name: dict[str, Host] = {}
        self._by_root: dict[str, list[Host]] = {}
        self._by_cgroup: dict[str, Host] = {}
        for host in hosts:
            if host.name:
                self._by_name.setdefault(host.name, host)
                self._by_name.setdefault(_short(host.name), host)
            if host.root:
                self._by_root.setdefault(host.root, []).append(host)
            for capture in host.captures:
                for fact in ("pod_uid", "container_id"):
                    if value := capture.facts.value("cgroup_of", fact):
                        self._by_cgroup.setdefault(_plain(value), host)

    def host_of(self, place: Place) -> Host:
        """The host whose name or folder the place states; the only one there is otherwise."""
        return self._named(place.node, place.host) or self._beside(place) or self._only(place)

    def host_of_subject(self, subject: Subject, nodes: Collection[str]) -> Host:
        """The host that a subject ran on; one without facts where the bundle does not have it.

        ``nodes`` are those of all subjects' pods: facts of a host without a name cannot be of several.
        """
        place = subject.place
        node = place.node or (subject.pod.node if subject.pod is not None else None)
        stated = self._named(node, place.host) or self._of_cgroup(subject)
        if stated is not None:
            return stated
        # A pod's log beside the files of one host was taken there, unless the pod's node is another one.
        beside = self._beside(place) or self._only(place)
        if node is None or beside.name is None:
            return beside if node is None or len(nodes) < 2 else Host(root=place.root, name=node)
        taken_there = place.host is not None or beside.name in (place.pod, place.host)
        return beside if taken_there else Host(root=place.root, name=node)

    def _named(self, *names: str | None) -> Host | None:
        """The first host of one of ``names``; a name with its domain is that name."""
        for name in names:
            found = (self._by_name.get(name) or self._by_name.get(_short(name))) if name else None
            if found is not None:
                return found
        return None

    def _of_cgroup(self, subject: Subject) -> Host | None:
        """The host on which a process of the subject's own pod was captured."""
        for value in (subject.pod_uid, subject.container_id):
            if value and _plain(value) in self._by_cgroup:
                return self._by_cgroup[_plain(value)]
        return None

    def _beside(self, place: Place) -> Host | None:
        """The host whose files lie in the same folder; none where those of several nodes do."""
        same = self._by_root.get(place.root, [])
        if len(same) == 1:
            return same[0]
        return next((host for host in same if host.name is None), None)

    def _only(self, place: Place) -> Host:
        return (
            self._hosts[0] if len(self._hosts) == 1 else Host(root=place.root, name=place.node or place.host)
        )


def _short(name: str) -> str:
    """The name without its domain; an address is no name with a domain."""
    first = name.split(".", 1)[0]
    return name.lower() if first.isdigit() else first.lower()


def _plain(value: object) -> str:
    """A pod's uid as systemd's slices and kubelet's folders write it."""
    return str(value).replace("_", "-")
