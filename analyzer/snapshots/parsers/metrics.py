"""A metrics page in Prometheus's exposition format.

    # HELP process_memory_map_areas Number of memory map ares used by the process.
    # TYPE process_memory_map_areas gauge
    process_memory_map_areas 16001
    process_memory_map_areas_limit 65530
    process_open_fds 8123
    cortex_ingester_memory_series{user="a"} 10
    cortex_ingester_memory_series{user="b"} 32

>>> from analyzer.snapshots.parsers import sample
>>> facts = sample(PARSER, "metrics/at-end.prom", __doc__)
>>> facts["process_memory_map_areas"].value, facts["cortex_ingester_memory_series"].value
(16001, 42)

Only families that a diagnosis can use are kept; a family with labels is the sum of its series.
Whole numbers are ints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, TextIO, cast

from analyzer import lazy
from analyzer.bundle.model import Member
from analyzer.facts import Fact, Present
from analyzer.snapshots.base import SnapshotParser, evidence, lines, snapshot, unreadable
from analyzer.snapshots.model import Snapshot

_KEPT = (
    "process_", "go_goroutines", "go_threads", "go_info", "go_memstats_sys_bytes", "go_memstats_heap_",
    "cortex_ingester_tsdb_", "cortex_ingester_memory_", "cortex_ingester_shipper_", "cortex_build_info",
    "cortex_ingester_shipper", "cortex_ingester_active_series", "prometheus_tsdb_", "prometheus_build_info",
    "mimir_build_info", "thanos_build_info", "thanos_shipper_",
)  # fmt: skip
_SAMPLE = lazy.pattern(
    r'([a-zA-Z_:][\w:]*)(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+([^\s]+)(?:[ \t]+-?\d+)?[ \t]*'
)
_HEAD = lazy.pattern(rb"^# (?:HELP|TYPE) [a-zA-Z_:][\w:]* ", re.MULTILINE)
_MOST = 200_000
_BATCH = 1000


def _is_metrics(path: str, head: bytes) -> bool:
    return _HEAD.search(head) is not None and not head.lstrip().startswith((b"{", b"<"))


def _confirm(path: str, head: bytes) -> bool:
    return _is_metrics(path, head) or b"process_" in head


def read_metrics(member: Member, detail: bool) -> list[Snapshot]:
    """One snapshot with a value by family name; ``build_info`` families keep their labels as text."""
    first: dict[str, tuple[int, str]] = {}
    sums: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value, labels in _samples(member, first):
        sums[name] = sums.get(name, 0.0) + value
        if name.endswith("_info") and labels:
            texts[name] = " ".join(f"{key}={labels[key]}" for key in sorted(labels))
    values: dict[str, Fact[Any]] = {}
    for name, total in sums.items():
        if total != total or total in (float("inf"), float("-inf")):
            continue
        shown: Any = texts.get(name, int(total) if total == int(total) else total)
        number, line = first.get(name, (None, name))
        values[name] = Present(shown, evidence(member, number, line))
    if not values:
        return [unreadable(member, "metrics", "process_memory_map_areas", "no family of this product in it")]
    return [snapshot(member, "metrics", values, pid=None)]


def _samples(
    member: Member, first: dict[str, tuple[int, str]]
) -> Iterator[tuple[str, float, dict[str, str]]]:
    """(name, value, labels) of the samples kept; ``first`` notes where each name stands first.

    The lines are chosen by their names before the library parses them: a page of a large ingester
    has a hundred thousand others.
    """
    rows = _kept(member, first)
    while batch := list(islice(rows, _BATCH)):
        try:
            yield from _parsed(batch)
        except ValueError:
            # One line that the library refuses must not cost the others.
            for row in batch:
                with suppress(ValueError):
                    yield from _parsed([row])


def _kept(member: Member, first: dict[str, tuple[int, str]]) -> Iterator[str]:
    count = 0
    for number, line in lines(member):
        if not line.startswith(_KEPT) or count >= _MOST:
            continue
        match = _SAMPLE.fullmatch(line)
        if match is None or not _is_number(match[3]):
            continue
        count += 1
        first.setdefault(match[1], (number, line))
        yield line + "\n"


def _parsed(rows: list[str]) -> list[tuple[str, float, dict[str, str]]]:
    from prometheus_client.parser import text_fd_to_metric_families

    # It only iterates over the lines of what it calls a file.
    families = text_fd_to_metric_families(cast("TextIO", rows))
    return [
        (sample.name, float(sample.value), dict(sample.labels))
        for family in families
        for sample in family.samples
    ]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


PARSER = SnapshotParser(
    kind="metrics",
    main="process_memory_map_areas",
    markers=("metrics", "*.prom", "metrics.*", "*metrics", "*metrics.txt"),
    confirm=_confirm,
    parse=read_metrics,
    strong=lambda path, head: head.startswith((b"# HELP ", b"# TYPE ")) and _is_metrics(path, head),
)
