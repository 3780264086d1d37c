"""A log says the same wherever its bytes are cut into chunks: framing, split lines and dumps included."""

import json

import pytest

from analyzer.bundle.model import Member
from analyzer.logs.digest import read_log

HEAD = "ts=2026-11-22T21:54:4{}.5Z caller={} level={} "
INNER = (
    "failed to open TSDB: /data/tsdb/t1: 2 errors: mmap, size 31301: cannot allocate memory; "
    "mmap files: mmap, size 16585: cannot allocate memory"
)
LINES = [
    HEAD.format(1, "main.go:216", "info") + 'msg="Starting Cortex" version="(version=1.11.1)"',
    HEAD.format(2, "repair.go:57", "info")
    + 'org_id=t1 msg="Found healthy block" ulid=01M82K54DEY807G2PMY2JMGVJN',
    HEAD.format(3, "logging.go:76", "debug") + 'msg="POST /api/v1/push (200) 4ms"',
    HEAD.format(4, "ingester.go:2184", "error") + f'msg="unable to open TSDB" err="{INNER}" user=t1',
    HEAD.format(5, "head.go:1213", "warn") + 'msg="slow"',
]
DUMP = ["panic: runtime error: index out of range [3]", "", "goroutine 7 [running]:", "main.main()", "\t/srv/x.go:18 +0x1d"]  # fmt: skip
STAMP = "2026-11-22T21:54:45.5Z"


def docker(line):
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": STAMP}, separators=(",", ":"))


def cri(line):
    """Two pieces, cut in the middle of a word that the scan looks for."""
    at = line.find("cannot allocate") + 4 if "cannot allocate" in line else len(line) // 2
    return f"{STAMP} stderr P {line[:at]}\n{STAMP} stderr F {line[at:]}"


LOGS = {
    "bare": "\n".join([*LINES, *DUMP]) + "\n",
    "docker": "\n".join(map(docker, LINES)) + "\n",
    "cri": "\n".join(map(cri, LINES)) + "\n",
    "without its last newline": "\n".join(LINES),
}


def digest_of(data, chunks):
    return read_log(Member("var/log/ingester.log", len(data), data[:8192], iter(chunks)))


@pytest.mark.parametrize("name", LOGS)
def test_every_border_gives_the_same_digest(name):
    data = LOGS[name].encode()
    expected = digest_of(data, [data])
    assert expected.segments[0].failures
    for border in range(1, len(data)):
        assert digest_of(data, [data[:border], data[border:]]) == expected, border


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_chunks_of_any_width_give_the_same_digest(name, width):
    data = LOGS[name].encode()
    pieces = [memoryview(data)[start : start + width] for start in range(0, len(data), width)]
    assert digest_of(data, pieces) == digest_of(data, [data])


def test_a_new_source_begins_a_life_wherever_the_chunk_began():
    """Whether the life before it is blank was asked before its own lines were counted."""
    first = (
        "Aug  1 08:00:00 host prometheus: "
        + HEAD.format(1, "a.go:1", "info")
        + 'msg="WAL segment loaded" segment=0'
    )
    data = f"{first}\n{LINES[3]}\n".encode()
    expected = digest_of(data, [data])
    assert len(expected.segments) == 2
    for border in range(1, len(data)):
        assert len(digest_of(data, [data[:border], data[border:]]).segments) == 2, border
