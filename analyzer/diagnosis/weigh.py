"""What a cause says of a case, and what the causes look at: the symptoms of the last episode.

A cause never says "confirmed": it cannot see whether its rivals are excluded. It claims "direct"
(its limit was met, shown for this process), "strong" (strong indirect evidence), "consistent",
"ruled_out" or "untestable"; the arbiter turns claims into statuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from analyzer.case.model import Case, Life, Subject
from analyzer.facts import Evidence, Stamp
from analyzer.logs.model import Event, FailureGroup

Claim = Literal["direct", "strong", "consistent", "ruled_out", "untestable"]
Family = Literal[
    "memory",
    "threads",
    "locked",
    "files",
    "space",
    "watch",
    "corrupt",
    "kill",
    "stop",
    "bus",
    "other",
    "none",
]

CLAIM_ORDER: dict[str, int] = {"direct": 4, "strong": 3, "consistent": 2, "untestable": 1, "ruled_out": 0}

# Request sizes where the log does not state them (kernel.md (i) 4, 5): heap growth, thread stack.
HEAP_REQUEST = 4 << 20
HEAP_ARENA = 64 << 20
STACK_REQUEST = 8 << 20


class Weight(Struct, frozen=True):
    """The margin of a hypothesis: ``used`` of ``limit`` with ``requested`` on top, in ``unit``."""

    used: float | None
    limit: float | None
    requested: float | None
    unit: str
    at: Stamp | None = None


class Hypothesis(Struct, frozen=True):
    """A cause weighed against one subject.

    ``capture`` is the id of the capture that carries a direct claim. ``below`` maps capture ids to
    words that show this cause's limit was not met at that capture's moment: if a rival is direct
    by the same capture, this cause is ruled out by them. ``strength`` breaks ties between equal
    claims, highest first. ``missing`` names the facts that are lacking (keys of the ask table).
    """

    cause: str
    claim: Claim
    why: str
    evidence: tuple[Evidence, ...] = ()
    margin: Weight | None = None
    missing: tuple[str, ...] = ()
    capture: str | None = None
    below: dict[str, str] = field(default_factory=dict)
    strength: float = 0.0
    driver: str | None = None
    cap: Literal["confirmed", "likely", "possible"] = "confirmed"


class Cause(Protocol):
    """A limit that can explain a failure. ``explains`` names the failure families it can cause."""

    name: str
    title: str
    explains: frozenset[str]

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        """Weigh this cause against one subject; a pure function of the case."""
        ...


def family(group: FailureGroup) -> Family:
    """Which family of limits a failure belongs to, by errno and operation."""
    errno, operation = group.errno, group.operation
    if operation == "config_watch":
        return "watch"
    if group.corrupt or (errno == "EINVAL" and 0 in group.sizes):
        return "corrupt"
    if errno == "ENOMEM":
        return "memory"
    if errno == "EAGAIN":
        if operation == "thread_create":
            return "threads"
        # madvise that must split a mapping says EAGAIN at the map limit (kernel.md (ii) 7).
        if "madvise" in group.sample:
            return "memory"
        # Only for a mapping does EAGAIN mean locked memory; from open or read it may mean many things.
        mapping = bool(group.sizes) or group.operation == "allocate" or "mmap" in group.sample
        return "locked" if mapping else "other"
    if errno in ("EMFILE", "ENFILE"):
        return "files"
    if errno in ("ENOSPC", "EDQUOT"):
        return "space"
    return "other"


def is_file_mapping(group: FailureGroup) -> bool:
    """Whether the failed request mapped a file (shared, read-only: never charged to commit)."""
    return group.file_kind not in (None, "go_heap", "thread_stack", "wal") or (
        bool(group.sizes) and group.file_kind != "go_heap"
    )


def is_own_memory(group: FailureGroup) -> bool:
    """Whether the failed request was for the process's own private memory (heap or stack)."""
    return group.file_kind in ("go_heap", "thread_stack") or group.operation in ("allocate", "thread_create")


