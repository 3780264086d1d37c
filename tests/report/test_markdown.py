"""The Markdown report as a Markdown reader sees it."""

from __future__ import annotations

import re

import diagnoses
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import render
from analyzer.report.markdown import code, escape, fenced, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def test_no_text_of_the_bundle_becomes_markup() -> None:
    text = render(diagnoses.hostile(), "markdown")
    page = READER.render(text)
    assert not re.search(r"<(?:script|img|a)\b", page)
    assert "<!--" not in page
    assert "heading</h1>" not in page
    kinds = {token.type for token in READER.parse(text) for token in [token, *(token.children or [])]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "s_open", "em_open"} - {
        "html_inline"
    }
    inline = [c.content for t in READER.parse(text) for c in t.children or [] if c.type == "html_inline"]
    assert set(inline) <= {"<br>"}, "line breaks inside a cell are ours"


def test_every_table_row_has_the_cells_of_its_head(any_diagnosis: Diagnosis) -> None:
    page = READER.render(render(any_diagnosis, "markdown"))
    for found in re.findall(r"<table>.*?</table>", page, re.DOTALL):
        counts = {
            len(re.findall(r"<t[hd][ >]", row)) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
        }
        assert len(counts) == 1


def test_nothing_falls_out_of_a_table() -> None:
    text = render(diagnoses.hostile(), "markdown")
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert rows
    assert all(line.endswith("|") for line in rows)


def test_commands_can_be_copied() -> None:
    page = READER.render(render(diagnoses.startup(), "markdown"))
    assert "sysctl -w vm.max_map_count=262144\n</code></pre>" in page


def test_names_with_underscores_stay_readable() -> None:
    assert escape("vm.max_map_count was reached") == "vm.max_map_count was reached"


def test_a_mention_pings_nobody() -> None:
    assert escape("ask @channel now") == "ask `@channel` now"


@given(st.text(max_size=60))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    shown = re.sub(r"<[^>]+>", "", READER.renderInline(escape(text)))
    for char, entity in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("&", "&amp;")):
        shown = shown.replace(entity, char)
    from analyzer.report import words

    assert " ".join(shown.split()) == " ".join(words.clean(text).split())


@given(st.text(alphabet="`ab| \\", min_size=1, max_size=20))
def test_a_code_span_ends_where_it_should(text: str) -> None:
    tokens = READER.parseInline(f"x {code(text)} y")[0].children or []
    assert [token.type for token in tokens] == ["text", "code_inline", "text"]


@given(st.lists(st.text(alphabet="`~ab \t", max_size=12), min_size=1, max_size=5))
def test_a_fence_holds_all_its_lines(lines: list[str]) -> None:
    tokens = READER.parse("\n".join(fenced(lines)) + "\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@given(st.text(alphabet="|`\\a*\n", max_size=20))
def test_a_cell_is_one_cell(text: str) -> None:
    page = READER.render("\n".join(table(["a", "b"], [[escape(text), code(text, cell=True)]])))
    assert len(re.findall(r"<td", page)) == 2
