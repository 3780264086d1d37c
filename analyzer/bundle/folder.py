"""A folder as a bundle: every regular file below it, links noted and never followed out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing

from analyzer.bundle import paths
from analyzer.bundle.model import Member
from analyzer.bundle.source import Raw, reason
from analyzer.bundle.stream import Stream, ahead
from analyzer.bundle.walk import File, Walk

# Absent on Windows, where neither pipes nor links wait in folders.
_SAFE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _shown(path: str) -> str:
    """A name of this file system as printable text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def has_files(root: str) -> bool:
    """Whether anything but folders stands below ``root``."""
    return any(names for _, _, names in os.walk(root))


def members(root: str, walk: Walk) -> Iterator[Member]:
    """The members of all files below ``root``, by name, folder by folder."""
    base = os.path.realpath(root)
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(base, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            walk.notes.skip(_shown(folder) or ".", f"unreadable: {reason(error)}")
            continue
        below = []
        for entry in entries:
            relative = os.path.join(folder, entry.name)
            if entry.is_symlink():
                yield from _link(base, relative, walk)
            elif entry.is_dir(follow_symlinks=False):
                below.append(relative)
            else:
                yield from _file(base, relative, walk)
        pending.extend(reversed(below))


def _link(base: str, relative: str, walk: Walk) -> Iterator[Member]:
    path = walk.claim("", _shown(relative).replace(os.sep, "/"))
    if path is None:
        return
    try:
        target = _shown(os.readlink(os.path.join(base, relative)))
    except OSError as error:
        walk.notes.skip(path, f"unreadable: {reason(error)}")
        return
    own = _shown(base) + "/"
    if (target + "/").startswith(own):
        inner = paths.clean(target[len(own) :])
        if inner:
            walk.links[path] = inner
            yield Member(path, 0, b"", iter(()), link=inner)
        return
    yield from walk.link("", path, target.replace(os.sep, "/"), False, None)


def _file(base: str, relative: str, walk: Walk) -> Iterator[Member]:
    path = walk.claim("", _shown(relative).replace(os.sep, "/"))
    if path is None:
        return
    full = os.path.join(base, relative)
    try:
        descriptor = os.open(full, _SAFE)
    except OSError as error:
        mode = _mode(full)
        odd = mode is not None and not stat.S_ISREG(mode)
        walk.notes.skip(path, "a device, socket or pipe" if odd else f"unreadable: {reason(error)}")
        return
    with os.fdopen(descriptor, "rb", buffering=0) as handle:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            walk.notes.skip(path, "a device, socket or pipe")
            return
        walk.taken += status.st_size
        raw = Raw(handle, status.st_size, full, hashed=False)
        with closing(ahead(raw.blocks())) as blocks:
            file = File(
                path,
                path + paths.NESTED,
                Stream(blocks),
                status.st_size,
                status.st_mtime,
                raw=raw,
                direct=True,
            )
            yield from walk.file(file)
        walk.taken += max(raw.done - status.st_size, 0)
        if raw.problem:
            walk.notes.cut(path)
            walk.notes.warn(f"{path}: reading ended early: {raw.problem}")


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return None
