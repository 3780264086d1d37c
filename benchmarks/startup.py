"""The small things against ``import pandas``: ``--help``, and a small real bundle from start to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import inputs
from benchmarks.measure import ANALYZE, MIB, Figure, figure, seconds_of, side_by_side

SMALL = 200_000  # bytes: what is a small bundle; larger ones are shown, without a target
HELP = 0.35


def startup(work: Path, rounds: int, quick: bool) -> Iterator[Figure]:
    """``--help``; then each real bundle, the small ones held to a target."""
    pandas = inputs.python("import pandas")
    sides = {"help": (*ANALYZE, "--help"), "pandas": pandas, "python": inputs.python("pass")}
    runs = {name: seconds_of(found) for name, found in side_by_side(sides, rounds, work).items()}
    yield figure(
        "startup",
        "analyze --help",
        runs["help"] / runs["pandas"],
        HELP,
        seconds=runs["help"],
        pandas_seconds=runs["pandas"],
        python_alone_seconds=runs["python"],
    )
    bundles = sorted(inputs.shipped(), key=lambda path: path.stat().st_size)
    if quick:
        bundles = bundles[:: max(1, len(bundles) // 4)]
    for bundle in bundles:
        sides = {"analyze": (*ANALYZE, str(bundle), "--format", "json"), "pandas": pandas}
        found = side_by_side(sides, max(rounds, 3), work)
        size = bundle.stat().st_size
        peak = max(run.peak for run in found["analyze"]) / MIB
        yield figure(
            "startup",
            f"{bundle.parent.name}, {size // 1000} kB",
            seconds_of(found["analyze"]) / seconds_of(found["pandas"]),
            1.0 if size <= SMALL else None,
            seconds=seconds_of(found["analyze"]),
            pandas_seconds=seconds_of(found["pandas"]),
            peak_mib=round(peak, 1),
        )
