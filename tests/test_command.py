"""Arguments that are read without Typer, or converted without Pydantic, are read as by these."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer import _apps, cli
from analyzer.case.build import Filter
from analyzer.cli import Face

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "fixtures" / "bundles" / "c12-einval-size0" / "bundle.tar.gz"
LONG = BUNDLE.parents[1] / "cortex-startup_logfmt_1.11.1" / "bundle.tar.gz"
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


def program(*arguments, **streams):
    """What ``python -m analyzer`` does: it ends by its own way, without the interpreter's."""
    return subprocess.run([sys.executable, "-m", "analyzer", *map(str, arguments)], check=False, **streams)


def test_the_program_ends_with_the_same_report_and_status():
    quick = program(BUNDLE, "--format", "json", capture_output=True)
    usual = subprocess.run(
        [sys.executable, "-c", LOADED, str(BUNDLE), "--format", "json"], capture_output=True, check=False
    )
    assert (quick.stdout, quick.returncode) == (usual.stdout, 1)
    assert usual.stderr.splitlines()[-1].startswith(b"1 ")


def test_a_report_longer_than_a_pipe_holds_is_written_whole():
    first = f"{sys.executable} -m analyzer {LONG} --format html -q"
    late = subprocess.run(f"{first} | (sleep 1; cat)", shell=True, capture_output=True, check=True)
    assert len(late.stdout) > 65_536
    assert late.stdout == program(LONG, "--format", "html", "-q", capture_output=True).stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((BUNDLE,), 1),
        ((BUNDLE, "--format", "html", "-v"), 1),
        ((BUNDLE, "--exit-zero"), 0),
        (("nothing-here",), 2),
        (("explain",), 0),
        (("explain", "no-cause"), 2),
        (("schema",), 0),
        (("--help",), 0),
        (("--version",), 0),
        (("explain", "--help"), 0),
        (("--pid", "x"), 2),
        (("compare",), 2),
    ],
)
def test_a_reader_that_goes_changes_no_status(arguments, status):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as gone:
        done = program(*arguments, stdout=gone, stderr=subprocess.PIPE)
        assert program(*arguments, stdout=gone, stderr=gone).returncode == status
    assert (done.returncode, done.stderr) == (status, program(*arguments, capture_output=True).stderr)


@pytest.mark.parametrize(
    ("arguments", "status", "lines"),
    [
        (("nothing-here",), 2, 1),
        (("--version",), 0, 0),
        (("explain", "max_map_count"), 0, 0),
        (("--pid", "x"), 2, 4),
    ],
)
def test_the_program_ends_with_the_status_of_the_contract(arguments, status, lines):
    done = program(*arguments, capture_output=True, text=True)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        (BUNDLE, "-q"),
        ("--help",),
        ("--version",),
        ("schema",),
        ("explain", "--help"),
        ("compare", BUNDLE, BUNDLE),
    ],
)
def test_a_full_disk_behind_stdout_is_said_in_one_line(arguments):
    with open("/dev/full", "wb") as full:
        done = program(*arguments, stdout=full, stderr=subprocess.PIPE)
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert re.fullmatch(rb"analyze: cannot write( to standard output)?: No space left on device", said)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the descriptor")
def test_a_closed_stdout_is_said_in_one_line(tmp_path):
    line = f"{sys.executable} -m analyzer {BUNDLE} -q"
    done = subprocess.run(f"{line} >&-", shell=True, capture_output=True, check=False)
    assert (done.returncode, b"is closed" in done.stderr.splitlines()[-1]) == (2, True)
    kept = subprocess.run(f"{line} -o {tmp_path / 'r.txt'} >&-", shell=True, capture_output=True, check=False)
    assert (kept.returncode, kept.stdout) == (1, b"")
    assert (tmp_path / "r.txt").stat().st_size > 0


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the descriptor")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (f"{BUNDLE} -q", 1),
        (f"- -q < {BUNDLE}", 1),
        (f"compare {BUNDLE} {BUNDLE}", 1),
        ("nothing-here", 2),
        ("--pid x", 2),
        ("--help", 0),
    ],
)
def test_a_closed_stderr_changes_nothing(arguments, status):
    line = f"{sys.executable} -m analyzer {arguments}"
    done = subprocess.run(f"{line} 2>&-", shell=True, stdout=subprocess.PIPE, check=False)
    usual = subprocess.run(line, shell=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    assert (done.returncode, done.stdout) == (usual.returncode, usual.stdout)
    assert done.returncode == status


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the descriptor")
@pytest.mark.parametrize("arguments", ["-", "- --format json", "fleet - -o no-store.parquet", "compare - x"])
def test_a_closed_stdin_is_said_in_one_line(arguments):
    line = f"{sys.executable} -m analyzer {arguments} <&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"analyze: -: (standard input is closed|there is no standard input).*\n", done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the descriptor")
