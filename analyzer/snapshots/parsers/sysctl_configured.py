"""``/etc/sysctl.conf``, ``/etc/sysctl.d/*.conf``, ``/usr/lib/sysctl.d/*.conf``: configured, not in force.

    # raised for the ingesters
    vm.max_map_count = 262144
    -net.ipv4.conf.all.rp_filter = 2

>>> from analyzer.snapshots.parsers import member_of, sample
>>> facts = sample(PARSER, "etc/sysctl.d/99-cortex.conf", __doc__)
>>> facts["vm.max_map_count"].value, facts["net.ipv4.conf.all.rp_filter"].value
('262144', '2')
>>> PARSER.read(member_of("etc/sysctl.conf", b"vm.swappiness=1\\n"))[0].scope
'configured'

The last value of a key wins within a file, as when it is loaded. A file without a key has no values.
"""

from __future__ import annotations

from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, lines, present, snapshot
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers.sysctl import ROW, is_dump


def _confirm(path: str, head: bytes) -> bool:
    if b"\0" in head or is_dump(path, head):
        return False
    rows = [row.strip() for row in head.split(b"\n")[:200]]
    plain = [row for row in rows if row and row[:1] not in b"#;"]
    return sum(b"=" in row for row in plain) * 2 >= len(plain)


def read_configured(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot of scope "configured"."""
    values: dict[str, Fact[str]] = {}
    for number, line in lines(member):
        row = line.strip()
        match = ROW.fullmatch(row.removeprefix("-")) if row[:1] not in ("#", ";") else None
        if match is not None and "=" in row and len(values) < 10_000:
            key = match[1].replace("/", ".") if "." not in match[1] else match[1]
            values[key] = present(match[2].strip(), member, number, line)
    return [snapshot(member, "sysctl", values, scope="configured")]


PARSER = SnapshotParser(
    kind="sysctl_configured",
    main="vm.max_map_count",
    markers=(
        "etc/sysctl.conf",
        "sysctl.d/*.conf",
        "sysctl.d/README*",
        "sysctl.d/*",
        "sysctl.conf",
        "sysctl.conf.*",
    ),
    confirm=_confirm,
    parse=read_configured,
)
