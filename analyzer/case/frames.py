"""Frames on demand: the rows of a case as pandas frames, typed by the one table of columns.

pandas is imported when the first frame is built; the command's own path never gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.case import rows, rows_captured, rows_facts
from analyzer.case.columns import FRAMES, KEYS, Dtype
from analyzer.case.model import Case
from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    import pandas as pd

_INT64 = (-(1 << 63), (1 << 63) - 1)
_UINT64 = (0, (1 << 64) - 1)

Columns = Mapping[str, Sequence[Any]]
Row = Mapping[str, Any]

ROWS: dict[str, Callable[[Case], Iterable[Row]]] = {
    "subjects": rows.subjects,
    "lives": rows.lives,
    "failures": rows.failures,
    "members": rows.members,
    "snapshots": rows_captured.snapshots,
    "events": rows.events,
    "files": rows_captured.files,
    "facts": rows_facts.facts,
    "coverage": rows_captured.coverage,
}


def keys_of(case: Case) -> dict[str, tuple[str, ...]]:
    """The categories of the key columns, the same in every frame of the case."""
    found = {
        "subject": (subject.id for subject in case.subjects),
        "life": (life.id for subject in case.subjects for life in subject.lives),
        "snapshot": rows_captured.snapshot_names(case),
    }
    return {key: tuple(dict.fromkeys(map(text, names))) for key, names in found.items()}


def frame(case: Case, name: str) -> pd.DataFrame:
    """The frame ``name`` of the case. Raises KeyError for a name that is not in the table.

    ``mappings`` are there when the case was read with ``detail``; ``records`` are read by
    :func:`analyzer.case.records.read`, hypotheses and evidence come with the diagnosis.
    """
    if name == "mappings":
        return build(name, rows_captured.mappings(case), keys_of(case))
    return build(name, transpose(name, ROWS[name](case)), keys_of(case))


def all_frames(case: Case) -> dict[str, pd.DataFrame]:
    """Every frame that the case itself holds, by name: what ``--output DIR`` writes as Parquet."""
    return {name: frame(case, name) for name in (*ROWS, "mappings")}


def transpose(name: str, found: Iterable[Row]) -> dict[str, list[Any]]:
    """Rows as columns; what a row leaves out is missing. Raises KeyError for an unknown column."""
    columns: dict[str, list[Any]] = {column: [] for column in FRAMES[name].names}
    for number, row in enumerate(found, 1):
        for key, value in row.items():
            columns[key].append(value)
        if len(row) != len(columns):
            for values in columns.values():
                if len(values) < number:
                    values.append(None)
    return columns


def build(name: str, columns: Columns, keys: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A frame of exactly the columns and dtypes of the table, also without rows; columns left out are missing.

    Values that the dtype cannot hold (a size beyond 64 bits, a time beyond the year 2262) are missing.
    """
    import pandas as pd

    made: dict[str, Any] = {}
    missing = [None] * max(map(len, columns.values()), default=0)
    for column in FRAMES[name].columns:
        values = columns.get(column.name, missing)
        categories = keys.get(column.name) if column.name in KEYS else None
        made[column.name] = _array(values, column.dtype, categories)
    return pd.DataFrame(made, columns=list(FRAMES[name].names), copy=False)


def concat(frames: Mapping[str, pd.DataFrame], key: str = "bundle") -> pd.DataFrame:
    """The same frame of many cases as one, with a first column ``key`` that names the case.

    Categories are united, so the dtypes stay as they are (``pandas.concat`` would turn differing
    categoricals into objects). Raises AnalyzerError where the frames have a column ``key`` already.
    """
    import pandas as pd
    from pandas.api.types import union_categoricals

    parts = list(frames.values())
    if any(key in part.columns for part in parts):
        raise AnalyzerError(f"the frames have a column {key!r} already: name the cases by another key")
    if not parts:
        return pd.DataFrame({key: pd.Categorical(pd.array([], dtype="string"))})
    together: dict[str, Any] = {
        key: pd.Categorical.from_codes(
            [code for code, part in enumerate(parts) for _ in range(len(part))],
            categories=pd.Index(pd.array([text(str(name)) for name in frames], dtype="string")),
        )
    }
    for column in parts[0].columns:
        pieces = [part[column] for part in parts]
        if isinstance(pieces[0].dtype, pd.CategoricalDtype):
            together[str(column)] = union_categoricals(pieces)
        else:
            together[str(column)] = pd.concat(pieces, ignore_index=True)
    return pd.DataFrame(together)


def text(value: str) -> str:
    """``value`` without lone surrogates, which neither Arrow nor UTF-8 can hold."""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else text(value) for value in values]


def _integers(values: Sequence[Any], bounds: tuple[int, int]) -> list[int | None]:
    low, high = bounds
    return [None if value is None or not low <= value <= high else int(value) for value in values]


def _array(values: Sequence[Any], dtype: Dtype, categories: Sequence[str] | None) -> Any:
    """``values`` (None is missing) as a pandas array of ``dtype``."""
    import pandas as pd

    if dtype == "category":
        return _categorical(_texts(values), categories)
    if dtype == "string":
        return pd.array(_texts(values), dtype="string")
    if dtype == "Int64":
        return pd.array(_integers(values, _INT64), dtype="Int64")
    if dtype == "UInt64":
        return pd.array(_integers(values, _UINT64), dtype="UInt64")
    if dtype == "Float64":
        return pd.array([None if value is None else float(value) for value in values], dtype="Float64")
    if dtype == "boolean":
        return pd.array(list(values), dtype="boolean")
    return _times(values)


def _categorical(values: list[str | None], categories: Sequence[str] | None) -> Any:
    """A categorical whose categories are text in the order of appearance, or the given ones."""
    import numpy as np
    import pandas as pd

    if categories is None:
        categories = list(dict.fromkeys(value for value in values if value is not None))
    codes = {name: code for code, name in enumerate(categories)}
    found = np.fromiter((-1 if v is None else codes.get(v, -1) for v in values), "int64", len(values))
    index = pd.Index(pd.array(list(categories), dtype="string"))
    return pd.Categorical.from_codes(found, categories=index)


def _times(values: Sequence[Any]) -> Any:
    """Stamps as ``datetime64[ns, UTC]``."""
    import numpy as np
    import pandas as pd

    low, high = _INT64
    missing = low  # NaT
    found = np.fromiter(
        (missing if v is None or not low < v.ns <= high else v.ns for v in values), "int64", len(values)
    )
    return pd.DatetimeIndex(found.view("M8[ns]"), tz="UTC").array