def test_a_closed_stdout_is_no_matter_to_a_notebook(tmp_path):
    output = tmp_path / "case.ipynb"
    line = f"{sys.executable} -m analyzer notebook {BUNDLE} -o {output} >&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"analyze: wrote {output}")
    assert output.stat().st_size > 0


@pytest.mark.parametrize("command", [(BUNDLE,), ("compare", BUNDLE, BUNDLE)], ids=["analyze", "compare"])
def test_a_key_of_pseudonyms_asks_for_them(command, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    implied = program(*command, "--redact-key", key, capture_output=True, text=True)
    asked_for = program(*command, "--redact", "--redact-key", key, capture_output=True, text=True)
    plain = program(*command, capture_output=True, text=True)
    assert implied.stdout == asked_for.stdout != plain.stdout
    assert implied.returncode == plain.returncode


@pytest.mark.parametrize("command", [(BUNDLE,), ("compare", BUNDLE, BUNDLE)], ids=["analyze", "compare"])
@pytest.mark.parametrize("redact", [(), ("--redact",)], ids=["implied", "asked for"])
@pytest.mark.parametrize("key", ["missing", "", "empty"], ids=["missing", "a folder", "empty"])
def test_a_key_that_cannot_be_read_is_said_before_anything_else(command, redact, key, tmp_path):
    (tmp_path / "empty").touch()
    done = program(*command, *redact, "--redact-key", tmp_path / key, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"analyze: --redact-key: .*\n", done.stderr)


def test_a_remote_address_is_refused_with_the_options_name():
    done = program("s3://bucket/acme.tgz", capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--remote" in done.stderr
    assert "fsspec" in done.stderr


WORDS = (
    "bundle.tar.gz", "-", "", "explain", "./explain", "--format", "-f", "json", "text", "ticket", "JSON", "xml",
    "--", "-q", "-fjson", "--format=json", "--fmt", "-x", "--version",
)  # fmt: skip


def asked(arguments, *, by_typer):
    """What is to be answered, with the options that are not their defaults, and the exit status."""
    seen = []

    def record(bundle, face=Face.text, **options):
        seen.append((bundle, face, {k: v for k, v in options.items() if v and v != Filter()}))
        return 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "answer", record)
        patch.setattr(_apps, "answer", record)
        if by_typer:
            patch.setattr(cli, "_plain", lambda arguments: None)
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
    return seen, end.value.code


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(st.sampled_from(WORDS), max_size=4))
def test_all_arguments_are_read_as_typer_reads_them(arguments, capsys):
    quick = asked(arguments, by_typer=False), capsys.readouterr()
    assert quick == (asked(arguments, by_typer=True), capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "bundle", "face"),
    [
        (["x.tar"], "x.tar", Face.text),
        (["-"], "-", Face.text),
        (["x.tar", "--format", "json"], "x.tar", Face.json),
        (["-f", "html", "x.tar"], "x.tar", Face.html),
    ],
)
def test_the_usual_arguments_do_without_typer(arguments, bundle, face, monkeypatch):
    monkeypatch.setattr(_apps, "analyze_app", None)
    assert asked(arguments, by_typer=False) == ([(bundle, face, {})], 3)


def test_a_report_is_made_without_what_is_slow_to_import(tmp_path):
    """And typing_extensions, which msgspec is kept from, can be imported afterwards."""
    log = tmp_path / "ingester.log"
    log.write_text('ts=2026-11-22T21:59:47.17Z level=info msg="Starting Cortex"\n')
    code = (
        "import sys\n"
        "from analyzer import cli\n"
        "slow = {'typer', 'pandas', 'numpy', 'regex', 'typing_extensions', 'inspect', 'ast', 'pathlib', 'lzma'}\n"
        "try:\n"
        "    cli.main(sys.argv[1:])\n"
        "finally:\n"
        "    print(sorted(slow & sys.modules.keys()))\n"
        "    import typing_extensions, msgspec\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("[]\n")
    assert done.stderr == ""
