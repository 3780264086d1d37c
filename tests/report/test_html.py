"""The HTML report: self-contained, inert, and right in a browser at two widths."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import diagnoses
import pytest

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import compare, render, render_comparison

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
VOID = {"meta", "br", "path", "use", "rect", "link", "img", "hr"}


class Page(HTMLParser):
    """Tags, attributes and the nesting of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_the_page_is_well_formed_and_inert(any_diagnosis: Diagnosis) -> None:
    page = Page(render(any_diagnosis, "html"))
    assert not page.faults
    assert not page.open
    names = {tag for tag, _ in page.tags}
    assert not names & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "link",
        "img",
        "audio",
        "video",
    }
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), attributes


def test_the_policy_stands_first() -> None:
    text = render(diagnoses.startup(), "html")
    assert f'http-equiv="Content-Security-Policy" content="{POLICY}"' in text
    assert text.index("Content-Security-Policy") < text.index("<style")
    assert "http://" not in re.sub(r'xmlns(?::xlink)?="[^"]*"', "", text)


def test_every_reference_leads_to_its_quoted_line(any_diagnosis: Diagnosis) -> None:
    page = Page(render(any_diagnosis, "html"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)
    if any_diagnosis.evidence and any_diagnosis.subjects[0].hypotheses:
        assert targets


def test_bundle_text_is_escaped() -> None:
    text = render(diagnoses.hostile(), "html")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7*7 }}" in text
    assert "\\x1b[31mred" in text


def test_a_long_quote_is_cut_and_says_so() -> None:
    text = render(diagnoses.hostile(), "html")
    assert "(+96,000 characters)" in text
    assert len(text) < 300_000


def test_the_pictures_of_the_issue() -> None:
    text = render(diagnoses.startup(), "html")
    for title in (
        "Mappings against the limit",
        "Mappings by kind",
        "Mappings by tenant",
        "Lives, failures and restarts",
        "Log records by level",
        "Memory against its limits",
    ):
        assert f'aria-label="{title}"' in text


PROBE = """<script>
const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll') && !e.closest('svg')).map(e => e.tagName + '.' + e.className);
document.title = JSON.stringify({width: innerWidth, page: document.documentElement.scrollWidth, wide: wide.slice(0, 5),
  requests: performance.getEntriesByType('resource').length, height: document.documentElement.scrollHeight});
</script>"""


def browse(page: Path, width: int, folder: Path) -> tuple[str, str]:
    """The page as the browser has it, and what the browser logged. Asks for no network of its own."""
    assert CHROMIUM is not None
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    out = subprocess.run(
        [
            CHROMIUM,
            *flags,
            f"--window-size={width},900",
            f"--user-data-dir={folder / 'profile'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return out.stdout, out.stderr


if CHROMIUM:

    @pytest.mark.parametrize(
        ("name", "width"), [("startup", 1200), ("several", 500), ("hostile", 500), ("comparison", 1200)]
    )
    def test_in_a_browser(name: str, width: int, tmp_path: Path) -> None:
        """No error, no request, no overflow. 500 is the narrowest window that headless Chromium opens;
        the phone's 400 is measured in a frame."""
        if name == "comparison":
            text = render_comparison(compare(diagnoses.startup(), diagnoses.fixed()), "html")
        else:
            text = render(diagnoses.ALL[name](), "html")
        page = tmp_path / "report.html"
        page.write_text(text, "utf-8")
        _, log = browse(page, width, tmp_path / "clean")
        assert "CONSOLE" not in log

        # In this copy alone a script may run, to measure; the policy would rightly stop it.
        open_page = text.replace(
            POLICY, "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        )
        page.write_text(open_page.replace("</body>", PROBE + "</body>"), "utf-8")
        dom, log = browse(page, width, tmp_path / "probed")
        assert "CONSOLE" not in log
        found = re.search(r"<title>(.*?)</title>", dom)
        assert found is not None
        import json

        measured = json.loads(found.group(1))
        assert measured["requests"] == 0
        assert measured["wide"] == []
        assert measured["page"] <= measured["width"]
        assert measured["height"] > 400

    def test_on_a_phone_of_400_pixels(tmp_path: Path) -> None:
        inner = render(diagnoses.startup(), "html").replace(
            POLICY, "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        )
        probe = PROBE.replace("document.title =", "parent.document.title =")
        (tmp_path / "inner.html").write_text(inner.replace("</body>", probe + "</body>"), "utf-8")
        from html import escape

        content = escape((tmp_path / "inner.html").read_text("utf-8"))
        outer = tmp_path / "outer.html"
        outer.write_text(
            f'<!doctype html><title>x</title><iframe width="400" height="800" srcdoc="{content}"></iframe>',
            "utf-8",
        )
        dom, _ = browse(outer, 1000, tmp_path)
        import json

        title = re.search(r"<title>(\{.*?\})</title>", dom)
        assert title is not None
        measured = json.loads(title.group(1))
        assert measured["width"] == 400
        assert measured["page"] <= 400
        assert measured["wide"] == []
