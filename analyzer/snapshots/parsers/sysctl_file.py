"""One file of ``/proc/sys``: its path is the key, its content the value.

    65530

>>> from analyzer.snapshots.parsers import sample
>>> sample(PARSER, "top/proc/sys/vm/max_map_count", __doc__)["vm.max_map_count"].value
'65530'

Flat names are known for the keys that a diagnosis asks for: ``max_map_count.txt``, and whatever a
collector makes of the path and puts before it (``proc_sys_vm_max_map_count``, ``node1_max_map_count.txt``).

>>> key_of("flat/cat_.proc.sys.vm.max_map_count"), key_of("flat/node1_max_map_count.txt")
('vm.max_map_count', 'vm.max_map_count')
>>> key_of("flat/recommended_max_map_count.txt"), key_of("sys/kernel/mm/nr_hugepages")
(None, None)
"""

from __future__ import annotations

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact
from analyzer.snapshots.base import SnapshotParser, present, refusal, refused, snapshot, text, unreadable
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
    "file_max": "fs.file-max",
    "threads_max": "kernel.threads-max",
    "pid_max": "kernel.pid_max",
    "max_user_instances": "fs.inotify.max_user_instances",
    "max_user_watches": "fs.inotify.max_user_watches",
}
# A value of another time or another file, or one that somebody wishes for, is not in force.
_NOT_IN_FORCE = frozenset(
    {"new", "old", "before", "after", "previous", "recommended", "suggested", "required", "wanted", "desired",
     "expected", "target", "default", "configured", "conf", "etc", "min",
     "mm", "hugepages", "devices"}  # files of /sys
)  # fmt: skip
_OF_THE_PATH = frozenset({"sys", "sysctl", "vm", "fs", "kernel", "inotify"})


def _family(key: str) -> str:
    """``fs_inotify_`` of ``fs.inotify.max_user_watches``."""
    return key[: key.rindex(".") + 1].replace(".", "_")


def key_of(path: str) -> str | None:
    """The sysctl key that a member's path names."""
    return _key_and_host(path)[0]


def _key_and_host(path: str) -> tuple[str | None, str]:
    """The key, and what a flat name puts before it (``node1``): several hosts may stand in one folder."""
    match = _AT.search(path)
    if match is not None:
        return match[1].replace("/", "."), ""
    parts = parts_of(path)
    if "sys" in parts[:-1]:  # /sys holds files of the same names, of other meaning
        return None, ""
    flat = names_of(parts[-1])[-1].replace("-", "_") if parts else ""
    for name, key in _FLAT.items():
        before = flat.removesuffix(name)
        if before == flat or before[-1:] not in ("", "_"):
            continue
        words = [word for word in before.split("_") if word and word not in _OF_THE_PATH]
        return (key, "_".join(words)) if _NOT_IN_FORCE.isdisjoint(words) else (None, "")
    return None, ""


def _confirm(path: str, head: bytes) -> bool:
    if path.endswith("fs/file-nr") or key_of(path) is None or len(head) > 4096 or b"\0" in head:
        return False
    if _AT.search(path):
        return True
    words = head.split()
    return (len(words) == 1 and words[0].isdigit()) or refused(head) is not None


def read_value(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with the one key."""
    key, host = _key_and_host(member.path)
    key = key or "?"
    line = text(member, 4096).strip("\n")
    why = None if line.isdecimal() else refusal(line.encode())
    if why is not None or not line.strip():
        return [unreadable(member, "sysctl", key, why or "empty")]
    values: dict[str, Fact[str]] = {key: present(line.strip(), member, 1, line)}
    return [snapshot(member, "sysctl", values, note=host)]


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
        *(
            f"{before}{_family(key)}{name}"
            for name, key in _FLAT.items()
            for before in ("", "sys_", "sysctl_")
        ),
        "*_max_map_count",
        "*_overcommit_memory",
    ),
    confirm=_confirm,
    parse=read_value,
)
