r"""Errors of several lines: ``errors.Join`` and the ``%+v`` of a ``pkg/errors`` chain.

    reloadBlocks: corrupted block 01G...K: mmap, size 9: cannot allocate memory\ncorrupted block 01G...X: mmap, ...
    mmap, size 9: cannot allocate memory\nopening storage\nmain.main\n\t/srv/x.go:18\nruntime.main\n\t/usr/...

A join has no count: every line is a member, what wraps all of them stands on the first line only. A
chain is reversed: the cause comes first, then each wrap with the stack where it was made.
"""

from __future__ import annotations

from msgspec import Struct

from analyzer import lazy
from analyzer.logs.leaf import errno_of, split_prefixes

BLOCK_WORDS = "corrupted block "
_BLOCK = lazy.pattern(rf"{BLOCK_WORDS}[0-9A-HJKMNP-TV-Z]{{26}}+: ")
_FILE = lazy.pattern(r"\t\S++")
_BARE_WRAPS = frozenset({"opening storage", "flushing storage", "receive command failed"})
_MEMBER_STARTS = (
    "corrupted block ",
    "mmap",
    "open ",
    "close ",
    "write ",
    "read ",
    "stat ",
    "try lock file",
    "invalid magic number",
    "index header",
    "preallocate",
)
_OUTER = (
    "opening ",
    "Opening ",
    "unable to open TSDB",
    "failed to ",
    "invalid service state",
    "reloadBlocks",
    "reload blocks",
    "compact ",
    "persist head block",
    "head ",
    "flushing ",
    "user=",
    "close DB",
)


class Chain(Struct, frozen=True):
    """A ``%+v`` chain: ``wraps`` from the outside in, ``cause`` with its own newlines.

    ``frames`` says that stack frames stood in the text. ``cut`` says that the cause itself is cut:
    what follows a cause shows that the cause is whole.
    """

    cause: str
    wraps: tuple[str, ...]
    frames: bool
    cut: bool


class Joined(Struct, frozen=True):
    """The members of a join, and the prefixes on its first line that wrap all of them."""

    prefixes: tuple[str, ...]
    members: tuple[str, ...]


def lines_of(text: str, *, cut: bool = False) -> Chain:
    """The chain in ``text``; without wraps and frames it is no chain."""
    lines = text.split("\n")
    cause: list[str] = [lines[0]]
    wraps: list[str] = []
    frames = False
    number = 1
    while number < len(lines):
        line = lines[number]
        following = lines[number + 1] if number + 1 < len(lines) else None
        if _is_function(line) and (cut if following is None else _FILE.fullmatch(following)):
            frames = True
            number += 2
            continue
        if frames or wraps:
            if line.strip():
                wraps.append(line)
        elif _of_cause(line) or not _opens_chain(lines, number):
            cause.append(line)
        else:
            wraps.append(line)
        number += 1
    if not frames and not any(wrap in _BARE_WRAPS for wrap in wraps):
        return Chain(text, (), False, cut)
    return Chain("\n".join(cause), tuple(reversed(wraps)), frames, cut and not (frames or wraps))


def _is_function(line: str) -> bool:
    """``github.com/x/y.(*T).Method``: no blanks, and a dot behind the last slash."""
    if not line[:1].isalpha() or len(line) > 500 or any(map(str.isspace, line)):
        return False
    return "." in line.rpartition("/")[2][1:-1]


def _of_cause(line: str) -> bool:
    """Whether a line before the first frame belongs to the cause: a further member, or its list."""
    return not line or line.startswith("\t") or looks_like_member(line)


def _opens_chain(lines: list[str], number: int) -> bool:
    """Whether the message at ``number`` is a wrap: known as one, or a stack frame follows soon."""
    if lines[number] in _BARE_WRAPS:
        return True
    return any(_is_function(line) for line in lines[number + 1 : number + 4])


def looks_like_member(line: str) -> bool:
    """Whether a line is an error of its own: it ends in an errno, or starts as members do."""
    text = line.removeprefix("\t")
    return text.startswith(_MEMBER_STARTS) or errno_of(text.rpartition(": ")[2]) is not None


def names_block(line: str) -> bool:
    """Whether a line states that a block could not be opened."""
    return _BLOCK.search(line) is not None


def starts_with_block(line: str) -> bool:
    """Whether a line begins with the statement that a block could not be opened."""
    return _BLOCK.match(line) is not None


def member_lines(text: str, *, cut: bool = False) -> Joined:
    """The members of ``text``, split at its newlines; a single one means that it is no join.

    Where lines name blocks, other lines continue the member before them. In a cut text only lines
    that look like errors count, so that a wrap that was cut is never taken for a member.
    """
    lines = [line.removeprefix("\t") for line in text.split("\n")]
    blocks = any(_BLOCK.match(line) for line in lines[1:])
    prefixes, first = _first_line(lines[0])
    members = [first]
    for line in lines[1:]:
        if not line:
            continue
        if looks_like_member(line) or not (blocks or cut):
            members.append(line)
        elif not cut:
            members[-1] += "\n" + line
    return Joined(prefixes, tuple(members))


def _first_line(line: str) -> tuple[tuple[str, ...], str]:
    block = _BLOCK.search(line)
    if block:
        return split_prefixes(line[: max(0, block.start() - 2)]), line[block.start() :]
    parts = split_prefixes(line)
    outer = 0
    while outer < len(parts) - 1 and parts[outer].startswith(_OUTER):
        outer += 1
    return parts[:outer], ": ".join(parts[outer:])
