"""What other programs print when a mapping, a thread or an allocation fails, by their own words.

java.io.IOException: Map failed: MemorySegmentIndexInput(path="...") [... preventing us to map a chunk of 49 bytes.
INFO: os::commit_memory(0x0000000545330000,10650189824, 0) failed; error='Cannot allocate memory' (errno=12)
mmap(2) failed. Reason: Cannot allocate memory. Error code: 12
mprotect(0x7f73baf9c000, 4096, PROT_NONE) = -1 ENOMEM (Cannot allocate memory) <0.000005>
add config file /var/lib/grafana-agent/agent.yml to watcher: create watcher: too many open files
"""

from __future__ import annotations

import re
from collections import Counter

from analyzer import lazy
from analyzer.logs.leaf import ERRNO_NUMBERS, errno_of, errno_within, kind_of_path
from analyzer.logs.observation import SAMPLE_LIMIT, Observation, key_of

# (pattern, operation, file kind, errno where the words themselves say it). Groups: size in bytes,
# number (errno as a number), symbol, words (an errno wording).
_WORDS = (
    (r"os::commit_memory\(0x[0-9a-fA-F]++, ?(?P<size>\d{1,18}+),[^)]*+\) failed; error='(?P<words>[^']++)'",
     "allocate", None, None),
    (r"Native memory allocation \((?:mmap|malloc)\) failed to (?:map|allocate) (?P<size>\d{1,18}+) bytes",
     "allocate", None, "ENOMEM"),
    (r"insufficient memory for the Java Runtime", "allocate", None, "ENOMEM"),
    (r"exceeded the maximum number of memory mappings", "allocate", None, "ENOMEM"),
    (r"\bMap failed\b(?:.{0,4000}?a chunk of (?P<size>\d{1,18}+) bytes)?", "other", None, "ENOMEM"),
    (r"posix_madvise .{0,200}?return code (?P<number>\d{1,3}+)", "other", None, None),
    (r"memory allocation of \w++ bytes failed", "allocate", None, "ENOMEM"),
    (r"Cannot mmap .{0,100}?errno: (?P<number>\d{1,3}+)", "allocate", None, None),
    (r"pthread_create failed", "thread_create", "thread_stack", "EAGAIN"),
    (r"\b(?:mmap|mmap2|mprotect|munmap|madvise|mremap|mlock|brk)\(.{0,200}?\) += -1 (?P<symbol>E[A-Z]++)\b",
     "other", None, None),
    (r"\b(?:clone3?|fork|vfork)\(.{0,200}?\) += -1 (?P<symbol>E[A-Z]++)\b", "thread_create", None, None),
    (r"\bmmap\((?P<size>\d{1,18}+),\d++,\d++\)=(?P<words>[A-Za-z ]++)", "other", None, None),
    (r"`mprotect` failed with `(?P<symbol>E[A-Z]++)`", "other", None, None),
    (r"while mmapping (?P<path>\S++) with size: (?P<size>\d{1,18}+)", "other", None, "ENOMEM"),
)  # fmt: skip
_COMPILED = tuple(
    (lazy.pattern(pattern, re.DOTALL), operation, kind, errno) for pattern, operation, kind, errno in _WORDS
)
_HINT = lazy.pattern(
    r"commit_memory|Native memory|Java Runtime|memory mappings|Map failed|posix_madvise|memory allocation of"
    r"|annot mmap|pthread_create|= -1 E|\)=|`mprotect`|mmapping"
)
_REACH = 16_384  # such lines are short; a long one is a list of errors
_WATCH = lazy.pattern(r"create watcher|inotify|fsnotify|\bto watcher\b|adding watch", re.IGNORECASE)

FAMILY = frozenset(
    (
        "ENOMEM",
        "EAGAIN",
        "EMFILE",
        "ENFILE",
        "ENOSPC",
        "EDQUOT",
        "EIO",
        "ENODEV",
        "EUCLEAN",
        "ESTALE",
        "EROFS",
    )
)
"""Errnos that are a failure of this family wherever they stand; others only where a TSDB is opened,
written or read."""


def is_watch(text: str) -> bool:
    """Whether a file watch failed: its EMFILE and ENOSPC are inotify's limits, not files or disk."""
    return _WATCH.search(text) is not None


def by_words(text: str, *, cut: bool = False) -> Observation | None:
    """The failure that ``text`` tells in the words of another program, or None.

    With ``cut`` the end of the text is missing, and a number that ends it is not used.
    """
    text = text[:_REACH]
    if not _HINT.search(text):
        return None
    for pattern, operation, kind, errno in _COMPILED:
        match = pattern.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        symbol = errno or groups.get("symbol")
        if groups.get("words"):
            symbol = errno_of(groups["words"])
        elif groups.get("number"):
            symbol = ERRNO_NUMBERS.get(int(groups["number"]))
        found = _observation(text, operation, kind, symbol)
        if groups.get("size") and not (cut and match.end("size") == len(text)):
            found.sizes = Counter({int(groups["size"]): 1})
        if groups.get("path"):
            found.paths = [groups["path"]]
        return found
    return None


def by_errno(text: str) -> Observation | None:
    """A failure that is known by an errno wording only, wherever it stands in ``text``, or None."""
    symbol = errno_within(text)
    if symbol is None or symbol not in FAMILY:
        return None
    return _observation(text, "other", kind_of_path(text), symbol)


def _observation(text: str, operation: str, kind: str | None, errno: str | None) -> Observation:
    return Observation(
        operation,
        kind,
        errno,
        key=key_of(text),
        sample=text.strip()[:SAMPLE_LIMIT],
        errnos=Counter({errno: 1}) if errno else Counter(),
    )
