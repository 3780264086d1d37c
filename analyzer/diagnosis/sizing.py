"""Limits to recommend: the need with growth and headroom, rounded to a value that the field knows."""

from __future__ import annotations

from analyzer.case.model import Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.model import Recommended

# Values in use: Elasticsearch's old check, twice it, the default of current distributions and on.
KNOWN = (262_144, 524_288, 1_048_576, 2_097_152, 4_194_304, 8_388_608, 16_777_216)
# The alert of the field fires at 0.8 of the limit, and each aborted start adds blocks: half the
# limit is room for the need to double before the next incident (IBM's rule: raise at one half).
HEADROOM = 2.0
NR_OPEN_DEFAULT = 1_048_576
# Kernel memory of one mapping, charged to the pod (measured on 6.1: 160 bytes).
BYTES_PER_MAPPING = 160


def recommended(subject: Subject, others: list[Subject] | None = None) -> Recommended:
    """The limit for the node: twice the highest need of its ingesters, never below what is in force.

    ``nofile`` follows: about one descriptor per mapped file, so it must not be met first.
    """
    needs = [needed(s) for s in [subject, *(others or [])]]
    highest = max((n for n in needs if n is not None), default=None)
    current = reading.max_map_count(subject)
    floor = int(current.value) if current is not None else 0
    if highest is None:
        highest = floor
    wanted = highest * HEADROOM
    value = next((k for k in KNOWN if k >= wanted and k > floor), None)
    if value is None:
        value = -(-int(max(wanted, floor + 1)) // KNOWN[-1]) * KNOWN[-1]
    nr_open = reading.sysctl(subject, "fs.nr_open")
    most = int(nr_open.value) if nr_open is not None else NR_OPEN_DEFAULT
    return Recommended(max_map_count=value, nofile=min(value, most))


def needed(subject: Subject) -> int | None:
    """The highest number of mappings that the bundle shows or estimates for this subject."""
    known = [subject.need.high] if subject.need is not None else []
    known += [c.mc for c in reading.counted(subject)]
    return max(known, default=None)
