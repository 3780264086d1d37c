"""The whole analysis of a bundle against ``tar | rg``: time, peak memory, and every failure found."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from benchmarks import inputs
from benchmarks.measure import ANALYZE, MIB, Figure, Run, figure, seconds_of, shell, side_by_side

SEARCH = "rg -c 'cannot allocate memory'"
FRAMED = 0.6  # the target for docker-json and CRI logs
ZSTANDARD = 1.0
PEAK_MIB, PEAK_DIFFERENCE_MIB = 200, 20


def target_of(megabytes: int) -> float | None:
    """The most of ``tar | rg`` that an analysis may take; a small log has no target."""
    return 0.25 if megabytes >= 2000 else 0.35 if megabytes >= 500 else None


def checked(runs: dict[str, list[Run]]) -> dict[str, list[Run]]:
    """The runs, once it is sure that both sides found all that was planted."""
    for run in runs["analyze"]:
        lines, distinct = inputs.failures_in(run.output)
        assert (lines, distinct) == (inputs.FAILING_LINES, 9), f"{lines} lines, {distinct} failures found"
    for run in runs["rg"]:
        assert run.output.strip() == str(inputs.FAILING_LINES).encode(), run.output
    return runs


def compared(name: str, bundle: Path, tar: str, target: float | None, rounds: int, work: Path) -> Figure:
    """One bundle, both sides."""
    sides = {
        "analyze": (*ANALYZE, str(bundle), "--format", "json"),
        "rg": shell(f"{tar} {shlex.quote(str(bundle))} | {SEARCH}"),
    }
    runs = checked(side_by_side(sides, rounds, work))
    ours, theirs = seconds_of(runs["analyze"]), seconds_of(runs["rg"])
    peak = max(run.peak for run in runs["analyze"]) / MIB
    return figure(
        "whole",
        name,
        ours / theirs,
        target,
        seconds=ours,
        tar_rg_seconds=theirs,
        cpu_seconds=min(run.cpu for run in runs["analyze"]),
        peak_mib=round(peak, 1),
        failing_lines_found=inputs.FAILING_LINES,
        compressed_megabytes=round(bundle.stat().st_size / 1e6, 1),
    )


def whole(work: Path, sizes: list[int], rounds: int) -> Iterator[Figure]:
    """Time of the whole analysis by size of the log; then docker-json, CRI and tar.zst at the smallest."""
    peaks: dict[int, float] = {}
    for megabytes in sizes:
        bundle = inputs.log_bundle(work, megabytes)
        many = rounds if megabytes < 2000 else min(rounds, 3)
        found = compared(f"log {megabytes} MB", bundle, "tar -xzOf", target_of(megabytes), many, work)
        peaks[megabytes] = found.detail["peak_mib"]
        yield found
        yield figure("memory", f"peak at {megabytes} MB", peaks[megabytes], PEAK_MIB, "MiB")
        if megabytes > 2000:
            bundle.unlink()
    if len(peaks) > 1:
        low, high = min(peaks), max(peaks)
        name = f"peak at {high} MB less {low} MB"
        yield figure("memory", name, peaks[high] - peaks[low], PEAK_DIFFERENCE_MIB, "MiB")
    yield from framed(work, min(sizes), rounds)


def framed(work: Path, megabytes: int, rounds: int) -> Iterator[Figure]:
    """The same log as a container runtime writes it, and in another archive."""
    full = megabytes >= 500
    for framing in ("docker", "cri"):
        bundle = inputs.log_bundle(work, megabytes, framing)
        name = f"{framing} log {megabytes} MB"
        yield compared(name, bundle, "tar -xzOf", FRAMED if full else None, rounds, work)
        bundle.unlink()
    bundle = inputs.zst_of(inputs.log_bundle(work, megabytes))
    target = ZSTANDARD if full else None
    yield compared(f"tar.zst, log {megabytes} MB", bundle, "tar --zstd -xOf", target, rounds, work)
