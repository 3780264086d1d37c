"""The summary of a store, and its faces."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.fleet import FORMATS, bar, render
from analyzer.fleet.faces import ROWS, headline
from analyzer.fleet.rows import Limits, Outcome, Row, error_row
from analyzer.fleet.store import Store
from analyzer.fleet.summary import RunCounts, Summary, summarise, summarise_rows

LIMITS = Limits(1 << 30, 60.0)


def row(name: str, cause: str = "max_map_count", status: str = "confirmed", **columns: object) -> Row:
    plain = error_row(f"/cases/{name}", f"digest of {name}", "fault", "", LIMITS, "1.0")
    plain |= {
        "error": None,
        "error_kind": None,
        "cause": cause,
        "status": status,
        "signature": "open > mmap ENOMEM",
    }
    return plain | columns


def risk(ratio: float) -> Row:
    return {
        "risk_limit": "vm.max_map_count",
        "risk_ratio": ratio,
        "risk_subject": "pid 7",
        "risk_text": "7 of 8",
    }


def failed(name: str, kind: str = "time") -> Row:
    return error_row(f"/cases/{name}", None, kind, f"{kind} over its limit", LIMITS, "1.0")  # type: ignore[arg-type]


def summary() -> Summary:
    rows = [row(f"acme-{number}.tgz", product="cortex", version=f"1.{9 + number}.0") for number in range(40)]
    rows.append(row("look-alike.tgz", "rlimit_as", "likely", product="cortex", version="1.9.0"))
    rows.append(row("healthy.tgz", "none", "healthy", signature="none", **risk(0.972)))
    rows.append(row("soon.tgz", "none", "healthy", signature="none", **risk(0.99)))
    rows += [failed("slow.tgz"), failed("big.tgz", "memory"), failed("bigger.tgz", "memory")]
    return summarise_rows(rows, "cases.parquet")


def test_one_bug_seen_by_forty_customers_is_one_line() -> None:
    found = summary()
    assert len(found.clusters) == 1
    cluster = found.clusters[0]
    assert cluster.bundles == 41
    assert cluster.causes == {"max_map_count": 40, "rlimit_as": 1}
    assert (cluster.versions[0], cluster.versions[-1]) == ("cortex 1.9.0", "cortex 1.48.0")
    assert cluster.examples == ["/cases/acme-0.tgz", "/cases/acme-1.tgz", "/cases/acme-2.tgz"]
    assert "cortex 1.9.0 to 1.48.0" in " ".join(render(found, "text", width=140).split())


def test_counts_by_cause_status_version_and_error() -> None:
    found = summary()
    assert found.bundles == 46
    assert [(each.cause, each.bundles) for each in found.causes] == [
        ("max_map_count", 40),
        ("none", 2),
        ("rlimit_as", 1),
    ]
    assert found.statuses == {"confirmed": 40, "healthy": 2, "likely": 1}
    assert [each.version for each in found.versions][:3] == ["1.9.0", "1.10.0", "1.11.0"]
    assert found.versions[-1].version is None
    assert [(each.kind, each.bundles) for each in found.errors] == [("memory", 2), ("time", 1)]
    assert headline(found) == "46 bundles: 40 confirmed, 2 healthy, 1 likely, 3 without a verdict"


def test_near_a_limit_is_a_list_of_the_nearest_first() -> None:
    assert [(each.bundle, each.limit, each.ratio, each.text) for each in summary().near] == [
        ("/cases/soon.tgz", "vm.max_map_count", 0.99, "7 of 8"),
        ("/cases/healthy.tgz", "vm.max_map_count", 0.972, "7 of 8"),
    ]
    shown = render(summary(), "text", width=140)
    assert "97.2 %" in shown
    assert "healthy.tgz" in shown


def test_an_empty_store_has_a_summary_in_every_face(tmp_path: Path) -> None:
    store = tmp_path / "cases.parquet"
    with Store(store):
        pass
    for face in FORMATS:
        assert "0" in render(summarise(store), face)


def test_the_summary_also_sees_what_a_killed_run_left_in_the_journal(tmp_path: Path) -> None:
    store = tmp_path / "cases.parquet"
    with Store(store) as held:
        held.append(Outcome("a", "a", row("a", first_seen="2026-11-22T21:54:45Z"), []))
        found = summarise(store)
        assert (found.bundles, found.first_seen) == (1, "2026-11-22T21:54:45Z")


def test_json_is_the_summary() -> None:
    found = summary()
    found.run = RunCounts(46, 43, 3, 0, 0, 1.5)
    decoded = json.loads(render(found, "json"))
    assert decoded["clusters"][0]["bundles"] == 41
    assert decoded["run"]["errors"] == 3
    assert decoded["summary_version"] == 1


def test_long_tables_are_cut_and_say_so() -> None:
    rows = [row(f"{number}", signature=f"chain {number // 2:03}") for number in range(2 * (ROWS + 7))]
    for face in ("text", "markdown", "html"):
        assert "and 7 more" in render(summarise_rows(rows, "x"), face)  # type: ignore[arg-type]
    assert len(json.loads(render(summarise_rows(rows, "x"), "json"))["clusters"]) == ROWS + 7


def test_a_failure_of_one_bundle_is_counted_and_no_line() -> None:
    rows = [row("a", signature="x > y"), row("b", signature="x > y"), row("c", signature="only here")]
    shown = render(summarise_rows(rows, "x"), "text")
    assert "only here" not in shown
    assert "and 1 failure of one bundle each" in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_is_never_overrun(width: int) -> None:
    for line in render(summary(), "text", width=width).splitlines():
        assert len(line) <= width
    assert "\x1b" not in render(summary(), "text", width=width)
    assert "\x1b[" in render(summary(), "text", width=width, color=True)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


HOSTILE = "</td><script>alert(1)</script>|x\n# *b* [l](http://e) `c` \x1b[31m\x00\u202e<img src=x onerror=y> https://e www.e"


def test_a_narrow_terminal_gets_entries_and_no_name_cut_up() -> None:
    found = summary()
    narrow, wide = (render(found, "text", width=width) for width in (50, 200))
    assert "  99 %  vm.max_map_count   7 of 8\n        bundle: soon.tgz\n        subject: pid 7\n" in narrow
    assert "2 bundles  memory   memory over its limit\n           for example: big.tgz\n" in narrow
    assert " 1 bundle  time" in narrow
    assert re.search(r"^ *ratio +limit +in numbers +bundle +subject +cause$", wide, re.MULTILINE)
    assert "\n\n\n" not in narrow + wide


def test_hostile_text_is_shown_and_does_nothing() -> None:
    found = summarise_rows(
        [
            row(HOSTILE, signature=HOSTILE),
            row(
                HOSTILE,
                signature=HOSTILE,
                product=HOSTILE,
                version=HOSTILE,
                risk_limit=HOSTILE,
                risk_ratio=0.9,
                risk_subject=HOSTILE,
                risk_text=HOSTILE,
            ),
            failed(HOSTILE) | {"error": HOSTILE},
        ],
        HOSTILE,
    )
    page = render(found, "html")
    parsed = _Tags()
    parsed.feed(page)
    assert parsed.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "strong",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "meter",
    }
    assert parsed.attributes <= {
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "min",
        "max",
        "value",
    }
    assert "<script>alert(1)</script>" in "".join(parsed.text)
    assert "default-src 'none'" in page
    markdown = render(found, "markdown")
    for active in ("<script", "<img", "](http", "`c`", "*b*", "https://e", "www.e"):
        assert active not in re.sub(r"\\.", "", markdown), active
    assert "\n# *" not in markdown
    for face in FORMATS:
        assert not set(render(found, face)) & set("\x1b\x00\u202e") or face == "json"
    assert json.loads(render(found, "json"))["clusters"][0]["signature"] == HOSTILE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.text(max_size=12)), max_size=4))
def test_any_text_renders_and_markdown_tables_keep_their_columns(texts: list[tuple[str, str, str]]) -> None:
    rows = [row(name, signature=chain, version=version) for name, chain, version in texts]
    found = summarise_rows(rows, "x")
    for face in FORMATS:
        assert render(found, face)
    for block in render(found, "markdown").split("\n\n"):
        if block.startswith("| "):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_progress_is_only_for_terminals() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((io.StringIO(), False), (Terminal(), True)):
        with bar(stream) as progress:
            progress(0, 2, None)
            progress(1, 2, Outcome("a[b]\x1b", None, failed("a"), []))
            progress(2, 2, Outcome("b", None, None, []))
        assert bool(stream.getvalue()) is shown
