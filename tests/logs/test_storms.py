"""A storm of failures, folded block by block, gives the digest that its lines give one by one."""

import json
import random
import re
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.bundle.model import Member
from analyzer.clock import parse_stamp
from analyzer.logs import fold, repeats, storms
from analyzer.logs.digest import _Reader, read_log
from analyzer.logs.model import LogDigest
from analyzer.logs.source import open_source

FIXTURES = Path(__file__).parents[2] / "fixtures"
Maker = Callable[[str, str, list[int]], str]
ULIDS = ("01M82K54DEY807G2PMY2JMGVJN", "01M82K54ETCD52P4M6W4P729X2")


def stamp(number: int, digits: int = 3) -> str:
    second, part = divmod(number, 1000)
    fraction = f".{part:03d}{number % 997:06d}"[: digits + 1] if digits else ""
    return f"2026-11-22T21:{second // 60 % 60:02d}:{second % 60:02d}{fraction}Z"


def members(sizes: list[int]) -> str:
    kinds = ("mmap", "mmap files: mmap")
    return "; ".join(f"{kinds[size % 2]}, size {size}: cannot allocate memory" for size in sizes)


def compaction(time: str, tenant: str, sizes: list[int]) -> str:
    return (
        f'ts={time} caller=compact.go:500 level=error org_id={tenant} msg="compaction failed" '
        f'err="compact head: persist head block: {members(sizes[:1])}"'
    )


def several(time: str, tenant: str, sizes: list[int]) -> str:
    return (
        f'level=warn ts={time} caller=ingester.go:2300 msg="TSDB blocks compaction for user has failed" '
        f'user={tenant} err="{len(sizes)} errors: {members(sizes)}"'
    )


def ingest(time: str, tenant: str, sizes: list[int]) -> str:
    return f'ts={time} caller=grpc_logging.go:64 level=warn method=/cortex.Ingester/Push duration={sizes[0]}ms user={tenant} err="mmap, size 134217728: cannot allocate memory"'


def opening(time: str, tenant: str, sizes: list[int]) -> str:
    inner = f"failed to open TSDB: /data/tsdb/{tenant}: {len(sizes)} errors: {members(sizes)}"
    return (
        f'ts={time} caller=ingester.go:2184 level=error msg="unable to open TSDB" err="{inner}" user={tenant}'
    )


def of_a_block(time: str, tenant: str, sizes: list[int]) -> str:
    ulid = ULIDS[sizes[0] % 2]
    return f'ts={time} caller=db.go:900 level=error org_id={tenant} msg="reload failed" err="reloadBlocks: corrupted block {ulid}: mmap, size {sizes[0]}: cannot allocate memory"'


def of_a_file(time: str, tenant: str, sizes: list[int]) -> str:
    """A block's file, or a numbered one, that cannot be opened; and its path, said twice."""
    path = (
        f"/data/tsdb/{tenant}/{ULIDS[sizes[0] % 2]}/"
        + ("index", f"chunks/{sizes[-1] % 9:06d}")[sizes[-1] % 2]
    )
    errno = ("too many open files", "no space left on device", "cannot allocate memory")[len(sizes) - 1]
    return f'ts={time} caller=compact.go:500 level=error org_id={tenant} msg="compaction failed" err="block {path}: open {path}: {errno}"'


def head_chunk(time: str, tenant: str, sizes: list[int]) -> str:
    path = f"/data/tsdb/{tenant}/chunks_head/{sizes[0] % 7:06d}"
    return f'ts={time} caller=head.go:703 level=error org_id={tenant} msg="Loading on-disk chunks failed" err="mmap files, file: {path}: mmap, size 134217728: cannot allocate memory"'


def wal(time: str, tenant: str, sizes: list[int]) -> str:
    rows = "; ".join(
        f"open WAL segment: {size % 9}: open /data/tsdb/{tenant}/wal/{size % 9:08d}: too many open files"
        for size in sizes
    )
    return f'ts={time} level=warn org_id={tenant} msg="Encountered WAL read error" err="{len(sizes)} errors: {rows}"'


