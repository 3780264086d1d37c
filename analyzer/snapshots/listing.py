"""The lines of a file listing: ``find -printf``, ``find -ls``, ``ls -lR``, ``du -a``, plain ``find``.

Each reader feeds a :class:`~analyzer.snapshots.datadir.DataDirBuilder`. Which columns there are is
learned from the first lines; what is a directory shows by its name, its type, or by what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from msgspec import Struct

from analyzer import lazy
from analyzer.snapshots.base import LINE_LIMIT, to_int
from analyzer.snapshots.datadir import DataDirBuilder
from analyzer.snapshots.tsdb import child_of, parent_of

_TIME = (
    r"(?:[^\W\d][\w.]{2,5} +\d{1,2}\.? +[\d:]{4,5}|\d{1,2}\.? +[^\W\d][\w.]{1,5} +[\d:]{4,5}"
    r"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: [+-]\d{4})?|\d{2}-\d\d \d\d:\d\d|(?:1[4-9]|2[0-2])\d{8}(?:\.\d+)?"
    r"|\d{1,2}月 +\d{1,2} +[\d:]{4,5}|\d{4}/\d\d/\d\d \d\d:\d\d)"
)
LS_ROW = lazy.pattern(
    r"(?:\s*\d+\s+){0,2}([-dlbcpsD])[-rwxsStT]{9}[.+@]?\s+\d+\s+(?:\S+\s+){0,2}"
    rf"(\d[\d.,]*[KMGTP]?)(?:,\s+\d+)?\s+({_TIME})\s(.*)"
)
FIND_LS = lazy.pattern(
    r"\s*\d+\s+[\d.,]+[KMG]?\s+([-dlbcpsD])[-rwxsStT]{9}[.+@]?\s+\d+\s+\S+\s+\S+\s+(\d+)(?:,\s+\d+)?"
    rf"\s+{_TIME}\s+(\.{{0,2}}/.*|\.)"
)
_ERROR = lazy.pattern(r"(?:find|ls|du|stat|sh|bash|/\S+): .*(?:denied|No such|cannot|error)", re.IGNORECASE)
_PATH_AT = lazy.pattern(r"(?:^|[\s,;|])(\.{0,2}/\S|\.(?=$|[\s,;|]))")
_EPOCH = lazy.pattern(r"1[4-9]\d{8}(?:\.\d+)?|2[0-2]\d{8}(?:\.\d+)?")
# A block as find lists it: its directory, and below it what stands in every block, in any order.
WHOLE_BLOCK = lazy.pattern(
    r"^[0-9]{1,19} (\.|[/.]\S{0,4000}[^/\s])/([0-7][0-9A-HJKMNP-TV-Z]{25})\n"
    r"((?:[0-9]{1,19} \1/\2/(?:index|meta\.json|tombstones|chunks(?:/[0-9]{6})?)\n)+)",
    re.MULTILINE,
)
_MOST_ORDERS = 1000
_SURE_FILES = frozenset({"index", "meta.json", "tombstones", "thanos.shipper.json", "queries.active", "lock"})
_DIGIT_KINDS = frozenset({"segments", "heads", "wal", "tmp", "upload_segments"})
_KNOWN_DIRS = frozenset({"chunks", "chunks_head", "wal", "wbl", "thanos", "upload"})


class Columns(Struct):
    """Where a line of ``find -printf`` holds what: columns before the path and after it."""

    before: int
    after: int
    size: int | None = None  # index into before + after
    kind: int | None = None
    mtime: int | None = None
    separator: str | None = None


def learn_columns(sample: list[str], blocks: bool = False) -> Columns | None:
    """The columns of a ``find`` or ``du`` listing, None when the lines are none.

    ``blocks``: the number is of allocated blocks (``du -a``), which is no file size.

    >>> learn_columns(["4096 /data", "9 /data/01M82K54DEY807G2PMY2JMGVJN/tombstones"])
    Columns(before=1, after=0, size=0, kind=None, mtime=None, separator=None)
    """
    rows = [row for row in sample if row.strip() and not _ERROR.match(row)]
    found: list[tuple[list[str], str, list[str]]] = []
    for row in rows:
        at = _PATH_AT.search(row)
        if at is None:
            continue
        before = (
            re.split(r"[\s,;|]+", row[: at.start(1)].strip(" \t,;|")) if row[: at.start(1)].strip() else []
        )
        rest = row[at.start(1) :]
        after: list[str] = []
        while True:
            cut = re.search(r"[ \t,;|]+([^\s,;|]+)$", rest)
            if cut is None or not re.fullmatch(r"-?\d+(?:\.\d+)?|[dflpscb]|\d{4}-\d\d-\d\d\S*", cut[1]):
                break
            after.insert(0, cut[1])
            rest = rest[: cut.start()]
        found.append((before, rest, after))
    if not found or len(found) * 10 < len(rows) * 8:
        return None
    before_count = min(len(before) for before, _, _ in found)
    if any(len(before) != before_count for before, _, _ in found):
        return None
    after_count = (
        0
        if before_count and all(f[0] for f in found) and not all(f[2] for f in found)
        else min(len(after) for _, _, after in found)
    )
    columns = Columns(before_count, after_count)
    table = [before + (after[-after_count:] if after_count else []) for before, _, after in found]
    _assign(columns, table, [path for _, path, _ in found], blocks)
    return columns


def _assign(columns: Columns, table: list[list[str]], paths: list[str], blocks: bool) -> None:
    numeric: list[int] = []
    for i in range(columns.before + columns.after):
        values = [row[i] for row in table]
        if all(len(v) == 1 and v in "dflpscbDUN" for v in values) and not all(v.isdigit() for v in values):
            columns.kind = i
        elif all(_EPOCH.fullmatch(v) for v in values):
            columns.mtime = i
        elif all(v.isascii() and v.isdigit() for v in values):
            numeric.append(i)
    if blocks or not numeric:
        return
    for i in numeric:
        tombs = [row[i] for row, path in zip(table, paths, strict=True) if path.endswith("/tombstones")]
        if tombs and all(value == "9" for value in tombs):
            columns.size = i
            return
    varied = [i for i in numeric if len({row[i] for row in table}) > 1]
    columns.size = (varied or numeric)[-1]


def read_find(texts: Iterable[str], columns: Columns, builder: DataDirBuilder) -> int:
    """Read ``find -printf`` or ``du -a`` output, in texts of whole lines; returns how many were entries.

    Nearly all lines of a large listing are those of blocks. Where a line is a size and a path, the lines of
    one block are read at once, which is several times as fast; all others, and any block with something
    unusual in it, line by line.
    """
    builder.has_sizes = columns.size is not None
    reader = _FindReader(builder)
    simple = columns.before == 1 and columns.after == 0 and columns.size == 0
    for text in texts:
        if not simple:
            _read_rows(rows_of(text), columns, reader)
            continue
        done = 0
        for match in WHOLE_BLOCK.finditer(text):
            start = match.start()
            if start > done:
                _read_simple_rows(rows_of(text[done:start]), reader)
            if not reader.add_block(match[1], match[2], match[3]):
                _read_simple_rows(rows_of(match[0]), reader)
            done = match.end()
        _read_simple_rows(rows_of(text[done:]), reader)
    reader.settle("")
    return reader.count


def rows_of(text: str) -> list[str]:
    """The lines of a text that ends with a newline, each cut to LINE_LIMIT."""
    rows = text.split("\n")
    rows.pop()
    if len(text) > LINE_LIMIT:
        return [row if len(row) <= LINE_LIMIT else row[:LINE_LIMIT] for row in rows]
    return rows


def _read_simple_rows(rows: list[str], reader: _FindReader) -> None:
    """Lines of a size and a path."""
    for row in rows:
        word, _, path = row.partition(" ")
        if path[:1] not in ("/", "."):
            word, path = _split_simple(row)
        if path:
            reader.add(path, int(word) if word.isdecimal() and len(word) < 20 else None, "", None)
        elif _ERROR.match(row):
            reader.builder.complete = False


def _read_rows(rows: list[str], columns: Columns, reader: _FindReader) -> None:
    for row in rows:
        entry = _entry(row, columns)
        if entry is not None:
            reader.add(*entry)
        elif _ERROR.match(row):
            reader.builder.complete = False


class Order:
    """The order in which a block's files are listed, learned once: most blocks have the same."""

    __slots__ = ("chunks", "files", "index", "meta", "segments", "twice")

    def __init__(self, names: list[str]) -> None:
        self.twice = len(set(names)) < len(names)
        self.index = names.index("index") if "index" in names else None
        self.chunks = names.index("chunks") if "chunks" in names else None
        self.segments = [at for at, name in enumerate(names) if name.startswith("chunks/")]
        self.meta = "meta.json" in names
        self.files = len(names) - ("chunks" in names)


