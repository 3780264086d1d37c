"""The two tables of the store: every column's name, Arrow type, unit and meaning, in one place.

The Parquet schema, the rows, the documentation (``docs/fleet.md``) and the tests are made from
:data:`CASES` and :data:`EVIDENCE`. A column may be added; none changes its meaning without a new
:data:`STORE_VERSION`. :func:`update` rewrites the tables there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

STORE_VERSION = "1"
METADATA_KEY = "ingester_postmortem.fleet"

ArrowType = Literal["string", "int64", "float64", "timestamp"]


class Column(Struct, frozen=True):
    """One column. ``kind`` is the Arrow type; ``timestamp`` is ``timestamp[us, tz=UTC]``.

    ``unit`` is empty where a value has none. Every column but ``bundle`` may be null: null is
    "not known" and is never 0.
    """

    name: str
    kind: ArrowType
    unit: str
    meaning: str

    @property
    def arrow(self) -> str:
        """The Arrow type as pyarrow writes it."""
        names = {"float64": "double", "timestamp": "timestamp[us, tz=UTC]"}
        return names.get(self.kind, self.kind)


CASES: tuple[Column, ...] = (
    Column("bundle", "string", "", "the path or address of the bundle, as it was given; never null"),
    Column(
        "digest", "string", "", "SHA-256 of the bundle's bytes; of a folder, of its files' paths and bytes"
    ),
    Column("layout", "string", "", "how the bundle is laid out"),
    Column("product", "string", "", "product of the subject: cortex, prometheus, mimir, thanos"),
    Column("version", "string", "", "version of the product"),
    Column("cause", "string", "", "`verdict.cause`; null where there is an error"),
    Column("status", "string", "", "`verdict.status`; null where there is an error"),
    Column("driver", "string", "", "what used the limit up"),
    Column(
        "subject",
        "string",
        "",
        "the process the verdict is about; of a healthy bundle, the one nearest its limit",
    ),
    Column("subjects", "int64", "subjects", "processes found in the bundle"),
    Column("subjects_affected", "int64", "subjects", "processes that share the failure"),
    Column(
        "signature",
        "string",
        "",
        "the failure chain without names and numbers; equal for one and the same bug",
    ),
    Column("summary", "string", "", "the verdict in one sentence"),
    Column("first_seen", "timestamp", "", "time of the first failure"),
    Column("captured_at", "timestamp", "", "when the bundle was captured"),
    Column("maps", "int64", "mappings", "mappings of the subject, as the kernel counts them"),
    Column("limit", "int64", "mappings", "`vm.max_map_count` in force for the subject"),
    Column("need", "int64", "mappings", "mappings that the data directory requires, high estimate"),
    Column("need_low", "int64", "mappings", "mappings that the data directory requires, low estimate"),
    Column("ratio", "float64", "", "`maps` / `limit`"),
    Column(
        "failures",
        "int64",
        "failures",
        "distinct failures, over all subjects of the bundle; null where not known",
    ),
    Column("tenants", "int64", "tenants", "tenants of the subject"),
    Column("blocks", "int64", "blocks", "blocks of the subject"),
    Column("restarts", "int64", "restarts", "lives of the subject after its first"),
    Column("risks", "int64", "risks", "limits that are near, the one of `cause` left out"),
    Column("risk_limit", "string", "", "the nearest of these limits"),
    Column("risk_ratio", "float64", "", "used / limit of the nearest of these limits"),
    Column("risk_subject", "string", "", "the process that is near it"),
    Column("risk_text", "string", "", "how near, in numbers"),
    Column("bytes_read", "int64", "bytes", "bytes read, unpacked"),
    Column("warnings", "int64", "warnings", "what was cut, damaged, missing or doubtful in the bundle"),
    Column("duration", "float64", "seconds", "time from opening the bundle to its row, in its process"),
    Column("peak_memory", "int64", "bytes", "highest resident memory of the process that read the bundle"),
    Column("error", "string", "", "why there is no verdict, in one line; null where there is one"),
    Column(
        "error_kind", "string", "", "`missing`, `unreadable`, `memory`, `time`, `crash`, `lost` or `fault`"
    ),
    Column("memory_limit", "int64", "bytes", "the memory limit this bundle was read under"),
    Column("time_limit", "float64", "seconds", "the time limit this bundle was read under"),
    Column("tool_version", "string", "", "version of the analyzer that wrote the row"),
)

EVIDENCE: tuple[Column, ...] = (
    Column("bundle", "string", "", "the path or address of the bundle, as it was given; never null"),
    Column("digest", "string", "", "the bundle's digest: the key to the table of cases"),
    Column("id", "string", "", "the evidence's name in the bundle's JSON report"),
    Column("member", "string", "", "the file of the bundle"),
    Column("line", "int64", "", "line in that file, from 1; null for a whole file"),
    Column("time", "timestamp", "", "the time that the line states"),
    Column("text", "string", "", "the quoted text; raw text of the bundle, to be escaped where it is shown"),
)


def arrow_schema(columns: tuple[Column, ...]) -> Any:
    """The ``pyarrow.Schema`` of a table, marked as ours by its metadata."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema(
        [pa.field(each.name, types[each.kind], nullable=each.name != "bundle") for each in columns],
        metadata={METADATA_KEY: STORE_VERSION},
    )


def markdown_table(columns: tuple[Column, ...]) -> str:
    """The columns as a Markdown table, for the documentation."""
    from tabulate import tabulate

    cells = [(f"`{each.name}`", f"`{each.arrow}`", each.unit, each.meaning) for each in columns]
    return tabulate(cells, headers=("column", "type", "unit", "meaning"), tablefmt="github")


def with_tables(document: str) -> str:
    """``document`` with what stands between its marks replaced by the tables of today."""
    for name, columns in (("cases", CASES), ("evidence", EVIDENCE)):
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = document.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"no marks for the table of {name}")
        document = f"{before}{begin}\n{markdown_table(columns)}\n\n{end}{after}"
    return document


def update(page: str) -> None:
    """Rewrite the tables in the file ``page``."""
    path = Path(page)
    path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
