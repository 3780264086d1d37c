"""Names as archives write them, made safe: no ``..``, no leading ``/``, always printable text."""

from __future__ import annotations

MAX_NAME = 4096  # characters kept of one name
NESTED = "!"  # joins the path of an archive and a path inside it


def decode(raw: bytes) -> str:
    """A stored name as text: UTF-8, other bytes as ``\\xNN``; what follows a NUL is dropped."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def clean(name: str) -> str:
    """``name`` without ``.``, ``..``, empty parts and a leading ``/``; "" when nothing remains."""
    if len(name) > MAX_NAME:
        name = name[:MAX_NAME]
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def resolve(link: str, target: str) -> str | None:
    """Where the relative ``target`` of the link at ``link`` leads; None when out of the bundle.

    "" is the archive's top. Both are paths inside one archive. An absolute target is out of it too: see :func:`rebase`.
    """
    if target.startswith("/"):
        return None
    parts = link.split("/")[:-1]
    for part in target[:MAX_NAME].split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def rebase(link: str, target: str) -> str | None:
    """Where an absolute ``target`` leads when the bundle holds a copy of a root folder.

    ``top/var/log/containers/a.log`` with ``/var/log/pods/b`` gives ``top/var/log/pods/b``: the root
    is what stands before the target's first folder in the link's own path. None when it is not there.
    """
    inside = clean(target)
    first = inside.split("/", 1)[0]
    parts = link.split("/")
    if not first or first not in parts[:-1]:
        return None
    return "/".join([*parts[: parts.index(first)], inside])