def in_json(time: str, tenant: str, sizes: list[int]) -> str:
    row = {"caller": "compact.go:500", "err": f"compact head: {members(sizes[:1])}", "level": "error"}
    row |= {"msg": "compaction failed", "org_id": tenant, "time": time, "ts": time[:-1] + "9Z"}
    return json.dumps(row, separators=(",", ":"))


def writing(time: str, tenant: str, sizes: list[int]) -> str:
    """The index of a block being written: known by a second size 4 bytes above the first."""
    first, second = sizes[0], sizes[0] + (4 if len(sizes) > 1 else 5)
    step = ("add series", "add symbol", "populate block", "write chunks", "persist head block")[
        len(tenant) % 5
    ]
    return f'ts={time} level=warn msg="TSDB blocks compaction for user has failed" user={tenant} err="2 errors: {step}: mmap, size {first}: cannot allocate memory; mmap, size {second}: cannot allocate memory"'


def of_two_errnos(time: str, tenant: str, sizes: list[int]) -> str:
    rows = [
        f"mmap, size {size}: {('cannot allocate memory', 'invalid argument')[size % 2]}" for size in sizes
    ]
    return f'ts={time} level=error msg="compaction failed" org_id={tenant} err="{len(rows)} errors: {"; ".join(rows)}"'


def copies(time: str, tenant: str, sizes: list[int]) -> str:
    inner = f"failed to open TSDB: /data/tsdb/{tenant}: {len(sizes)} errors: {members(sizes)}"
    user = f"unable to open TSDB for user {tenant}: {inner}"
    return "\n".join(
        (
            f'ts={time} caller=ingester.go:2184 level=error msg="unable to open TSDB" err="{inner}" user={tenant}',
            f'ts={time} caller=ingester.go:2260 level=error msg="error while opening existing TSDBs" err="{user}"',
            f'ts={time} caller=cortex.go:446 level=error msg="module failed" module=ingester-service err="{user}"',
        )
    )


def debug(time: str, tenant: str, sizes: list[int]) -> str:
    return (
        f'ts={time} caller=head.go:1 level=debug org_id={tenant} msg="mmap, size {sizes[0]}: none" at={time}'
    )


def healthy(time: str, tenant: str, sizes: list[int]) -> str:
    return f'ts={time} caller=repair.go:57 level=info org_id={tenant} msg="Found healthy block" ulid={ULIDS[sizes[0] % 2]}'


def banner(time: str, tenant: str, sizes: list[int]) -> str:
    return f'ts={time} caller=main.go:216 level=info msg="Starting Cortex" version="(version=1.17.2)"'


def dump(time: str, tenant: str, sizes: list[int]) -> str:
    return f"panic: boom {sizes[0]}\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/x.go:18 +0x1d"


def odd(time: str, tenant: str, sizes: list[int]) -> str:
    return ("\x01", "\x02 mmap, size 7: cannot allocate memory", "mmap, size 99999", "")[sizes[0] % 4]


FAILING = (
    compaction, several, ingest, in_json, opening, copies, writing, of_two_errnos, of_a_block, of_a_file, head_chunk,
    wal,
)  # fmt: skip
OTHERS = (debug, healthy, banner, dump, odd)


def framed(framing: str, line: str, number: int) -> str:
    if framing == "docker":
        rows = line.split("\n")
        return "\n".join(
            json.dumps(
                {"log": f"{row}\n", "stream": "stderr", "time": stamp(number, 9)}, separators=(",", ":")
            )
            for row in rows
        )
    if framing == "cri":
        return "\n".join(f"{stamp(number, 9)} stderr F {row}" for row in line.split("\n"))
    return line


def digest(data: bytes, width: int = 1 << 19) -> LogDigest:
    chunks = [data[at : at + width] for at in range(0, len(data), width)]
    return read_log(Member("var/log/ingester.log", len(data), data[:8192], iter(chunks)))


