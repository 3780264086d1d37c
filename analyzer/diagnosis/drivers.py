"""What used the limit up, where it is known. The tenant in the error is where the limit was met,
not the culprit: tenants open in alphabetical order (cortex.md section 6, 5)."""

from __future__ import annotations

import re

from analyzer.case.model import Capture, Subject

# Below this share of a capture's mappings a kind is not called the driver.
MAJORITY = 0.5
LEAK = 0.3
# Prometheus' own block range. A shorter one is itself what makes the blocks many.
BLOCK_RANGE_S = 2 * 3600.0
DEFAULT_RETENTION_S = 6 * 3600.0


def map_driver(subject: Subject, capture: Capture | None) -> str | None:
    """The driver of a reached map limit, from the capture at the limit or from the listing."""
    maps = capture.maps if capture is not None else None
    if maps is None:
        maps = max(
            (c.maps for c in subject.captures if c.maps is not None), key=lambda m: m.count, default=None
        )
    if maps is not None and maps.count > 200:
        if maps.deleted > LEAK * maps.count:
            return "leak_deleted"
        block = maps.by_kind["index"] + maps.by_kind["chunks_segment"]
        if maps.duplicates > LEAK * maps.count and block + maps.by_kind["head_chunk"] > LEAK * maps.count:
            return "leak_duplicates"
        if maps.by_kind["head_chunk"] > MAJORITY * maps.count:
            return "head_chunks"
        anonymous = maps.by_kind["anonymous"] + maps.by_kind["heap"]
        if maps.by_kind["stack"] > MAJORITY * maps.count:
            return "threads"
        if anonymous > MAJORITY * maps.count:
            return "anonymous_memory"
        if block > MAJORITY * maps.count:
            return _blocks(subject)
        if capture is not None:
            return None
    if subject.need is not None and subject.need.blocks:
        return _blocks(subject)
    return None


def _blocks(subject: Subject) -> str:
    """many_tenants when the median tenant has no more blocks than retention allows for, plus two."""
    per_tenant = sorted(blocks_per_tenant(subject))
    if _unshipped(subject):
        return "unshipped_blocks"
    if len(per_tenant) < 10:
        return "many_blocks"
    allowed = _seconds(subject, "retention", DEFAULT_RETENTION_S) / max(
        _seconds(subject, "block_ranges", BLOCK_RANGE_S), BLOCK_RANGE_S
    )
    middle = (len(per_tenant) - 1) // 2
    median = (per_tenant[middle] + per_tenant[-middle - 1]) / 2
    return "many_tenants" if median <= allowed + 2 else "many_blocks"


def blocks_per_tenant(subject: Subject) -> list[int]:
    """Blocks of each tenant that has any, phantom tenants left out."""
    if subject.data_dir is not None:
        data = subject.data_dir[0]
        counts = [
            sum(1 for b in t.blocks.values() if not b.no_maps) for t in data.tenants.values() if not t.phantom
        ]
        return [c for c in counts if c]
    for capture in subject.captures:
        if capture.maps is not None and capture.maps.blocks_by_tenant:
            return [n for n in capture.maps.blocks_by_tenant.values() if n]
    best = max((life.blocks_by_tenant for life in subject.lives), key=len, default=None)
    return [n for n in best.values() if n] if best else []


def _unshipped(subject: Subject) -> bool:
    """Whether most blocks wait for the bucket, by the shipper's own list."""
    if subject.data_dir is None:
        return False
    total = waiting = 0
    for tenant in subject.data_dir[0].tenants.values():
        if tenant.shipped is None:
            continue
        blocks = [u for u, b in tenant.blocks.items() if not b.no_maps]
        total += len(blocks)
        waiting += sum(1 for u in blocks if u not in tenant.shipped)
    return total >= 20 and waiting > MAJORITY * total


def _seconds(subject: Subject, name: str, default: float) -> float:
    """A duration of the product's config in seconds (``24h``, ``[2h]``, ``1d12h``)."""
    text = subject.config.value("config", name)
    found = parse_duration(str(text)) if text is not None else None
    return found if found else default


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


def parse_duration(text: str) -> float | None:
    """Seconds of the first Go or Prometheus duration in ``text``; None when there is none.

    >>> parse_duration("1d12h"), parse_duration("[2h, 12h]"), parse_duration("soon")
    (129600.0, 7200.0, None)
    """
    match = re.search(r"(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+", text)
    if match is None:
        return None
    return sum(float(n) * _UNITS[u] for n, u in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", match[0]))
