"""The types of the bundle layer: a member, a place, and what was covered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct, field

HEAD_BYTES = 8192


class Member(Struct):
    """One file of the bundle.

    ``path`` is its whole path, nested archives joined by ``!`` (``outer.tar!inner/path``), cleaned
    of ``..`` and a leading ``/``. ``size`` is bytes as announced, None when unknown beforehand.
    ``head`` is the first 8 KiB. ``link`` is the target (a cleaned path inside the bundle) when the
    member is a link: it then has no body of its own. The body is read once, front to back, and
    only while this member is the current one. ``first_line`` is more than 1 where a reader left out
    what stands before the content.
    """

    path: str
    size: int | None
    head: bytes
    body: Iterator[bytes]  # chunks (bytes or memoryview) that begin with ``head``'s own bytes
    link: str | None = None
    mtime: float | None = None  # seconds since the epoch, as the archive states it
    first_line: int = 1  # the number in the file of the body's first line

    def read(self, limit: int = 64 << 20) -> bytes:
        """The body up to ``limit`` bytes (64 MiB); more is left unread."""
        parts: list[bytes] = []
        size = 0
        for chunk in self.body:
            parts.append(bytes(chunk))
            size += len(parts[-1])
            if size >= limit:
                break
        return b"".join(parts)[:limit]


class Place(Struct, frozen=True):
    """Where a member was taken, as far as its layout tells. None is "not told"."""

    host: str | None = None
    namespace: str | None = None
    pod: str | None = None
    container: str | None = None
    pid: int | None = None
    node: str | None = None
    root: str = ""  # the folder of the bundle that holds this host's or pod's files
    previous: bool = False  # the log of the container's previous life
    rotation: int | None = None  # 0 is the newest file; None: not rotated
    restart: int | None = None  # kubelet's restart count in ``N.log``
    container_id: str | None = None  # hex, where a path states it
    part: str = ""  # a folder of snapshots taken at another moment, as in ``series/NAME/``
    tail: bool = False  # only the end of the file was collected


class Coverage(Struct):
    """What was read and what was not. Filled while the bundle is read, final after the pass."""

    members_total: int = 0
    members_read: int = 0
    bytes_read: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (member, why)
    truncated: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Layout(Protocol):
    """A way bundles are laid out, recognised by its markers among the paths."""

    @property
    def name(self) -> str: ...

    def matches(self, paths: frozenset[str]) -> bool:
        """Whether the markers of this layout stand among ``paths``."""
        ...

    def place(self, path: str) -> Place:
        """Where the member at ``path`` was taken."""
        ...
