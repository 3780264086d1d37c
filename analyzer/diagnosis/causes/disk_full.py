"""No space or no inodes. A failed preallocation is rolled back, so df later proves nothing against it."""

from __future__ import annotations

import posixpath

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis.weigh import (
    Claim,
    Hypothesis,
    Symptoms,
    Weight,
    family,
    human,
    is_answer,
    no_symptom,
    number,
    quote,
)
from analyzer.facts import Evidence
from analyzer.snapshots.model import Mount

# A file system counts as full when less than this part of it is available (root's reserve aside).
FULL = 0.01


class _DiskFull(Struct, frozen=True):
    name: str = "disk_full"
    title: str = "a full disk"
    explains: frozenset[str] = frozenset({"space", "bus"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = symptoms.of("space")
        bus = [e for e in symptoms.fatals() if e.fields.get("signal") == "SIGBUS"]
        if not groups and not bus:
            return no_symptom(self.name, "no write failed for want of space")
        failures = symptoms.evidence("space") or tuple(e.evidence for e in bus[:1])
        full = _full_mount(subject, symptoms)
        if full is not None:
            mount, evidence = full
            unit = "inodes" if mount.inodes else "bytes"
            size = number(mount.size) if mount.inodes else human(mount.size)
            why = f"{mount.path} is full: {number(mount.available) if mount.inodes else human(mount.available)} of {size} {'inodes ' if mount.inodes else ''}left"
            weight = Weight(mount.used, mount.size, None, unit)
            return Hypothesis(self.name, "direct", why, quote([*failures, evidence]), weight, strength=3)
        if groups and all(is_answer(group) for group in groups):
            why = "another process answered that it has no space left; nothing shows it of this one"
            return Hypothesis(self.name, "consistent", why, failures, missing=("df",), strength=1)
        if groups:
            quota = any(g.errno == "EDQUOT" for g in groups)
            why = "a write failed for want of space" + (" (a quota)" if quota else "")
            why += "; df of a later moment proves nothing against it, a failed preallocation is rolled back"
            # One line that nothing followed may be of a shortage long past, or of a limit of the file system's own.
            went_on = all(life.outcome != "error_exit" for life, g in symptoms.groups if family(g) == "space")
            once = sum(g.lines for g in groups) < 2 and not any(g.fatal for g in groups) and went_on
            claim: Claim = "consistent" if once else "strong"
            return Hypothesis(self.name, claim, why, failures, missing=("df",), strength=2)
        why = "SIGBUS on a mapped file: the disk behind it is full, or a read failed"
        return Hypothesis(self.name, "consistent", why, failures, missing=("df", "kernel_log"), strength=1)


def _full_mount(subject: Subject, symptoms: Symptoms) -> tuple[Mount, Evidence] | None:
    """The full file system that holds the data directory; any full one when the directory is unknown."""
    named = [p for g in symptoms.of("space") for p in [g.directory, *g.paths] if p]
    if subject.data_dir is not None:
        named.append(subject.data_dir[0].root)
    rows = subject.host.mounts
    paths: list[str | None] = list(named) or [None]
    for path in paths:
        holding: tuple[int, Mount, str] | None = None
        fullest: list[tuple[Mount, str]] = []
        for mount, member in rows:
            if path is not None:
                base = mount.path.rstrip("/")
                if path == mount.path or path.startswith(base + "/"):
                    if holding is None or len(base) > holding[0]:
                        holding = (len(base), mount, member)
                        fullest = [(mount, member)]
                    elif len(base) == holding[0]:
                        fullest.append((mount, member))
            elif not _pseudo(mount):
                fullest.append((mount, member))
        for mount, member in fullest:
            if _is_full(mount):
                text = f"{mount.device} {mount.path}: {mount.available} of {mount.size} available"
                return mount, Evidence(member, mount.line, text)
    return None


def _is_full(mount: Mount) -> bool:
    return bool(mount.size) and mount.available is not None and mount.available <= FULL * (mount.size or 0)


def _pseudo(mount: Mount) -> bool:
    """Read-only images and kernel file systems are always full and never written."""
    name = posixpath.basename(mount.device)
    return mount.path.startswith(("/proc", "/sys", "/dev", "/snap", "/run", "/boot")) or name.startswith(
        ("loop", "squashfs", "udev", "devtmpfs", "overlay", "sr")
    )


CAUSE = _DiskFull()
