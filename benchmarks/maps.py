"""What counting mappings costs, against awk counting the paths of the same file.

    python -m benchmarks --only mappings

A maps file of a million lines (kinds, tenants, duplicates and the sum of the addresses included) is
read side by side with ``awk '{c[$6]++} END {for (p in c) n++; print n}'``; so are one of 65,531 lines
and an smaps file of 65,530 mappings (50 MB). Each is timed as the median of several rounds within one
run, the two sides alternating; the time of starting Python and importing is left out and shown.
``few`` is a file in which only a hundred paths are mapped: awk's best case.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots import classify
from benchmarks.measure import Figure, figure

AWK = "{c[$6]++} END {for (p in c) n++; print n}"
TARGET = 3.0
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DETAIL = "".join(
    f"{name + ':':<16}{0:8d} kB\n"
    for name in (
        "Size", "KernelPageSize", "MMUPageSize", "Rss", "Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty",
        "Private_Clean", "Private_Dirty", "Referenced", "Anonymous", "KSM", "LazyFree", "AnonHugePages",
        "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss", "Locked",
    )
) + "THPeligible:           0\nVmFlags: rd mr mw me \n"  # fmt: skip


def write_maps(path: Path, lines: int, few: bool = False, smaps: bool = False) -> None:
    """A maps or smaps file as an ingester's: tenants of 200 blocks or more, an index and a segment each."""
    rng = random.Random(lines)
    address, tenants = 0x7F0000000000, max(1, lines // 400)
    with path.open("w") as out:
        for i in range(lines // 2):
            ulid = f"01M82K54{i % 50:018d}" if few else "01M82" + "".join(rng.choices(LETTERS, k=21))
            folder = f"/srv/cortex/data/tsdb/team-{0 if few else i * tenants // (lines // 2):04d}/{ulid}"
            for name, most in (("/index", 5), ("/chunks/000001", 9)):
                end = address + 4096 * rng.randint(1, most)
                row = f"{address:08x}-{end:08x} r--s 00000000 fe:00 {2982146 + i} "
                out.write(f"{row:<73}{folder}{name}\n{DETAIL if smaps else ''}")
                address = end
        if lines % 2:
            out.write("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n")


def chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces of half a MiB, as the archive layer hands them on."""
    with path.open("rb") as source:
        while piece := source.read(1 << 19):
            yield piece


def read(path: Path, name: str) -> int:
    """The count of mappings, by the parser that claims the file."""
    with path.open("rb") as source:
        head = source.read(8192)
    member = Member(f"top/proc/7/{name}", path.stat().st_size, head, chunks(path))
    parser = classify(member.path, head)
    assert parser is not None
    fact = parser.read(member)[0].values["maps"]
    assert isinstance(fact, Present)
    return int(fact.value.count)


def timed(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def awk(path: Path) -> None:
    """Count distinct paths with awk."""
    subprocess.run(["awk", AWK, str(path)], check=True, stdout=subprocess.DEVNULL)


def compare(path: Path, name: str, rounds: int, target: float | None) -> Figure:
    """Medians of both sides, rounds alternating."""
    ours, theirs = [], []
    read(path, name)
    for _ in range(rounds):
        ours.append(timed(lambda: read(path, name)))
        theirs.append(timed(lambda: awk(path)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    return figure(
        "mappings",
        path.name,
        mine / other,
        target,
        seconds=mine,
        awk_seconds=other,
        megabytes=round(path.stat().st_size / 1e6, 1),
    )


def mappings(work: Path, lines: int, rounds: int) -> Iterator[Figure]:
    """All files against awk, one after the other."""
    for label, count, name, target, few in (
        (f"maps of {lines:,} lines", lines, "maps", TARGET, False),
        (f"maps of {lines:,} lines, few paths", lines, "maps", None, True),
        ("maps of 65,531 lines", 65_531, "maps", TARGET, False),
        ("smaps of 65,530 mappings", 65_530, "smaps", None, False),
    ):
        path = work / label
        write_maps(path, count, few=few, smaps=name == "smaps")
        yield compare(path, name, rounds, target)
        path.unlink()
