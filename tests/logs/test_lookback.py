"""The step before a line is found, whichever tenant is asked for first."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs import lookback
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


LINES = [
    *(line for line in chunks() if line.startswith(b"ts=")),
    b'ts=2026-11-22T21:54:45Z caller=x.go:1 level=info org_id=b msg="write block"\n',
    b"nothing here\n",
    b"a much longer line in which there is nothing, though it names org_id=a and org_id=c\n",
    b"panic: here\n",
]


@pytest.fixture(autouse=True, scope="module")
def small_parts():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookback, "PART", 100)
        yield


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(LINES), max_size=40),
    st.lists(st.integers(1, 900), min_size=1, max_size=6),
    st.lists(st.sampled_from(list(STEPS)), min_size=1, max_size=4),
)
def test_every_question_is_answered_as_a_walk_back_answers_it(lines, widths, asked):
    """Wherever chunks and parts end, and also where each line of a block asks."""
    data = b"".join(lines)
    borders = itertools.accumulate(itertools.cycle(widths))
    cuts = [0, *itertools.takewhile(lambda border: border < len(data), borders), len(data)]
    patterns = pattern_set()
    scanner = Scanner(patterns.parsed, patterns.counted, patterns.frequent)
    back = LookBack(scanner, Framings())
    for found in scanner.scan([data[start:stop] for start, stop in itertools.pairwise(cuts)]):
        if isinstance(found, Line) and found.raw.startswith(b"panic"):
            before = lines[: found.number - 1]
            for tenant in asked:
                of_tenant = [line for line in before if b"org_id=%s msg" % tenant.encode() in line]
                step = of_tenant[-1].split(b'msg="')[1].rstrip(b'"\n').decode() if of_tenant else None
                assert back.step(tenant) == step
