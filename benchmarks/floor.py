"""What cannot be less: inflating alone and scanning alone; and where the rest of the time goes."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks import inputs
from benchmarks.measure import ANALYZE, Figure, figure, run, seconds_of, shell, side_by_side

INFLATE = """
import sys
from isal import igzip_lib
decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
with open(sys.argv[1], "rb", buffering=0) as source:
    while not decoder.eof:
        decoder.decompress(source.read(131072) if decoder.needs_input else b"", 524288)
"""
SCAN = """
import sys, time, json
from isal import igzip_lib
from analyzer.logs.engine import engine_for
from analyzer.logs.patterns import pattern_set
patterns = pattern_set()
begin = time.perf_counter()
engine = engine_for((*patterns.parsed, *patterns.counted), patterns.frequent)
compiled = time.perf_counter() - begin
decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
scan = lines = inflate = 0.0
with open(sys.argv[1], "rb", buffering=0) as source:
    while not decoder.eof:
        begin = time.perf_counter()
        piece = decoder.decompress(source.read(131072) if decoder.needs_input else b"", 524288)
        inflated = time.perf_counter()
        engine.scan(piece)
        scanned = time.perf_counter()
        scan, inflate = scan + scanned - inflated, inflate + inflated - begin
print(json.dumps({"scan": scan, "inflate": inflate, "compile": compiled}))
"""
PROFILE = """
import cProfile, json, pstats, sys
from analyzer import cli
sys.argv = ["analyze", sys.argv[1], "--format", "json", "--output", sys.argv[2]]
profile = cProfile.Profile()
try:
    profile.runcall(cli.main)
except SystemExit:
    pass
rows = [(own, place[0], place[2]) for place, (_, _, own, _, _) in pstats.Stats(profile).stats.items()]
print(json.dumps(sorted(rows, reverse=True)[:400]))
"""


def floor(work: Path, megabytes: int, rounds: int) -> Iterator[Figure]:
    """The two floors, the whole run, its start and ``tar | rg``, in one run on one bundle."""
    bundle = inputs.log_bundle(work, megabytes)
    idle = work / "idle.log"
    idle.write_text(f'ts={inputs.STAMP} level=info msg="hello"\n')
    sides = {
        "inflate": (*inputs.python(INFLATE), str(bundle)),
        "gzip": shell(f"gzip -dc {shlex.quote(str(bundle))} > /dev/null"),
        "scan": (*inputs.python(SCAN), str(bundle)),
        "start": (*ANALYZE, str(idle), "--format", "json"),
        "python": inputs.python("pass"),
        "analyze": (*ANALYZE, str(bundle), "--format", "json"),
        "rg": shell(f"tar -xzOf {shlex.quote(str(bundle))} | rg -c 'cannot allocate memory'"),
    }
    runs = side_by_side(sides, rounds, work)
    seconds = {name: seconds_of(found) for name, found in runs.items()}
    told = [json.loads(each.output) for each in runs["scan"]]
    seconds["scan"] = sorted(row["scan"] for row in told)[len(told) // 2]
    inflate = seconds["inflate"] - seconds["python"]
    cost = {
        "inflate alone (isal)": inflate,
        "scan alone (hyperscan)": seconds["scan"],
        "compiling the patterns": told[0]["compile"],
        "start and report of one line": seconds["start"],
        "gzip -dc alone": seconds["gzip"],
        "whole analysis": seconds["analyze"],
    }
    for name, taken in cost.items():
        yield figure("floor", f"{name}, {megabytes} MB", taken / seconds["rg"], seconds=taken)
    least = max(inflate, seconds["scan"]) + seconds["start"]
    yield figure(
        "floor",
        f"whole analysis over its floor, {megabytes} MB",
        seconds["analyze"] / least,
        floor_seconds=least,
        gap_seconds=seconds["analyze"] - least,
        tar_rg_seconds=seconds["rg"],
    )
    yield from _profile(bundle, work)


def _profile(bundle: Path, work: Path) -> Iterator[Figure]:
    """Where the main thread's time goes, by part: shares of the profiled run, which is slower."""
    report = work / "profile-report.json"
    found = run((*inputs.python(PROFILE), str(bundle), str(report)), work)
    report.unlink(missing_ok=True)
    rows = json.loads(found.output)
    total = sum(own for own, _, _ in rows)
    parts: Counter[str] = Counter()
    for own, path, function in rows:
        parts[_part(path, function)] += own
    for part, own in parts.most_common(12):
        yield figure("profile", part, own / total, unit="of its time", seconds=own)


def _part(path: str, function: str) -> str:
    """What a function belongs to, in words."""
    if "hyperscan" in function:
        return "scan" if "scan" in function else "compile of the patterns"
    if "_thread.lock" in function:
        return "waiting for the inflating thread"
    if "count_nonzero" in function:
        return "counting newlines"
    if "/analyzer/" in path:
        return "analyzer/" + path.rpartition("/analyzer/")[2]
    if "importlib" in path or function in (
        "<built-in method builtins.exec>",
        "<built-in method builtins.compile>",
    ):
        return "imports"
    return "regular expressions: compile" if "/re/" in path or "regex" in path else "other: " + function[:40]