def both_ways(
    data: bytes, monkeypatch: pytest.MonkeyPatch, width: int = 1 << 19
) -> tuple[LogDigest, LogDigest]:
    """The digest with storms and without; which is also what reading each line anew gives."""
    with monkeypatch.context() as patched:
        patched.setattr(storms, "FEWEST_MATCHES", 1 << 60)
        slow = digest(data, width)
        patched.setattr(repeats.Repeats, "recall", lambda *_: None)
        anew = digest(data, width)
        anew.products, anew.hints = slow.products, slow.hints  # told by the lines that were read
        for one, other in zip(anew.segments, slow.segments, strict=False):
            one.products = other.products
        assert anew == slow
    with monkeypatch.context() as patched:
        patched.setattr(storms, "FEWEST_MATCHES", 1)
        fast = digest(data, width)
    return fast, slow


rows = st.tuples(
    st.sampled_from(FAILING * 4 + OTHERS),
    st.sampled_from(["t1", "t2", "team-7", "ten-7", "t-3"]),
    st.lists(st.integers(0, 6) | st.integers(500, 134217730), min_size=1, max_size=3),
    st.integers(-3, 9),
    st.sampled_from([0, 1, 3, 9]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.lists(rows, min_size=1, max_size=4), st.integers(1, 9)), min_size=1, max_size=12),
    st.sampled_from(["", "docker", "cri"]),
    st.sampled_from([40, 1000, 1 << 19]),
    st.booleans(),
)
def test_a_storm_folds_as_its_lines_do_one_by_one(
    parts: list[tuple[list[tuple[Maker, str, list[int], int, int]], int]],
    framing: str,
    width: int,
    bounded: bool,
) -> None:
    lines, number = [], 5000
    for part, times in parts:
        for _ in range(times):
            for make, tenant, sizes, step, digits in part:
                number += step
                line = make(stamp(number, digits), tenant, [size + number % 5 for size in sizes])
                lines.append(framed(framing, line, number + 1))
    with pytest.MonkeyPatch.context() as monkeypatch:
        if bounded:  # what is kept of each is soon full
            for name, most in (
                ("MAX_EVENTS_OF_KIND", 2),
                ("MAX_PATHS", 2),
                ("MAX_ULIDS", 1),
                ("MAX_KEYS", 9),
            ):
                monkeypatch.setattr(fold, name, most)
        fast, slow = both_ways("".join(f"{line}\n" for line in lines).encode(), monkeypatch, width)
    assert fast == slow


def storm(lines: int, framing: str = "", makers: tuple[Maker, ...] = FAILING) -> bytes:
    rng = random.Random(lines)
    made = (
        rng.choice(makers)(stamp(number), f"team-{rng.randint(0, 9)}", [rng.randint(500, 99999)] * 2)
        for number in range(lines)
    )
    return "".join(f"{framed(framing, line, number)}\n" for number, line in enumerate(made)).encode()


