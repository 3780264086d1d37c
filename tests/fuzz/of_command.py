"""Any bytes as what a customer sends, through the whole run: a report of the contract, or one line of refusal."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from analyzer.errors import EXIT_CAUSE, EXIT_HEALTHY, EXIT_UNDECIDED, AnalyzerError
from analyzer.pipeline import diagnose
from analyzer.report import redact, render
from fuzz import corpus
from fuzz.of_bundle import LIMITS, assert_one_line, tar_of
from fuzz.target import BORDER, Target, split_choice

FACES = ("text", "markdown", "ticket", "html")
# What would act on a terminal, or on the reader of a report: no face may hold it.
_ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]")
AS_IT_IS, OF_PARTS = 0, 1


def run(data: bytes) -> None:
    """The target: the first byte chooses the second face, and whether the bytes are the bundle itself or
    the parts of an archive, each led by a byte that chooses its path."""
    choice, rest = split_choice(data, 256)
    bundle = rest if choice % 2 == AS_IT_IS else _archive(rest)
    try:
        diagnosis = diagnose(io.BytesIO(bundle), limits=LIMITS)
    except AnalyzerError as error:
        assert_one_line(error)
        return
    assert diagnosis.exit_status in (EXIT_HEALTHY, EXIT_CAUSE, EXIT_UNDECIDED)
    faults = [text for text in diagnosis.warnings if "could not be parsed" in text]
    assert not faults, faults
    _check_report(json.loads(render(diagnosis, "json")), diagnosis.exit_status)
    face: Any = FACES[choice // 2 % len(FACES)]
    if choice >= 128:
        diagnosis = redact(diagnosis, b"key")
    text = render(diagnosis, face)
    assert text.endswith("\n")
    text.encode("utf-8")
    found = _ACTIVE.search(text)
    assert found is None, (face, text[max(0, found.start() - 60) : found.end() + 20])


def _archive(data: bytes) -> bytes:
    parts = [part for part in data.split(BORDER) if part][:20]
    members = corpus.members()
    return tar_of([(members[part[0] % len(members)][0], part[1:]) for part in parts])


def _check_report(report: dict[str, Any], status: int) -> None:
    assert report["exit_status"] == status
    if status == EXIT_HEALTHY:
        assert not report["coverage"]["truncated"], "healthy, though an end is missing"
    known = {quote["id"] for quote in report["evidence"]}
    for subject in report["subjects"]:
        for name in ("questions", "hypotheses", "failures", "timeline"):
            for row in subject[name] or ():
                assert set(row.get("evidence") or ()) <= known, f"{name} cite evidence that is not there"
    assert report["verdict"]["subject"] in {None, *(subject["id"] for subject in report["subjects"])}


def seeds() -> Iterator[bytes]:
    """Bare logs, small bundles whole, and the members of a capture as parts."""
    for log in corpus.log_samples():
        yield b"\x00" + log
    members = [(number % 256, path, content) for number, (path, content) in enumerate(corpus.members())]
    for start in range(0, len(members), 5):
        some = members[start : start + 5]
        yield bytes([1 + start // 5 % 4 * 2]) + BORDER.join(
            bytes([number]) + content[:700] for number, _, content in some
        )
    wanted = [m for m in members if m[1].endswith(("/maps", "/status", "/limits", "max_map_count", ".log"))]
    log = corpus.log_samples()[2]
    yield b"\x81" + BORDER.join(
        [bytes([n]) + content[:900] for n, _, content in wanted[:6]] + [b"\x00" + log]
    )
    yield b"\x02" + tar_of([(path, content[:600]) for _, path, content in wanted[:6]])


def _words() -> tuple[bytes, ...]:
    from fuzz import of_bundle, of_mappings, of_records, of_snapshots

    targets = (of_records, of_snapshots, of_mappings, of_bundle)
    return tuple(dict.fromkeys([BORDER, *(word for module in targets for word in module.TARGET.words)]))


TARGET = Target("command", run, seeds, words=_words(), length=8000, seconds=20)
