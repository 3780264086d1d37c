"""The 67 example lines of the grammar and the log lines of all incidents, each to its meaning or to none.

``expected_examples.json`` is the table of results, reviewed by eye: what is not in it is "none".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.logs import godump, kernel, literals, meaning, records
from analyzer.logs.framing import Framings
from analyzer.logs.model import Record

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("expected_examples.json")
STARTS = tuple(start.decode() for start in godump.STARTS)


class Context:
    """A member of which nothing is known before the line."""

    member = "example"

    def previous_step(self, tenant: str | None) -> str | None:
        return None


def lines() -> Iterator[tuple[str, str]]:
    """(name, raw line): "grammar/3", "incident/ID/2"."""
    number = ""
    for line in (ROOT / "fixtures/grammar-examples.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            number = line.split()[1]
        else:
            yield f"grammar/{number}", line
    for path in sorted((ROOT / "fixtures/incidents").glob("*.json")):
        for index, line in enumerate(json.loads(path.read_text(encoding="utf-8"))["log_lines"]):
            yield f"incident/{path.stem}/{index}", line


def groups() -> Iterator[tuple[str, str]]:
    """(name, payload): framing undone, CRI pieces joined, a Go dump's lines made one record."""
    framings = Framings()
    pending: list[tuple[str, str]] = []
    for name, raw in lines():
        peeled = framings.peel(raw.encode())
        payload = peeled.payload
        group = name.rpartition("/")[0]
        if pending:
            first, text = pending[-1]
            dump = text.startswith(STARTS) and first.rpartition("/")[0] == group != "grammar"
            if dump and not records.has_head(payload) and not kernel.parse(payload, "example", 1):
                pending[-1] = (first, f"{text}\n{payload}")
                continue
            if text.endswith("\r"):
                pending[-1] = (first, text[:-1] + payload)
                continue
            yield pending.pop()
        pending.append((name, payload + "\r" * peeled.partial))
    yield from pending


def described(payload: str) -> list[str]:
    """The meaning of a payload in short lines, empty for none."""
    event = kernel.parse(payload, "example", 1)
    if event is not None:
        values = " ".join(f"{key}={value}" for key, value in sorted(event.values.items()))
        return [f"kernel {event.kind} pid={event.pid} comm={event.comm} {event.constraint} {values}".strip()]
    record = records.parse(payload, "example", 1)
    found = meaning.interpret(record, Context())
    if found is None:
        return []
    rows = [
        f"event {event.kind} "
        + " ".join(f"{key}={value}" for key, value in event.fields.items() if key != "lines")
        for event in found.events
    ]
    return rows + ([failure_row(found.failure)] if found.failure else [])


def failure_row(found: meaning.Observation) -> str:
    parts = [f"failure {found.operation}/{found.file_kind}/{found.errno}"]
    for name in ("tenant", "directory", "era", "declared"):
        value = getattr(found, name)
        if value is not None:
            parts.append(f"{name}={value}")
    parts.append(f"members={found.members}")
    if found.sizes:
        parts.append("sizes=" + ",".join(f"{size}x{times}" for size, times in sorted(found.sizes.items())))
    if found.paths:
        parts.append(f"paths={','.join(found.paths)}")
    if found.ulids:
        parts.append(f"blocks={len(found.ulids)}")
    parts += [name for name in ("corrupt", "fatal") if getattr(found, name)]
    return " ".join(parts + ([] if found.complete else ["cut"]))


def table() -> dict[str, list[str]]:
    """Every example that means something, by name."""
    return {name: rows for name, payload in groups() if (rows := described(payload))}


def test_every_example_means_what_the_reviewed_table_says() -> None:
    assert table() == json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_all_67_examples_are_there() -> None:
    assert sum(name.startswith("grammar/") for name, _ in lines()) == 67


def test_every_meaningful_example_is_found_by_a_literal() -> None:
    known = (*meaning.LITERALS, literals.HEALTHY, *literals.STEPS, *godump.STARTS, *kernel.LITERALS)
    missed = [
        name
        for name, payload in groups()
        if described(payload) and not any(literal in payload.encode() for literal in known)
    ]
    assert missed == []


@pytest.mark.parametrize(
    "name", ["grammar/14", "grammar/40", "grammar/41", "grammar/45", "incident/19-prometheus"]
)
def test_a_refused_mapping_is_never_damage(name: str) -> None:
    rows = [row for key, found in table().items() if key.startswith(name) for row in found if "ENOMEM" in row]
    assert rows
    assert not any("corrupt" in row.split() for row in rows)


@pytest.mark.parametrize("name, payload", list(groups()), ids=lambda value: value if "/" in value[:9] else "")
def test_an_example_cut_anywhere_never_raises(name: str, payload: str) -> None:
    for end in range(0, len(payload), 7):
        record = records.parse(payload[:end], "example", 1, cut=True)
        assert isinstance(record, Record)
        found = meaning.interpret(record, Context())
        kernel.parse(payload[:end], "example", 1)
        if found and found.failure:
            whole = meaning.interpret(records.parse(payload, "example", 1), Context())
            assert whole
            assert whole.failure
            assert found.failure.sizes <= whole.failure.sizes
