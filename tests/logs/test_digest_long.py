"""Lines over 1 MiB: every member counted and the copies of one failure known, in every framing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log
from analyzer.logs.errors import StreamCounter
from analyzer.logs.model import LogDigest

START = datetime(2026, 11, 22, 21, 57, 16)
MEMBERS = 27_000
BLOCKS = 13_000
NO_MEMORY = "cannot allocate memory"
SIZES = [500 + number * 37 % 4000 for number in range(MEMBERS)]
COUNTED = f"{MEMBERS} errors: " + "; ".join(f"mmap, size {size}: {NO_MEMORY}" for size in SIZES)
JOINED = "reloadBlocks: " + "\\n".join(
    f"corrupted block 01G0P1FM80185GR38E1W{number:06d}: mmap, size {size}: {NO_MEMORY}"
    for number, size in enumerate(SIZES[:BLOCKS])
)


def copies(text: str) -> list[str]:
    """The three lines that one failed start writes, between two others."""
    tsdb = f"failed to open TSDB: /data/tsdb/t1: {text}"
    user = f"unable to open TSDB for user t1: {tsdb}"
    module = f"invalid service state: Failed, expected: Running, failure: opening existing TSDBs: {user}"
    head = "ts={} caller=ingester.go:2184 level="
    rows = [
        f'{head}info msg="opening existing TSDBs"',
        f'{head}error msg="unable to open TSDB" err="{tsdb}" user=t1',
        f'{head}error msg="error while opening existing TSDBs" err="{user}"',
        f'{head}error msg="module failed" module=ingester-service err="{module}"',
        f'{head}info msg="module stopped" module=server',
    ]
    return [row.replace("{}", stamp(number)) for number, row in enumerate(rows)]


def stamp(number: int) -> str:
    return (START + timedelta(milliseconds=number)).isoformat(timespec="milliseconds") + "Z"


def docker(number: int, text: str, newline: str = "\n") -> str:
    return json.dumps(
        {"log": text + newline, "stream": "stderr", "time": stamp(number)}, separators=(",", ":")
    )


def docker_pieces(number: int, row: str) -> list[str]:
    pieces = [row[at : at + 16_384] for at in range(0, len(row), 16_384)]
    return [docker(number, piece, "\n" if piece is pieces[-1] else "") for piece in pieces]


def cri_pieces(number: int, row: str) -> list[str]:
    pieces = [row[at : at + 8_192] for at in range(0, len(row), 8_192)]
    return [f"{stamp(number)} stderr {'F' if piece is pieces[-1] else 'P'} {piece}" for piece in pieces]


def journal(number: int, row: str, *, first: bool = False, **form: object) -> str:
    """An entry whose message is its first or its last field, or stands between the others."""
    before = {} if first else {"__REALTIME_TIMESTAMP": str(1795384636000000 + number), "_PID": "7"}
    after = {"__REALTIME_TIMESTAMP": str(1795384636000000 + number), "_PID": "7"} if first else {}
    return json.dumps({"__CURSOR": "s=1"} | before | {"MESSAGE": row} | after, **form)


def logcli(number: int, row: str) -> str:
    return json.dumps({"labels": {"pod": "ingester-0"}, "line": row, "timestamp": stamp(number)})


FRAMINGS = {
    "bare": lambda number, row: [row],
    "timestamps": lambda number, row: [f"{stamp(number)} {row}"],
    "cri": lambda number, row: [f"{stamp(number)} stderr F {row}"],
    "cri pieces": cri_pieces,
    "docker": lambda number, row: [docker(number, row)],
    "docker pieces": docker_pieces,
    "docker behind a prefix": lambda number, row: [f"[pod/i-0/ingester] {docker(number, row)}"],
    "journal json": lambda number, row: [journal(number, row)],
    "journal json, compact": lambda number, row: [journal(number, row, separators=(",", ":"))],
    "journal json of bytes": lambda number, row: [
        journal(number, row).replace(json.dumps(row), json.dumps(list(row.encode())))
    ],
    "journal json, message first": lambda number, row: [journal(number, row, first=True)],
    "logcli jsonl": lambda number, row: [logcli(number, row)],
    "stern json": lambda number, row: [json.dumps({"message": row, "podName": "i-0", "containerName": "i"})],
}


def digest(framing: str, rows: list[str]) -> LogDigest:
    lines = [line for number, row in enumerate(rows) for line in FRAMINGS[framing](number, row)]
    data = "".join(f"{line}\n" for line in lines).encode()
    chunks = (data[at : at + 500_000] for at in range(0, len(data), 500_000))
    return read_log(Member("var/log/ingester.log", len(data), data[:8192], chunks))


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("text", "members"), [(COUNTED, MEMBERS), (JOINED, BLOCKS)], ids=["counted", "joined"]
)
def test_copies_of_a_failure_over_a_mebibyte_are_one(framing: str, text: str, members: int) -> None:
    found = digest(framing, copies(text))
    (group,) = found.segments[0].failures
    assert (group.operation, group.errno, group.tenant) == ("startup_open", "ENOMEM", "t1")
    assert (group.lines, group.count, group.members, group.complete) == (3, 1, members, True)
    assert (min(group.sizes), max(group.sizes)) == (min(SIZES), max(SIZES))
    assert group.sizes.total() + group.sizes_dropped == members
    assert found.cut_lines == 3
    assert len(found.segments) == 1
    assert group.first_line == 1 + sum(
        len(FRAMINGS[framing](number, row)) for number, row in enumerate(copies("")[:1])
    )


def test_a_copy_that_just_passes_the_limit_is_one_still() -> None:
    shortest = len(copies("")[1])
    text = COUNTED
    text = f"{text[: (1 << 20) - shortest - 200].rpartition('; ')[0]}; mmap, size 7: "
    text += NO_MEMORY.rjust((1 << 20) - shortest - 50 - len(text))
    rows = copies(text.replace(f"{MEMBERS} errors", f"{text.count('; ') + 1} errors"))
    assert len(rows[1]) < 1 << 20 < len(rows[3])
    (group,) = digest("bare", rows).segments[0].failures
    assert (group.lines, group.count, group.complete) == (3, 1, True)


def test_another_failure_of_the_same_length_is_no_copy() -> None:
    other = COUNTED.replace("mmap, size 5", "mmap, size 6")
    (group,) = digest("bare", [*copies(COUNTED), *copies(other)]).segments[0].failures
    assert (group.lines, group.count, group.members) == (6, 2, 2 * MEMBERS)


def test_what_cannot_be_counted_is_not_called_complete() -> None:
    blocks = " ".join(f"01G0P1FM80185GR38E1W{number:06d}:mmap: {NO_MEMORY}" for number in range(MEMBERS))
    (group,) = digest("bare", copies(f"unexpected corrupted block:map[{blocks}]")).segments[0].failures
    assert group.members > 1
    assert not group.complete


@pytest.mark.parametrize("framing", [name for name in FRAMINGS if "json" in name and "bytes" not in name])
def test_the_last_line_of_a_cut_download_is_read(framing: str) -> None:
    rows = copies(f"2 errors: mmap, size 5: {NO_MEMORY}; mmap, size 31301: {NO_MEMORY}")
    lines = [line for number, row in enumerate(rows) for line in FRAMINGS[framing](number, row)]
    data = "\n".join(lines[:2]).encode()
    data = data[: data.rindex(b"301: ")]
    found = read_log(Member("var/log/ingester.log", len(data), data[:8192], iter((data,))))
    (group,) = [group for segment in found.segments for group in segment.failures]
    assert (group.errno, group.members, group.complete, dict(group.sizes)) == ("ENOMEM", 2, False, {5: 1})


def test_a_huge_field_beside_the_line_cuts_nothing() -> None:
    entry = json.loads(journal(0, copies(f"mmap, size 5: {NO_MEMORY}")[1]))
    data = (
        json.dumps({"_CMDLINE": "x " * (1 << 20), **entry}).encode().replace(b"{", b'{"__CURSOR": "s", ', 1)
    )
    found = read_log(Member("var/log/ingester.log", len(data), data[:8192], iter((data,))))
    (group,) = found.segments[0].failures
    assert (group.members, group.complete, group.tenant) == (1, True, "t1")


@pytest.mark.parametrize("step", [1, 7, 64, 100_000])
def test_a_joined_list_is_counted_wherever_its_pieces_end(step: int) -> None:
    block = "corrupted block 01G0P1FM80185GR38E1W38TKP{}: mmap files: mmap, size {}: cannot allocate memory"
    joined = "\\n".join(block.format(number, number + 8) for number in range(9))
    raw = f'err="reloadBlocks: {joined}\\nopening storage\\nmain.main\\n\\t/x.go:18" user=t1'.encode()
    counter = StreamCounter()
    for at in range(0, len(raw), step):
        counter.feed(raw[at : at + step])
    count = counter.finish()
    assert (count.members, count.declared, count.complete) == (9, None, True)
    assert count.sizes == dict.fromkeys(range(8, 17), 1)
    assert count.kinds == {"chunks_segment": 9}
