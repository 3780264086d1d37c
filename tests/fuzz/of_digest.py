"""Any bytes as a whole log: every line counted, the same whatever the chunks, evidence within the log."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from analyzer.bundle.model import Member
from analyzer.facts import Stamp
from analyzer.logs.digest import looks_like_log, read_log
from analyzer.logs.framing import Framings
from analyzer.logs.model import OPERATIONS, LogDigest
from analyzer.logs.source import document_kind, is_export, utf16_of
from analyzer.logs.years import settle_log
from fuzz import corpus
from fuzz.target import Target, assert_speakable, lines_of, pieces_of, split_choice

PATH = "var/log/ingester.log"
_ULID = re.compile(rb'healthy block.*ulid[=":\\\\ ]+[0-9A-HJKMNP-TV-Z]{26}', re.DOTALL)


def run(data: bytes) -> None:
    """The target: the first byte chooses the size of the chunks."""
    choice, rest = split_choice(data, 256)
    head = rest[:8192]
    looks_like_log(PATH, head)
    whole = _digest(rest, max(len(rest), 1))
    _check(whole)
    assert whole.size == len(rest)
    if not (utf16_of(head) or is_export(head) or document_kind(head)):
        assert whole.lines == len(lines_of(rest)), "a line is lost"
    pieced = _digest(rest, choice + 1)
    rows = lines_of(rest)
    levels = sum(sum(life.levels.values()) for life in whole.segments)
    # Of several sources each has the lines from its first to its last that tells something.
    assert levels >= whole.lines or _several(rows), "a line has no level"
    for found in (whole, pieced):
        settle_log(found, Stamp.from_seconds(1_795_384_636))
    assert _comparable(pieced, rows) == _comparable(whole, rows), "the chunks matter"


def _digest(data: bytes, size: int) -> LogDigest:
    return read_log(Member(PATH, len(data), data[:8192], iter(pieces_of(data, size))))


def _comparable(found: LogDigest, rows: list[bytes]) -> LogDigest:
    """Without what a chunk may decide: the lives of a log in which several processes write, where counted
    lines only tell in which chunk one of them wrote; a block whose line is damaged, which is found where its
    neighbours have theirs; the tenant of a block that is told of twice, which either line may name."""
    if _several(rows):
        found.segments.clear()
    damaged = any(b"healthy block" in row and _ULID.search(row) is None for row in rows)
    for life in found.segments:
        life.blocks_by_tenant.clear()
        life.tenants.clear()
        if damaged:
            life.healthy.clear()
            life.healthy_after = 0
    return found


def _several(rows: list[bytes]) -> bool:
    framings = Framings()
    return len({framings.peel(row).hints for row in rows}) > 1


def _check(found: LogDigest) -> None:
    assert found.parsed <= found.lines
    assert found.partials_open >= 0
    assert_speakable(*found.hints, *found.hints.values(), *found.warnings)
    for life in found.segments:
        assert life.first_line <= life.last_line or found.newest_first or not life.lines
        assert_speakable(life.last_text, *life.tenants, *life.blocks_by_tenant)
        for event in life.events:
            assert_speakable(event.evidence.text, *event.fields.values())
            assert event.count >= 1
        for group in life.failures:
            assert group.operation in OPERATIONS
            assert group.lines >= group.count >= 1
            assert group.members >= 1
            assert 1 <= len(group.evidence) <= 3
            assert_speakable(group.sample, group.tenant or "", *group.paths)
    evidence = itertools.chain.from_iterable(
        [
            *(event.evidence for event in life.events),
            *(quote for group in life.failures for quote in group.evidence),
        ]
        for life in found.segments
    )
    for quoted in evidence:
        assert quoted.member == PATH
        assert quoted.line is not None
        assert quoted.line >= 1


def seeds() -> Iterator[bytes]:
    """Real logs and dumps, a few known lines, and the forms that a log is downloaded in."""
    for log in corpus.log_samples():
        yield b"\x3f" + log
    for line in corpus.log_lines():
        yield b"\x0f" + line + b"\n"
    text = b"".join(line + b"\n" for line in corpus.log_lines()[:5])
    yield b"\x20" + text.decode("utf-8", "replace").encode("utf-16")
    yield (
        b"\x20__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795384636000000\n_PID=7\nMESSAGE="
        + corpus.log_lines()[2]
        + b"\n\n"
    )
    yield (
        b'\x20{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"i-0"},"values":'
        b'[["1795384636000000001","level=error msg=b"],["1795384636000000000","panic: a"]]}]}}'
    )
    yield b'\x20[{"line":"panic: x","timestamp":"1795384636000000000","fields":{"pod":"i-0"}}]'
    yield b'\x202026-11-22T21:57:17Z {pod="i-0"} level=error msg=b\n2026-11-22T21:57:16Z {pod="i-0"} panic: a\nmain.main()\n'


def _words() -> tuple[bytes, ...]:
    from fuzz import of_framing, of_kernel, of_records

    return (
        *of_framing.TARGET.words, *of_records.TARGET.words[1:], *of_kernel.TARGET.words, b"\n", b"\n\n", b"Found healthy block",
        b"ulid=01G0P1FM80185GR38E1W8124GK", b"org_id=tenant-a ", b"write block", b"Head GC completed", b"WAL replay completed",
        b"==== START logs for container a of pod b/c ====\n", b"__CURSOR=", b"__REALTIME_TIMESTAMP=", b"MESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00",
        b'"resultType":"streams"', b'"stream":{', b'"values":[', b'"timestamp":"', b'"line":"', b"\xff\xfe",
    )  # fmt: skip


TARGET = Target("digest", run, seeds, words=_words(), length=6000)
