"""What counting mappings costs, against awk counting the paths of the same file.

    python benchmarks/maps.py [--output maps.json] [--rounds 5] [--lines 1000000]

A maps file of a million lines (kinds, tenants, duplicates and the sum of the addresses included) is
read side by side with ``awk '{c[$6]++} END {for (p in c) n++; print n}'``; so are one of 65,531 lines
and an smaps file of 65,530 mappings (50 MB). Each is timed as the median of several rounds within one
run, the two sides alternating; the time of starting Python and importing is left out and shown.
``few`` is a file in which only a hundred paths are mapped: awk's best case.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analyzer.bundle.model import Member
from analyzer.facts import Present
from analyzer.snapshots import classify

AWK = "{c[$6]++} END {for (p in c) n++; print n}"
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


def compare(path: Path, name: str, rounds: int) -> dict[str, Any]:
    """Medians of both sides, rounds alternating."""
    ours, theirs = [], []
    read(path, name)
    for _ in range(rounds):
        ours.append(timed(lambda: read(path, name)))
        theirs.append(timed(lambda: awk(path)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {
        "file": path.name,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "seconds": round(mine, 4),
        "best": round(min(ours), 4),
        "awk": round(other, 4),
        "ratio": round(mine / other, 2),
    }


def main() -> None:
    """Run and print one table; write JSON where asked."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--output", type=Path)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--lines", type=int, default=1_000_000)
    given = options.parse_args()
    version = subprocess.run(["awk", "-W", "version"], capture_output=True, text=True, check=False).stdout
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count(),
               "awk": (version.split("\n")[0] or shutil.which("awk") or "?")}  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="maps-"))
    try:
        rows = []
        for label, lines, name, more in (
            (f"maps-{given.lines}", given.lines, "maps", {}),
            (f"maps-few-{given.lines}", given.lines, "maps", {"few": True}),
            ("maps-65531", 65_531, "maps", {}),
            ("smaps-65530", 65_530, "smaps", {"smaps": True}),
        ):
            path = folder / label
            write_maps(path, lines, **more)
            rows.append(compare(path, name, given.rounds))
            path.unlink()
    finally:
        shutil.rmtree(folder)
    print(f"{'file':<18}{'MB':>8}{'seconds':>10}{'best':>10}{'awk':>10}{'ratio':>8}")
    for row in rows:
        print(
            f"{row['file']:<18}{row['megabytes']:>8}{row['seconds']:>10}{row['best']:>10}{row['awk']:>10}{row['ratio']:>8}"
        )
    if given.output is not None:
        given.output.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    print(json.dumps(machine), file=sys.stderr)


if __name__ == "__main__":
    main()
