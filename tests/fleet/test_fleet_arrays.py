"""Columns go to Arrow and back as pyarrow itself would take them, and pandas stays out of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.fleet.arrays import array_of, list_of
from analyzer.fleet.schema import CASES, EVIDENCE, arrow_schema

TIMES = pa.timestamp("us", tz="UTC")
VALUES = {
    pa.string(): st.text(max_size=9),
    pa.int64(): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.float64(): st.floats(allow_nan=False),
    TIMES: st.datetimes(timezones=st.just(UTC)),
}


@given(
    st.sampled_from(list(VALUES)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.none() | VALUES[kind]))
    )
)
def test_a_column_is_what_pyarrow_makes_of_it(told: tuple[pa.DataType, list[object]]) -> None:
    kind, values = told
    made = array_of(values, pa.field("any", kind))
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))
    assert list_of(made) == values


def test_every_type_of_the_store_is_one_of_these() -> None:
    assert {field.type for columns in (CASES, EVIDENCE) for field in arrow_schema(columns)} <= set(VALUES)


@pytest.mark.parametrize(
    ("kind", "value"), [(pa.int64(), "7"), (pa.int64(), 1.5), (TIMES, 7), (pa.float64(), "x")]
)
def test_another_type_is_refused(kind: pa.DataType, value: object) -> None:
    with pytest.raises(TypeError):
        array_of([value], pa.field("any", kind))


def test_a_run_does_not_import_pandas(tmp_path: Path) -> None:
    bundle = tmp_path / "a.log"
    bundle.write_text("FLEET-TEST sleep 0\n")
    script = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from analyzer import fleet
for _ in range(2):  # the second one reads the store
    found = fleet.run([sys.argv[2]], Path(sys.argv[3]), tool_version="1.0", diagnose="fleet_stub:diagnose")
for face in fleet.FORMATS:
    fleet.render(found, face)
assert found.bundles == 1 and found.run.skipped == 1
assert "pandas" not in sys.modules
"""
    told = [str(Path(__file__).parent), str(bundle), str(tmp_path / "cases.parquet")]
    done = subprocess.run([sys.executable, "-c", script, *told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
