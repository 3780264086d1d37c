"""What a member's path tells: marker, pid and group. Components end at ``/`` and at ``!``.

>>> pid_of("top/series/last/proc/31232/maps"), group_of("top/series/last/proc/31232/maps")
(31232, 'top/series/last')
>>> pid_of("flat/1.maps"), pid_of("flat/proc_77_maps.txt"), pid_of("sos_commands/process/pmap_-x")
(1, 77, None)
>>> proposes("top/proc/12/maps", ("proc/*/maps",)), proposes("b/1.maps", ("maps",))
(True, True)
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from analyzer import lazy

_EXTENSIONS = (".txt", ".out", ".text", ".log", ".dat")
_SPLIT = lazy.pattern(r"[/!]")
_TOKENS = lazy.pattern(r"[._\-\s:]+")
_NOISE = frozenset({"proc", "pid", "cat", "node", "host"})
_PROC_PID = lazy.pattern(r"(?:^|[/!])proc/(\d{1,10})/")
_NAME_PID = lazy.pattern(
    r"^(?:cat[._-]+)?(?:[._-]*proc[._-]+)?(?:pid[._-]?)?(\d{1,10})[._-]+[a-z]"
    r"|[a-z][._-]+(?:pid[._-]?)?(\d{1,10})(?:\.[a-z]{1,4})?$"
    r"|[._-](?:proc|pid)[._-](\d{1,10})[._-]"
)
_DIR_PID = lazy.pattern(r"^(?:pid[-_.]?|proc[-_.]?)?(\d{1,10})$")
# The names a process folder holds; only these take their pid from the name or the folder.
_OF_A_PROCESS = frozenset(
    [
        "maps",
        "smaps",
        "smaps_rollup",
        "numa_maps",
        "pmap",
        "status",
        "stat",
        "statm",
        "limits",
        "prlimit",
        "cmdline",
        "comm",
        "exe",
        "cgroup",
        "fd",
        "fd_count",
        "fds",
        "task_count",
        "tasks",
        "threads",
        "oom_score",
        "oom_score_adj",
        "maps_count",
        "map_count",
        "ulimit",
        "pmap_x",
        "pmap_d",
        "ls_fd",
        "lsof",
    ]
)
_GROUP_ROOTS = lazy.pattern(
    r"(?:^|[/!])(?:sos_commands|sos_reports|sys/(?:fs|kernel|devices)|proc/sys|proc/pressure|etc|usr/lib"
    r"|var/(?:log|lib)|host-collectors|cluster-resources)(?=/)"
)


def parts_of(path: str) -> list[str]:
    """The path's components, lower-cased."""
    return [part for part in _SPLIT.split(path.lower()) if part]


def basename(path: str) -> str:
    """The last component."""
    return path[max(path.rfind("/"), path.rfind("!")) + 1 :]


@lru_cache(maxsize=512)
def names_of(name: str) -> tuple[str, ...]:
    """The names a member goes by: as it is, without its extension, without pid and noise.

    >>> names_of("proc_1_maps.txt")
    ('proc_1_maps.txt', 'proc_1_maps', 'maps')
    """
    name = name.lower()
    names = [name]
    stem = name
    for extension in _EXTENSIONS:
        if stem.endswith(extension):
            stem = stem[: -len(extension)]
            names.append(stem)
            break
    core = "_".join(t for t in _TOKENS.split(stem) if t and not t.isdigit() and t not in _NOISE)
    if core and core not in names:
        names.append(core)
    return tuple(names)


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[str, tuple[str, ...], str]:
    """What stands before the first ``*`` of a pattern, between the others, and behind the last."""
    first, *middle, last = pattern.split("*")
    return first, tuple(middle), last


def fits(component: str, pattern: str) -> bool:
    """Whether one component fits a pattern in which ``*`` stands for any text.

    >>> fits("maps_count.txt", "*maps*.txt"), fits("maps", "*maps*s")
    (True, False)
    """
    if "*" not in pattern:
        return component == pattern
    first, middle, last = _pieces(pattern)
    if not (component.startswith(first) and component.endswith(last)):
        return False
    at, stop = len(first), len(component) - len(last)
    for piece in middle:
        at = component.find(piece, at, stop)
        if at < 0:
            return False
        at += len(piece)
    return at <= stop


def marker_fits(parts: list[str], names: tuple[str, ...], marker: str) -> bool:
    """Whether ``marker`` is a suffix of the path. Its last component may fit any of ``names``."""
    wanted = marker.split("/")
    if len(wanted) > len(parts):
        return False
    if not any(fits(name, wanted[-1]) for name in (names if len(wanted) == 1 else names[:2])):
        return False
    return all(fits(part, want) for part, want in zip(parts[-len(wanted) : -1], wanted[:-1], strict=False))


def proposes(path: str, markers: Iterable[str]) -> bool:
    """Whether one of ``markers`` stands at the end of ``path``."""
    parts = parts_of(path)
    if not parts:
        return False
    names = names_of(parts[-1])
    return any(marker_fits(parts, names, marker) for marker in markers)


def pid_of(path: str) -> int | None:
    """The pid that the path names: ``proc/PID/``, ``PID.maps``, ``proc_PID_maps``, ``PID/maps``."""
    found = None
    for found in _PROC_PID.finditer(path):  # noqa: B007 - the last one counts
        pass
    if found is not None:
        return int(found[1])
    parts = parts_of(path)
    if not parts:
        return None
    names = names_of(parts[-1])
    if not any(name in _OF_A_PROCESS or name.split("_")[0] in _OF_A_PROCESS for name in names):
        return None
    match = _NAME_PID.search(parts[-1])
    if match is not None:
        return int(next(group for group in match.groups() if group))
    if len(parts) > 1:
        match = _DIR_PID.match(parts[-2])
        if match is not None:
            return int(match[1])
    return None


def group_of(path: str) -> str:
    """The folder that holds the capture: before its ``proc``, ``sys``, ``sos_commands`` ..., or its own."""
    found = None
    for found in _PROC_PID.finditer(path):  # noqa: B007 - the last one counts
        pass
    if found is not None:
        return path[: found.start()]
    roots = _GROUP_ROOTS.search(path)
    if roots is not None:
        return path[: roots.start()]
    cut = max(path.rfind("/"), path.rfind("!"))
    folder = path[: max(cut, 0)]
    if folder.endswith("/proc") or folder == "proc":
        return folder[:-5] if folder != "proc" else ""
    if basename(folder) == "host" or folder.endswith("host/pressure"):  # the collect script's host facts
        return folder[: max(folder.rfind("host") - 1, 0)]
    if pid_of(path) is not None and _DIR_PID.match(basename(folder)):
        return folder[: max(folder.rfind("/"), folder.rfind("!"), 0)]
    return folder
