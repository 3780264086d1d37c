"""What several causes read from a subject: limits in force, counts, peaks, with their evidence."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

from analyzer.case.model import Capture, Count, Subject
from analyzer.diagnosis.weigh import Symptoms
from analyzer.facts import Absent, Evidence, Fact, Present, Unreadable
from analyzer.logs.model import KernelEvent
from analyzer.snapshots.model import Snapshot

CLEARLY = 0.9  # a need below this part of N is clearly below it


class Value(Struct, frozen=True):
    """A number with its evidence."""

    value: float
    evidence: Evidence | None


def present(fact: Fact[Any]) -> Value | None:
    """The fact as a number, None when it is absent, unreadable or no number.

    A text that says ``inf``, ``nan`` or ``1e400`` is no number; only a parser says "unlimited".
    """
    if not isinstance(fact, Present):
        return None
    try:
        value = float(fact.value)
    except (TypeError, ValueError, OverflowError):
        return None
    if math.isnan(value) or (math.isinf(value) and isinstance(fact.value, str)):
        return None
    return Value(value, fact.evidence)


def max_map_count(subject: Subject, capture: Capture | None = None) -> Value | None:
    """vm.max_map_count in force: the capture's own moment first, then the host's running value.

    A configured value (sysctl.d) is not in force and never returned.
    """
    group = capture.group if capture is not None else None
    found = present(subject.host.fact("sysctl", "vm.max_map_count", group))
    if found is None:
        found = present(subject.host.fact("metrics", "process_memory_map_areas_limit", group))
    if found is None:
        points = [(p, m) for p, m in subject.host.series if p.limit is not None]
        if points:
            point, member = points[-1]
            quoted = Evidence(member, point.line, f"limit {point.limit}", point.time)
            found = Value(float(point.limit or 0), quoted)
    return found if found is not None and 0 < found.value < math.inf else None


def denied_max_map_count(subject: Subject, capture: Capture | None = None) -> Value | None:
    """Another value of vm.max_map_count that the same folder, or the host, states as running: one of the two is of
    another moment."""
    facts = subject.host.groups.get(capture.group) if capture is not None else None
    if facts is None or present(facts.get("sysctl", "vm.max_map_count")) is None:
        facts = subject.host.facts
    return present(facts.denied.get(("sysctl", "vm.max_map_count"), Absent()))


class Configured(Struct, frozen=True):
    """What one file would set at boot. ``name`` is what the files are ordered by."""

    name: str
    value: float
    evidence: Evidence
    # /etc/sysctl.conf: procps reads it after sysctl.d, systemd not at all unless it is linked there
    last_of_all: bool


# Of files with one name the first directory's is read, and of all files the last name's value wins.
_SYSCTL_D = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


def configured_files(subject: Subject, key: str) -> list[Configured]:
    """The files that set ``key``, in the order in which they are read at boot."""
    read: dict[str, tuple[int, Snapshot]] = {}
    for held in subject.host.configured_files:
        folder, _, name = held.member.rpartition("/")
        if not name.endswith(".conf"):  # sysctl.conf.dpkg-old and its like are read by nobody
            continue
        parent = folder.removesuffix("/sysctl.d")
        rank = next((i for i, d in enumerate(_SYSCTL_D) if f"/{parent}".endswith(f"/{d}")), len(_SYSCTL_D))
        if name not in read or rank < read[name][0]:
            read[name] = (rank, held)
    found: list[Configured] = []
    for name, (_, held) in read.items():
        value = present(held.values.get(key, Absent()))
        if value is not None and value.evidence is not None:
            last = not held.member.rpartition("/")[0].endswith("sysctl.d")
            found.append(Configured(name, value.value, value.evidence, last))
    return sorted(found, key=lambda c: (c.last_of_all, c.name.encode()))


def configured_max_map_count(subject: Subject) -> Value | None:
    """The value that sysctl.d or sysctl.conf would set: the last one wins."""
    found = configured_files(subject, "vm.max_map_count")
    return Value(found[-1].value, found[-1].evidence) if found else None


def sysctl(subject: Subject, key: str, group: str | None = None) -> Value | None:
    """A running sysctl as a number."""
    return present(subject.host.fact("sysctl", key, group))


def meminfo(subject: Subject, key: str, group: str | None = None) -> Value | None:
    """A meminfo row in bytes (HugePages_* rows are counts)."""
    return present(subject.host.fact("meminfo", key, group))


def free(subject: Subject, name: str, group: str | None = None) -> Value | None:
    """What ``free`` says, in bytes. It may be rounded, so that no limit is compared with it."""
    return present(subject.host.fact("free", name, group))


def soft_limit(subject: Subject, name: str) -> Value | None:
    """The process's soft rlimit in bytes or units (inf: unlimited): limits, prlimit, then the banner.

    ``ulimit -a`` is the collecting shell's, not the process's, and is not read here.
    """
    finite: Value | None = None
    unlimited: Value | None = None
    for capture in subject.captures:
        fact = capture.facts.get("limits", name)
        if isinstance(fact, Present):
            value = Value(float(fact.value[0]), fact.evidence)
            if math.isinf(value.value):
                unlimited = unlimited or value
            elif finite is None or value.value < finite.value:
                finite = value
    return finite or unlimited or _banner_limit(subject, name)


def _banner_limit(subject: Subject, name: str) -> Value | None:
    """Prometheus prints RLIMIT_AS as vm_limits and RLIMIT_NOFILE as fd_limits at start."""
    kind = {"address_space": "vm_limits", "nofile": "fd_limits"}.get(name)
    if kind is None:
        return None
    for life in reversed(subject.lives):
        for event in life.events:
            if event.kind == kind and event.fields.get("soft"):
                soft = event.fields["soft"]
                try:
                    value = math.inf if soft == "unlimited" else float(soft.rstrip("b"))
                except ValueError:
                    continue
                return Value(value, event.evidence)
    return None


class Counted(Struct, frozen=True):
    """A capture with its most trusted count and the limit in force at its moment."""

    capture: Capture
    count: Count
    limit: Value | None
    denied: Value | None = None  # another value that is stated as running too

    @property
    def mc(self) -> int:
        """map_count, as far as the source tells it."""
        return self.count.count

    def at_limit(self) -> bool:
        """Whether map_count is N or N+1 (kernel.md (ii) 2).

        A line count may hold [vsyscall], so its N is not proof: only N+1 and N+2 lines are.
        """
        if self.limit is None:
            return False
        n = int(self.limit.value)
        if self.count.basis in ("lsof", "open_files"):
            return False
        if self.count.exact:
            return self.mc in (n, n + 1)
        return self.mc in (n + 1, n + 2)

    def over(self) -> bool:
        """Whether the count cannot have grown under this limit: it is of another time or host."""
        if self.limit is None or self.count.basis in ("lsof", "open_files"):
            return False
        return self.mc > int(self.limit.value) + (1 if self.count.exact else 2)


def counted(subject: Subject) -> list[Counted]:
    """Every capture with a count, the highest first."""
    found = [
        Counted(capture, best, max_map_count(subject, capture), denied_max_map_count(subject, capture))
        for capture in subject.captures
        if (best := capture.best) is not None
    ]
    return sorted(found, key=lambda c: -c.mc)


def whole_count(subject: Subject) -> Counted | None:
    """The highest count that is whole: its number can speak against the limit."""
    counts = (c for c in counted(subject) if not c.count.lower_bound)
    return next((c for c in counts if c.count.basis not in ("lsof", "open_files")), None)


def peak(capture: Capture) -> Value | None:
    """VmPeak in bytes, else VmSize."""
    return present(capture.facts.get("status", "vm_peak")) or vm_size(capture)


def vm_size(capture: Capture) -> Value | None:
    """VmSize in bytes; without a status file the sum of the mappings, which equals it."""
    found = present(capture.facts.get("status", "vm_size"))
    if found is not None:
        return found
    best = capture.best
    if best is not None and best.summary is not None and not best.lower_bound and best.summary.total_bytes:
        return Value(float(best.summary.total_bytes), best.evidence)
    return None


def enclosing_kernel_log(subject: Subject, symptoms: Symptoms) -> Evidence | None:
    """The kernel log whose stamps enclose the last failing life's end (rule 6): its silence is evidence. Where a clock
    is not known by a zone or a year of its own, it encloses nothing; where it names a kill that may be of the
    subject, whose pid the bundle cannot compare, it is not silent."""
    end = symptoms.lives[-1].last if symptoms.lives else None
    if (
        end is None
        or end.assumed
        or any(_may_be_its(subject, kill) for kill in subject.host.kernel_events("oom_kill"))
    ):
        return None
    for log in subject.host.kernel_logs:
        first, last = log.first, log.last
        if first is None or last is None or first.assumed or last.assumed:
            continue
        if first <= end <= last:
            return Evidence(
                log.member, log.lines, f"{log.lines:,} lines of the kernel, {first.iso()} to {last.iso()}"
            )
    return None


def _may_be_its(subject: Subject, kill: KernelEvent) -> bool:
    """Whether a kill may be of a process of the subject, as far as the killed one's name tells."""
    return not (kill.comm and subject.product) or kill.comm.startswith(subject.product[:15])


