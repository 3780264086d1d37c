"""The sizes that failures state: counted each up to a limit, of the rest the smallest and the largest."""

from __future__ import annotations

from collections import Counter

Range = tuple[int, int]  # the smallest and the largest


def wider(known: Range | None, low: int, high: int) -> Range:
    """``known`` widened to reach from ``low`` to ``high``."""
    return (low, high) if known is None else (min(known[0], low), max(known[1], high))


def keep_ends(sizes: Counter[int], dropped: Range | None) -> int:
    """Count the ends of the range of sizes that were dropped where they are ends of all; returns how many."""
    if dropped is None:
        return 0
    low, high = min(sizes, default=None), max(sizes, default=None)
    ends = {end for end in dropped if low is None or high is None or not low <= end <= high}
    sizes.update(ends)
    return len(ends)


def spread(sizes: Counter[int]) -> tuple[int | None, int | None, int | None]:
    """Smallest, lower median and largest of the counted sizes."""
    if not sizes:
        return None, None, None
    ordered = sorted(sizes)
    half = (sum(sizes.values()) + 1) // 2
    seen, median = 0, ordered[-1]
    for size in ordered:
        seen += sizes[size]
        if seen >= half:
            median = size
            break
    return ordered[0], median, ordered[-1]
