"""What to ask the customer: each fact that a cause can lack, with a command that works there.

Distroless images have no shell, so commands run on the node or through ``kubectl debug``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from msgspec import Struct

from analyzer.case.model import Capture, Subject
from analyzer.collect import invocation
from analyzer.diagnosis import reading
from analyzer.diagnosis.arbiter import Decision
from analyzer.diagnosis.model import Ask
from analyzer.facts import Present

MOST = 8


class _Template(Struct, frozen=True):
    need: str
    why: str
    command: Callable[[Subject], str]
    rank: int  # lower is asked first


def _pod(subject: Subject) -> tuple[str, str]:
    name = subject.place.pod or (subject.pod.name if subject.pod else None)
    namespace = subject.place.namespace or (subject.pod.namespace if subject.pod else None)
    return shlex.quote(namespace) if namespace else "NAMESPACE", shlex.quote(name) if name else "POD"


def _match(subject: Subject) -> str:
    product = subject.product or "ingester"
    for capture in subject.captures:
        comm = capture.facts.value("comm", "comm") or capture.facts.value("status", "name")
        if comm:
            return str(comm)
    return product


def _collect(**options: str | int | bool) -> Callable[[Subject], str]:
    def command(subject: Subject) -> str:
        return f"analyze collect > collect.sh; sudo {invocation(match=_match(subject), **options)}"

    return command


def _kubectl(text: str) -> Callable[[Subject], str]:
    def command(subject: Subject) -> str:
        namespace, pod = _pod(subject)
        return text.replace("NAMESPACE", namespace).replace("POD", pod)

    return command


def _journal(subject: Subject) -> str:
    hints = subject.logs[0].hints if subject.logs else {}
    unit, identifier = hints.get("unit"), hints.get("identifier")
    of = f"-u {shlex.quote(unit)}" if unit else f"-t {shlex.quote(identifier)}" if identifier else "-u UNIT"
    return f"journalctl {of} -o export --no-pager > journal.export"


def _plain(text: str) -> Callable[[Subject], str]:
    return lambda subject: text


TABLE: dict[str, _Template] = {
    "maps_series": _Template(
        "the mapping count over one crash cycle",
        "the peak lasts 0.2 to 0.5 s; one sample misses it",
        _collect(watch=600, output="capture.tar.gz"),
        1,
    ),
    "maps": _Template(
        "/proc/PID/maps of the failing process, on its node",
        "its number of mappings against vm.max_map_count decides",
        _collect(watch=600, output="capture.tar.gz"),
        2,
    ),
    "sysctl": _Template(
        "running values of vm.max_map_count and vm.overcommit_memory on the failing pod's node",
        "the limit that was in force is not in the bundle",
        _plain(
            "sysctl vm.max_map_count vm.overcommit_memory vm.overcommit_ratio kernel.threads-max fs.file-max"
        ),
        2,
    ),
    "sysctl_at_crash": _Template(
        "the value of vm.max_map_count when it failed, and when it was changed",
        "the count and the limit of the bundle cannot be of the same moment",
        _plain(
            "grep -rs max_map_count /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d /run/sysctl.d; sysctl vm.max_map_count; uptime -s"
        ),
        1,
    ),
    "limits": _Template(
        "/proc/PID/limits of the failing process",
        "a finite Max address space or Max data size prints the same words",
        _collect(output="capture.tar.gz"),
        3,
    ),
    "status": _Template(
        "/proc/PID/status of the failing process",
        "VmPeak against Max address space decides",
        _collect(watch=600, output="capture.tar.gz"),
        3,
    ),
    "status_series": _Template(
        "/proc/PID/status close to the failure",
        "VmPeak near the limit would confirm or exclude it",
        _collect(watch=600, output="capture.tar.gz"),
        4,
    ),
    "meminfo": _Template(
        "/proc/meminfo of the node",
        "Committed_AS against CommitLimit decides with vm.overcommit_memory=2",
        _plain("cat /proc/meminfo; sysctl vm.overcommit_memory vm.overcommit_ratio vm.overcommit_kbytes"),
        4,
    ),
    "meminfo_at_failure": _Template(
        "Committed_AS while the process fails",
        "a death frees memory, so a later value proves nothing",
        _plain(
            "while sleep 0.2; do date -u +%FT%T.%N; grep -E 'Commit|MemAvail' /proc/meminfo; done > commit.log"
        ),
        4,
    ),
    "filelist": _Template(
        "a listing of the data directory with sizes",
        "the blocks tell how many mappings a start needs, and which files could not be mapped",
        _collect(data="/path/to/tsdb", output="capture.tar.gz"),
        3,
    ),
    "kernel_log": _Template(
        "the node's kernel log around the failure",
        "an OOM kill, a refused commit or a data ulimit is named only there",
        _plain("journalctl -k --since '-2 hours' --no-pager -o short-iso; dmesg -T"),
        3,
    ),
    "pod_state": _Template(
        "the pod's state, its last termination and its events",
        "the reason of the termination tells an OOM kill from a failed probe",
        _kubectl("kubectl -n NAMESPACE get pod POD -o json; kubectl -n NAMESPACE describe pod POD"),
        1,
    ),
    "previous_log": _Template(
        "the log of the life that crashed",
        "the current log is of the life after it",
        _kubectl("kubectl -n NAMESPACE logs POD --all-containers --previous --timestamps"),
        1,
    ),
    "log_before": _Template(
        "the log above the line that says that the process ended with an error",
        "that line does not say which error it was",
        _kubectl("kubectl -n NAMESPACE logs POD --all-containers --previous --timestamps"),
        0,
    ),
    "journal": _Template(
        "the unit's journal with its long messages",
        "as JSON without --all they stand in it as null, and the lines of a failed start are long",
        _journal,
        0,
    ),
    "log": _Template(
        "the ingester's log of the crash",
        "no log of an ingester is in the bundle",
        _kubectl("kubectl -n NAMESPACE logs POD --all-containers --previous --timestamps"),
        0,
    ),
    "cgroup": _Template(
        "the memory and pids files of the process's cgroup",
        "refused forks and refused kernel memory are counted there",
        _collect(output="capture.tar.gz"),
        4,
    ),
    "df": _Template(
        "space and inodes of the data volume",
        "df or df -i full would confirm it",
        _plain("df -h; df -i"),
        3,
    ),
    "banner": _Template(
        "the first lines of the log",
        "they state version, platform and limits",
        _kubectl("kubectl -n NAMESPACE logs POD --all-containers --previous | head -50"),
        5,
    ),
    "strace": _Template(
        "the flags of the failing mmap call",
        "huge pages are asked for by a flag that is not logged",
        _plain("strace -f -e trace=mmap -p PID -o mmap.trace   # on a test system: it slows the process"),
        6,
    ),
}


def _states(capture: Capture, kind: str, *names: str) -> bool:
    """Whether a capture holds all of these facts: a file that was cut may lack some."""
    return all(isinstance(capture.facts.get(kind, name), Present) for name in names)


def _held(subject: Subject, key: str) -> bool:
    """Whether the bundle already holds, whole, what an ask is for."""
    captures = subject.captures
    match key:
        case "maps":
            return any(c.best is not None and not c.best.lower_bound for c in captures)
        case "limits":
            return any(_states(c, "limits", "address_space", "data", "nproc") for c in captures)
        case "status":
            return any(_states(c, "status", "vm_size", "vm_data", "threads") for c in captures)
        case "filelist":
            return subject.data_dir is not None and subject.data_dir[0].complete
        case "sysctl":
            keys = ("vm.max_map_count", "vm.overcommit_memory")
            return all(reading.sysctl(subject, name) for name in keys)
        case "meminfo":
            return all(reading.meminfo(subject, row) for row in ("MemTotal", "Committed_AS", "CommitLimit"))
        case "pod_state":
            return subject.pod is not None
        case "df":
            return bool(subject.host.mounts)
    return False


def asks(subject: Subject, decision: Decision, extra: Sequence[str] = ()) -> list[Ask]:
    """The asks that would change this verdict, most telling first. None for a confirmed one."""
    decides: dict[str, list[str]] = {}
    if decision.status != "confirmed":
        for settled in decision.settled:
            h = settled.hypothesis
            if h.cause in decision.eligible and settled.status != "ruled_out":
                for key in h.missing:
                    if not _held(subject, key):
                        decides.setdefault(key, []).append(h.cause)
    for key in extra:
        decides.setdefault(key, [])
    if not decides and decision.winner is None:
        # All that was tested is ruled out: only what was seen while it fails can tell more.
        decides = {"maps_series": [], "kernel_log": []}
    ranked = sorted(decides, key=lambda k: (TABLE[k].rank, -len(decides[k]), k))
    seen: set[str] = set()
    found: list[Ask] = []
    for key in ranked:
        template = TABLE[key]
        command = template.command(subject)
        if command in seen:
            # One capture answers several asks: name it once, for all that it decides.
            for ask in found:
                if ask.command == command:
                    ask.need += f"; {template.need}"
                    ask.decides = sorted({*ask.decides, *decides[key]})
            continue
        seen.add(command)
        found.append(Ask(key, template.need, template.why, command, sorted(set(decides[key]))))
    return found[:MOST]
