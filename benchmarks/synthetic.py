"""Seeded synthetic ingester logs and bundles, of any size, in the mix of lines that real ones have.

A log is made of blocks of about 256 KiB, one minute of log each. 64 blocks are built from the seed
and taken in turn, and only their minute and the unique part of their block ULIDs are replaced, so
that 5 GB are written as fast as the disk takes them. 64 of them are 16 MB: more than any usual
window of gzip (32 KiB) or zstd (2 MiB) reaches back, so the log deflates as a log does (one block
over and over is 87:1 to zstd, these are 6:1). Failures are put in at even distances: 27 lines in all, in
nine lives that end in a failed start with three copies of the same failure, as Cortex writes them.
"""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

Framing = Literal["bare", "docker", "cri"]

ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LIVES = 9  # each ends in three lines of one failure: 27
BLOCK_LINES = 1400
BLOCKS = 64
MINUTE = b"@@MINUTE-MINUTE@"  # as wide as "2026-11-22T21:54"
PART = b"@PRT"  # four letters in the middle of each ULID
FIRST_DAY = 20779  # 2026-11-22 in days since the epoch


def _stamp(rng: random.Random, second: float) -> str:
    return f"{MINUTE.decode()}:{second:012.9f}"[: len(MINUTE) + 3 + rng.randint(7, 10)] + "Z"


def _ulid(rng: random.Random) -> str:
    return "01M8" + PART.decode() + "".join(rng.choices(ULID_LETTERS, k=18))


def _body(rng: random.Random, tenant: str) -> str:
    """What stands after the head of one random line, by the weights of a busy ingester."""
    pick = rng.random()
    if pick < 0.52:
        trace = f"{rng.getrandbits(64):016x}"
        return (
            f"caller=grpc_logging.go:66 level=debug method=/cortex.Ingester/Push duration={rng.uniform(0.2, 9):.6f}ms "
            f'traceID={trace} user={tenant} msg="gRPC (success)" series={rng.randint(1, 2000)}'
        )
    if pick < 0.72:
        return (
            f"caller=logging.go:76 level=debug traceID={rng.getrandbits(64):016x} orgID={tenant} "
            f'msg="POST /api/v1/push (200) {rng.uniform(0.2, 90):.6f}ms" component=request'
        )
    if pick < 0.84:
        return (
            f"caller=head.go:1213 level=info org_id={tenant} "
            f'msg="series garbage collected" series={rng.randint(1, 90000)} duration={rng.uniform(1, 900):.6f}ms'
        )
    if pick < 0.92:
        start = 1650007200000 + rng.randint(0, 999) * 7200000
        return (
            f'caller=repair.go:57 level=info org_id={tenant} msg="Found healthy block" '
            f"mint={start} maxt={start + 7200000} ulid={_ulid(rng)}"
        )
    if pick < 0.95:
        number = rng.randint(0, 90)
        return f'caller=head.go:848 level=info org_id={tenant} msg="WAL segment loaded" segment={number} maxSegment=90'
    if pick < 0.965:
        return f'caller=head.go:1267 level=info org_id={tenant} msg="Head GC completed" duration={rng.uniform(1, 90):.6f}ms'
    if pick < 0.972:
        return (
            f'caller=compact.go:572 level=info org_id={tenant} msg="write block" mint=0 maxt=7200000 '
            f"ulid={_ulid(rng)} duration={rng.uniform(1, 90):.6f}ms"
        )
    if pick < 0.974:
        return f'caller=grpc_logging.go:43 level=warn method=/cortex.Ingester/Push user={tenant} err="out of order sample" msg="gRPC\\n"'
    return f'caller=memberlist_client.go:560 level=debug msg="gossip" reached_nodes={rng.randint(1, 90)} bytes={rng.randint(100, 9999)}'


def _frame(line: str, stamp: str, framing: Framing) -> bytes:
    if framing == "docker":
        document = {"log": line + "\n", "stream": "stderr", "time": stamp}
        return (json.dumps(document, separators=(",", ":")) + "\n").encode()
    if framing == "cri":
        return f"{stamp} stderr F {line}\n".encode()
    return f"{line}\n".encode()


