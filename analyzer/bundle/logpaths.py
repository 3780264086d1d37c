"""What a path alone tells, in any layout: pod, container, rotation, process.

var/log/pods/cortex_ingester-0_3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/ingester/2.log.20261122-215716.gz
var/log/containers/ingester-0_cortex_ingester-<64 hex digits>.log
var/lib/docker/containers/<64 hex digits>/<64 hex digits>-json.log.1
namespaces/cortex/pods/ingester-0/ingester/ingester/logs/previous.log
cluster-resources/pods/logs/cortex/ingester-0/ingester-previous.log
proc/1234/maps   1234.maps   maps.1234   proc-1234-maps.txt
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from analyzer import lazy
from analyzer.bundle.model import Place

_NAME = r"[a-z0-9][a-z0-9.-]*"
# A text that the path must hold, asked first, and the pattern.
_LOGS = (
    (
        ".log",
        lazy.pattern(
            rf"(?:^|[/!])(?P<namespace>{_NAME})_(?P<pod>{_NAME})_(?:[0-9a-f]{{32}}|[0-9a-f-]{{36}})"
            r"/(?P<container>[^/]+)/(?P<restart>\d{1,9})\.log[^/]*$"
        ),
    ),
    (
        ".log",
        lazy.pattern(
            rf"(?:^|[/!])(?P<pod>{_NAME})_(?P<namespace>{_NAME})_(?P<container>{_NAME})-(?P<id>[0-9a-f]{{64}})\.log[^/]*$"
        ),
    ),
    ("-json.log", lazy.pattern(r"(?:^|[/!])(?P<id>[0-9a-f]{64})/(?P=id)-json\.log[^/]*$")),
    (
        "namespaces/",
        lazy.pattern(
            r"(?:^|[/!])namespaces/(?P<namespace>[^/]+)/pods/(?P<pod>[^/]+)/(?P<container>[^/]+)/(?P=container)/logs/"
            r"(?:rotated/(?P<restart>\d{1,9})\.log[^/]*|[^/]+)$"
        ),
    ),
    (
        "cluster-resources/",
        lazy.pattern(
            r"(?:^|[/!])cluster-resources/pods/logs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/"
            r"(?P<container>[^/]+?)(?P<previous>-previous)?\.log[^/]*$"
        ),
    ),
    (
        "logs.txt!",
        lazy.pattern(
            r"(?:^|[/!])[^!]*logs\.txt!(?P<namespace>[^/!]+)/(?P<pod>[^/!]+)/(?P<container>[^/!]+)$"
        ),
    ),
    (
        "cluster-info/",
        lazy.pattern(
            r"(?:^|[/!])cluster-info/(?P<namespace>[^/]+)/podlogs/(?P<pod>[^/]+)/[^/]*?_logs_[^/]*?"
            r"(?:_-c_(?P<container>[^/]+?))?(?P<previous>_(?:-p|--previous))?$"
        ),
    ),
    (
        "oc_logs_",
        lazy.pattern(
            r"(?:^|[/!])namespaces/(?P<namespace>[^/]+)/pods/podlogs/oc_logs_--namespace_(?P=namespace)_"
            r"(?P<pod>[^/]+?)(?:_-c_(?P<container>[^/]+?))?(?P<previous>_-p)?$"
        ),
    ),
    ("_logs_", lazy.pattern(r"(?:^|[/!])(?:crictl|podman|docker)_logs(?:_-t)?_(?P<id>[0-9a-f]{12,64})$")),
    (
        "/pods/",
        lazy.pattern(
            r"(?:^|[/!])namespaces/(?P<namespace>[^/]+)/pods/(?P<pod>[^/]+)/(?P=pod)\.(?:yaml|json)$"
        ),
    ),
    (
        "namespaces/",
        lazy.pattern(r"(?:^|[/!])namespaces/(?P<namespace>[^/]+)/(?:core|apps|batch)/[^/]+\.(?:yaml|json)$"),
    ),
    (
        "cluster-resources/",
        lazy.pattern(r"(?:^|[/!])cluster-resources/(?:pods|events)/(?P<namespace>[^/]+)\.json$"),
    ),
)

_PACKED = r"(?:\.(?:gz|bz2|xz|zst))?"
_NUMBERED = lazy.pattern(rf"(?P<base>.+\.(?:log|txt|out|err|json))\.(?P<number>\d{{1,3}}){_PACKED}")
_DATED = lazy.pattern(
    rf"(?P<base>.+\.(?:log|txt|out|err|json))[.-](?P<date>\d{{8}}(?:[-.T]?\d{{2,6}})?|\d{{4}}-\d\d-\d\d[\dT_.:-]*Z?){_PACKED}"
)
# lumberjack, as Go programs rotate their own log: app-2026-11-22T21-57-16.309.log.gz
_OLD = lazy.pattern(rf"(?P<base>.+\.(?:log|txt|out|err|json))\.old{_PACKED}")
# Names that other things have too: a system log's, which has no ending, and a number or date before the ending.
_BARE = lazy.pattern(r"(?:\.\d{1,3}|[-.]\d{8}(?:-\d{6})?|\.(?:gz|bz2|xz|zst))+$")
_WITHIN = lazy.pattern(
    r"(?P<stem>.+?)(?P<mark>\.\d{1,3}|[-._]\d{8}(?:[-_T]?\d{4,6})?|[-._]\d{4}-\d\d-\d\d(?:[-_T][\d.:-]*Z?)?)"
    rf"(?P<end>\.(?:log|txt|out|err|json)){_PACKED}"
)
_SAME = lazy.pattern(r"(?:\.log|\.txt|\.json)?(?:[-_.](?:previous|prev|current))?(?:\.log|\.txt|\.json)?$")
_LUMBERJACK = lazy.pattern(
    rf"(?P<stem>.+)-(?P<date>\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{{3}})(?P<end>\.\w+?){_PACKED}"
)

_DIGIT = lazy.pattern(r"\d")

_KINDS = (
    "smaps_rollup|numa_maps|smaps|maps|pmap|status|limits|statm|stat|cgroup|cmdline|environ|comm|"
    "oom_score_adj|oom_score|mountinfo|fdinfo|fd|io|stack|sched|exe|prlimit|lsof"
)
_PIDS = (
    ("proc/", lazy.pattern(r"(?:^|[/!])proc/(\d{1,9})/")),
    ("pid", lazy.pattern(r"(?:^|[/!])pid[._-]?(\d{1,9})/")),
    (
        "/",
        lazy.pattern(rf"(?:^|(?:^|[/!])(?:procs|pids?|process(?:es)?)/)(\d{{1,9}})/(?:{_KINDS})(?:\.txt)?$"),
    ),
    (
        "",
        lazy.pattern(
            rf"(?:^|[/!])(?:proc[._-])?(?:pid[._-]?)?(\d{{1,9}})[._-](?:{_KINDS})(?:\.\w+)?{_PACKED}$"
        ),
    ),
    (
        "",
        lazy.pattern(
            rf"(?:^|[/!])(?:proc[._-])?(?:{_KINDS})[._-](?:pid[._-]?|-x_)?(\d{{1,9}})(?:\.[a-z]\w*)*$"
        ),
    ),
)
_POD = (
    r"(?P<pod>(?:[a-z0-9-]+-)?(?:ingester|cortex|mimir|prometheus|thanos|receive|receiver|store|compactor)"
    r"[a-z0-9-]*-\d{1,4})"
)
_POD_NAME = lazy.pattern(_POD)
_POD_FILE = lazy.pattern(
    _POD + r"(?P<previous>[-_.](?:previous|prev|p))?\.(?:log|txt)",
)
_PREVIOUS = lazy.pattern(
    r"(?:^|[-_./!])(?:previous|prev)(?:[-_]logs?)?(?:\.insecure)?(?:\.(?:log|txt))?[^/]*$"
)
_SERIES = lazy.pattern(r"(?:^|[/!])(series/[^/]+)/")
_TAIL = lazy.pattern(r"(?:^|[/!])sos_strings/[^/]+/[^/]+\.tailed$")


def rotation_key(path: str) -> tuple[str, int | None, str]:
    """The path of the unrotated file, the number of the rotation, and its date as digits.

    ``a.log.2.gz`` gives ``("a.log", 2, "")``, ``a.log-20261122`` gives ``("a.log", None, "20261122")``,
    a file that is not rotated ``(path, None, "")``.
    """
    folder, slash, name = path.rpartition("/")
    if match := _OLD.fullmatch(name) if ".old" in name else None:
        return folder + slash + match["base"], 1, ""
    if not _DIGIT.search(name):
        return path, None, ""
    if match := _NUMBERED.fullmatch(name):
        return folder + slash + match["base"], int(match["number"]), ""
    if match := _DATED.fullmatch(name):
        return folder + slash + match["base"], None, re.sub(r"\D", "", match["date"])
    if match := _LUMBERJACK.fullmatch(name):
        return folder + slash + match["stem"] + match["end"], None, re.sub(r"\D", "", match["date"])
    return path, None, ""


def log_of(path: str) -> tuple[str, str]:
    """The folder, and the name that the files of one log share there: rotated, packed, of the container instance
    before. ``a/x.log.2.gz``, ``a/x.log-20261122`` and ``a/x-previous.log`` give ``("a", "x")``."""
    folder, _, name = rotation_key(path)[0].rpartition("/")
    stem = _SAME.sub("", _BARE.sub("", name))
    return folder, "" if stem in ("previous", "current", "prev") else stem


def perhaps_rotated(path: str) -> tuple[str, bool] | None:
    """The path of the unrotated file if this is a rotated one, which its name alone does not show, and whether a
    number says so: ``a/x.1.log`` gives ``("a/x.log", True)``, ``a/x-20261122.log`` ``("a/x.log", False)``."""
    folder, slash, name = path.rpartition("/")
    match = _WITHIN.fullmatch(name)
    return (folder + slash + match["stem"] + match["end"], len(match["mark"]) < 5) if match else None


def pid_of(path: str) -> int | None:
    """The process a file belongs to, where its path tells."""
    for needed, pattern in _PIDS:
        if needed in path and (match := pattern.search(path)):
            pid = int(match[1])
            return pid if 0 < pid < 1 << 22 else None
    return None


def pod_of(folder: str) -> str | None:
    """The pod, where a folder is named like one of a stateful set of the products we know."""
    match = _POD_NAME.fullmatch(folder)
    return match["pod"] if match else None


def place(path: str) -> Place:
    """What the path below a bundle's root tells by itself."""
    if pid := pid_of(path):
        series = _SERIES.search(path)
        return Place(pid=pid, part=series[1] if series else "")
    for needed, pattern in _LOGS:
        if needed in path and (match := pattern.search(path)):
            return _from_match(match, path)
    series = _SERIES.search(path)
    name = path.rpartition("/")[2]
    number = rotation_key(path)[1]
    result = Place(
        previous=_PREVIOUS.search(name) is not None,
        rotation=number,
        part=series[1] if series else "",
        tail=_TAIL.search(path) is not None,
    )
    if match := _POD_FILE.match(name):
        result = replace(result, pod=match["pod"], previous=result.previous or match["previous"] is not None)
    return result


def _from_match(match: re.Match[str], path: str) -> Place:
    found = match.groupdict()
    name = path.rpartition("/")[2]
    restart = found.get("restart")
    return Place(
        namespace=found.get("namespace"),
        pod=found.get("pod"),
        container=found.get("container"),
        previous=bool(found.get("previous")) or _PREVIOUS.search(name) is not None,
        rotation=rotation_key(path)[1],
        restart=int(restart) if restart else None,
        container_id=found.get("id"),
    )
