"""The quick conversion of arguments says what Typer's own would."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "fixtures" / "bundles" / "c12-einval-size0" / "bundle.tar.gz"
LOADED = """\
import sys
from analyzer import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    print(end.code, "pydantic" in sys.modules, "pandas" in sys.modules, file=sys.stderr)
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", LOADED, *map(str, arguments)], capture_output=True, text=True
    )


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("-q", "--tenant", "a"), ("--exit-zero",)])
def test_a_usual_run_loads_neither_pydantic_nor_pandas(options):
    assert run(BUNDLE, *options).stderr.splitlines()[-1].endswith("False False")


@pytest.mark.parametrize(
    "options",
    [("--format", "bogus"), ("--format", "JSON"), ("--pid", "abc"), ("--pid", "1.5"), ("--unknown",)],
)
def test_what_is_no_value_is_wrong_usage(options):
    done = run(BUNDLE, *options)
    assert done.stderr.splitlines()[-1].startswith("2 ")
    assert options[0] in done.stderr


def test_values_that_must_be_converted_are(tmp_path):
    report = tmp_path / "report.json"
    done = run(BUNDLE, "--pid", "00000001", "--output", report, "--format", "json", "--exit-zero")
    assert done.stderr.splitlines()[-1].startswith("0 ")
    assert report.read_bytes().startswith(b"{")
