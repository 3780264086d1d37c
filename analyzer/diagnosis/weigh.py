"""What a cause says of a case, and what the causes look at: the symptoms of the last episode.

A cause never says "confirmed": it cannot see whether its rivals are excluded. It claims "direct"
(its limit was met, shown for this process), "strong" (strong indirect evidence), "consistent",
"ruled_out" or "untestable"; the arbiter turns claims into statuses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from analyzer import lazy
from analyzer.case.identity import own_kills
from analyzer.case.model import Case, Life, Subject
from analyzer.facts import Evidence, Stamp
from analyzer.logs.model import Event, FailureGroup, KernelEvent
from analyzer.logs.operations import OPENS

Claim = Literal["direct", "strong", "consistent", "ruled_out", "untestable"]
Family = Literal[
    "memory",
    "syscall",
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

# Calls that map nothing, and say ENOMEM for want of the kernel's own memory or, a fork, of commit. At the map
# limit they succeed (kernel.md (ii) 6).
_MAPS_NOTHING = lazy.pattern(
    r"\b(?:fork/exec|open(?:at)?|creat|p?read|p?write|[lf]?stat|readdirent|mkdir(?:at)?|rename|unlink(?:at)?|remove"
    r"|rmdir|f?sync|f?truncate|fallocate|link|symlink|readlink) \S*/[^:]*: cannot allocate memory"
    r"|\b(?:v?fork|clone3?|execve|accept4?|connect|socket|sendmsg|recvmsg|epoll_\w+|pipe2?|fcntl|flock|getdents(?:64)?"
    r"|readdirent|fork/exec)(?:\([^)]*\))?: cannot allocate memory",
    re.IGNORECASE,
)
_FORKS = lazy.pattern(r"\b(?:fork/exec|v?fork|clone3?)\b")
# What another process has answered: its limits are not those of the process that logs it.
_ANSWER = lazy.pattern(
    r"\brpc error: code = |\bunexpected status\b|\bserver returned\b|\bstatus code:? [45]\d\d\b|\bStorage backend\b"
    r"|\b(?:minio|s3|googleapi|azblob): "
)
_OWN_ANSWER = lazy.pattern(r"\bmethod\W{1,4}/[\w.]*Ingester/")
# What a TSDB does: where it fails again and again its memory grows, so it may be what a kill later follows from.
_OF_TSDB = OPENS | {"compaction", "block_write", "reload"}


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
        return "syscall" if _maps_nothing(group) else "memory"
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


def _maps_nothing(group: FailureGroup) -> bool:
    """Whether all that failed are calls that map nothing, as far as the quoted lines tell."""
    if group.sizes or group.file_kind in ("go_heap", "thread_stack") or not group.evidence:
        return False
    return all(_MAPS_NOTHING.search(e.text) for e in group.evidence)


def is_fork(group: FailureGroup) -> bool:
    """Whether a process could not be started, which takes as much commit as the process itself."""
    return family(group) == "syscall" and any(_FORKS.search(e.text) for e in group.evidence)


def is_answer(group: FailureGroup) -> bool:
    """Whether each quoted line only repeats what another process has answered."""
    texts = [e.text for e in group.evidence]
    return bool(texts) and all(_ANSWER.search(text) and not _OWN_ANSWER.search(text) for text in texts)


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
    return _of_episode([life for life in failing if life.episode == number], number)


def episodes_of(subject: Subject) -> list[Symptoms]:
    """The symptoms of every episode, in their order."""
    lives: dict[int, list[Life]] = {}
    for life in subject.lives:
        if life.episode is not None:
            lives.setdefault(life.episode, []).append(life)
    return [_of_episode(found, number) for number, found in lives.items()]


def _of_episode(lives: list[Life], number: int | None) -> Symptoms:
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
    for life, group in found.groups:
        kind = family(group)
        if kind != "other" and not _follows_kill(found, life, group):
            found.root, found.root_family = group, kind
            return
    if any(life.outcome == "killed" for life in found.lives):
        found.root_family = "kill"
    elif any(e.fields.get("signal") == "SIGBUS" for e in found.fatals()):
        found.root_family = "bus"
    elif found.groups:
        found.root, found.root_family = found.groups[0][1], "other"
    elif any(life.outcome in ("log_stops",) for life in found.lives):
        found.root_family = "stop"
    elif any(True for _ in found.fatals()):
        found.root_family = "other"


def _follows_kill(found: Symptoms, life: Life, group: FailureGroup) -> bool:
    """Whether a kill was first: of an earlier life of the episode, or of this one by want of memory, which no single
    line beside it explains. A TSDB that fails again and again may well be what the memory was wanted for."""
    for earlier in found.lives:
        if earlier is life:
            break
        if earlier.outcome == "killed":
            return True
    once = group.operation not in _OF_TSDB or group.lines < 2
    return was_oom_killed(life) and once and not group.fatal


def was_oom_killed(life: Life) -> bool:
    """Whether the kernel's log or the pod's state says that the life ended by an OOM kill (rule 5)."""
    return life.outcome == "killed" and (bool(life.kernel) or "OOM" in (life.reason or ""))


def kills_of(symptoms: Symptoms, subject: Subject) -> list[KernelEvent]:
    """The kernel's kills that the episode is about: all that name the subject where it ended by a kill, else
    those of its failing lives."""
    own = own_kills(subject)
    if symptoms.root_family in ("kill", "stop"):
        return own
    ended = [kill for life in symptoms.lives for kill in life.kernel]
    return [kill for kill in own if any(kill is end for end in ended)]


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
