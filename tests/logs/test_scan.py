"""The fast scan finds what the slow reference finds, wherever the chunks are cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs import engine as engine_module
from analyzer.logs import scan as scan_module
from analyzer.logs.engine import REGEX, HyperscanEngine, PythonEngine
from analyzer.logs.patterns import pattern_set
from analyzer.logs.scan import LONG_LINE, Counted, Line, Scanner, reference

PARSED = (b"cannot allocate", b"panic: ", b"aa", b"ab")
COUNTED = (b"level=error", b"ba")
FREQUENT = b"healthy block"
WORDS = [
    *PARSED,
    *COUNTED,
    FREQUENT,
    FREQUENT[:5],
    FREQUENT[5:],
    b"\n",
    b"\n\n",
    b"a",
    b"b",
    b"c ",
    b"cannot ",
    b"allocate",
    b"x" * 50,
    b"\xff\x00",
    b"\xff\xfe\xfd",
    b"\r\n",
]

logs = st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join)


def run(scanner: Scanner, chunks):
    lines, counted, marks = [], {}, 0
    for found in scanner.scan(chunks):
        if isinstance(found, Line):
            lines.append((found.number, found.raw, found.ids))
        else:
            for pattern in found.ids:
                counted[pattern] = counted.get(pattern, 0) + 1
            marks += len(found.marks)
    return lines, counted, marks


def check(data: bytes, chunks, engine=None) -> None:
    expected = reference(data, PARSED, COUNTED, FREQUENT)
    scanner = Scanner(PARSED, COUNTED, FREQUENT, engine=engine)
    lines, counted, marks = run(scanner, chunks)
    assert lines == expected.lines
    assert (counted, marks) == (expected.counted, expected.marks)
    assert (scanner.lines, scanner.size) == (expected.total, len(data))


@settings(max_examples=60)
@given(logs)
def test_every_chunk_border_gives_the_same(data):
    for border in range(len(data) + 1):
        check(data, [data[:border], data[border:]])


@settings(max_examples=100)
@given(logs, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_chunking_gives_the_same(data, widths):
    chunks, start = [], 0
    while start < len(data):
        width = widths[len(chunks) % len(widths)]
        chunks.append(memoryview(data)[start : start + width])
        start += width
    check(data, chunks)


def without_finder(monkeypatch):
    """As where ahocorasick_rs has no wheel."""
    library = engine_module.library
    monkeypatch.setattr(engine_module, "library", lambda name: library(name) if name == "hyperscan" else None)


PATTERNS = (*PARSED, *COUNTED, REGEX + rb'[^n]","x":"')
ENGINES = [PythonEngine(PATTERNS, FREQUENT), HyperscanEngine(PATTERNS, FREQUENT)]
with pytest.MonkeyPatch.context() as patched:
    without_finder(patched)
    ENGINES.append(HyperscanEngine(PATTERNS, FREQUENT))


@settings(max_examples=80)
@given(logs)
def test_all_engines_give_the_same(data):
    (ids, ends, marks), *others = [engine.scan(data) for engine in ENGINES]
    assert ends == sorted(ends)
    for other in others:
        assert sorted(zip(*other[:2], strict=True)) == sorted(zip(ids, ends, strict=True))
        assert other[1:] == (ends, marks)


def test_the_frequent_literal_does_not_overlap_itself():
    literal = pattern_set().frequent
    assert not any(literal.startswith(literal[at:]) for at in range(1, len(literal)))


@settings(max_examples=60)
@given(logs, st.integers(1, 50))
def test_blocks_are_what_was_read_last_with_the_one_being_handed_out(data, width):
    scanner = Scanner(PARSED, COUNTED)
    rows = data.split(b"\n")
    for found in scanner.scan([data[at : at + width] for at in range(0, len(data), width)]):
        if isinstance(found, Line):
            newest, *older = scanner.blocks()
            buffer, offset = scanner.here()
            assert buffer is newest[0]
            before = [
                *(buffer[base:stop] for buffer, base, stop in reversed(older)),
                buffer[newest[1] : offset],
            ]
            assert b"".join(before) == b"".join(row + b"\n" for row in rows[: found.number - 1])
    assert b"".join(buffer[base:stop] for buffer, base, stop in reversed([*scanner.blocks()])) == data


@settings(max_examples=30)
@given(logs)
def test_the_slow_engine_serves_as_fallback(data):
    check(data, [data], PythonEngine((*PARSED, *COUNTED), FREQUENT))


@settings(max_examples=60)
@given(logs, st.integers(1, 30))
def test_followed_lines_are_all_handed_out_once_and_in_order(data, width):
    scanner = Scanner(PARSED, COUNTED)
    rows = []
    for found in scanner.scan([data[at : at + width] for at in range(0, len(data), width)]):
        if isinstance(found, Line):
            rows.append((found.number, found.raw))
            scanner.follow = True
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert rows == list(enumerate(expected, 1))


@settings(max_examples=60)
@given(logs, st.integers(1, 50))
def test_backwards_gives_the_lines_before(data, width):
    scanner = Scanner(PARSED, COUNTED)
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    for found in scanner.scan([data[at : at + width] for at in range(0, len(data), width)]):
        if isinstance(found, Line):
            assert list(scanner.backwards()) == expected[: found.number - 1][::-1]
    assert list(scanner.backwards()) == expected[::-1]


def test_counts_before_a_line_can_be_asked_for_and_those_in_it_come_later():
    data = b"first\nba healthy block\nhealthy block level=error panic: x\nhealthy block\n"
    scanner = Scanner(PARSED, COUNTED, FREQUENT)
    seen = []
    for found in scanner.scan([data]):
        if isinstance(found, Line):
            before = scanner.counted()
            seen.append((found.number, before.ids if before else [], before.marks if before else []))
        else:
            seen.append((found.ids, found.marks))
    assert seen == [(1, [], []), (3, [5], [(0, 9, 22)]), ([4], [(0, 23, 36), (0, 58, 71)])]


def test_counts_in_a_piece_can_be_left_out():
    scanner = Scanner(PARSED, COUNTED, FREQUENT)
    rest = []
    for found in scanner.scan([b"first\nba\nlevel=error panic: healthy block\nba healthy block\n"]):
        if isinstance(found, Counted):
            rest.append((found.ids, found.marks))
        elif found.ids:
            scanner.counted()
            scanner.skip()
    assert rest == [([5], [(0, 45, 58)])]


def test_a_joined_text_is_searched_like_a_line():
    parsed, counted = Scanner(PARSED, COUNTED, FREQUENT).matches(b"panic: ba healthy block")
    assert (parsed, counted.ids, counted.ends, counted.marks) == ((1,), [5], [9], [(0, 10, 23)])


def test_the_counted_ends_point_into_the_buffer():
    data = b"x\n" + b"a healthy block here, level=error\n" * 3
    for found in Scanner(PARSED, COUNTED, FREQUENT).scan([data[:30], data[30:]]):
        if isinstance(found, Counted):
            assert len(found.ends) == len(found.marks) > 0
            assert all(found.buffer[: found.base + end].endswith(b"level=error") for end in found.ends)
            assert all(found.buffer[: found.base + end].endswith(FREQUENT) for _, _, end in found.marks)


class Recorder:
    """Keeps what a long line was told."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        self.pieces.append(piece)


