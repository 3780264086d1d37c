"""Any text as an error: a tree whose parts are the text's, which states no number that was cut."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.logs import eras
from analyzer.logs.errors import StreamCounter, incomplete, innermost, leaves, parse, render
from analyzer.logs.leaf import split_member, split_prefixes
from analyzer.logs.model import ERAS, FILE_KINDS, Tree
from analyzer.logs.observation import observe
from analyzer.logs.records import parse as record_of
from analyzer.logs.records import record_error
from fuzz import corpus
from fuzz.target import Target, pieces_of, split_choice, text_of


def run(data: bytes) -> None:
    """The target: the first byte chooses a cut, and the borders of a line that is read in pieces."""
    choice, rest = split_choice(data, 256)
    text = text_of(rest)
    whole = parse(text)
    _check(whole, text)
    _check(parse(text, cut=True), text)
    head = text[: len(text) * choice // 256]
    _check(parse(head, cut=True), head)
    _check_parts(text)
    _check_rendered(whole)
    _check_streamed(rest, choice + 1)


def _check(tree: Tree, text: str) -> None:
    found = list(leaves(tree))
    assert len(found) <= len(text) + 1
    for prefixes, leaf in found:
        assert leaf.file_kind is None or leaf.file_kind in FILE_KINDS
        assert leaf.text in text or "\n" in text
        assert all(prefix in text or "\n" in text for prefix in prefixes)
        if not leaf.complete:
            assert leaf.size is None, "a number of a cut member"
            assert leaf.errno is None, "an errno of a cut member"
        if leaf.size is not None:
            assert str(leaf.size) in leaf.text, "a size that the text does not state"
    _check_lists(tree)
    incomplete(tree)
    assert eras.era(tree, text) in (*ERAS, None)
    seen = observe(tree, text, "other")
    assert sum(seen.errnos.values()) <= len(found)
    assert sum(seen.sizes.values()) <= len(found)
    assert innermost(text) in text


def _check_lists(tree: Tree) -> None:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        assert node.leaf is None or not node.members, "a leaf with members"
        if node.declared is not None and not node.ambiguous:
            assert len(node.members) <= max(node.declared, 1), "more members than declared, and not ambiguous"
        nodes.extend(node.members)


def _check_parts(text: str) -> None:
    """Prefixes and leaf, joined, are the text again; an empty prefix is none."""
    while text.startswith(": "):
        text = text[2:]
    assert ": ".join(split_prefixes(text)) == text
    for cut in (False, True):
        prefixes, leaf = split_member(text, cut=cut)
        assert ": ".join((*prefixes, leaf.text)) == text, (prefixes, leaf)


def _check_rendered(tree: Tree) -> None:
    """What can be told apart is written and read back with the same leaves."""
    if tree.ambiguous or tree.form in ("joined", "chain", "map") or incomplete(tree):
        return
    again = parse(render(tree))
    assert len(list(leaves(again))) == len(list(leaves(tree)))


def _check_streamed(raw: bytes, size: int) -> None:
    """The borders of the pieces of one huge line do not matter."""
    at_once, pieced = StreamCounter(), StreamCounter()
    at_once.feed(raw)
    for piece in pieces_of(raw, size):
        pieced.feed(piece)
    assert pieced.finish() == at_once.finish()


def seeds() -> Iterator[bytes]:
    """The error texts of the known lines, without their quotes and with them."""
    for line in corpus.log_lines():
        text = record_error(record_of(line.decode("utf-8", "replace"), "log", 1))
        if text:
            yield b"\xc0" + text.encode("utf-8", "replace")
        if b"errors" in line:
            yield b"\x05" + line
    for log in corpus.log_samples():
        if b"errors" in log:
            yield b"\x30" + log[:2000]


TARGET = Target(
    "errors",
    run,
    seeds,
    words=(
        b"2 errors: ", b"3 errors: ", b"1 error occurred:\n\t* ", b"2 errors occurred:\n\t* ", b"\n\t* ", b"\n\n", b"; ", b": ",
        b"mmap, size 31301: cannot allocate memory", b"mmap, size ", b"mmap files: ", b"mmap files, file: /d/chunks_head/000001: ",
        b"cannot allocate memory", b"too many open files in system", b"invalid argument", b"errno 12", b"errno 1",
        b"corrupted block 01G0P1FM80185GR38E1W8124GK: ", b"unexpected corrupted block:map[", b"01G0P8BBG02GAHC5RR34D1P70X:",
        b"failed to open TSDB: /d/t1: ", b"opening storage failed: ", b"invalid service state: Failed, expected: Running, failure: ",
        b"\nmain.main\n\t/srv/x.go:18\n", b"open /d/index: ", b"rename a b: ", b"]", b"\\n", b'\\"', b"999999999 errors: ",
    ),
)  # fmt: skip
