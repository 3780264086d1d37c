"""A failure recalled from one like it is the failure that reading the line anew gives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs import meaning
from analyzer.logs.leaf import WRITER_PREFIXES
from analyzer.logs.records import parse
from analyzer.logs.repeats import Context, Repeats

ULIDS = ["01G0P1FM80185GR38E1W8124GK", "01G0P8BBG02GAHC5RR34D1P70X", "01G0PF72R03RFJ08924CJ2A9H7"]
SIZES = st.one_of(st.integers(0, 99_999), st.sampled_from([0, 8, 4, 131072, 134217728]))
ERRNOS = st.sampled_from(["cannot allocate memory", "invalid argument"])


@st.composite
def members(draw):
    count = draw(st.integers(1, 4))
    form = draw(st.sampled_from(["{m}", "corrupted block {u}: {m}", "add series: {m}"]))
    errno = draw(ERRNOS)
    kind = draw(st.sampled_from(["mmap, size {}: {}", "mmap files: mmap, size {}: {}"]))
    rows = [
        form.format(m=kind.format(draw(SIZES), errno), u=draw(st.sampled_from(ULIDS))) for _ in range(count)
    ]
    return ("" if count == 1 else f"{count} errors: ") + "; ".join(rows)


@st.composite
def lines(draw):
    tenant = draw(st.sampled_from(["t1", "t2"]))
    wrap = draw(
        st.sampled_from(["", "compact head: persist head block: ", f"failed to open TSDB: /d/{tenant}: "])
    )
    message = draw(
        st.sampled_from(["unable to open TSDB", "TSDB blocks compaction for user has failed", "x"])
    )
    second = draw(st.integers(0, 59))
    text = f'caller=ingester.go:1 level=warn msg="{message}" user={tenant} err="{wrap}{draw(members())}"'
    stamped = draw(
        st.sampled_from(["ts=2026-11-22T21:57:{:02d}.5Z {}", "{1}", "time=2026-11-22T21:57:{:02d}Z {}"])
    )
    return stamped.format(second, text)


def no_step(_tenant):
    return None


@settings(max_examples=150)
@given(st.lists(lines(), min_size=1, max_size=12))
def test_recalled_is_what_reading_gives(rows):
    context = Context("m", no_step)
    repeats = Repeats(context)
    for number, row in enumerate(rows, 1):
        record = parse(row, "m", number)
        direct = meaning.interpret(record, Context("m", no_step))
        recalled = repeats.recall(row, (), None)
        if recalled is None:
            found = repeats.interpret(record, ())
            assert (found is None) == (direct is None)
            continue
        failure, expected = recalled.failure, direct.failure
        assert (recalled.stamp, recalled.level) == (record.stamp, record.level)
        for name in ("operation", "file_kind", "errno", "tenant", "directory", "era", "members", "declared"):
            assert getattr(failure, name) == getattr(expected, name), name
        assert failure.sizes == expected.sizes
        assert failure.ulids == expected.ulids
        assert (failure.complete, failure.fatal, failure.corrupt) == (
            expected.complete,
            expected.fatal,
            expected.corrupt,
        )


def test_copies_have_one_key_and_other_failures_another():
    inner = "failed to open TSDB: /d/t1: 2 errors: mmap, size {}: cannot allocate memory; mmap files: mmap, size 9: cannot allocate memory"
    copies = (
        'level=error msg="unable to open TSDB" user=t1 err="{}"',
        'level=error msg="error while opening existing TSDBs" err="unable to open TSDB for user t1: {}"',
        'level=error msg="module failed" module=ingester-service err="invalid service state: Failed, expected: Running, '
        'failure: opening existing TSDBs: unable to open TSDB for user t1: {}"',
    )
    repeats = Repeats(Context("m", no_step))
    keys = []
    for size in (5, 6, 7):
        for copy in copies:
            row = copy.format(inner.format(size))
            recalled = repeats.recall(row, (), None)
            failure = recalled.failure if recalled else repeats.interpret(parse(row, "m", 1), ()).failure
            keys.append(failure.key)
    assert keys == [keys[0]] * 3 + [keys[3]] * 3 + [keys[6]] * 3
    assert len(set(keys)) == 3


def test_an_answer_that_depends_on_the_line_before_is_asked_again():
    steps = ["write block"]
    repeats = Repeats(Context("m", lambda _tenant: steps[-1]))
    row = 'level=error user=t1 err="2 errors: mmap, size 5: cannot allocate memory; mmap, size 6: cannot allocate memory"'
    first = repeats.interpret(parse(row, "m", 1), ()).failure.operation
    assert repeats.recall(row, (), None).failure.operation == first == "compaction"
    steps.append("Replaying WAL, this may take a while")
    assert repeats.recall(row, (), None) is None


def test_a_new_life_begins_anew_and_a_source_has_its_own():
    repeats = Repeats(Context("m", no_step))
    row = 'level=error user=t1 msg="compaction failed" err="mmap, size 5: cannot allocate memory"'
    repeats.interpret(parse(row, "m", 1), ())
    assert repeats.recall(row, (), None) is not None
    assert repeats.recall(row, (("pod", "other"),), None) is None
    repeats.forget()
    assert repeats.recall(row, (), None) is None


def test_a_key_is_short_however_long_the_error_is():
    """Fifty thousand of them are kept."""
    repeats = Repeats(Context("m", no_step))
    rows = [
        "; ".join(f"open /data/t/{name}/index: too many open files" for name in ULIDS * 300),
        "; ".join(f"mmap, size {size}: cannot allocate memory" for size in range(900)),
        r"reloadBlocks: " + r"\n".join(f"corrupted block {name}: mmap, size 7: no" for name in ULIDS * 200),
    ]
    keys = set()
    for row in rows:
        for text in (row, row.replace("7", "8"), row.replace("t", "u", 1)):
            found = repeats.interpret(parse(f'level=error msg="x" err="{text}"', "m", 1), ())
            keys.add(found.failure.key)
    assert len(keys) >= 8
    assert max(map(len, keys)) < 500


def test_an_index_writer_is_known_by_its_second_size_whatever_the_first():
    """The size 0 stays in the text, as that of a new head chunk does."""
    row = 'level=error msg="compaction failed" err="2 errors: {}: mmap, size {}: cannot allocate memory; mmap, size {}: cannot allocate memory"'
    for step in (
        *WRITER_PREFIXES,
        "add symbol 7:9",
        "write chunks /a:b/c:d",
        "persist head block 01G0P1FM80185GR38E1W8124GK",
    ):
        repeats = Repeats(Context("m", no_step))
        for first in (0, 9, 134217728):
            for second in (first + 4, first + 5):
                text = row.format(step, first, second)
                expected = meaning.interpret(parse(text, "m", 1), Context("m", no_step)).failure.file_kind
                recalled = repeats.recall(text, (), None)
                if recalled is not None:
                    assert recalled.failure.file_kind == expected
                repeats.interpret(parse(text, "m", 1), ())