@pytest.mark.parametrize("where", [10, LONG_LINE - 5, LONG_LINE + 3_000_000])
def test_a_long_line_is_kept_by_head_and_tail_and_counted(where):
    long = b"h" * where + b"panic: " + b"z" * (4_500_000 - where) + b" user=x"
    data = b"first\n" + long + b"\nafter panic: \n"
    scanner = Scanner(PARSED, COUNTED, long_line=Recorder)
    lines = list(scanner.scan([data[at : at + 700_001] for at in range(0, len(data), 700_001)]))
    _, cut, after = lines
    assert (cut.number, cut.cut, cut.size, cut.ids) == (2, True, len(long), (1,))
    assert cut.raw == long[:LONG_LINE]
    assert cut.tail == long[-len(cut.tail) :]
    fed = b"".join(cut.long.pieces)
    assert long.endswith(fed)
    assert b"panic: " in fed
    assert (after.number, after.raw) == (3, b"after panic: ")
    assert (scanner.lines, scanner.cut_lines, scanner.size) == (3, 1, len(data))


def test_a_long_line_at_the_end_without_newline_is_a_line():
    data = b"z" * (3 * LONG_LINE)
    scanner = Scanner(PARSED, COUNTED, long_line=Recorder)
    (line,) = scanner.scan([data])
    assert (line.cut, line.long, scanner.lines) == (True, None, 1)


def test_a_line_just_under_the_limit_is_whole():
    data = b"x\n" + b"y" * (LONG_LINE - 20) + b"panic: \nz\n"
    found = list(
        Scanner(PARSED, COUNTED).scan([data[at : at + 99_999] for at in range(0, len(data), 99_999)])
    )
    assert [(x.number, x.cut, len(x.raw)) for x in found] == [(1, False, 1), (2, False, LONG_LINE - 13)]


def test_memory_of_the_look_back_is_bounded():
    scanner = Scanner(PARSED, COUNTED)
    for _ in scanner.scan(b"x" * 999 + b"\n" for _ in range(20_000)):
        pass
    assert sum(len(row) + 1 for row in scanner.backwards()) <= scan_module.HISTORY + 2000


@settings(max_examples=60)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 200_000), st.integers(0, 2**32))
def test_newlines_are_counted_between_the_bounds(before, behind, size, seed):
    rng = random.Random(seed)
    rows = [b"x" * rng.randint(0, 300) + b"\n" for _ in range(size // 100)]
    buffer = b"".join(rows)[:size]
    start, stop = min(before, len(buffer)), max(before, len(buffer) - behind)
    expected = buffer[start:stop].count(b"\n")
    assert scan_module.count_newlines(buffer, start, stop) == expected
    with pytest.MonkeyPatch.context() as without:
        without.setattr(scan_module, "_STRINGZILLA", None)  # as where it has no wheel
        assert scan_module.count_newlines(buffer, start, stop) == expected