class Symptoms(Struct):
    """The failing lives of the episode that the verdict is about, and their failures.

    ``groups`` are in order of time (lives in order, then line). ``root`` is the first failure of a
    known family: first in time beats most frequent (rule 10).
    """

    lives: list[Life] = field(default_factory=list)
    groups: list[tuple[Life, FailureGroup]] = field(default_factory=list)
    root: FailureGroup | None = None
    root_family: Family = "none"
    episode: int | None = None

    def of(self, *families: str) -> list[FailureGroup]:
        """Failures of these families, in order of time."""
        return [g for _, g in self.groups if family(g) in families]

    def sizes(self, *families: str) -> Counter[int]:
        """Sizes in bytes of all failures of these families that state one."""
        total: Counter[int] = Counter()
        for group in self.of(*families):
            total.update(group.sizes)
        return total

    def fatals(self) -> Iterable[Event]:
        """Go fatal errors and panics of the episode."""
        for life in self.lives:
            yield from life.fatals

    def evidence(self, *families: str, most: int = 2) -> tuple[Evidence, ...]:
        """The first lines of these families' failures."""
        found: list[Evidence] = []
        for group in self.of(*families):
            found.extend(group.evidence[:1])
            if len(found) >= most:
                break
        return tuple(found[:most])

    def killed(self) -> list[Life]:
        """Lives that ended by a signal that is known."""
        return [life for life in self.lives if life.outcome == "killed"]


def symptoms_of(subject: Subject, at: Stamp | None = None) -> Symptoms:
    """The symptoms of the last episode, or of the one that encloses ``at``."""
    failing = [life for life in subject.lives if life.episode is not None]
    if not failing:
        return Symptoms()
    number = failing[-1].episode
    if at is not None:
        enclosing = [life for life in failing if life.first and life.last and life.first <= at <= life.last]
        before = [life for life in failing if life.first and life.first <= at]
        picked = enclosing or before[-1:]
        number = picked[0].episode if picked else failing[0].episode
    lives = [life for life in failing if life.episode == number]
    found = Symptoms(lives=lives, episode=number)
    for life in lives:
        found.groups.extend((life, g) for g in sorted(life.failures, key=lambda g: _order(life, g)))
    _find_root(found)
    return found


def _order(life: Life, group: FailureGroup) -> tuple[int, int]:
    members = [log.member for log, _ in life.segments]
    member = group.evidence[0].member if group.evidence else ""
    return (members.index(member) if member in members else 0, group.first_line)


def _find_root(found: Symptoms) -> None:
    for _, group in found.groups:
        kind = family(group)
        if kind != "other":
            found.root, found.root_family = group, kind
            break
    killed_first = bool(found.lives) and found.lives[0].outcome == "killed" and not found.lives[0].failures
    if found.root is None or (killed_first and not _before_kill(found)):
        if any(life.outcome == "killed" for life in found.lives):
            found.root, found.root_family = None, "kill"
        elif any(e.fields.get("signal") == "SIGBUS" for e in found.fatals()):
            found.root_family = "bus"
        elif found.groups:
            found.root, found.root_family = found.groups[0][1], "other"
        elif any(life.outcome in ("log_stops",) for life in found.lives):
            found.root_family = "stop"
        elif any(True for _ in found.fatals()):
            found.root_family = "other"


def _before_kill(found: Symptoms) -> bool:
    """Whether a failure of a known family was logged before the first kill."""
    for life in found.lives:
        if any(family(g) != "other" for g in life.failures):
            return True
        if life.outcome == "killed":
            return False
    return False


def number(value: float | None) -> str:
    """A count with thousands separators; "unknown" when it is not known."""
    return "unknown" if value is None else f"{value:,.0f}"


def human(size: float | None) -> str:
    """Bytes in human units: ``8.0 GiB``, ``559 bytes``."""
    if size is None:
        return "unknown"
    if size == float("inf"):
        return "unlimited"
    if abs(size) < 1024:
        return f"{size:,.0f} bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        size /= 1024
        if abs(size) < 1024 or unit == "PiB":
            return f"{size:,.1f} {unit}"
    return f"{size:,.0f}"


def no_symptom(cause: str, words: str) -> Hypothesis:
    """Ruled out because its kind of failure does not occur in the episode."""
    return Hypothesis(cause, "ruled_out", words)


def quote(items: Sequence[Evidence | None]) -> tuple[Evidence, ...]:
    """The evidence there is."""
    return tuple(e for e in items if e is not None)
