"""The kernel log's lines that name a limit, of every kernel from 2.6 to today.

    [ 2656.265106] Memory cgroup out of memory: Killed process 31185 (cortex-head) total-vm:2354636kB, anon-rss:...
    [Sun Nov 22 22:03:13 2026] __vm_enough_memory: pid: 162, comm: prometheus, no enough memory for the allocation
    May 10 14:48:19 ip-10-0-0-1 kernel: [4219389.089984] loki invoked oom-killer: gfp_mask=0x14200ca(...), order=0
    kern  :warn  : [ 1642.083235] mmap: prometheus (14317): VmData 105381888 exceed data ulimit 104857600. ...
    2026-11-22T22:03:13,265106+00:00 Memory cgroup out of memory: Killed process 31185 (cortex-head) total-vm:...
    [    8.118003] cgroup: fork rejected by pids controller in /e

A failed mmap at vm.max_map_count leaves no line at all. A kill names its pid: an old kill of another
process convicts nobody (the caller matches pid and time).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from analyzer import lazy
from analyzer.clock import parse_stamp, parse_yearless
from analyzer.facts import Evidence, Stamp
from analyzer.logs.model import KernelEvent

LITERALS: tuple[bytes, ...] = (
    b"ut of memory: Kill",
    b"ut of memory (",
    b"Killed process ",
    b"invoked oom-killer",
    b"oom-kill:constraint",
    b"oom_reaper: reaped",
    b"killed as a result of limit of",
    b"going to be killed due to memory.oom.group",
    b"emory cgroup stats for ",
    b"memory: usage ",
    b"kmem: usage ",
    b"vm_enough_memory",
    b"exceed data ulimit",
    b"fork rejected by pids controller",
    b"Unable to allocate memory on node",
    b"page allocation failure",
    b"page allocation stalls",
    b"cgroup out of memory",
    b"oom-kill",
    b"due to memory pressure",
    b"Too many open files in system",
    b"file-max limit",
)
"""A kernel line that holds one of these may name a limit."""

KERNEL_LOG = lazy.pattern(r"(?:^|[/!._-])(?:dmesg|kern\.log|journalctl_-k)[^/!]*$", re.IGNORECASE)
"""How a kernel log is called."""
PAGE = 4096  # bytes; old kernels count pages, and x86-64 and common arm64 kernels use these
_EVIDENCE_LIMIT = 400

# What dmesg -x writes first (``kern  :warn  : ``); how --time-format iso dates; the step of dmesg -d.
FACILITY = lazy.pattern(
    r"(?:<\d{1,3}>)?(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7]) *: *"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug) *: "
)
STEP = r"(?: <\s*[\d.]{1,20}>)?"
_BOOT = lazy.pattern(rf"\[\s*+(\d{{1,10}}+\.\d{{1,9}}+){STEP}\]")
_CTIME = lazy.pattern(rf"\[\w{{3}} (\w{{3}} [ \d]\d \d\d:\d\d:\d\d(?:\.\d++)? \d{{4}}){STEP}\]")
_MINUTE = lazy.pattern(r"\[([A-Z][a-z]{2}) ?(\d{1,2}) (\d\d:\d\d)\]")
DMESG_ISO = lazy.pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}(?:Z|[+-]\d\d:?\d\d) ")
_ISO = lazy.pattern(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?(?:Z|[+-]\d\d:?\d\d)?")
_SYSLOG = lazy.pattern(r"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9}+)?)")
_JOURNAL = lazy.pattern(  # short-full, short-unix
    r"(?:[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [A-Z+-][\w:]{1,9})|(\d{9,10}\.\d{6})) [\w.:-]"
)
_YEAR_SYSLOG = lazy.pattern(r"(?:\w{3} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d++)? \d{4}")

_KILLED = lazy.pattern(
    r"(?P<what>Memory cgroup out of memory|Out of memory[^:]{0,80}+)?:?\s*+"
    r"Kill(?:ed)? process (?P<pid>\d{1,10}+),?(?: UID \d++,?)? \((?P<comm>[^)]{0,64}+)\)(?P<details>.*)",
)
_RSS = lazy.pattern(r"(?P<name>total-vm|anon-rss|file-rss|shmem-rss|pgtables):(?P<kb>\d{1,15}+)kB")
_SCORE = lazy.pattern(r"score (\d{1,9}+)")
_INVOKED = lazy.pattern(r"(?P<comm>\S.{0,60}?) invoked oom-killer: (?P<details>.*)")
_CONSTRAINT = lazy.pattern(
    r"oom-kill:constraint=(?P<constraint>CONSTRAINT_\w++),(?P<details>.*?)"
    r"task=(?P<comm>.{0,64}?),pid=(?P<pid>\d{1,10}+)(?=,)"
)
_TASK_MEMCG = lazy.pattern(r"(?P<name>oom_memcg|task_memcg)=(?P<path>/[^,\s]*+)")
_TASK_IN = lazy.pattern(r"Task in (?P<cgroup>\S++) killed as a result of limit of (?P<limit>\S++)")
_GROUP = lazy.pattern(r"Tasks in (?P<cgroup>\S++) are going to be killed due to memory\.oom\.group set")
_STATS = lazy.pattern(r"Memory cgroup stats for (?P<cgroup>/[^:\s]*+)")
_USAGE = lazy.pattern(
    r"(?P<what>memory|kmem): usage (?P<usage>\d{1,18}+)kB, limit (?P<limit>\d{1,18}+)kB, failcnt (?P<failcnt>\d{1,18}+)"
)
_REAPED = lazy.pattern(
    r"oom_reaper: reaped process (?P<pid>\d{1,10}+) \((?P<comm>[^)]{0,64}+)\)(?P<details>.*)"
)
_OVERCOMMIT = lazy.pattern(
    r"(?:__)?vm_enough_memory: pid: (?P<pid>\d{1,10}+), comm: (?P<comm>.{0,64}?), "
    r"(?:bytes: (?P<bytes>\d{1,20}+) |pages: (?P<pages>\d{1,16}+) |.{0,20}?)?no[t ]? ?enough memory"
)
_DATA = lazy.pattern(
    r"mmap: (?P<comm>.{0,64}?) \((?P<pid>\d{1,10}+)\): VmData (?P<used>\d{1,20}+) exceed data ulimit (?P<limit>\d{1,20}+)"
)
_FORK = lazy.pattern(r"fork rejected by pids controller in (?P<cgroup>\S++)")
_SLAB = lazy.pattern(
    r"SLUB: Unable to allocate memory on node (?P<node>-?\d++)|SLAB: Unable to allocate memory"
)
_PAGES = lazy.pattern(
    r"(?P<comm>\S.{0,60}?): page allocation (?:failure|stalls)\S*+.{0,40}?order:(?P<order>\d{1,3}+)"
)
_COMM_PREFIX = lazy.pattern(r"^.*?(?:kernel: |\] )(?:\[[^\]]*+\] )?")
_OOMD = lazy.pattern(
    r"(?:Killed|Marked) (?P<cgroup>/\S++) .{0,40}?due to memory (?:pressure|used)|Memory pressure for .{0,80}?oom"
)
_FILE_MAX = lazy.pattern(r"VFS: file-max limit (?P<limit>\d{1,12}+) reached")


def stamp(line: str) -> tuple[Stamp | None, float | None]:
    """(time, seconds since boot) that the line's head states, None for what it does not.

    Reads ``[  600.123456]``, ``[Sun Nov 22 21:36:00 2026]`` (dmesg -T, which drifts), ``[Nov22 21:36]``
    (dmesg -H, which dates only the first line of a minute), syslog and journal prefixes with either
    behind them. A stamp without a year carries ``assumed="year"``, one of dmesg -T ``assumed="zone"``.
    """
    head = FACILITY.sub("", line[:160], count=1)
    moment: Stamp | None = None
    if ctime := _CTIME.search(head):
        moment = parse_stamp(" ".join(ctime[1].split()))
    elif iso := _ISO.match(head):
        moment = parse_stamp(iso[0])
    elif dated := _YEAR_SYSLOG.match(head):
        moment = parse_stamp(" ".join(dated[0].split()))
    elif syslog := _SYSLOG.match(head):
        moment = parse_yearless(syslog[1])
    elif minute := _MINUTE.match(head):
        moment = parse_yearless(f"{minute[1]} {minute[2]:>2} {minute[3]}:00")
    elif journal := _JOURNAL.match(head):
        moment = parse_stamp(journal[1] or journal[2])
    boot = _BOOT.search(head)
    return moment, float(boot[1]) if boot else None


def parse(line: str, member: str, lineno: int) -> KernelEvent | None:
    """The event in a kernel line, or None. Never raises; the line may have any prefix.

    ``values`` are bytes (kB and pages are converted), but ``score``, ``order`` and ``failcnt``,
    which are numbers. The old two-line form gives two events for one pid: the sentence and the
    sizes; the caller joins them by pid and time.
    """
    line = line[:4000]
    for read in _READERS:
        event = read(line)
        if event is not None:
            moment, boot = stamp(line)
            text = line.strip()[:_EVIDENCE_LIMIT]
            return KernelEvent(
                event.kind,
                Evidence(member, lineno, text, moment),
                moment,
                boot,
                event.pid,
                event.comm,
                event.cgroup,
                event.constraint,
                event.values,
            )
    return None


_NOWHERE = Evidence("", None, "")


def _event(
    kind: str,
    pid: str | None = None,
    comm: str | None = None,
    cgroup: str | None = None,
    constraint: str = "",
    values: dict[str, int] | None = None,
) -> KernelEvent:
    number = int(pid) if pid else None
    return KernelEvent(kind, _NOWHERE, None, None, number, comm, cgroup, constraint, values or {})


def _message(line: str) -> str:
    """The line without what dmesg, syslog or the journal wrote before it."""
    line = DMESG_ISO.sub("", FACILITY.sub("", line, count=1), count=1)
    return _COMM_PREFIX.sub("", line, count=1)


def _sizes(details: str) -> dict[str, int]:
    return {match["name"].replace("-", "_"): int(match["kb"]) * 1024 for match in _RSS.finditer(details)}


def _killed(line: str) -> KernelEvent | None:
    match = _KILLED.search(line)
    if match is None:
        return None
    what = match["what"] or ""
    constraint = (
        "memcg" if what.startswith("Memory cgroup") else "global" if what.startswith("Out of") else ""
    )
    values = _sizes(match["details"])
    if score := _SCORE.search(match["details"]):
        values["score"] = int(score[1])
    return _event("oom_kill", match["pid"], match["comm"], None, constraint, values)


def _constraint(line: str) -> KernelEvent | None:
    match = _CONSTRAINT.search(line)
    if match is None:
        return None
    name = match["constraint"]
    constraint = "memcg" if name == "CONSTRAINT_MEMCG" else "global"
    paths = {found["name"]: found["path"] for found in _TASK_MEMCG.finditer(match["details"])}
    cgroup = paths.get("task_memcg") or paths.get("oom_memcg")
    return _event("oom_kill", match["pid"], match["comm"], cgroup, constraint)


def _task_in(line: str) -> KernelEvent | None:
    match = _TASK_IN.search(line)
    return _event("oom_invoked", None, None, match["cgroup"], "memcg") if match else None


def _stats(line: str) -> KernelEvent | None:
    match = _STATS.search(line)
    return _event("oom_invoked", None, None, match["cgroup"], "memcg") if match else None


def _group(line: str) -> KernelEvent | None:
    match = _GROUP.search(line)
    return _event("oom_invoked", None, None, match["cgroup"], "memcg") if match else None


def _reaped(line: str) -> KernelEvent | None:
    match = _REAPED.search(line)
    return (
        _event("oom_kill", match["pid"], match["comm"], None, "", _sizes(match["details"])) if match else None
    )


def _invoked(line: str) -> KernelEvent | None:
    """Names the task that allocated, not the victim: so it has no pid."""
    match = _INVOKED.search(_message(line))
    return _event("oom_invoked", None, match["comm"].strip()) if match else None


def _usage(line: str) -> KernelEvent | None:
    match = _USAGE.search(line)
    if match is None:
        return None
    values = {
        "usage": int(match["usage"]) * 1024,
        "limit": int(match["limit"]) * 1024,
        "failcnt": int(match["failcnt"]),
    }
    if match["what"] == "kmem":
        values = {f"kmem_{name}": value for name, value in values.items()}
    return _event("oom_invoked", None, None, None, "memcg", values)


def _overcommit(line: str) -> KernelEvent | None:
    match = _OVERCOMMIT.search(line)
    if match is None:
        return None
    values = {}
    if match["bytes"]:
        values["requested"] = int(match["bytes"])
    elif match["pages"]:
        values["requested"] = int(match["pages"]) * PAGE
    return _event("overcommit_refused", match["pid"], match["comm"], None, "", values)


def _data(line: str) -> KernelEvent | None:
    match = _DATA.search(line)
    if match is None:
        return None
    values = {"vm_data": int(match["used"]), "limit": int(match["limit"])}
    return _event("data_ulimit", match["pid"], match["comm"], None, "", values)


def _fork(line: str) -> KernelEvent | None:
    match = _FORK.search(line)
    return _event("fork_rejected", None, None, match["cgroup"]) if match else None


def _slab(line: str) -> KernelEvent | None:
    if _SLAB.search(line):
        return _event("slab")
    match = _PAGES.search(_message(line))
    if match is None:
        return None
    order = int(match["order"])
    return _event("slab", None, match["comm"].strip(), None, "", {"order": order})


def _oomd(line: str) -> KernelEvent | None:
    """systemd-oomd kills a whole cgroup from user space; the kernel says nothing of it."""
    match = _OOMD.search(line)
    return _event("oom_kill", None, None, match["cgroup"], "memcg") if match and match["cgroup"] else None


def _file_max(line: str) -> KernelEvent | None:
    match = _FILE_MAX.search(line)
    return _event("file_max", None, None, None, "", {"limit": int(match["limit"])}) if match else None


_READERS: tuple[Callable[[str], KernelEvent | None], ...] = (
    _constraint,
    _killed,
    _task_in,
    _stats,
    _group,
    _reaped,
    _usage,
    _invoked,
    _overcommit,
    _data,
    _fork,
    _slab,
    _oomd,
    _file_max,
)


_ONE_KILL_SECONDS = 30.0


def merge(events: Iterable[KernelEvent]) -> list[KernelEvent]:
    """``events`` (in the order of the log) with the lines of one kill made one "oom_kill".

    A kill is told in up to eight lines: who allocated, the cgroup and its usage and limit, the
    constraint, the sentence, the sizes, the reaper. The merged event has the evidence of the line
    that says "Kill", the first stamp of its kind, and what the other lines add. An oom_invoked that
    no kill follows stays as it is.
    """
    merged: list[KernelEvent] = []
    pending: list[KernelEvent] = []
    for event in events:
        if event.kind == "oom_invoked":
            if pending and not _near(pending[-1], event):
                merged.extend(pending)
                pending = []
            pending.append(event)
            continue
        if event.kind != "oom_kill":
            merged.append(event)
            continue
        known = next((n for n in range(len(merged) - 1, -1, -1) if merged[n].kind == "oom_kill"), None)
        if known is not None and merged[known].pid == event.pid and _near(merged[known], event):
            merged[known] = _joined(merged[known], event, [])
            continue
        near = [other for other in pending if _near(other, event)]
        merged.extend(other for other in pending if not _near(other, event))
        pending = []
        merged.append(_joined(event, event, near))
    return merged + pending


def _near(first: KernelEvent, second: KernelEvent) -> bool:
    """Whether two lines are of one moment; lines without any stamp are judged by their order."""
    if first.boot_seconds is not None and second.boot_seconds is not None:
        return abs(first.boot_seconds - second.boot_seconds) <= _ONE_KILL_SECONDS
    if first.stamp is not None and second.stamp is not None:
        return abs(first.stamp.seconds - second.stamp.seconds) <= _ONE_KILL_SECONDS
    return True


def _joined(kill: KernelEvent, more: KernelEvent, before: list[KernelEvent]) -> KernelEvent:
    values: dict[str, int] = {}
    for event in (*before, more, kill):
        values.update(event.values)
    parts = (kill, more, *before)
    says = more if "Kill" in more.evidence.text and "Kill" not in kill.evidence.text else kill
    return replace(
        kill,
        evidence=says.evidence,
        cgroup=next((part.cgroup for part in parts if part.cgroup), None),
        constraint=next((part.constraint for part in parts if part.constraint), ""),
        values=values,
    )
