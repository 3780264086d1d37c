"""The error grammar: random trees round-trip in every form, cuts invent nothing, cost is linear."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs.errors import (
    MAX_DEPTH,
    StreamCounter,
    incomplete,
    innermost,
    leaves,
    parse,
    render,
)
from analyzer.logs.leaf import errno_of, split_member, split_prefixes
from analyzer.logs.model import Leaf, Tree

ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ERRNOS = (
    "cannot allocate memory",
    "invalid argument",
    "too many open files",
    "too many open files in system",
    "resource temporarily unavailable",
    "no space left on device",
    "no such device",
)

ulids = st.text(ULID, min_size=26, max_size=26).map(lambda text: "0" + text[1:])
paths = st.text(string.ascii_lowercase + string.digits + "-_.", min_size=1, max_size=12).map(
    lambda name: f"/data/{name}"
)
sizes = st.integers(0, 2**40)
outer_prefixes = st.one_of(
    st.sampled_from(("opening storage failed", "reloadBlocks", "compact head", "opening existing TSDBs")),
    paths.map(lambda path: f"failed to open TSDB: {path}"),
    st.just("invalid service state: Failed, expected: Running, failure"),
)
block_prefixes = ulids.map(lambda ulid: f"corrupted block {ulid}")
file_prefixes = st.sampled_from(("mmap files", "populate block", "add series", "close"))


@st.composite
def mmap_texts(draw: st.DrawFn, sized: bool = True) -> str:
    size = f", size {draw(sizes)}" if sized else ""
    return f"mmap{size}: {draw(st.sampled_from(ERRNOS))}"


@st.composite
def leaf_texts(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(mmap_texts())
    if kind == 1:
        return f"open {draw(paths)}: {draw(st.sampled_from(ERRNOS))}"
    if kind == 2:
        return f"invalid magic number {draw(st.integers(0, 2**31)):x}"
    return draw(st.text(string.ascii_lowercase + " ", min_size=1, max_size=12).filter(str.strip)).strip()


def member(prefixes: tuple[str, ...], text: str) -> Tree:
    inner, leaf = split_member(text)
    assert inner == ()
    full, leaf = split_member(": ".join((*prefixes, text)))
    assert full == prefixes
    return Tree(prefixes, leaf)


@st.composite
def members(draw: st.DrawFn) -> Tree:
    blocks = draw(st.lists(block_prefixes, max_size=1))
    if draw(st.booleans()):
        return member((*blocks, f"mmap files, file: {draw(paths)}"), draw(mmap_texts()))
    return member((*blocks, *draw(st.lists(file_prefixes, max_size=1))), draw(leaf_texts()))


@st.composite
def lists(draw: st.DrawFn, forms: tuple[str, ...], depth: int = 4) -> Tree:
    """A tree of headers: every list of one of ``forms``, nested to ``depth``."""
    count = draw(st.integers(2, 4))
    parts = tuple(
        draw(lists(forms, depth - 1)) if depth > 1 and draw(st.integers(0, 3)) == 0 else draw(members())
        for _ in range(count)
    )
    prefixes = tuple(draw(st.lists(outer_prefixes, max_size=2)))
    return Tree(prefixes, None, parts, count, False, draw(st.sampled_from(forms)))  # type: ignore[arg-type]


@st.composite
def joined(draw: st.DrawFn) -> Tree:
    parts = [
        member((draw(block_prefixes), *draw(st.sampled_from(((), ("mmap files",))))), draw(mmap_texts()))
        for _ in range(draw(st.integers(2, 5)))
    ]
    return Tree(tuple(draw(st.lists(outer_prefixes, max_size=2))), None, tuple(parts), form="joined")


@st.composite
def maps(draw: st.DrawFn) -> Tree:
    keys = draw(st.lists(ulids, min_size=1, max_size=4, unique=True))
    parts = [
        member((key, *draw(st.sampled_from(((), ("mmap files",))))), draw(mmap_texts(sized=False)))
        for key in keys
    ]
    return Tree(tuple(draw(st.lists(outer_prefixes, max_size=1))), None, tuple(parts), form="map")


@st.composite
def chains(draw: st.DrawFn) -> Tree:
    cause = draw(st.one_of(lists(("multi",), 2), joined(), members()))
    wraps = draw(st.lists(st.sampled_from(("opening storage", "receive command failed", "run")), max_size=3))
    return Tree(tuple(wraps), None, (cause,), form="chain") if wraps else cause


trees = st.one_of(members(), lists(("multi",)), lists(("multi", "hashicorp")), joined(), maps(), chains())


@settings(max_examples=150, deadline=None)
@given(trees)
def test_random_trees_round_trip_in_every_form(tree: Tree) -> None:
    assert parse(render(tree)) == tree
    assert not incomplete(tree)


@settings(max_examples=80, deadline=None)
@given(trees, st.data())
def test_a_cut_at_any_byte_invents_neither_member_nor_number(tree: Tree, data: st.DataObject) -> None:
    whole = render(tree)
    known = [leaf for _, leaf in leaves(tree)]
    text = whole[: data.draw(st.integers(0, len(whole)))]
    parsed = parse(text, cut=True)
    found = [leaf for _, leaf in leaves(parsed)]
    assert len(found) <= max(1, len(known))
    facts = [(leaf.errno, leaf.size, leaf.text) for leaf in known]
    for leaf, fact in zip(found, facts, strict=False):
        if leaf.complete:
            told = (leaf.errno, leaf.size, leaf.text.strip())
            # A list that was kept flat may show an inner list as one member, by its last.
            assert told == fact if not parsed.ambiguous else told in facts
        else:
            assert leaf.size is None
            assert leaf.errno is None
    assert all(leaf.complete for leaf in found[:-1])
    parse(text)


WORDS = (
    "2 errors: ", "; ", ": ", "\n\t* ", "\n\n", "2 errors occurred:", "map[", "mmap, size 5", "\n", "]",
    "1 error occurred:\n\t* ", "cannot allocate memory", "corrupted block ", "\x00", "é", "a.b", "\t/x",
    "01G0P1FM80185GR38E1W8124GK", "unexpected corrupted block:map[", "failed to open TSDB: ", "0 errors: ",
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=40),
    st.booleans(),
)
def test_garbage_of_the_grammars_own_words_never_raises(parts: list[str], cut: bool) -> None:
    tree = parse("".join(parts), cut=cut)
    for _, leaf in leaves(tree):
        assert leaf.size is None or leaf.complete
    render(tree)
    innermost("".join(parts))


def test_nested_lists_are_told_apart_by_arity() -> None:
    tree = parse("2 errors: a: 2 errors: x; y; z")
    assert [part.prefixes for part in tree.members] == [("a",), ()]
    assert [path for path, _ in leaves(tree)] == [("a",), ("a",), ()]
    assert not tree.ambiguous


def test_a_header_counts_only_at_a_members_start() -> None:
    tree = parse("write failed: got 3 errors: x; y")
    assert tree.leaf is not None


@pytest.mark.parametrize(
    "text, found",
    [
        (
            "2 errors: mmap, size 8: cannot allocate memory; try x; mmap, size 9: cannot allocate memory; try x",
            4,
        ),
        ("2 errors: a; mmap, size 9: cannot allocate memory, raise vm.max_map_count", 2),
    ],
)
def test_a_separator_inside_a_leaf_makes_the_list_ambiguous(text: str, found: int) -> None:
    tree = parse(text)
    assert tree.ambiguous
    assert tree.declared == 2
    assert len(tree.members) == found


@pytest.mark.parametrize(
    "text", ["1 error occurred:\n\t* a\n\t* b", "0 errors: a", "2 errors: x; 1 error occurred:\n\t* a\n\t* b"]
)
def test_more_members_than_declared_are_never_taken_for_the_list(text: str) -> None:
    assert parse(text).ambiguous


@pytest.mark.parametrize(
    "tail", ["m", "mmap, siz", "mmap, size 313", "mmap, size 31302: cannot alloc", "mmap files"]
)
def test_the_last_member_of_a_silently_cut_line_gives_no_number(tail: str) -> None:
    tree = parse(f"412 errors: mmap, size 31301: cannot allocate memory; {tail}")
    found = [leaf for _, leaf in leaves(tree)]
    assert [leaf.size for leaf in found] == [31301, None]
    assert not found[1].complete
    assert incomplete(tree)


def test_a_cut_member_that_ends_in_its_errno_is_whole() -> None:
    tree = parse("412 errors: mmap, size 31301: cannot allocate memory; mmap, size 8: cannot allocate memory")
    assert [leaf.size for _, leaf in leaves(tree)] == [31301, 8]
    assert incomplete(tree)


def test_an_errno_that_could_go_on_is_not_trusted_at_a_cut() -> None:
    _, leaf = split_member("open /data/x: too many open files", cut=True)
    assert not leaf.complete
    assert leaf.errno is None


@pytest.mark.parametrize(
    "text, kind, size, path",
    [
        ("mmap, size 31301: cannot allocate memory", "index", 31301, None),
        ("mmap files: mmap, size 16585: cannot allocate memory", "chunks_segment", 16585, None),
        ("mmap files, file: /a: b/chunks_head/000040: mmap, size 8: cannot allocate memory", "head_chunk", 8,
         "/a: b/chunks_head/000040"),
        ("truncate chunks.HeadReadWriter: mmap: cannot allocate memory", "head_chunk_new", None, None),
        ("mmap, size 134217728: cannot allocate memory", "head_chunk_new", 134217728, None),
        ("populate block: add series: mmap, size 1564: cannot allocate memory", "index_writer", 1564, None),
        ("mmap files: mmap: cannot allocate memory", "chunks_segment", None, None),
        ("new index-header reader: mmap, size 9: cannot allocate memory", "index_header", 9, None),
        ("mmap files: mmap, size 7: MapViewOfFile: Not enough memory resources are available to process this"
         " command.", "chunks_segment", 7, None),
    ],
)  # fmt: skip
def test_what_stands_before_a_mapping_names_its_file(
    text: str, kind: str, size: int | None, path: str | None
) -> None:
    leaf = split_member(text)[1]
    assert (leaf.kind, leaf.errno, leaf.file_kind, leaf.size, leaf.path) == (
        "mmap",
        "ENOMEM",
        kind,
        size,
        path,
    )


def test_a_path_error_names_path_and_file_kind() -> None:
    prefixes, leaf = split_member(
        "try lock file: open /d/t1/01G0P1FM80185GR38E1W8124GK/index: too many open files"
    )
    assert prefixes == ("try lock file",)
    assert leaf == Leaf(
        "errno",
        "open /d/t1/01G0P1FM80185GR38E1W8124GK/index: too many open files",
        "EMFILE",
        None,
        "index",
        "/d/t1/01G0P1FM80185GR38E1W8124GK/index",
    )


def test_a_directory_with_a_colon_stays_one_prefix() -> None:
    head = "opening existing TSDBs: failed to open TSDB: /srv/a: b/t1: reloadBlocks"
    assert split_prefixes(head) == (
        "opening existing TSDBs",
        "failed to open TSDB: /srv/a: b/t1",
        "reloadBlocks",
    )


def test_errno_wording_of_go_and_glibc() -> None:
    assert errno_of("cannot allocate memory") == errno_of("Cannot allocate memory") == "ENOMEM"
    assert errno_of("errno 117") == "EUCLEAN"
    assert errno_of("not an errno") is None


def test_the_copies_of_one_failure_have_one_innermost_text() -> None:
    core = (
        "failed to open TSDB: /d/t1: 2 errors: mmap, size 1: cannot allocate memory; mmap, size 2: cannot..."
    )
    user = f"unable to open TSDB for user t1: {core}"
    module = f"invalid service state: Failed, expected: Running, failure: opening existing TSDBs: {user}"
    dependent = f"failed to start a, because it depends on module b, which has failed: {module}"
    assert {innermost(text) for text in (core, user, module, dependent)} == {core}


def test_nesting_beyond_the_limit_is_flat_and_ambiguous() -> None:
    tree = parse("a: 2 errors: " * (MAX_DEPTH + 10))
    assert tree.ambiguous


def work(count: int) -> int:
    """Calls made while parsing a list of ``count`` members: a measure of cost without a clock."""
    import sys

    calls = 0

    def trace(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    text = f"{count} errors: " + "; ".join(f"mmap, size {n}: cannot allocate memory" for n in range(count))
    sys.setprofile(trace)
    try:
        parse(text)
    finally:
        sys.setprofile(None)
    return calls


def test_cost_is_linear_in_the_members() -> None:
    assert work(4000) < 2.2 * work(2000)


def line(count: int, declared: int | None = None) -> bytes:
    text = "; ".join(
        f"mmap files: mmap, size {n % 3}: cannot allocate memory"
        if n % 2
        else f"mmap, size {n}: invalid argument"
        for n in range(count)
    )
    return (
        f'level=error msg="unable to open TSDB" err="failed to open TSDB: /d/t1: {declared or count} errors: '
        f'{text}" user=t1'
    ).encode()


def count(raw: bytes, piece: int):  # type: ignore[no-untyped-def]
    counter = StreamCounter()
    for start in range(0, len(raw), piece):
        counter.feed(raw[start : start + piece])
    return counter.finish()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 70))
def test_a_line_in_pieces_counts_as_the_whole(members: int, piece: int) -> None:
    whole = count(line(members), 1 << 20)
    assert count(line(members), piece) == whole
    assert whole.members == whole.declared == members
    assert whole.complete
    assert whole.errnos.total() == members


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.data())
def test_a_cut_stream_invents_nothing(members: int, data: st.DataObject) -> None:
    raw = line(members)
    whole = count(raw, 64)
    part = count(raw[: data.draw(st.integers(0, len(raw)))], 64)
    assert part.members <= whole.members
    assert part.sizes <= whole.sizes
    assert part.errnos <= whole.errnos


def test_escaped_and_joined_members_are_counted_in_a_stream() -> None:
    text = line(5).decode().replace('"', '\\"')
    assert count(('{"log":"' + text + '\\n","stream":"stderr"}').encode(), 100).members == 5
    join = 'err="opening storage failed: 2 errors: a: mmap, size 1: invalid argument\\nb: mmap, size 2: invalid argument"'
    assert count(join.encode(), 1000).sizes == {1: 1, 2: 1}


def test_sizes_of_a_stream_are_bounded() -> None:
    result = count(line(20_000), 1 << 16)
    assert result.members == 20_000
    assert len(result.sizes) == 4096
    assert result.sizes.total() + result.sizes_dropped == 20_000