class _FindReader:
    """Entries by path. Without a type, an entry is a directory when the next one stands below it."""

    __slots__ = ("builder", "count", "digits_are_files", "directory", "orders", "waiting")

    def __init__(self, builder: DataDirBuilder) -> None:
        self.builder = builder
        self.count = 0
        self.directory: str | None = None
        self.orders: dict[str, Order] = {}
        self.digits_are_files = False
        self.waiting: tuple[str, int | None, float | None] | None = None

    def add(self, path: str, size: int | None, kind: str, mtime: float | None) -> None:
        """One entry; ``kind`` is find's letter of its type, "" where it is not listed."""
        self.count += 1
        if path[-1] == "/" and len(path) > 1:
            path = path.rstrip("/")
        if self.waiting is not None:
            self.settle(path)
        directory, slash, name = path.rpartition("/")
        if not directory:
            directory = slash
        if directory != self.directory:
            self.directory = directory
            self.digits_are_files = self.builder.enter(directory).kind in _DIGIT_KINDS
        if kind == "f" or (not kind and (name in _SURE_FILES or (self.digits_are_files and name.isdigit()))):
            self.builder.add_file(directory, name, size, mtime)
        elif kind == "d" or (not kind and (name in _KNOWN_DIRS or _named_like_a_directory(name))):
            self.builder.add_directory(directory, name)
        elif not kind:
            self.waiting = (path, size, mtime)

    def add_block(self, holder: str, ulid: str, lines: str) -> bool:
        """The lines of one block's directory; False, and nothing added, if they must be read one by one."""
        directory = f"{holder}/{ulid}"
        words = lines.replace(f" {directory}/", " ").split()
        names = " ".join(words[1::2])
        order = self.orders.get(names)
        if order is None:
            if len(self.orders) >= _MOST_ORDERS:
                self.orders.clear()
            order = self.orders[names] = Order(words[1::2])
        sizes = list(map(int, words[::2]))
        index = sizes[order.index] if order.index is not None else None
        segments = [sizes[at] for at in order.segments]
        if order.twice or index == 0 or 0 in segments:
            return False
        if self.waiting is not None:
            self.settle(directory)
        size = sum(sizes)
        if order.chunks is not None:
            size -= sizes[order.chunks]
        if not self.builder.add_block(holder, ulid, index, segments, order.meta, order.files, size):
            return False
        self.count += 1 + len(sizes)
        return True

    def settle(self, following: str) -> None:
        """Decide what the entry that waits is, now that the next one is known ("" at the end)."""
        if self.waiting is None:
            return
        path, size, mtime = self.waiting
        self.waiting = None
        if following.startswith(path + "/"):
            self.builder.add_directory(parent_of(path), child_of(path))
        else:
            self.builder.add_file(parent_of(path), child_of(path), size, mtime)


