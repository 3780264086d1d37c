"""Any bytes through the scan, in any chunks: the same as the slow engine and the reference find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer.logs.engine import REGEX, PythonEngine, engine_for
from analyzer.logs.patterns import pattern_set
from analyzer.logs.scan import Line, Scanner, reference
from fuzz import corpus
from fuzz.target import Target, lines_of, pieces_of, split_choice

_PATTERNS = pattern_set()
_FREQUENT = _PATTERNS.frequent
_SLOW = PythonEngine((*_PATTERNS.parsed, *_PATTERNS.counted), _FREQUENT)
# The reference knows literals alone, and finds all matches of each: no expressions, no first matches.
_MARKS = (REGEX, b"1:")
_PARSED = tuple(pattern for pattern in _PATTERNS.parsed if not pattern.startswith(_MARKS))
_COUNTED = tuple(pattern for pattern in _PATTERNS.counted if not pattern.startswith(_MARKS))


def run(data: bytes) -> None:
    """The target: the first byte chooses the size of the chunks."""
    choice, rest = split_choice(data, 256)
    found = engine_for((*_PATTERNS.parsed, *_PATTERNS.counted), _FREQUENT).scan(rest)
    slow = _SLOW.scan(rest)
    assert found[1] == sorted(found[1]), "the ends are not in order"
    assert sorted(zip(*found[:2], strict=True)) == sorted(zip(*slow[:2], strict=True)), "the engines differ"
    assert found[2] == slow[2], "the engines differ in the frequent literal"
    expected = reference(rest, _PARSED, _COUNTED, _FREQUENT)
    for chunks in ([rest], pieces_of(rest, choice + 1)):
        scanner = Scanner(_PARSED, _COUNTED, _FREQUENT)
        lines, counted, marks = _scanned(scanner, chunks)
        assert lines == expected.lines
        assert (counted, marks) == (expected.counted, expected.marks)
        assert (scanner.lines, scanner.size) == (expected.total, len(rest))
    _check_followed(rest, choice + 1)


def _scanned(
    scanner: Scanner, chunks: list[bytes]
) -> tuple[list[tuple[int, bytes, tuple[int, ...]]], dict[int, int], int]:
    lines = []
    marks = 0
    counted: Counter[int] = Counter()
    for found in scanner.scan(chunks):
        if isinstance(found, Line):
            lines.append((found.number, found.raw, found.ids))
        else:
            counted.update(found.ids)
            marks += len(found.marks)
            assert all(pattern >= len(_PARSED) for pattern in found.ids)
    return lines, dict(counted), marks


def _check_followed(data: bytes, size: int) -> None:
    """While they are followed, all lines come once, in order, and can be looked back upon."""
    scanner = Scanner(_PARSED, _COUNTED, _FREQUENT)
    rows = lines_of(data)
    seen = []
    for found in scanner.scan(pieces_of(data, size)):
        if isinstance(found, Line):
            seen.append(found.raw)
            scanner.follow = True
    assert seen == rows
    assert list(scanner.backwards()) == rows[::-1]


def seeds() -> Iterator[bytes]:
    """Real logs, and each known line."""
    for log in corpus.log_samples():
        yield b"\x3f" + log
    for line in corpus.log_lines():
        yield b"\x07" + line + b"\n"


TARGET = Target(
    "scan",
    run,
    seeds,
    words=(
        *dict.fromkeys(p for p in (*_PARSED, *_COUNTED, _FREQUENT) if b"\n" not in p),
        b'n","stream":"', b"\\", b'","stream":"', b"\n",
    ),
    length=1500,
)  # fmt: skip
