"""Coverage-guided fuzzing: each target is a plain function of bytes that asserts what holds for all input.

python -m tests.fuzz errors --seconds 300        one target, by the fuzzer (needs the extra "fuzz")
python -m tests.fuzz --all --seconds 60          each in a process of its own, then a table
python -m tests.fuzz errors FILE ...             the target over files, such as one that it failed on

Only ``drive`` knows the fuzzer. The tests run every target over its seeds and over changed ones without
it, so that a target cannot rot. What was found stands as a case of its own in the tests of its part.
"""