def _split_simple(line: str) -> tuple[str, str]:
    match = re.match(r"\s*(\d+)[\s,;|]+(\.{0,2}/.*|\.$)", line)
    return (match[1], match[2]) if match is not None else ("", "")


def _entry(line: str, columns: Columns) -> tuple[str, int | None, str, float | None] | None:
    """(path, size, kind, mtime) of one line, None when it has no path."""
    at = _PATH_AT.search(line)
    if at is None:
        return None
    words = re.split(r"[\s,;|]+", line[: at.start(1)].strip(" \t,;|")) if columns.before else []
    if len(words) != columns.before:
        return None
    path = line[at.start(1) :]
    if columns.after:
        pieces = re.split(r"[\s,;|]+", path.rstrip())
        tail = pieces[-columns.after :]
        for word in reversed(tail):
            path = path.rstrip(" \t,;|").removesuffix(word)
        path = path.rstrip(" \t,;|")
        words += tail
    if not path or len(words) != columns.before + columns.after:
        return None
    size = to_int(words[columns.size]) if columns.size is not None else None
    kind = words[columns.kind] if columns.kind is not None else ""
    mtime = None
    if columns.mtime is not None and _EPOCH.fullmatch(words[columns.mtime]):
        mtime = float(words[columns.mtime])
    return path, size, kind, mtime


