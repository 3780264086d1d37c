"""What a diagnosis weighs and quotes, as frames of the same table of columns as the case's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from analyzer.case.frames import build, transpose
from analyzer.case.rows import Row
from analyzer.clock import parse_stamp
from analyzer.diagnosis.model import Diagnosis
from analyzer.facts import Stamp

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("hypotheses", "evidence")


def frame(diagnosis: Diagnosis, name: str, keys: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """``hypotheses`` or ``evidence``; ``keys`` are the case's (:func:`analyzer.case.frames.keys_of`)."""
    rows = {"hypotheses": _hypotheses, "evidence": _evidence}[name](diagnosis)
    return build(name, transpose(name, rows), keys)


def _stamp(iso: str | None) -> Stamp | None:
    return parse_stamp(iso) if iso is not None else None


def _hypotheses(diagnosis: Diagnosis) -> Iterator[Row]:
    for subject in diagnosis.subjects:
        for held in subject.hypotheses:
            row: Row = {
                "subject": subject.id,
                "cause": held.cause,
                "status": held.status,
                "why": held.why,
                "evidence": ",".join(held.evidence) or None,
                "missing": "; ".join(held.missing) or None,
            }
            if held.margin is not None:
                margin = held.margin
                row |= {"used": margin.used, "limit": margin.limit, "requested": margin.requested}
                row |= {"unit": margin.unit or None, "at": _stamp(margin.at)}
            yield row


def _evidence(diagnosis: Diagnosis) -> Iterator[Row]:
    for quoted in diagnosis.evidence:
        yield {
            "id": quoted.id,
            "member": quoted.member,
            "line": quoted.line,
            "time": _stamp(quoted.time),
            "text": quoted.text,
        }