def is_32bit(subject: Subject) -> tuple[bool, Evidence | None] | None:
    """Whether the process is a 32-bit one: by its addresses, its ELF class, its banner."""
    for capture in subject.captures:
        maps = capture.maps
        if maps is not None and maps.has_addresses and maps.highest_end:
            evidence = capture.best.evidence if capture.best else None
            return maps.is_32bit, evidence
    for capture in subject.captures:
        fact = capture.facts.get("exe", "elf_class")
        if isinstance(fact, Present):
            return fact.value == 32, fact.evidence
    for life in reversed(subject.lives):
        for event in life.events:
            if event.kind == "warning_32bit":
                return True, event.evidence
            if event.kind == "build" and event.fields.get("platform"):
                arch = event.fields["platform"].rsplit("/", 1)[-1]
                return arch in ("386", "arm", "mips", "mipsle"), event.evidence
    return None


def requested(symptoms: Symptoms, *families: str) -> list[float]:
    """Sizes in bytes that the failing requests asked for, as far as the log states them.

    A failing file mapping asks for its file's size. Heap and stack requests are stated only by
    some dumps; otherwise the runtime's usual request is taken.
    """
    sizes: list[float] = [float(size) for size in symptoms.sizes(*families)]
    for group in symptoms.of(*families):
        if group.asked:
            sizes.append(float(group.asked))
    return sizes


def arena_requested(symptoms: Symptoms, *families: str) -> bool:
    """Whether the heap could not grow: it grows into arenas that are reserved 64 MiB at a time, and a
    reservation counts against RLIMIT_AS although no line states its size."""
    return any(group.file_kind == "go_heap" for group in symptoms.of(*families))


def unreadable_maps(subject: Subject) -> list[tuple[Capture, str, str]]:
    """Captures whose mappings could not be read: (capture, member, why)."""
    found: list[tuple[Capture, str, str]] = []
    for capture in subject.captures:
        for kind in ("maps", "smaps", "numa_maps"):
            fact = capture.facts.get(kind, "maps")
            if isinstance(fact, Unreadable):
                member = fact.evidence.member if fact.evidence else kind
                found.append((capture, member, fact.why))
    return found
