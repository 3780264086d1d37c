"""The one loop: each member of the bundle goes to the parser that claims it.

It alone knows both archive and parsers. Members come in any order, so whatever needs more than one
member (layout, links, rotation order, missing years, NSpid) is settled after the pass, in case/.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from msgspec import Struct, field

from analyzer import snapshots
from analyzer.bundle import Limits, open_bundle
from analyzer.bundle.layouts import recognise
from analyzer.bundle.limits import option
from analyzer.bundle.model import Coverage, Layout, Member
from analyzer.errors import AnalyzerError
from analyzer.logs import digest, holes, kernel_log, sniff
from analyzer.logs.model import KernelLog, LogDigest
from analyzer.snapshots.base import head_of, next_title, quote, refused, unread
from analyzer.snapshots.model import Snapshot

Progress = Callable[[int, int | None], None]
DEFAULTS = Limits()


class Intake(Struct):
    """What one pass over a bundle gave: rows, and what was not read."""

    name: str
    sha256: str | None
    size_bytes: int | None
    layout: Layout
    coverage: Coverage
    paths: list[str]
    links: dict[str, str]
    logs: list[LogDigest] = field(default_factory=list)
    kernel_logs: list[KernelLog] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    unrecognised: list[str] = field(default_factory=list)
    newest_mtime: float | None = None
    warnings: list[str] = field(default_factory=list)


def read(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    detail: bool = False,
    progress: Progress | None = None,
    allow_remote: bool = False,
    limits: Limits = DEFAULTS,
) -> Intake:
    """One pass over the bundle at ``source``. ``detail`` keeps every mapping as a row; ``limits`` bound
    what hostile input may cost.

    Raises AnalyzerError (status 2) for input that cannot be read at all.
    """
    logs: list[LogDigest] = []
    kernel_logs: list[KernelLog] = []
    taken: list[Snapshot] = []
    unrecognised: list[str] = []
    warnings: list[str] = []
    newest: float | None = None
    head = b""
    beyond: list[str] = []
    with open_bundle(source, progress=progress, allow_remote=allow_remote, limits=limits) as bundle:
        for member in bundle.members():
            if member.mtime is not None and member.mtime > (newest or 0):
                newest = member.mtime
            head = member.head
            if member.link is not None:
                continue
            done, first, unknown = bundle.coverage.members_read, len(taken), len(unrecognised)
            try:
                room = limits.max_parsed
                if not claim(
                    member, logs, kernel_logs, taken, unrecognised, warnings, detail=detail, room=room
                ):
                    beyond.append(member.path)
            except (AnalyzerError, MemoryError):
                raise
            except Exception as error:
                # A fault of one parser costs its member, never the report; the report says so.
                bundle.coverage.skipped.append((member.path, f"parser fault: {type(error).__name__}"))
                warnings.append(f"{member.path}: could not be parsed ({type(error).__name__}: {error})")
                continue
            why = _unread(member, taken[first:], unrecognised[unknown:])
            if why is not None:
                bundle.coverage.skipped.append((member.path, why))
                bundle.coverage.members_read = done
                del unrecognised[unknown:]
        if beyond:
            bundle.coverage.truncated.append(bundle.name)
            warnings.append(
                f"{len(beyond)} members, such as {beyond[0]}, are not parsed: the bundle holds more than "
                f"{limits.max_parsed} snapshots or logs {option('max_parsed')}"
            )
        if bundle.paths == [bundle.name] and unrecognised and _is_binary(head):
            raise AnalyzerError(
                f"{bundle.name}: neither an archive that is known, nor a folder, nor a text log"
            )
        return Intake(
            name=bundle.name,
            sha256=bundle.sha256,
            size_bytes=bundle.size_bytes,
            layout=recognise(bundle.paths, bundle.name, bundle.links),
            coverage=bundle.coverage,
            paths=bundle.paths,
            links=dict(bundle.links),
            logs=logs,
            kernel_logs=kernel_logs,
            snapshots=taken,
            unrecognised=unrecognised,
            newest_mtime=newest,
            warnings=warnings,
        )


def _unread(member: Member, taken: list[Snapshot], unrecognised: list[str]) -> str | None:
    """Why nothing of the member is known: what its parser says, or the refusal that it holds instead."""
    if taken:
        facts = [unread(snapshot) for snapshot in taken]
        first = facts[0]
        if first is None or None in facts:
            return None
        said = first.evidence
        return said.text if said is not None and said.line is not None else first.why
    return _refusal_of(member) if unrecognised else None


def _refusal_of(member: Member) -> str | None:
    """The refusal that the member holds instead of its content."""
    said = refused(head_of(member))
    return quote(said[1].decode("utf-8", "replace")) if said is not None else None


def _is_binary(head: bytes) -> bool:
    """Whether a lone file is no text of any kind: no log to read, no archive to open."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    odd = sum(1 for byte in head if byte < 9 or 13 < byte < 27 or 27 < byte < 32)
    return odd * 20 > len(head)


def claim(
    member: Member,
    logs: list[LogDigest],
    kernel_logs: list[KernelLog],
    taken: list[Snapshot],
    unrecognised: list[str],
    warnings: list[str],
    *,
    detail: bool,
    room: int = DEFAULTS.max_parsed,
) -> bool:
    """Hand ``member`` to the one parser that claims it; note it when none does.

    False when its kind already fills the ``room`` there is for it.
    """
    member = holes.past(member)
    found = snapshots.claimed(member)
    if found is not None:
        if len(taken) >= room:
            return False
        parser, content = found
        before = content.first_line - 1
        more = next_title(head_of(member), before) if before else None
        if more is not None:
            warnings.append(
                f"{member.path}: holds several outputs; of what follows line {more[0]} ({more[1]}) only what "
                f"belongs to the first ({parser.kind}) is read"
            )
        taken.extend(parser.read(content, detail=detail))
    elif sniff.looks_like_kernel_log(member.path, member.head) and not _refusal_of(member):
        if len(kernel_logs) >= room:
            return False
        kernel_logs.append(kernel_log.read_kernel_log(member))
    elif sniff.looks_like_log(member.path, member.head):
        if len(logs) >= room:
            return False
        logs.append(digest.read_log(member))
    else:
        unrecognised.append(member.path)
    return True
