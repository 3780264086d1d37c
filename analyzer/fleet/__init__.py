"""Many bundles, on one machine or on a Dask cluster: one row each, a store, a summary.

    from analyzer import fleet

    found = fleet.run(fleet.expand(["cases/"]), Path("cases.parquet"), tool_version="1.0")
    print(fleet.render(found, "text"))

pandas, pyarrow, rich and dask are imported where they are used, not here.
"""

from __future__ import annotations

from analyzer.fleet.ending import Ended, exit_status, orderly
from analyzer.fleet.faces import FORMATS, render
from analyzer.fleet.progress import Progress, bar
from analyzer.fleet.runner import MEMORY_LIMIT, TIME_LIMIT, run
from analyzer.fleet.sources import expand
from analyzer.fleet.summary import Summary, summarise

__all__ = [
    "FORMATS",
    "MEMORY_LIMIT",
    "TIME_LIMIT",
    "Ended",
    "Progress",
    "Summary",
    "bar",
    "exit_status",
    "expand",
    "orderly",
    "render",
    "run",
    "summarise",
]
