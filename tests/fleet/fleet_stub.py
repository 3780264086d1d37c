"""Diagnoses for the tests of the fleet: made from the ``truth.json`` beside a bundle.

A file that begins with ``FLEET-TEST`` is told what to do by its first line: to crash, to hang, to
take memory. The functions are imported by name in the processes under test.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from pathlib import Path

from analyzer.diagnosis.model import (
    BundleInfo,
    BundleVerdict,
    CoverageView,
    Diagnosis,
    EvidenceView,
    FailureView,
    LifeView,
    MappingsView,
    Need,
    Risk,
    SizeStats,
    SubjectReport,
    TenantCount,
    TimeRange,
    Tool,
    Verdict,
)
from analyzer.errors import AnalyzerError

VERSION = "1.0"
MARK = b"FLEET-TEST "


def diagnose(source: str | Path) -> Diagnosis:
    """What the bundle's ``truth.json`` says, or what the file orders."""
    path = Path(source)
    if path.is_dir():
        return build(path, {"cause": "none", "strongest_status": "healthy"})
    data = path.read_bytes()
    if data.startswith(MARK):
        return _obey(path, data[len(MARK) :].splitlines()[0].decode())
    truth = path.with_name("truth.json")
    if not truth.exists():
        raise AnalyzerError(f"{path.name}: is no archive")
    return build(path, json.loads(truth.read_text("utf-8")))


def slow(source: str | Path) -> Diagnosis:
    """The same, in a fifth of a second."""
    time.sleep(0.2)
    return diagnose(source)


def _obey(path: Path, order: str) -> Diagnosis:
    word, _, argument = order.partition(" ")
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "exit":
        os._exit(int(argument))
    if word == "crash-once":
        flag = Path(argument)
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if word == "sleep":
        time.sleep(float(argument))
    if word == "spin":
        while True:
            pass
    if word == "touch":  # memory that is really used, a little at a time
        held = []
        for _ in range(int(argument)):
            held.append(b"x" * (1 << 20))
            time.sleep(0.001)
    if word == "reserve":
        bytearray(int(argument) << 20)
    if word == "fault":
        raise ValueError("a fault\nin two lines")
    if word == "print":
        print('{"row": null, "evidence": []}', flush=True)
        os.write(1, b"noise\n")
    return build(path, {"cause": "none", "strongest_status": "healthy"}, path.name)


def build(path: Path, truth: dict[str, object], name: str | None = None) -> Diagnosis:
    """A diagnosis that agrees with ``truth``."""
    cause, status = str(truth["cause"]), str(truth["strongest_status"])
    limit = truth.get("max_map_count")
    maps = truth.get("maps_count_at_last_sample") or truth.get("maps_lines")
    limit = limit if isinstance(limit, int) else None
    count = maps if isinstance(maps, int) else None
    subject = f"host/{name or path.parent.name}"
    version = str(truth.get("cortex_version") or "1.11.1").split()[0]
    failing = cause not in ("none", "undetermined")
    mappings = MappingsView(
        count,
        limit,
        None,
        "life-2",
        17,
        True,
        "maps",
        need=Need(500, 700, "file list", 40, 2),
        by_tenant=[TenantCount("t", 3)],
    )
    verdict = Verdict(
        cause,
        status,
        truth.get("driver"),
        f"It was {cause}.",
        "2026-11-22T21:54:45.970Z" if failing else None,
    )  # type: ignore[arg-type]
    report = SubjectReport(
        subject, "cortex", version, "host", None, None, None, None, None, None, 17, verdict,
        failures=[FailureView("open", "chunks", "ENOMEM", "t", "life-2", 1, 3, 1, 10, SizeStats(), None, None)] if failing else [],
        mappings=mappings,
        lives=[LifeView(f"life-{n}", n, None, None, None, None, None, "failed") for n in (1, 2)],
    )  # fmt: skip
    return Diagnosis(
        Tool("ingester-postmortem", VERSION),
        1 if failing else 0,
        BundleInfo(path.name, None, "sos", None, "2026-11-22T22:00:00Z", TimeRange()),
        BundleVerdict(
            cause,  # type: ignore[arg-type]
            status,  # type: ignore[arg-type]
            truth.get("driver"),  # type: ignore[arg-type]
            f"It was {cause}.",
            verdict.first_seen,
            subject if failing else None,
            1 if failing else 0,
            f"open > mmap {truth.get('errno', 'ENOMEM')}" if failing else "",
        ),
        [report],
        [EvidenceView("e1", f"<b>{cause}</b>", "var/log/ingester.log", 12, "2026-11-22T21:54:45Z")],
        [Risk(subject, "vm.max_map_count", 63700, 0.97, "near")] if not failing else [],
        CoverageView(5, 5, bytes_read=path.stat().st_size),
        [],
    )


def digest(path: Path) -> str:
    """What the fleet calls a file's digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
