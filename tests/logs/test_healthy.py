"""ULIDs and tenants of healthy blocks: many lines read at once say what each says by itself."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs.healthy import BlockLines

ULID = "01M82KPR3D9MNZZQP69TDGAGZN"
TENANTS = ("100222", "a", "team-7", "c" * 36, "x" * 150, "x" * 151, "ä", "o'b", 'q"q', "a b", "a,b", "")


def logfmt(tenant: str, ulid: str, stamp: str) -> str:
    return f'level=info ts={stamp} caller=repair.go:57 org_id={tenant} msg="Found healthy block" mint=1 maxt=2 ulid={ulid}'


def logfmt_behind(tenant: str, ulid: str, stamp: str) -> str:
    return f'ts={stamp} level=info msg="Found healthy block" ulid={ulid} user={tenant} component=tsdb'


def as_json(tenant: str, ulid: str, stamp: str) -> str:
    row = {
        "caller": "repair.go:54",
        "msg": "Found healthy block",
        "org_id": tenant,
        "ts": stamp,
        "ulid": ulid,
    }
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def without_tenant(tenant: str, ulid: str, stamp: str) -> str:
    return f'time={stamp} level=INFO msg="Found healthy block" mint=1 maxt=2 ulid={ulid}'


def without_ulid(tenant: str, ulid: str, stamp: str) -> str:
    return f'ts={stamp} org_id={tenant} msg="Found healthy block"'


def in_docker(tenant: str, ulid: str, stamp: str) -> str:
    return json.dumps({"log": as_json(tenant, ulid, stamp) + "\n", "stream": "stderr"})


FORMS = (logfmt, logfmt_behind, as_json, without_tenant, without_ulid, in_docker)


def line_by_line(lines: list[bytes]) -> tuple[list[bytes], Counter[bytes]]:
    """The obvious way: one search for each in each line."""
    ulids, tenants = [], []
    for line in lines:
        at = line.index(b"ealthy block") + len(b"ealthy block")
        ulid = re.search(rb'ulid[=":\\ ]+([0-9A-HJKMNP-TV-Z]{26})', line[at:])
        tenant = re.search(rb'(?:org_id|user|tenant)(?:=|\\*": ?)\\*"?([^\s"\\,}]{1,150})', line)
        ulids += [ulid[1]] if ulid else []
        tenants += [tenant[1]] if tenant else []
    return ulids, Counter(tenants)


def read(
    reader: BlockLines, lines: list[bytes], noise: bytes, base: int = 0
) -> tuple[list[bytes], Counter[bytes]]:
    buffer = b"\n" * base + b"".join(noise + line + b"\n" for line in lines)
    marks = [(0, match.start() - base, match.end() - base) for match in re.finditer(b"ealthy block", buffer)]
    kept, ulids = reader.ulids(buffer, base, marks)
    assert set(kept) <= set(marks)
    assert len(kept) == len(ulids)
    tenants = reader.tenants(buffer, base, marks)
    assert tenants == reader.tenants(buffer, base, marks[::-1])  # of a block told twice the last line counts
    return ulids, tenants


stamps = st.sampled_from(
    ["2026-11-22T21:59:47.17Z", "2026-11-22T21:59:47.176752052Z", "2026-11-22T21:59:47Z"]
)
ulids = st.sampled_from([ULID, ULID[:-1] + "7", ULID[:-1], ULID[:-1] + "u", ""])


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FORMS),
            st.lists(st.tuples(st.sampled_from(TENANTS), ulids, stamps), min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(
        [b"", b"\n", b"ts=1 org_id=other msg=other ulid=01M82KPR3D9MNZZQP69TDGAGZZ\n", b"x" * 300 + b"\n"]
    ),
    st.sampled_from([0, 1, 200]),
)
def test_many_lines_at_once_say_what_each_says(
    stretches: list[tuple[object, list[tuple[str, str, str]]]], noise: bytes, base: int
) -> None:
    reader = BlockLines()
    for form, rows in stretches:
        lines = [form(*row).encode() for row in rows]  # type: ignore[operator]
        assert read(reader, lines, noise, base) == line_by_line(lines)


@pytest.mark.parametrize("form", [logfmt, as_json, in_docker, logfmt_behind])
def test_lines_of_one_form_are_searched_once(form: object, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = "2026-11-22T21:59:47.176752052Z"
    lines = [form(f"t{i}" * (i % 3 + 1), ULID, stamp[: 20 + i % 9] + "Z").encode() for i in range(40)]  # type: ignore[operator]
    reader = BlockLines()
    assert read(reader, lines, b"") == line_by_line(lines)
    searches: list[int] = []
    monkeypatch.setattr(reader, "_searched", lambda *_: searches.append(1))
    assert read(reader, lines, b"") == line_by_line(lines)
    assert not searches