@pytest.mark.parametrize("framing", ["", "docker", "cri"])
def test_most_lines_of_a_storm_are_not_taken_up_one_by_one(
    framing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = storm(4000, framing, FAILING[:4])
    member = Member("var/log/ingester.log", len(data), data[:8192], iter([data]))
    reader = _Reader(member, open_source(member), "")
    taken: list[int] = []
    peel = reader._framings.peel
    monkeypatch.setattr(reader._framings, "peel", lambda raw: (taken.append(1), peel(raw))[1])
    found = reader.read()
    assert sum(group.lines for segment in found.segments for group in segment.failures) == 4000
    assert found.parsed == found.framings.total() == 4000
    assert len(taken) < 1000


@pytest.mark.parametrize("maker", [maker for maker in FAILING if maker is not wal])  # it names several files
def test_few_blocks_of_a_storm_are_scanned(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    lines = []
    for number in range(6000):
        line = maker(stamp(number), f"team-{rng.randint(0, 2)}", [rng.randint(500, 99999)] * 2)
        lines.append(line if number % 50 else f"{line}\n{debug(stamp(number), 't1', [number])}")
    monkeypatch.setattr(fold, "MAX_EVENTS_OF_KIND", 10)
    data = "".join(f"{line}\n" for line in lines).encode()
    chunks = [data[at : at + 50_000] for at in range(0, len(data), 50_000)]
    member = Member("var/log/ingester.log", len(data), data[:8192], iter(chunks))
    reader = _Reader(member, open_source(member), "")
    scanned: list[int] = []
    scan = reader._scanner._engine.scan
    engine = SimpleNamespace(scan=lambda block: (scanned.append(len(block)), scan(block))[1])
    monkeypatch.setattr(reader._scanner, "_engine", engine)
    found = reader.read()
    assert sum(scanned) < len(data) * 0.5
    with monkeypatch.context() as patched:
        patched.setattr(storms, "FEWEST_MATCHES", 1 << 60)
        assert digest(data, 50_000) == found


def test_a_storm_across_many_blocks_is_the_same_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = both_ways(storm(9000), monkeypatch, 100_000)
    assert fast == slow
    assert fast.lines > 9000


def times_of(found: LogDigest) -> tuple[object, object]:
    groups = found.segments[0].failures
    return min(g.first for g in groups if g.first), max(g.last for g in groups if g.last)


def test_a_storm_that_goes_back_in_time_widens_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [*range(9000, 9020), *range(9019, 4000, -50), *range(20_000, 20_100), 10_000]
    lines = [compaction(stamp(number), "t1", [number]) for number in numbers]
    fast, slow = both_ways("".join(f"{line}\n" for line in lines).encode(), monkeypatch)
    assert fast == slow
    assert times_of(fast) == (parse_stamp(stamp(4019)), parse_stamp(stamp(20_099)))


def test_the_time_of_the_record_is_not_taken_for_that_of_its_framing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both are the same at first, which is which shows only later."""
    lines = [f"{stamp(n)} stderr F {compaction(stamp(n), 't1', [n])}" for n in range(9000, 9020)]
    lines += [f"{stamp(n + 999_000)} stderr F {compaction(stamp(n), 't1', [n])}" for n in range(9020, 9050)]
    fast, slow = both_ways("".join(f"{line}\n" for line in lines).encode(), monkeypatch)
    assert fast == slow
    assert times_of(fast) == (parse_stamp(stamp(9000)), parse_stamp(stamp(9049)))


@lru_cache
def failing_lines() -> list[bytes]:
    """Lines of real failures: of the log samples, and of an ingester that failed at run time."""
    texts = [path.read_bytes() for path in sorted((FIXTURES / "log-samples").rglob("*")) if path.is_file()]
    with tarfile.open(FIXTURES / "bundles" / "cortex-runtime_1.11.1" / "bundle.tar.gz") as archive:
        log = next(member for member in archive if member.name.endswith("ingester.log"))
        body = archive.extractfile(log)
        assert body is not None
        texts.append(body.read())
    rows = [
        row for text in texts for row in text.split(b"\n") if b"cannot allocate" in row and len(row) < 3000
    ]
    return list(dict.fromkeys(rows))[:400]


@pytest.mark.parametrize("seed", range(40))
def test_storms_of_real_lines_fold_as_their_lines_do(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    lines = failing_lines()
    assert len(lines) > 100

    def other(match: re.Match[bytes]) -> bytes:
        size = int(match[1])
        return b"mmap, size %d" % (size + rng.choice([0, 0, 4, 17]) if size < 10**9 else size)

    rows = []
    for _ in range(rng.randint(1, 5)):
        chosen = rng.sample(lines, rng.randint(1, 4))
        for number in range(rng.randint(4, 25)):
            for line in chosen:
                row = re.sub(rb"mmap, size (\d+)", other, line)
                rows.append(re.sub(rb"(:\d\d\.\d)\d*Z", rb"\g<1>%dZ" % (100 + number), row))
    fast, slow = both_ways(b"\n".join(rows), monkeypatch, rng.choice([200, 5000, 1 << 19]))
    assert fast == slow


@given(st.lists(st.from_regex(rb"[0-9]{1,18}", fullmatch=True)))
def test_numbers_are_read_as_int_reads_them(texts):
    assert storms._numbers(texts) == [int(text) for text in texts]
