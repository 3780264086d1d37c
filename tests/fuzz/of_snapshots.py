"""Any bytes through every snapshot parser, chosen by the first byte: typed facts whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.bundle.model import Member
from analyzer.facts import Absent, Present, Unreadable
from analyzer.snapshots import PARSERS, classify
from analyzer.snapshots.base import SnapshotParser
from analyzer.snapshots.model import Snapshot
from fuzz import corpus
from fuzz.target import Target, pieces_of, split_choice

DOCUMENTS = ("block_meta", "capture", "sysctl_json", "thanos_shipper")  # one JSON text each
QUOTED = 300  # characters of evidence


def path_of(parser: SnapshotParser) -> str:
    """A path that one of its markers proposes."""
    return "top/" + parser.markers[0].replace("*", "7")


def run(data: bytes) -> None:
    """The target: two bytes choose the parser and the chunks. Not its ``read``, which hides a fault: its
    function, which must not have any."""
    choice, rest = split_choice(data, len(PARSERS))
    size, content = split_choice(rest, 256)
    parser = PARSERS[choice]
    path = path_of(parser)
    parser.sniff(path, content[:8192])
    classify("x/" + content[:40].decode("utf-8", "replace"), content[:8192])
    whole = _parsed(parser, _member(path, content, 1 << 16))
    _check(whole)
    assert _values(_parsed(parser, _member(path, content, size + 1))) == _values(whole), "the chunks matter"
    _check(_parsed(parser, _member(path, content, 1 << 16), True))
    cut = _member(path, content[: len(content) * size // 256], 1 << 16)
    cut.size = len(content) + 100
    _check(_parsed(parser, cut))


def _parsed(parser: SnapshotParser, member: Member, detail: bool = False) -> list[Snapshot]:
    """A document that is none is unreadable as a whole; nothing else may fail."""
    try:
        return parser.parse(member, detail)
    except ValueError:
        if parser.kind not in DOCUMENTS:
            raise
        return []


def _member(path: str, content: bytes, size: int) -> Member:
    return Member(path, len(content), content[:8192], iter(pieces_of(content, size)))


def _check(snapshots: list[Snapshot]) -> None:
    for taken in snapshots:
        assert taken.pid is None or taken.pid >= 0
        for name, fact in taken.values.items():
            assert isinstance(name, str)
            assert isinstance(fact, Present | Absent | Unreadable)
            if isinstance(fact, Present) and fact.evidence is not None:
                assert fact.evidence.member == taken.member
                assert fact.evidence.line is None or fact.evidence.line >= 1
                assert len(fact.evidence.text) <= QUOTED
                fact.evidence.text.encode("utf-8")
            if isinstance(fact, Present) and isinstance(fact.value, str):
                fact.value.encode("utf-8")


def _values(snapshots: list[Snapshot]) -> list[str]:
    """As text: nan is not equal to itself."""
    return [f"{taken.kind} {taken.pid} {dict(taken.values)!r}" for taken in snapshots]


def seeds() -> Iterator[bytes]:
    """A member of each kind from the bundles, else the sample in the parser's docstring."""
    found: dict[str, list[bytes]] = {}
    for path, content in corpus.members():
        claimed = classify(path, content[:8192])
        if claimed is not None:
            found.setdefault(claimed.kind, []).append(content)
    for number, parser in enumerate(PARSERS):
        for content in [*found.get(parser.kind, [])[:3], *corpus.doc_samples(parser)]:
            yield bytes([number, 40]) + content
        yield bytes([number, 200]) + b"cat: x: Permission denied\n"


TARGET = Target(
    "snapshots",
    run,
    seeds,
    words=(
        b" kB\n", b"unlimited", b"max\n", b"-1\n", b"18446744073709551615", b"9223372036854771712", b"1e999", b"nan", b"-0", b"inf",
        b"0x10", b": ", b" = ", b"|", b"%", b"\t", b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"kind: Pod\n", b"- ", b"{}", b"[]",
        b'{"kind":"List","items":[', b'"status":{', b"null", b"true", b"vm.max_map_count = 65530\n", b"Mem:", b"Swap:", b"Filesystem",
        b"PID", b"/proc/1/maps", b"==> ", b" <==\n", b"Max open files            1024                 1048576              files\n",
        b"VmSize:\t", b"oom_kill 1\n", b"# TYPE x gauge\n", b"&a", b"*a", b"!!", b"<<:", b"---\n", b"2026-11-22T21:57:16Z", b"+Inf",
        b"Name:", b"State:", b"Last State:", b"Exit Code:", b"OOMKilled", b"Limits:", b"memory:  1Gi", b"1.5Gi", b"Permission denied",
        b"99999999999999999999999999999999", b"\xc2\xb2", b"\xd9\xa3",
    ),
    length=6000,
)  # fmt: skip
