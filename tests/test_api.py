"""The library is the command twice: the same result, from any kind of source, and nothing left behind."""

from __future__ import annotations

import gc
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psutil
import pytest
from captured import BUNDLES

import analyzer
from analyzer.case.columns import FRAMES
from analyzer.fleet.rows import Limits, case_row

BUNDLE = BUNDLES / "c01b-max_map_count-multierror" / "bundle.tar.gz"
CRASH_LOOP = BUNDLES / "cortex-startup_logfmt_1.11.1" / "bundle.tar.gz"
PLOTS = ("mappings", "timeline", "breakdown", "failures", "memory")
HOSTILE = '<script>alert(1)</script>$x^2$\x1b[2J\u202e"&'


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_import_costs_little_and_loads_nothing_heavy() -> None:
    code = (
        "import time; start = time.perf_counter(); import analyzer; took = time.perf_counter() - start\n"
        "import sys; print(took); print([name for name in ('pandas', 'numpy', 'matplotlib', 'regex', 'jinja2', 'typing')"
        " if name in sys.modules])\n"
        "dir(analyzer); analyzer.open; analyzer.CaseFile; print([name for name in ('pandas', 'numpy', 'matplotlib')"
        " if name in sys.modules])\n"
    )
    runs = [python(code).splitlines() for _ in range(3)]
    assert min(float(took) for took, _, _ in runs) < 0.015
    assert all(after == "[]" for _, _, after in runs)
    assert not {"pandas", "numpy", "matplotlib", "regex", "jinja2"} & set(re.findall(r"'(\w+)'", runs[0][1]))


def test_a_diagnosis_needs_no_pandas() -> None:
    code = (
        f"import analyzer, sys; found = analyzer.diagnose({str(BUNDLE)!r}); found.to_json()\n"
        "print('pandas' in sys.modules, 'matplotlib' in sys.modules)"
    )
    assert python(code).split() == ["False", "False"]


