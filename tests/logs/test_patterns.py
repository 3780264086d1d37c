"""What the set of patterns must keep for the scan to stay quick."""

from analyzer.logs.engine import REGEX
from analyzer.logs.patterns import pattern_set


def test_no_literal_ends_in_a_run_of_one_character():
    patterns = pattern_set()
    literals = [text for text in (*patterns.parsed, *patterns.counted) if not text.startswith(REGEX)]
    assert not [text for text in literals if len(set(text[-2:])) == 1 and not text[-1:].isalnum()]


def test_every_pattern_stands_once():
    patterns = pattern_set()
    assert len(set(patterns.parsed)) == len(patterns.parsed)
    assert len(set(patterns.counted)) == len(patterns.counted)
    assert patterns.frequent not in (*patterns.parsed, *patterns.counted)


def test_the_ids_of_counted_patterns_are_of_one_kind_each():
    patterns = pattern_set()
    kinds = [set(patterns.levels), set(patterns.own)]
    first = len(patterns.parsed)
    assert sorted(index for kind in kinds for index in kind) == list(
        range(first, first + len(patterns.counted))
    )
    assert b"level=warn" in {
        patterns.counted[i - first] for i, name in patterns.levels.items() if name == "warn"
    }
