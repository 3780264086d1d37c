"""Columns of a table to Arrow arrays and back, without pandas.

``pyarrow.array`` and ``to_pylist`` would do but for one thing: the one imports pandas to ask whether
it was given a Series, the other for times. That is half a second and 45 MB in each run, at its end,
when all cores but one have nothing to do.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def array_of(values: Sequence[Any], field: Any) -> Any:
    """``values`` as a ``pyarrow.Array`` for a field of :func:`analyzer.fleet.schema.arrow_schema`.

    None is null. Raises :class:`TypeError` for a value of another type.
    """
    import pyarrow as pa

    buffers: Sequence[array[int] | array[float] | bytes]
    if pa.types.is_string(field.type):
        buffers = _text(values)
    elif pa.types.is_floating(field.type):
        buffers = [array("d", [0.0 if each is None else each for each in values])]
    elif pa.types.is_timestamp(field.type):
        buffers = [array("q", [0 if each is None else (each - _EPOCH) // _MICROSECOND for each in values])]
    else:
        buffers = [array("q", [0 if each is None else each for each in values])]
    held = [pa.py_buffer(each) for each in (_validity(values), *buffers)]
    return pa.Array.from_buffers(field.type, len(values), held)


def list_of(column: Any) -> list[Any]:
    """The values of a ``pyarrow.Array`` of the store, as :func:`array_of` takes them."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        found: list[Any] = column.to_pylist()
        return found
    ticks = column.cast(pa.int64()).to_pylist()
    return [None if each is None else _EPOCH + each * _MICROSECOND for each in ticks]


def _validity(values: Sequence[Any]) -> bytes:
    """Arrow's bitmap: a bit for each value, least significant first, set where it is not null."""
    bits = sum(1 << number for number, each in enumerate(values) if each is not None)
    return bits.to_bytes((len(values) + 7) // 8, "little")


def _text(values: Sequence[str | None]) -> tuple[array[int], bytes]:
    """Offsets of 32 bits, which a batch of bounded texts never exceeds, and the bytes."""
    encoded = [b"" if each is None else each.encode() for each in values]
    return array("i", [0, *accumulate(map(len, encoded))]), b"".join(encoded)
