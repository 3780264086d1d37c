"""Which capture is of the process that wrote the log (design, rule 9; kernel.md traps t02, t08).

By content first: mapped paths and sizes equal to what the log names, pids, container ids. The clock
is not used: a boot time computed from date and uptime picks the wrong life (measured: 25 s off).
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from analyzer.case.model import Capture, Subject
from analyzer.logs.model import FailureGroup
from analyzer.logs.writers import PRODUCTS, ROLE

PAGE = 4096
INGESTERS = (*PRODUCTS, ROLE)
_SHOWN = 3  # the score from which on content or a pid shows whose process it is


class Link(Struct, frozen=True):
    """How strongly a capture belongs to a subject: ``score`` 0 is "not shown", below 0 "not it"."""

    score: int
    basis: str


Links = dict[int | None, Link]


def links(subject: Subject, candidates: Iterable[Capture]) -> Links:
    """How strongly each captured pid belongs to the subject."""
    return {
        pid: max((_link(subject, c) for c in group), key=lambda x: x.score)
        for pid, group in _by_pid(candidates).items()
    }


def granted(claims: Sequence[Links]) -> list[Links]:
    """The claims of all subjects of a host, without those to a process that is shown to be another's: the same
    capture cannot be of both."""
    best: Links = {}
    for links in claims:
        for pid, link in links.items():
            if pid not in best or link.score > best[pid].score:
                best[pid] = link
    return [
        {
            pid: Link(-1, f"another process of this bundle has it: {best[pid].basis}")
            if best[pid].score >= _SHOWN > link.score >= 0
            else link
            for pid, link in links.items()
        }
        for links in claims
    ]


def attribute(subject: Subject, candidates: Iterable[Capture], links: Links) -> None:
    """Split ``candidates`` (captures of the subject's host) into the subject's own and bystanders.

    The captures of one pid stand or fall together. With a single pid that nothing contradicts, that
    pid is the subject's; with several, only content decides, and a tie leaves all of them out.
    """
    by_pid = _by_pid(candidates)
    own = _choose(links, by_pid)
    for pid, group in by_pid.items():
        for capture in group:
            if pid in own:
                capture.link_basis = links[pid].basis or "the only process captured"
                subject.captures.append(capture)
                if pid is not None:
                    subject.pids.add(pid)
            else:
                subject.bystanders.append(capture)
                if capture.counts or capture.facts.facts:
                    capture.notes.append(links[pid].basis or "nothing links this process to the log")
    if not own and len([p for p in by_pid if p is not None]) > 1:
        subject.notes.append(
            f"{len(by_pid)} processes were captured; none can be linked to the log with certainty"
        )
    if subject.bystanders and own:
        pids = dict.fromkeys(c.pid for c in subject.bystanders if c.pid is not None)
        names = ", ".join(f"pid {pid}" for pid in list(pids)[:4])
        if names:
            subject.notes.append(f"not of this process, so no evidence for it: {names}")
    _link_lives(subject)


def _by_pid(captures: Iterable[Capture]) -> dict[int | None, list[Capture]]:
    by_pid: dict[int | None, list[Capture]] = {}
    for capture in captures:
        by_pid.setdefault(capture.pid, []).append(capture)
    return by_pid


def _choose(links: dict[int | None, Link], by_pid: dict[int | None, list[Capture]]) -> set[int | None]:
    possible = {pid: link for pid, link in links.items() if link.score >= 0}
    if not possible:
        return set()
    best = max(link.score for link in possible.values())
    top = {pid for pid, link in possible.items() if link.score == best}
    if best > 0:
        # Several pids may be the same process across restarts, if content says so of each.
        return top if best >= 3 or len(top) == 1 else set()
    telling = {pid for pid in top if any(c.counts or c.facts.has("limits") for c in by_pid[pid])}
    return telling if len(telling) == 1 else set()


def _link(subject: Subject, capture: Capture) -> Link:
    """Score one capture against the subject, with what decided in words."""
    container = capture.facts.value("cgroup_of", "container_id")
    pod_uid = capture.facts.value("cgroup_of", "pod_uid")
    if subject.container_id and container and container == subject.container_id:
        return Link(9, "same container id")
    if subject.pod_uid and pod_uid:
        # Each restart is a new container, so another container id of the same pod says nothing.
        if str(pod_uid).replace("_", "-") == subject.pod_uid.replace("_", "-"):
            return _of_the_pod(subject, capture)
        return Link(-1, "another pod")
    if subject.container_id and container:
        return Link(-1, "another container")
    if capture.pid is not None and capture.pid in subject.pids:
        return Link(8, f"the log names pid {capture.pid}")
    score, words = 0, []
    if paths := _paths_match(subject, capture):
        score += 4
        words.append(paths)
    sizes = _sizes_match(subject, capture)
    if sizes:
        score += 3
        words.append(sizes)
    names = _names(capture)
    if not score and _is_other_product(subject, names):
        return Link(-1, f"its command is {names.split(' ', 1)[0]}, the log is {subject.product}'s")
    if any(name in names for name in INGESTERS):
        score += 1
        words.append("its command is an ingester's")
    elif capture.pid is not None and not score:
        against = _contradiction(subject, capture, names)
        if against:
            return Link(-1, against)
    return Link(score, "; ".join(words))


def _is_other_product(subject: Subject, names: str) -> bool:
    """Whether the process is one of the products, and none of those whose banners stand in the log."""
    banners = (life.start.fields.get("product") for life in subject.lives if life.start is not None)
    stated = {product for product in banners if product}
    named = {name for name in INGESTERS if name in names}
    return bool(stated and named) and "ingester" not in named and stated.isdisjoint(named)


def _of_the_pod(subject: Subject, capture: Capture) -> Link:
    """A process of the subject's own pod: the ingester's, unless its name is a wrapper's or a sidecar's."""
    names = _names(capture)
    if _is_foreign(names) or "reloader" in names:
        return Link(-1, "its command is no ingester's")
    if subject.product and names and not any(name in names for name in (subject.product, "ingester")):
        return Link(-1, f"its command is {names.split(' ', 1)[0]}, the log is {subject.product}'s")
    return Link(8, "same pod uid in its cgroup")


# A capture with this many file mappings shows what the process maps.
_ENOUGH_FILES = 20


def _contradiction(subject: Subject, capture: Capture, names: str) -> str:
    """Why a process without any link to the log cannot be taken for the one that wrote it."""
    if _is_foreign(names):
        return "its command is no ingester's"
    if subject.product and names:
        return f"its command is {names.split(' ', 1)[0]}, the log is {subject.product}'s"
    maps = capture.maps
    failed = _failed_sizes(subject)
    if maps is not None and failed:
        files = sum(sum(sizes.values()) for sizes in maps.file_sizes.values())
        if files >= _ENOUGH_FILES:
            return "it maps files, but none of a size that failed in the log"
    return ""


def _names(capture: Capture) -> str:
    """The process's own names, in lower case: comm, Name, exe and argv[0]. Arguments are not names:
    a data directory called prometheus makes no Prometheus."""
    argv = capture.facts.value("cmdline", "argv") or ()
    parts = [
        capture.facts.value("comm", "comm"),
        capture.facts.value("status", "name"),
        posixpath.basename(str(capture.facts.value("exe", "path") or "")),
        posixpath.basename(argv[0]) if argv else "",
    ]
    return " ".join(str(p) for p in parts if p).lower()


_WRAPPERS = ("sh", "bash", "dash", "tini", "dumb-init", "systemd", "init", "pause", "kubelet", "dockerd",
             "containerd", "containerd-shim", "conmon", "sshd", "kthreadd", "supervisord", "s6-svscan")  # fmt: skip


def _is_foreign(names: str) -> bool:
    """Whether the process is a wrapper or an init, such as the ``sh`` that is PID 1."""
    first = names.split(" ", 1)[0] if names else ""
    return first in _WRAPPERS or first.startswith("containerd-shim")


def _failing(subject: Subject) -> Iterable[FailureGroup]:
    for life in subject.lives:
        yield from life.failures


def _failed_sizes(subject: Subject) -> set[int]:
    """Sizes in bytes of the files that could not be mapped; requests of the heap are no files."""
    groups = (f for f in _failing(subject) if f.file_kind not in ("go_heap", "thread_stack"))
    return {size for f in groups for size in f.sizes if size > 8}


def _paths_match(subject: Subject, capture: Capture) -> str:
    """Whether a directory that the log names is mapped by the capture."""
    maps = capture.maps
    if maps is None or not maps.data_dirs:
        return ""
    named = {d for d in (f.directory for f in _failing(subject)) if d}
    named |= {posixpath.dirname(posixpath.dirname(p)) for f in _failing(subject) for p in f.paths}
    for directory in named:
        for mapped in maps.data_dirs:
            if mapped and (directory == mapped or directory.startswith(mapped + "/")):
                return f"it maps {mapped}, which the log names"
    return ""


def _sizes_match(subject: Subject, capture: Capture) -> str:
    """Whether the capture maps files of the sizes that failed (rounded up to pages).

    Only sizes that tell something count: most mapped files of the capture, or several distinct.
    """
    maps = capture.maps
    if maps is None:
        return ""
    mapped: Counter[int] = Counter()
    for sizes in maps.file_sizes.values():
        mapped.update(sizes)
    failed = {-(-size // PAGE) * PAGE for size in _failed_sizes(subject)}
    common = sum(mapped[size] for size in failed)
    total = sum(mapped.values())
    if total and common >= max(3, total // 4):
        return f"{common:,} of its {total:,} file mappings have a size that failed in the log"
    return ""


def _link_lives(subject: Subject) -> None:
    """Which lives a capture may be of: the one its pid names, else all that content allows."""
    for capture in subject.captures:
        named = [life.id for life in subject.lives if life.pid is not None and life.pid == capture.pid]
        if named:
            capture.life_candidates = named
            capture.link_basis = f"pid {capture.pid} is this life's"
        else:
            capture.life_candidates = [life.id for life in subject.lives]
