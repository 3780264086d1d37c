"""The step before a line is found, whichever tenant is asked for first."""

import itertools

import pytest

from analyzer.logs.framing import Framings
from analyzer.logs.lookback import LookBack
from analyzer.logs.patterns import pattern_set
from analyzer.logs.scan import Line, Scanner

STEPS = {"a": "write block", "b": "Head GC completed", "c": "WAL segment loaded", "nobody": None}


def chunks():
    """A block for each tenant's step, others between them, and a failure at the end."""
    for tenant, step in STEPS.items():
        if step:
            yield f'ts=2026-11-22T21:54:45Z caller=x.go:1 level=info org_id={tenant} msg="{step}"\n'.encode()
        yield b"nothing here\n"
    yield b"panic: here\n"


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)), ids=" ".join)
def test_a_question_does_not_hide_the_answer_to_the_next(order):
    patterns = pattern_set()
    scanner = Scanner(patterns.parsed, patterns.counted, patterns.frequent)
    back = LookBack(scanner, Framings())
    answers = []
    for found in scanner.scan(chunks()):
        if isinstance(found, Line) and found.raw.startswith(b"panic"):
            answers += [(tenant, back.step(tenant)) for tenant in (*order, *order)]
    assert dict(answers) == STEPS
    assert len(answers) == 2 * len(STEPS)
    assert answers[: len(order)] == answers[len(order) :]