def _block(rng: random.Random, framing: Framing) -> bytes:
    """One minute of log, its minute and its ULIDs' unique part still to be filled in."""
    tenants = [f"team-{number:03d}" for number in range(120)]
    lines: list[bytes] = []
    for number in range(BLOCK_LINES):
        stamp = _stamp(rng, number * 60 / BLOCK_LINES)
        lines.append(_frame(f"ts={stamp} {_body(rng, rng.choice(tenants))}", stamp, framing))
    return b"".join(lines)


def _minute(number: int) -> bytes:
    day, minute = divmod(21 * 60 + number, 1440)
    year, month, dom = _civil(FIRST_DAY + day)
    return f"{year:04d}-{month:02d}-{dom:02d}T{minute // 60:02d}:{minute % 60:02d}".encode()


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month, day of a count of days since the epoch (proleptic Gregorian)."""
    days += 719468
    era, doe = divmod(days, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    month = (5 * doy + 2) // 153
    return (
        yoe + era * 400 + (month >= 10),
        month + 3 if month < 10 else month - 9,
        doy - (153 * month + 2) // 5 + 1,
    )


def _banner(framing: Framing) -> bytes:
    stamp = f"{MINUTE.decode()}:00.000000001Z"
    body = 'caller=main.go:216 level=info msg="Starting Cortex" version="(version=1.17.2, branch=HEAD, revision=a8c6358a13)"'
    opening = 'caller=ingester.go:2170 level=info msg="opening existing TSDBs"'
    return b"".join(_frame(f"ts={stamp} {text}", stamp, framing) for text in (body, opening))


def _failure(rng: random.Random, framing: Framing) -> bytes:
    """The three copies of one failed start, era C."""
    stamp = f"{MINUTE.decode()}:59.999999999Z"
    tenant = f"team-{rng.randint(0, 119):03d}"
    members = [
        f"mmap{rng.choice([' files: mmap', ''])}, size {rng.randint(500, 90000)}: cannot allocate memory"
        for _ in range(10)
    ]
    inner = f"failed to open TSDB: /data/tsdb/{tenant}: 10 errors: " + "; ".join(members)
    user = f"unable to open TSDB for user {tenant}: {inner}"
    service = f"invalid service state: Failed, expected: Running, failure: opening existing TSDBs: {user}"
    bodies = (
        f'caller=ingester.go:2184 level=error msg="unable to open TSDB" err="{inner}" user={tenant}',
        f'caller=ingester.go:2260 level=error msg="error while opening existing TSDBs" err="{user}"',
        f'caller=cortex.go:446 level=error msg="module failed" module=ingester-service err="{service}"',
    )
    return b"".join(_frame(f"ts={stamp} {body}", stamp, framing) for body in bodies)


def blocks(size_bytes: int, framing: Framing = "bare", seed: int = 1) -> Iterator[bytes]:
    """The log of about ``size_bytes`` bytes in pieces, 27 failing lines in nine lives."""
    rng = random.Random(seed)
    first = _block(rng, framing)
    count = max(LIVES, size_bytes // len(first))
    built = [first, *(_block(rng, framing) for _ in range(min(BLOCKS, count) - 1))]
    for number in range(count):
        minute = _minute(number)
        life, position = divmod(number * LIVES, count)
        if position < LIVES:
            yield _banner(framing).replace(MINUTE, minute)
        part = "".join(ULID_LETTERS[number >> shift & 31] for shift in (15, 10, 5, 0)).encode()
        yield built[number % len(built)].replace(MINUTE, minute).replace(PART, part)
        if (number + 1) * LIVES // count > life:
            yield _failure(rng, framing).replace(MINUTE, minute)


def ingester_log(
    path_or_stream: str | Path | IO[bytes], size_bytes: int, framing: Framing = "bare", seed: int = 1
) -> int:
    """Write a log of about ``size_bytes`` bytes; returns the bytes written."""
    if isinstance(path_or_stream, str | Path):
        with open(path_or_stream, "wb") as stream:
            return ingester_log(stream, size_bytes, framing, seed)
    return sum(path_or_stream.write(piece) for piece in blocks(size_bytes, framing, seed))


def maps(count: int = 65531, seed: int = 1) -> bytes:
    """A maps file of ``count`` mappings and [vsyscall]: blocks of 120 tenants, as Cortex maps them."""
    rng = random.Random(seed)
    address = 0x7F0000000000
    lines = []
    ulid = ""
    for number in range(count - 1):
        size = rng.randint(1, 20) * 4096
        file = "index" if number % 2 else "chunks/000001"
        if not number % 2:
            ulid = "01M8" + "".join(rng.choices(ULID_LETTERS, k=22))
        path = f"/data/tsdb/team-{number // 2 % 120:03d}/{ulid}/{file}"
        head = f"{address:x}-{address + size:x} r--s 00000000 08:01 {number + 1000} "
        lines.append(f"{head:<73}{path}\n")  # the kernel pads to this column
        address += size
    lines.append("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n")
    return "".join(lines).encode()


def _kilobytes(mapped: bytes) -> int:
    """What :func:`maps` maps: one mapping behind the other, [vsyscall] apart."""
    first = mapped.partition(b"-")[0]
    last = mapped.rsplit(b"\n", 3)[1].split(b" ")[0].partition(b"-")[2]
    return (int(last, 16) - int(first, 16)) // 1024


LIMITS = b"""\
Limit                     Soft Limit           Hard Limit           Units
Max address space         unlimited            unlimited            bytes
Max processes             95965                95965                processes
Max open files            1048576              1048576              files
Max locked memory         8388608              8388608              bytes
Max data size             unlimited            unlimited            bytes
Max stack size            8388608              unlimited            bytes
"""
STATUS = b"Name:\tcortex\nState:\tS (sleeping)\nPid:\t4321\nNSpid:\t4321\t1\nVmPeak:\t%8d kB\nVmSize:\t%8d kB\nThreads:\t24\n"
SYSCTL = b"vm.max_map_count = 65530\nvm.overcommit_memory = 0\nkernel.threads-max = 192111\nfs.file-max = 9223372036854775807\n"
MEMINFO = b"MemTotal:       25165824 kB\nMemFree:        12345678 kB\nMemAvailable:   18345678 kB\nCommitLimit:    12582912 kB\nCommitted_AS:    4712345 kB\n"


def bundle(path: str | Path, size_bytes: int, framing: Framing = "bare", seed: int = 1) -> None:
    """Pack a log of about ``size_bytes`` bytes and the snapshots of one process as a tar.gz."""
    log = {"bare": "var/log/cortex/ingester.log"}.get(framing, f"var/log/{framing}/ingester-json.log")
    if framing == "cri":
        log = "var/log/pods/cortex_ingester-0_3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f/ingester/0.log"
    mapped = maps(seed=seed)
    small = {
        "proc/4321/maps": mapped,
        "proc/4321/limits": LIMITS,
        "proc/4321/status": STATUS % (2 * (_kilobytes(mapped),)),
        "proc/meminfo": MEMINFO,
        "sos_commands/kernel/sysctl_-a": SYSCTL,
    }
    total = sum(map(len, blocks(size_bytes, framing, seed)))
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for name, content in small.items():
            archive.addfile(_entry(name, len(content)), io.BytesIO(content))
        archive.addfile(_entry(log, total), _Reader(blocks(size_bytes, framing, seed)))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f"sosreport-ingester-0/{name}")
    entry.size = size
    entry.mtime = FIRST_DAY * 86400
    return entry


class _Reader(io.RawIOBase):
    """A readable file over pieces, for tarfile."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        parts = [self._rest]
        have = len(self._rest)
        while have < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]