def _named_like_a_directory(name: str) -> bool:
    return (len(name) == 26 and name.isupper()) or ".tmp-for-" in name or name.startswith("checkpoint.")


def read_find_ls(texts: Iterable[str], builder: DataDirBuilder) -> int:
    """Read ``find -ls`` output, in texts of whole lines; blanks in names are written as ``\\ ``."""
    count = 0
    for line in chain.from_iterable(map(rows_of, texts)):
        match = FIND_LS.fullmatch(line)
        if match is None:
            if _ERROR.match(line):
                builder.complete = False
            continue
        count += 1
        path = match[3].replace("\\ ", " ")
        if match[1] == "d":
            builder.add_directory(parent_of(path), child_of(path))
        elif match[1] == "-":
            builder.add_file(parent_of(path), child_of(path), int(match[2][:20]))
    return count


def read_ls(texts: Iterable[str], builder: DataDirBuilder) -> int:
    """Read ``ls -lR`` output, in texts of whole lines: a heading ``PATH:``, a localized total, a row per entry."""
    count, directory, blank = 0, "", True
    expected: set[str] = set()  # blocks' directories that a heading must follow for
    for line in chain.from_iterable(map(rows_of, texts)):
        if not line:
            blank = True
            continue
        row = _ls_row(line)
        if row is None:
            if line.endswith(":") and (blank or line.startswith(("/", "./", "."))):
                directory = line[:-1].strip("'\"")
                directory = directory.rstrip("/") or directory
                builder.enter(directory)
                expected.discard(directory)
            elif _ERROR.match(line):
                builder.complete = False
            blank = False
            continue
        blank = False
        kind, amount, name, mtime = row
        if name in (".", ".."):
            continue
        count += 1
        if kind == "d":
            builder.add_directory(directory, name)
            if len(expected) < 100_000 and (len(name) == 26 or name in _KNOWN_DIRS):
                expected.add(f"{directory}/{name}")
        elif kind == "-":
            exact = amount.isdecimal() and len(amount) < 20
            builder.has_sizes = builder.has_sizes and exact
            builder.add_file(directory, name, int(amount) if exact else None, mtime)
    if expected:
        builder.complete = False
    return count


def _ls_row(line: str) -> tuple[str, str, str, float | None] | None:
    """(type, size, name, mtime) of one row of ``ls -l``.

    Most listings have nine words to a row with a month's name sixth; those are split, which is
    several times faster than the expression that knows all forms.
    """
    first = line[0]
    if first == "-" or first == "d":
        words = line.split(None, 8)
        if len(words) == 9 and words[4].isdigit() and words[5].isalpha() and words[6].isdigit():
            if words[7][2:3] == ":" or (words[7].isdigit() and len(words[7]) == 4):
                return first, words[4], words[8], None
    elif first not in "lbcpsD 0123456789":
        return None
    match = LS_ROW.fullmatch(line)
    if match is None:
        return None
    return match[1], match[2], match[4], float(match[3]) if _EPOCH.fullmatch(match[3]) else None
