"""The table of options, ``--help`` and the commands rendered from the table say the same."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.collect import OPTIONS, invocation, option_table, script

DOC = Path(__file__).parents[2] / "docs" / "collect.md"


def help_of(collector) -> str:
    run = collector.run("--help")
    assert run.status == 0
    assert run.written == []
    return run.out.decode()


def test_help_lists_exactly_the_table(collector):
    rows = re.findall(r"^  (--[a-z-]+(?: \S+)?)  +(\S.*)$", help_of(collector), re.MULTILINE)
    assert [row for row in rows if row[0] == "--help"] == [("--help", "Show this help.")]
    assert sorted(rows) == sorted((option.usage, option.help) for option in OPTIONS)


def test_help_fits_a_terminal(dash_collector):
    lines = help_of(dash_collector).splitlines()
    assert max(map(len, lines)) <= 110
    assert len(lines) <= 50


def test_the_script_parses_every_option_of_the_table_and_no_other(dash_collector):
    parsed = set(re.findall(r"^        (--[a-z-]+)\)", script(), re.MULTILINE))
    parsed |= {"--help"} if re.search(r"^        --help \| -h\)", script(), re.MULTILINE) else set()
    assert parsed == {option.name for option in OPTIONS}
    run = dash_collector.run("--frobnicate")
    assert run.status == 2
    assert "unknown option '--frobnicate'" in run.err
    assert run.written == []


@pytest.mark.parametrize(
    "option", [o for o in OPTIONS if o.metavar and not o.value_optional], ids=lambda o: o.name
)
def test_an_option_without_its_value_is_wrong_usage(dash_collector, option):
    run = dash_collector.run(option.name)
    assert run.status == 2
    assert "needs a value" in run.err
    assert run.written == []


@pytest.mark.parametrize(
    "options",
    [["--pid", "12x"], ["--max-size", "1G"], ["--kubernetes", "pod"], ["--output", "no/such/folder/x.tgz"]],
)
def test_a_wrong_value_is_named(dash_collector, options):
    run = dash_collector.run(*options)
    assert run.status == 2
    assert "Traceback" not in run.err
    assert run.written == []


def test_invocation_is_quoted_and_in_the_order_of_the_table():
    command = invocation(output="x y.tar.gz", match="ingester", watch=600, log=["/a b", "/c"], dry_run=True)
    words = "sh collect.sh --match ingester --watch 600 --log '/a b' --log /c --output 'x y.tar.gz' --dry-run"
    assert shlex.split(command) == shlex.split(words)
    assert invocation(watch=True, match="x") == "sh collect.sh --match x --watch"
    assert invocation(pid=None, dry_run=False) == "sh collect.sh"


@pytest.mark.parametrize(
    "options",
    [{"frobnicate": 1}, {"pid": True}, {"dry_run": "yes"}, {"pid": [1, 2]}],
    ids=["unknown", "no value", "value", "twice"],
)
def test_invocation_refuses_what_the_script_would_refuse(options):
    with pytest.raises(ValueError):
        invocation(**options)


def test_every_rendered_option_is_accepted_by_the_script(dash_collector, tmp_path):
    values = {
        "pid": 1,
        "match": "ingester",
        "watch": 5,
        "log": str(tmp_path),
        "data": str(tmp_path),
        "output": str(tmp_path / "x.tar.gz"),
        "max_size": 10,
        "dry_run": True,
    }
    words = shlex.split(invocation(**values))[2:]
    run = dash_collector.run(*words)
    assert run.status == 0, run.err
    assert b"Nothing is written" in run.out


def test_the_doc_holds_the_table_as_it_is():
    assert option_table() in DOC.read_text()


def test_the_doc_names_no_option_that_does_not_exist():
    names = {option.name for option in OPTIONS}
    commands = re.findall(r"(?:sh collect\.sh|sh -s --) ([^`\n]*)", DOC.read_text())
    assert len(commands) >= 8
    for command in commands:
        words = re.sub(r"'[^']*'", "", command.split("<")[0])
        assert set(re.findall(r"(?<!\S)(--[a-z-]+)", words)) <= names, command


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(tmp_path):
    path = tmp_path / "collect.sh"
    path.write_text(script())
    done = subprocess.run(["shellcheck", "-s", "sh", str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_a_cut_script_does_nothing(collector):
    text = script()
    for cut in (len(text) // 3, len(text) * 2 // 3, *range(len(text) - 15, len(text) - 1)):
        collector.script.write_text(text[:cut])
        run = collector.run("--pid", "1", "--output", str(collector.folder))
        assert run.written == []
