"""One file of ``/proc/sys``: its path is the key, its content the value.

    65530

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "top/proc/sys/vm/max_map_count", __doc__)["vm.max_map_count"].value
'65530'

Flat names are known for the keys that a diagnosis asks for (``max_map_count.txt``).
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, refusal, snapshot, text, unreadable
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.paths import names_of, parts_of

_AT = lazy.pattern(r"(?:^|[/!])proc/sys/(.+)$")
_FLAT = {
    "max_map_count": "vm.max_map_count",
    "overcommit_memory": "vm.overcommit_memory",
    "overcommit_ratio": "vm.overcommit_ratio",
    "overcommit_kbytes": "vm.overcommit_kbytes",
    "nr_hugepages": "vm.nr_hugepages",
    "nr_open": "fs.nr_open",
    "threads_max": "kernel.threads-max",
    "pid_max": "kernel.pid_max",
    "max_user_instances": "fs.inotify.max_user_instances",
    "max_user_watches": "fs.inotify.max_user_watches",
    "sysctl_vm_max_map_count": "vm.max_map_count",
    "vm_max_map_count": "vm.max_map_count",
}


def key_of(path: str) -> str | None:
    """The sysctl key that a member's path names."""
    match = _AT.search(path)
    if match is not None:
        return match[1].replace("/", ".")
    parts = parts_of(path)
    if "sys" in parts[:-1]:  # /sys holds files of the same names, of other meaning
        return None
    for name in names_of(parts[-1]) if parts else ():
        key = _FLAT.get(name.replace("-", "_"))
        if key is not None:
            return key
    return None


def _confirm(path: str, head: bytes) -> bool:
    if path.endswith("fs/file-nr") or key_of(path) is None or len(head) > 4096 or b"\0" in head:
        return False
    if _AT.search(path):
        return True
    words = head.split()
    return (len(words) == 1 and words[0].isdigit()) or refusal(head) is not None


def read_value(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with the one key."""
    key = key_of(member.path) or "?"
    line = text(member, 4096).strip("\n")
    why = refusal(line.encode())
    if why is not None or not line.strip():
        return [unreadable(member, "sysctl", key, why or "empty")]
    values: dict[str, Fact[str]] = {key: present(line.strip(), member, 1, line)}
    return [snapshot(member, "sysctl", values)]


PARSER = SnapshotParser(
    kind="sysctl_file",
    main="vm.max_map_count",
    markers=(
        "proc/sys/*/*",
        "proc/sys/*/*/*",
        "proc/sys/*/*/*/*",
        "proc/sys/net/*/*/*/*",
        "proc/sys/*/*/*/*/*/*",
        *_FLAT,
    ),
    confirm=_confirm,
    parse=read_value,
)
