"""Each limit can be raised by its name, and reaching it says how."""

from __future__ import annotations

import io
import lzma
import random
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_packing import gz, read, tar, zipped

from analyzer import cli
from analyzer.bundle import Limits
from analyzer.errors import AnalyzerError
from analyzer.pipeline import diagnose

NOISE = random.Random(1).randbytes(3 << 20)
PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def nested(depth: int) -> bytes:
    data = b"level=info\n"
    for n in range(depth):
        data = tar({f"{n}": data})
    return data


def sparse() -> bytes:
    info = tarfile.TarInfo("GNUSparseFile.0/x.log")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "x.log",
        "GNU.sparse.size": str(4 << 20),
        "GNU.sparse.map": f"{(4 << 20) - 4},4",
    }
    info.size = 4
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info, io.BytesIO(b"tail"))
    return out.getvalue()


# Input that reaches the limit when it is set so, and passes when it is raised.
REACHED: dict[str, tuple[Callable[[], bytes], int, int]] = {
    "max_depth": (lambda: nested(4), 3, 4),
    "max_layers": (lambda: gz(gz(gz(b"level=info\n"))), 2, 3),
    "max_members": (lambda: tar({f"{n}.log": b"x" for n in range(30)}), 20, 30),
    "max_spool_bytes": (lambda: zipped({"x": NOISE}), 1 << 20, 4 << 20),
    "max_total_bytes": (lambda: gz(NOISE), 1 << 20, 4 << 20),
    "max_ratio": (lambda: gz(bytes(8 << 20)), 100, 1100),
    "ratio_free_bytes": (sparse, 1 << 20, 4 << 20),
    "max_window_bytes": (lambda: lzma.compress(NOISE, preset=6), 1 << 20, 64 << 20),
}


@pytest.mark.parametrize("name", REACHED)
def test_reaching_a_limit_is_said_with_its_option_and_raising_it_helps(name: str) -> None:
    make, low, high = REACHED[name]
    data = make()
    small = Limits(ratio_free_bytes=1 << 20).changed([f"{name}={low}"])
    _, bundle = read(data, small)
    said = " ".join(bundle.coverage.warnings)
    assert f"--limit {name}=VALUE" in said
    assert bundle.coverage.truncated or bundle.coverage.skipped
    _, bundle = read(data, small.changed([f"{name}={high}"]))
    assert f"--limit {name}=" not in " ".join(bundle.coverage.warnings)


def test_the_page_of_limits_names_each_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d,.]+(?: [KMGT]iB)?) \|", PAGE.read_text(), re.MULTILINE))
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    stated = {
        name: int(number.split()[0].replace(",", "")) * units.get(number.split()[-1], 1)
        for name, number in rows.items()
    }
    assert stated == {name: getattr(Limits(), name) for name in Limits.names()}


@pytest.mark.parametrize(
    "text", ["", "max_depth", "max_depth=", "max_depth=0", "max_depth=-1", "max_depth=1e9", "x=1", "max_depth=٣", "max_ratio=9" + "9" * 30]
)  # fmt: skip
def test_a_wrong_limit_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AnalyzerError) as caught:
        Limits().changed([text])
    assert caught.value.status == 2
    with pytest.raises(SystemExit) as ended:
        cli.main(["x.tar", "--limit", text])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_units_and_repetition() -> None:
    limits = Limits().changed(["max_spool_bytes=8G", "max_depth=9", "max_depth=10", "max_total_bytes=1_000"])
    assert (limits.max_spool_bytes, limits.max_depth, limits.max_total_bytes) == (8 << 30, 10, 1000)


@pytest.mark.parametrize("name", ["proc/{}/limits", "{}.log", "{}/dmesg"])
def test_members_beyond_those_that_are_kept_are_said(name: str, tmp_path: Path) -> None:
    body = {
        "proc/{}/limits": b"Limit                     Soft Limit           Hard Limit           Units\n",
        "{}.log": b'ts=2026-11-22T21:43:14.668Z level=info msg="x"\n',
        "{}/dmesg": b"[    0.000000] Linux version 6.1\n[    1.000000] x: y\n",
    }[name]
    path = tmp_path / "b.tar"
    path.write_bytes(tar({name.format(n): body for n in range(30)}))
    cut = diagnose(path, limits=Limits(max_parsed=20))
    assert any("10 members" in text and "--limit max_parsed=VALUE" in text for text in cut.warnings)
    assert cut.coverage.truncated == ["b.tar"]
    whole = diagnose(path, limits=Limits(max_parsed=30))
    assert not any("max_parsed" in text for text in whole.warnings)


def test_every_limit_is_tested() -> None:
    assert {*REACHED, "max_parsed"} == set(Limits.names())


def test_the_command_takes_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "b.tar"
    path.write_bytes(nested(3))
    for given, said in ((["--limit", "max_depth=2"], True), ([], False)):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(path), "-q", *given])
        assert ended.value.code == 3
        assert ("--limit max_depth=VALUE" in capsys.readouterr().err) is said
