"""``ip netns exec NS sysctl -a``: a network namespace's view, a decoy for the host's values.

    net.ipv4.ip_forward = 1
    vm.max_map_count = 65530

>>> from analyzer.snapshots.parsers import member_of, sample
>>> path = "sos_commands/networking/namespaces/ns1/ip_netns_exec_ns1_sysctl_-a"
>>> sample(PARSER, path, __doc__)["net.ipv4.ip_forward"].value
'1'
>>> PARSER.read(member_of(path, b"net.ipv4.ip_forward = 1\\n"))[0].scope
'netns'
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.snapshots.base import SnapshotParser, is_refused_or_empty, snapshot
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers.sysctl import looks_like_sysctl, values_of


def read_netns(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of scope "netns"."""
    return [snapshot(member, "sysctl", values_of(member), scope="netns")]


PARSER = SnapshotParser(
    kind="sysctl_netns",
    main="vm.max_map_count",
    markers=("ip_netns_exec_*_sysctl_-a", "namespaces/*/*sysctl*", "*netns*sysctl*"),
    confirm=lambda path, head: looks_like_sysctl(path, head) or is_refused_or_empty(head),
    parse=read_netns,
)
