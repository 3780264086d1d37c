"""The need: how many mappings the data directory requires at start-up.

Measured (cortex.md section 3): an open block is exactly 2 mappings (index and one chunks segment),
one more per further 512 MiB segment; a head chunk file is one; WAL, tombstones and meta.json none.
Base mappings without any block: Prometheus 62 to 75, Cortex 51 to 530, unknown 25 to 530.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.case.model import Capture, Life, NeedEstimate, Subject
from analyzer.facts import Evidence
from analyzer.snapshots.model import DataDir, TenantDir

BASE = {"prometheus": (62, 75), "cortex": (51, 530), "mimir": (51, 530)}
BASE_UNKNOWN = (25, 530)


def base(product: str | None) -> tuple[int, int]:
    """Lowest and highest number of mappings of the process itself."""
    return BASE.get(product or "", BASE_UNKNOWN)


def estimate(subject: Subject) -> NeedEstimate | None:
    """The best estimate the bundle allows: the file list, then the log, then maps of an open life."""
    if subject.data_dir is not None:
        found = from_filelist(*subject.data_dir, subject.product)
        if found is not None:
            return found
    logged = from_log(subject)
    mapped = from_maps(subject.captures, subject.product)
    most = max((c.best.count for c in subject.captures if c.best is not None), default=0)
    if logged is not None and most > logged.high:
        # A snapshot holds more: the log has lost lines, or more than blocks is mapped.
        logged.complete = False
    known = [e for e in (logged, mapped) if e is not None]
    # Both are lower bounds when incomplete; the one that saw more blocks saw more of the directory.
    return max(known, key=lambda e: (e.complete, e.blocks), default=None)


def opened_blocks(tenant: TenantDir) -> Iterable[tuple[int, int]]:
    """(1 if it has an index, number of segments) of each block that is opened at start-up."""
    for block in tenant.blocks.values():
        if block.no_maps:
            continue
        if block.index is None and not block.segments:
            continue
        yield (1, len(block.segments))


def from_filelist(data: DataDir, evidence: Evidence, product: str | None) -> NeedEstimate | None:
    """Count blocks, segments and head chunk files of a listing; None when it shows none."""
    blocks = segments = heads = 0
    for tenant in data.tenants.values():
        for _, count in opened_blocks(tenant):
            blocks += 1
            segments += max(0, count - 1)
        heads += len(tenant.head_sizes)
    if not blocks and not heads:
        return None
    low, high = base(product)
    # Head chunk files: each open tenant may cut one or two more while it runs.
    tenants = sum(1 for t in data.tenants.values() if not t.phantom)
    mapped = 2 * blocks + segments + heads
    return NeedEstimate(
        low=mapped + low,
        high=mapped + high + tenants,
        basis="filelist",
        blocks=blocks,
        tenants=tenants,
        segments=segments,
        heads=heads,
        evidence=evidence,
        complete=data.complete,
        phantoms=sorted(t.name for t in data.tenants.values() if t.phantom),
    )


def from_log(subject: Subject) -> NeedEstimate | None:
    """2 per distinct "Found healthy block", which is printed once per block before any is mapped."""
    best: Life | None = None
    for life in subject.lives:
        if life.blocks_opened and (best is None or life.blocks_opened > best.blocks_opened):
            best = life
    if best is None:
        return None
    blocks = best.blocks_opened
    low, high = base(subject.product)
    evidence = next((s.start.evidence for _, s in best.segments if s.start is not None), None)
    # A single-tenant product logs all its blocks before it opens the first.
    complete = best.opened or subject.product == "prometheus"
    # Of a long log only the first lives' blocks are counted by tenant.
    tenants = max(len(life.blocks_by_tenant) for life in subject.lives) or None
    return NeedEstimate(
        low=2 * blocks + low,
        high=2 * blocks + high + 3 * (tenants or 1),
        basis="log",
        blocks=blocks,
        tenants=tenants,
        evidence=evidence or best.last_record,
        complete=complete,
    )


def from_maps(captures: Iterable[Capture], product: str | None) -> NeedEstimate | None:
    """2 per block that a capture has mapped: a lower bound, since it may have been taken early."""
    best: Capture | None = None
    for capture in captures:
        maps = capture.maps
        if maps is not None and maps.block_count and (best is None or maps.block_count > _blocks(best)):
            best = capture
    if best is None or best.best is None:
        return None
    maps = best.maps
    if maps is None:
        return None
    low, high = base(product)
    files = maps.by_kind["index"] + maps.by_kind["chunks_segment"] + maps.by_kind["head_chunk"]
    return NeedEstimate(
        low=files + low,
        high=files + high,
        basis="maps",
        blocks=maps.block_count,
        tenants=len(maps.blocks_by_tenant) or None,
        heads=maps.by_kind["head_chunk"],
        evidence=best.best.evidence,
        complete=False,
    )


def _blocks(capture: Capture) -> int:
    maps = capture.maps
    return maps.block_count if maps is not None else 0


def reached(life: Life, heads: int, product: str | None) -> tuple[int, int] | None:
    """The count that a failing life had reached by its own log (rule 4): (low, high), or None."""
    if not life.blocks_opened:
        return None
    low, high = base(product)
    mapped = 2 * life.blocks_opened + heads
    return mapped + low, mapped + high
