"""The shape of an error bounds the version that printed it."""

from __future__ import annotations

import pytest

from analyzer.logs.eras import contradiction, era, version_bounds
from analyzer.logs.errors import parse

E = "cannot allocate memory"
A, B = "01G0P1FM80185GR38E1W8124GK", "01G0P8BBG02GAHC5RR34D1P70X"


@pytest.mark.parametrize(
    "text, name",
    [
        (f"Opening storage failed open block /d/{A}: mmap files: mmap: {E}", "0"),
        (f"unexpected corrupted block:map[{A}:mmap files: mmap: {E} {B}:mmap: {E}]", "A"),
        (f"failed to open TSDB: /d: 2 errors: corrupted block {A}: mmap: {E}; corrupted block {B}: mmap: {E}", "B1"),
        (f"reloadBlocks: 2 errors: corrupted block {A}: mmap, size 1: {E}; corrupted block {B}: mmap, size 2: {E}", "B2"),
        (f"opening storage failed: reloadBlocks: 2 errors: corrupted block {A}: try lock file: open /d/index: too many "
         f"open files; corrupted block {B}: mmap, size 2: {E}", "B2"),
        (f"failed to open TSDB: /d/t: 2 errors: mmap, size 1: {E}; mmap files: mmap, size 2: {E}", "C"),
        (f"failed to open TSDB: /d/t: mmap, size 1: {E}", "C"),
        (f"2 errors: add series: mmap, size 1564: {E}; mmap, size 1568: {E}", "C"),
        (f"2 errors: mmap, size 1: {E}; mmap, size 2: {E}\nopening storage\nmain.main\n\t/x.go:1", "C"),
        (f"reloadBlocks: corrupted block {A}: mmap, size 1: {E}\ncorrupted block {B}: mmap, size 2: {E}", "D"),
        (f"reloadBlocks: corrupted block {A}: mmap, size 1: {E}", None),
        (f"compact head: persist head block: 2 errors: populate block: add series: mmap, size 1: {E}; mmap, size 5: {E}",
         None),
        (f"failed to open TSDB: /d: mmap files, file: /d/chunks_head/000001: mmap, size 8: {E}", None),
        (f"mmap, size 134217728: {E}", None),
        (f"mmap, size 5: {E}", None),
        (E, None),
    ],
)  # fmt: skip
def test_the_era_of_each_shape(text: str, name: str | None) -> None:
    assert era(parse(text), text) == name


@pytest.mark.parametrize(
    "name, product, bounds",
    [
        ("A", "cortex", ("1.0", "1.1")),
        ("B2", "Cortex", ("1.5", "1.16")),
        ("C", "cortex", ("1.17", None)),
        ("C", "prometheus", ("2.49", "3.9")),
        ("D", "prometheus", ("3.10", None)),
        ("B1", "thanos", ("0.14", "0.16")),
        ("0", "cortex", (None, None)),
        ("C", "loki", (None, None)),
    ],
)
def test_version_bounds(name: str, product: str, bounds: tuple[str | None, str | None]) -> None:
    assert version_bounds(name, product) == bounds


@pytest.mark.parametrize(
    "product, version, eras, callers, words",
    [
        ("cortex", "1.11.1", ["B2"], ["ingester_v2.go:1737"], None),
        ("cortex", "1.17.2", ["C"], ["ingester.go:2184"], None),
        ("cortex", "1.11.1", ["C"], [], "1.17 or later"),
        ("cortex", "1.17.2", ["B2"], [], "1.5 to 1.16"),
        ("cortex", "1.17.2", [], ["ingester_v2.go:1737"], "ingester_v2.go"),
        ("cortex", "1.16.0", [], ["handler.go:95"], "1.19 or later"),
        ("prometheus", "2.42.0+ds", ["B2"], ["handler.go:1"], None),
        ("prometheus", "v2.3.1", ["0"], [], None),
        ("prometheus", "2.42.0", ["0"], [], "2.3 or earlier"),
        ("prometheus", "HEAD", ["0"], [], None),
        ("", "", ["C"], ["x"], None),
    ],
)
def test_a_banner_that_the_lines_contradict(
    product: str, version: str, eras: list[str], callers: list[str], words: str | None
) -> None:
    said = contradiction(product, version, eras, callers)
    assert (said is None) == (words is None)
    if words and said:
        assert words in said
