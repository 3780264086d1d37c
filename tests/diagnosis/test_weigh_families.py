"""Which family of limits a failing line belongs to, by the call that failed and by who failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.diagnosis.weigh import family, is_answer, is_fork
from analyzer.facts import Evidence
from analyzer.logs.model import FailureGroup
from analyzer.pipeline import diagnose


def group(text: str, errno: str = "ENOMEM") -> FailureGroup:
    return FailureGroup("other", None, errno, None, evidence=[Evidence("x.log", 1, text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('err="error starting helper: fork/exec /usr/bin/curl: cannot allocate memory"', "syscall"),
        ('err="mkdir /data/tsdb/t1/01M8.tmp-for-creation: cannot allocate memory"', "syscall"),
        ('err="read /data/tsdb/t1/wal/00000001: cannot allocate memory"', "syscall"),
        ('err="accept tcp 0.0.0.0:8080: accept4: cannot allocate memory"', "syscall"),
        ('err="fork: Cannot allocate memory"', "syscall"),
        ('err="failed to open TSDB: cannot allocate memory"', "memory"),
        ('err="failed to open TSDB: /data/tsdb/t1: cannot allocate memory"', "memory"),
        ('err="mmap: cannot allocate memory"', "memory"),
        ('err="mprotect: cannot allocate memory"', "memory"),
        ('err="opening storage failed: cannot allocate memory"', "memory"),
        ('err="cannot allocate memory"', "memory"),
    ],
)
def test_enomem_is_a_refused_mapping_unless_another_call_is_named(text: str, expected: str) -> None:
    assert family(group(text)) == expected
    assert is_fork(group(text)) == ("fork" in text)


def test_a_group_with_one_refused_mapping_is_one_of_mappings() -> None:
    mixed = group("mkdir /data/x: cannot allocate memory")
    mixed.evidence.append(Evidence("x.log", 2, "mmap, size 31301: cannot allocate memory"))
    assert family(mixed) == "memory"
    mixed.evidence.pop()
    mixed.sizes[31301] = 1
    assert family(mixed) == "memory"


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ('addr=10.0.0.3:9095 reason="rpc error: code = Unknown desc = open /d/x: too many open files"', True),
        ('err="unexpected status 500: open /data/nflog: too many open files"', True),
        (
            'method=/cortex.Ingester/Push err="rpc error: code = Code(500) desc = user=t1: too many open files"',
            False,
        ),
        ('err="open /data/tsdb/t1/wal/00000001: too many open files"', False),
    ],
)
def test_what_another_process_answered_is_told_from_ones_own(text: str, answered: bool) -> None:
    assert is_answer(group(text, "EMFILE")) == answered
    own = group(text, "EMFILE")
    own.evidence.append(Evidence("x.log", 2, "accept4: too many open files"))
    assert not is_answer(own)


def test_a_refused_fork_is_quoted_where_the_commit_limit_explains_it(tmp_path: Path) -> None:
    line = (
        'ts=2026-11-22T21:58:00Z level=error msg="x" err="fork/exec /usr/bin/curl: cannot allocate memory"\n'
    )
    (tmp_path / "cortex.log").write_text(line)
    (tmp_path / "sysctl.txt").write_text("vm.overcommit_memory = 2\nvm.max_map_count = 65530\n")
    (tmp_path / "meminfo").write_text("MemTotal: 24684092 kB\nCommitLimit: 1000 kB\nCommitted_AS: 990 kB\n")
    found = diagnose(tmp_path)
    hypothesis = next(h for h in found.subjects[0].hypotheses if h.cause == "overcommit")
    quoted = [row.text for row in found.evidence if row.id in hypothesis.evidence]
    assert any("fork/exec" in text for text in quoted), quoted
