"""One failing log line, observed: what failed, on which file, with which errno, and its numbers."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from analyzer import lazy
from analyzer.logs.errors import incomplete, innermost, leaves
from analyzer.logs.leaf import HEAD_CHUNK_BYTES
from analyzer.logs.model import FILE_KINDS, Leaf, Tree
from analyzer.logs.sizes import Range, wider

MAX_PATHS = 32
MAX_ULIDS = 10_000
MAX_SIZES = 4096
SAMPLE_LIMIT = 400
_KEY_LIMIT = 200
_KEY_TEXT = 256 * 1024  # of a longer text; it is less than what is kept of a line over 1 MiB

_NAMED_BLOCK = lazy.pattern(
    r"(?:corrupted block |block \S{0,400}?/|map\[|[/ ])(?P<ulid>0[0-9A-HJKMNP-TV-Z]{25})(?=[:/\]\s]|$)"
)
_DIRECTORY = lazy.pattern(r"failed to (?:open|compact) TSDB: (?P<directory>/.+)", re.DOTALL)

# Words of real damage. "corrupted block" alone is any failed open, "repair corrupted WAL" any failed
# replay, "Cannot read corrupt tsm file" any failed mapping: none of them stands here.
_DAMAGE = lazy.pattern(
    r"invalid magic number|unexpected checksum|invalid checksum|checksum mismatch|record is torn"
    r"|non-zero byte in padded page|unexpected (?:full|first|middle|last) record|invalid record size"
    r"|out of sequence m-mapped|unsequential head chunk|corruption in (?:segment|head chunk)"
    r"|corruption after \d++ bytes|header: invalid size|invalid segment header|read TOC",
)


class Observation(Struct):
    """What one log line (or dump) says that failed.

    ``operation`` and ``file_kind`` are of OPERATIONS and FILE_KINDS, ``errno`` a symbol or None.
    ``key`` is the same for the copies of one failure within one start. ``members`` counts leaf
    errors, ``declared`` is the N of "N errors:". ``sizes`` are bytes of whole members, at most
    4096 distinct, the rest counted in ``sizes_dropped``, and ``dropped`` is the range of these. ``ulids`` are the blocks it names, once each and in
    order. ``errnos`` counts the leaves by symbol.
    ``complete`` is False when the line was cut. ``corrupt`` is True for words of real damage only.
    ``fatal``: the process died of it.
    """

    operation: str
    file_kind: str | None = None
    errno: str | None = None
    tenant: str | None = None
    directory: str | None = None
    era: str | None = None
    key: str = ""
    members: int = 1
    declared: int | None = None
    complete: bool = True
    sizes: Counter[int] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    ulids: list[str] = field(default_factory=list)
    sample: str = ""
    fatal: bool = False
    corrupt: bool = False
    sizes_dropped: int = 0
    dropped: Range | None = None
    errnos: Counter[str] = field(default_factory=Counter)


def key_of(text: str, members: int | None = None) -> str:
    """A short key of a failure's innermost text: the text itself, or its start and a digest. Of a text that may be
    cut, each copy at another place, only the start counts, and the number of its members."""
    text = innermost(text)
    if len(text) <= _KEY_TEXT:
        return shortened(text)
    return f"{shortened(text[:_KEY_TEXT])} of {members}"


def shortened(text: str) -> str:
    """The text itself, or its start and a digest, so that thousands of keys fit in memory."""
    if len(text) <= _KEY_LIMIT:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{text[:_KEY_LIMIT]}#{digest}"


def is_damage(text: str) -> bool:
    """Whether ``text`` holds words of real damage."""
    return _DAMAGE.search(text) is not None


def observe(tree: Tree, text: str, operation: str) -> Observation:
    """The numbers of a tree. ``text`` is what the tree was parsed from."""
    found = Observation(operation, sample=innermost(text)[:SAMPLE_LIMIT], members=0)
    kinds: dict[str | None, Counter[str]] = {}
    writer: int | None = None  # the last size of an index writer's mapping
    for path, leaf in leaves(tree):
        found.members += 1
        kind = leaf.file_kind
        if kind == "index_writer":
            writer = leaf.size
        elif kind == "index" and leaf.size is not None and writer is not None and leaf.size == writer + 4:
            kind = "index_writer"  # the writer maps again on its way out, 4 bytes further
        if leaf.errno is not None:
            found.errnos[leaf.errno] += 1
        if kind is not None:
            kinds.setdefault(leaf.errno, Counter())[kind] += 1
        _add_numbers(found, path, leaf)
    found.key = key_of(text, found.members)
    found.errno = found.errnos.most_common(1)[0][0] if found.errnos else None
    of_errno = kinds.get(found.errno) or next(iter(kinds.values()), None)
    if of_errno:
        # Members stand in random order: a tie must not depend on it.
        found.file_kind = max(FILE_KINDS, key=of_errno.__getitem__)
    found.declared = _declared(tree)
    found.complete = not incomplete(tree)
    found.directory = _directory(tree)
    blocks: set[str] = set()
    for match in _NAMED_BLOCK.finditer(text):
        if len(blocks) >= MAX_ULIDS:
            break
        blocks.add(match["ulid"])
    found.ulids = sorted(blocks)
    return found


def _add_numbers(found: Observation, path: tuple[str, ...], leaf: Leaf) -> None:
    if leaf.size is not None:
        if leaf.size in found.sizes or len(found.sizes) < MAX_SIZES:
            found.sizes[leaf.size] += 1
        else:
            found.sizes_dropped += 1
            found.dropped = wider(found.dropped, leaf.size, leaf.size)
    if leaf.path and len(found.paths) < MAX_PATHS and leaf.path not in found.paths:
        found.paths.append(leaf.path)
    empty = leaf.kind == "mmap" and leaf.errno == "EINVAL" and not leaf.size
    found.corrupt = found.corrupt or empty or is_damage(": ".join((*path[-2:], leaf.text)))


def _nodes(tree: Tree) -> Iterable[Tree]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(member for member in node.members if member.members)


def _declared(tree: Tree) -> int | None:
    return max((node.declared for node in _nodes(tree) if node.declared is not None), default=None)


def _directory(tree: Tree) -> str | None:
    for node in _nodes(tree):
        for prefix in node.prefixes:
            match = _DIRECTORY.fullmatch(prefix)
            if match:
                return match["directory"]
    return None


def is_new_head_chunk(found: Observation) -> bool:
    """Whether the failing file is a head chunk that was being cut."""
    return found.file_kind == "head_chunk_new" or HEAD_CHUNK_BYTES in found.sizes