def test_every_public_name_is_there_and_no_other() -> None:
    assert set(analyzer.__all__) <= set(dir(analyzer))
    assert all(getattr(analyzer, name) is not None for name in analyzer.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", analyzer.__version__)
    with pytest.raises(AttributeError, match="no_such_name"):
        analyzer.no_such_name  # noqa: B018


@pytest.mark.parametrize("path", [BUNDLE, CRASH_LOOP, BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz"])
def test_the_library_says_what_the_command_says(path: Path) -> None:
    command = subprocess.run(
        [sys.executable, "-m", "analyzer", str(path), "--format", "json"], capture_output=True, check=False
    )
    with analyzer.open(path) as case:
        found = case.diagnose()
        assert found.to_json().encode() == command.stdout
        assert found.exit_status == command.returncode
        assert found.as_dict() == json.loads(command.stdout)
        assert case.diagnose() is found


def test_options_narrow_as_those_of_the_command() -> None:
    moment = "2026-11-22T22:00:20Z"
    command = subprocess.run(
        [sys.executable, "-m", "analyzer", str(CRASH_LOOP), "--format", "json", "--since", moment],
        capture_output=True,
        check=False,
    )
    with analyzer.open(CRASH_LOOP, since=moment) as case:
        assert case.diagnose().to_json().encode() == command.stdout
        assert case.lives["life"].tolist() == ["L4", "L5"]
    with analyzer.open(CRASH_LOOP, since=datetime(2026, 11, 22, 22, 0, 20, tzinfo=UTC)) as case:
        assert len(case.lives) == 2
    with pytest.raises(analyzer.AnalyzerError, match="is no time"):
        analyzer.open(CRASH_LOOP, at="yesterday")


def unpacked(folder: Path) -> Path:
    with tarfile.open(BUNDLE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_any_kind_of_source_gives_the_same_case(tmp_path: Path) -> None:
    data = BUNDLE.read_bytes()
    reader, writer = os.pipe()
    feeder = threading.Thread(target=lambda: (os.write(writer, data), os.close(writer)))
    feeder.start()
    started = io.BytesIO(b"something before" + data)
    started.seek(16)
    with BUNDLE.open("rb") as file, os.fdopen(reader, "rb") as pipe:
        sources = [
            str(BUNDLE),
            BUNDLE,
            data,
            bytearray(data),
            file,
            io.BytesIO(data),
            started,
            pipe,
            unpacked(tmp_path),
        ]
        shapes = []
        for source in sources:
            with analyzer.open(source) as case:  # type: ignore[arg-type]
                found = case.diagnose()
                shapes.append(
                    (found.cause, found.status, len(case.mappings), len(case.records), len(case.failures))
                )
        assert not file.closed
        assert not pipe.closed
    feeder.join()
    assert set(shapes) == {("max_map_count", "confirmed", 847, 421, 1)}


def test_bytes_and_files_may_be_named() -> None:
    with analyzer.open(BUNDLE.read_bytes(), name="case-17.tar.gz") as case:
        assert case.name == case.diagnose().model.bundle.name == "case-17.tar.gz"
    with BUNDLE.open("rb") as file, analyzer.open(file) as case:
        assert case.name == "bundle.tar.gz"


def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.tar.gz"
    empty.touch()
    for source in (tmp_path / "gone.tar.gz", empty, b"", "s3://bucket/key"):
        with pytest.raises(analyzer.AnalyzerError) as caught:
            analyzer.open(source)
        assert caught.value.status == 2
        assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="binary"):
        analyzer.open(io.StringIO("text"))  # type: ignore[arg-type]


def test_frames_are_made_once_and_are_their_takers_own() -> None:
    with analyzer.open(BUNDLE) as case:
        first = case.failures
        first["errno"] = "changed"
        first.loc[0, "members"] = 99
        assert case.failures["errno"].tolist() == ["ENOMEM"]
        assert case.failures["members"].tolist() == [14]
        made = case.frames()
        assert sorted(made) == sorted(set(FRAMES) - {"records"})
        assert all(isinstance(getattr(case, name), pd.DataFrame) for name in FRAMES)
        with pytest.raises(KeyError):
            case.frame("no such frame")


def test_evidence_joins_the_hypotheses() -> None:
    with analyzer.open(BUNDLE) as case:
        cited = case.hypotheses["evidence"].dropna().str.split(",").explode()
        assert len(cited)
        assert cited.isin(case.evidence["id"]).all()
        assert case.hypotheses["cause"].is_unique
        found = case.diagnose().evidence
        assert [item.id for item in found] == case.evidence["id"].tolist()
        assert found["E2"] is not None
        assert len(found[1:3]) == 2
        with pytest.raises(KeyError):
            found["E999"]


def test_a_closed_case_reads_no_more_and_says_so() -> None:
    case = analyzer.open(BUNDLE)
    found = case.diagnose()
    case.close()
    case.close()
    with pytest.raises(analyzer.AnalyzerError, match="closed"):
        _ = case.records
    assert found.cause == "max_map_count"
    with BUNDLE.open("rb") as file:
        case = analyzer.open(file)
    with pytest.raises(analyzer.AnalyzerError, match="the file was closed"):
        _ = case.mappings


def test_a_bundle_that_changed_meanwhile_is_not_mixed_with_the_old(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(BUNDLE.read_bytes())
    with analyzer.open(path) as case:
        path.write_bytes((BUNDLES / "c13-emfile" / "bundle.tar.gz").read_bytes())
        with pytest.raises(analyzer.AnalyzerError, match="changed"):
            _ = case.mappings


def test_records_beyond_the_limit_are_told() -> None:
    with analyzer.open(BUNDLE) as case:
        with pytest.warns(UserWarning, match="only the first 10 matching records"):
            cut = case.read_records(limit=10)
        assert cut.attrs == {"complete": False, "limit": 10}
        assert case.read_records(levels=["error"]).attrs["complete"]


def test_nothing_is_written_beside_the_bundle(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(BUNDLE.read_bytes())
    with analyzer.open(path) as case:
        case.frames()
        case.plot.mappings()
    assert [p.name for p in tmp_path.iterdir()] == ["bundle.tar.gz"]


def test_plots_are_the_pictures_of_the_report_and_show_themselves() -> None:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.report.plots import PLOTS as PICTURES

    assert {plot.name for plot in PICTURES} == {"mappings", "kinds", "tenants", "lives", "levels", "memory"}
    with analyzer.open(CRASH_LOOP) as case:
        for name in PLOTS:
            ax = getattr(case.plot, name)()
            assert isinstance(ax, Axes)
            assert ax._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
        by_tenant = case.plot.breakdown(by="tenant")
        assert "tenant" in by_tenant.get_title(loc="left")
        own = Figure().subplots()
        assert case.plot.memory(ax=own) is own
        with pytest.raises(KeyError):
            case.plot.mappings("no such subject")
        with pytest.raises(ValueError, match="kind"):
            case.plot.breakdown(by="size")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["c12-einval-size0", "cortex-healthy_1.11.1", "c07a-memcg-oomkill-go-heap"])
def test_a_picture_without_facts_says_so(name: str) -> None:
    with analyzer.open(BUNDLES / name / "bundle.tar.gz") as case:
        for plot in PLOTS:
            assert getattr(case.plot, plot)() is not None
        assert case._repr_html_()
        assert case.diagnose()._repr_html_()


def hostile(folder: Path) -> Path:
    """A folder whose names and lines try to get out of HTML, MathJax and the terminal."""
    root = folder / "b<img src=x onerror=alert(1)>"
    root.mkdir()
    tenant = HOSTILE.replace('"', "'")
    lines = [
        f'ts=2026-11-22T21:57:1{i}Z caller=ingester.go:1 level=error user="{tenant}" org_id="{tenant}" msg="unable to'
        f' open TSDB {tenant}" err="failed to open TSDB: /d/{tenant}: mmap, size 31301: cannot allocate memory"'
        for i in range(5)
    ]
    banner = 'ts=2026-11-22T21:57:00Z caller=main.go:1 level=info msg="Starting Cortex" version="(version=<b>1</b>)"'
    (root / "<b>ingester.log").write_text("\n".join([banner, *lines, ""]), "utf-8")
    return root


def test_hostile_text_is_escaped_in_everything_that_shows_itself(tmp_path: Path) -> None:
    with analyzer.open(hostile(tmp_path)) as case:
        found = case.diagnose()
        pages = [
            case._repr_html_(),
            found._repr_html_(),
            found.evidence._repr_html_(),
            found.evidence[0]._repr_html_(),
        ]
        assert any("&lt;script&gt;" in page for page in pages)
        for page in pages:
            assert "<script" not in page
            assert "<img" not in page
            assert "<b>1</b>" not in page
            assert not set(page) & {"\x1b", "\u202e"}
            assert page.startswith('<div class="tex2jax_ignore mathjax_ignore">')
        for shown in [repr(case), repr(found), repr(found.evidence), *map(repr, found.evidence)]:
            assert shown.isprintable()
        for plot in PLOTS:
            assert getattr(case.plot, plot)()._repr_png_()
        assert HOSTILE[:20] in case.failures["text"].iloc[0]


def test_a_redacted_diagnosis_is_one_too() -> None:
    found = analyzer.diagnose(CRASH_LOOP)
    hidden = found.redact(b"key")
    assert (hidden.cause, hidden.status) == (found.cause, found.status)
    assert "ingester-30" in found.to_json()
    assert "ingester-30" not in hidden.to_json()
    assert "ingester-30" not in hidden._repr_html_()


@pytest.mark.parametrize("face", ["text", "ticket", "markdown", "html", "json"])
def test_every_face_is_at_hand(face: str) -> None:
    assert analyzer.diagnose(BUNDLE).render(face).endswith("\n")  # type: ignore[arg-type]


def handles() -> int:
    process = psutil.Process()
    return process.num_fds() if hasattr(process, "num_fds") else process.num_handles()


def test_a_hundred_cases_leave_nothing_behind() -> None:
    """Opened, diagnosed, drawn and closed: no descriptor, thread or figure stays; memory grows by less
    than 25 MB over a hundred cases once all is imported (a leak of one small case would be 10 MB)."""
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    names = ("c13-emfile", "c04a-overcommit2-prometheus", "c02-rlimit_as", "t05-zombie-empty-maps")
    paths = itertools.cycle(BUNDLES / name / "bundle.tar.gz" for name in names)

    def one(path: Path, number: int) -> None:
        with analyzer.open(path.read_bytes() if number % 3 == 0 else path) as case:
            assert case.diagnose().cause
            assert len(case.failures)
            if number % 10 == 0:
                assert len(case.mappings) >= 0
            getattr(case.plot, PLOTS[number % len(PLOTS)])()

    for number, path in enumerate(itertools.islice(paths, 20)):
        one(path, number)
    gc.collect()
    before, open_before, threads = psutil.Process().memory_info().rss, handles(), threading.active_count()
    for number, path in enumerate(itertools.islice(paths, 100)):
        one(path, number)
    gc.collect()
    assert handles() <= open_before
    assert threading.active_count() == threads
    assert pyplot.get_fignums() == []
    assert not [o for o in gc.get_objects() if isinstance(o, Figure | analyzer.CaseFile)]
    assert psutil.Process().memory_info().rss - before < 25 << 20


@pytest.mark.parametrize("path", sorted(BUNDLES.glob("*/bundle.tar.gz")), ids=lambda path: path.parent.name)
def test_the_warnings_of_a_case_are_those_of_its_report(path: Path) -> None:
    with analyzer.open(path) as case:
        assert case.warnings == case.diagnose().as_dict()["warnings"]
        told = [note for note in case.warnings if "are no tenants" in note]
        assert len(told) == case.subjects["notes"].str.contains("are no tenants").fillna(False).sum()


MAPS = "proc/4242/maps", "55d000000000-55d000001000 r-xp 00000000 08:01 1 /bin/cortex\n"
UNKNOWN_LOG = "app.log", "".join(f"line {n} of a program that nobody knows\n" for n in range(30))


@pytest.mark.parametrize("log", [None, UNKNOWN_LOG], ids=["no log", "no known logger"])
def test_failures_that_nothing_could_tell_are_not_0(log: tuple[str, str] | None, tmp_path: Path) -> None:
    files = [MAPS, ("proc/4242/comm", "cortex\n"), ("proc/sys/vm/max_map_count", "65530\n")]
    for name, text in [*files, *([log] if log else [])]:
        (tmp_path / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bundle" / name).write_text(text)
    with analyzer.open(tmp_path / "bundle") as case:
        assert len(case.subjects) == 1
        for column in ("failures", "failing_lives", "episodes"):
            assert case.subjects[column].isna().all(), column
        assert case.lives["failures"].isna().all()
        row = case_row("bundle", None, case.diagnose().model, Limits(1, 1.0))
        assert row["failures"] is None


def test_a_healthy_process_has_0_failures() -> None:
    with analyzer.open(BUNDLES / "cortex-healthy_1.11.1" / "bundle.tar.gz") as case:
        assert case.subjects["failures"].tolist() == [0]
        assert case_row("bundle", None, case.diagnose().model, Limits(1, 1.0))["failures"] == 0


def test_a_go_fatal_is_an_error_of_its_life() -> None:
    with analyzer.open(BUNDLES / "c01a-max_map_count-go-fatal" / "bundle.tar.gz") as case:
        life = case.lives.iloc[0]
        assert life["errors"] == case.records["level"].eq("error").sum() == 1
        assert sum(case.diagnose().subjects[0].lives[0].levels.values()) == life["lines"]
        assert "1 error" in {note.get_text() for note in case.plot.failures().texts}


def test_an_unpacked_folder_does_not_say_when_it_was_captured(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('ts=2026-11-22T21:59:47.17Z level=info msg="Starting Cortex"\n')
    assert analyzer.diagnose(tmp_path).model.bundle.captured_at is None
    (tmp_path / "date").write_text("Sun Nov 22 22:01:02 UTC 2026\n")
    assert analyzer.diagnose(tmp_path).model.bundle.captured_at == "2026-11-22T22:01:02Z"
    with tarfile.open(tmp_path / "bundle.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("app.log")
        info.mtime = 1_795_000_000
        archive.addfile(info)
    assert analyzer.diagnose(tmp_path / "bundle.tgz").model.bundle.captured_at == "2026-11-18T11:06:40Z"


def test_frames_that_have_the_key_already_are_not_laid_together() -> None:
    with analyzer.open(BUNDLE) as case:
        with pytest.raises(analyzer.AnalyzerError, match="'subject'"):
            analyzer.concat({"a": case.lives}, key="subject")
        assert "bundle" in analyzer.concat({"a": case.lives}).columns
