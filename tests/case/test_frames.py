"""The frames: what the table of columns says is what they are, on real bundles and without any rows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from captured import BUNDLES

from analyzer.case.columns import FRAMES, KEYS, FrameSpec, reference
from analyzer.case.frames import all_frames, build, concat, frame, transpose
from analyzer.case.model import Case
from analyzer.diagnosis import frames as of_diagnosis
from analyzer.diagnosis.build import diagnose
from analyzer.facts import Stamp
from analyzer.pipeline import case_of

REAL = (
    "c01b-max_map_count-multierror",
    "c03-32bit-on-64bit-kernel",
    "c07e-pids_max",
    "c13-emfile",
    "t03-truncated-maps",
    "t05-zombie-empty-maps",
    "t08-bystander-at-limit",
    "cortex-startup_logfmt_1.11.1",
    "cortex-cgroup_oom_head",
)
HELD = [name for name in FRAMES if name not in ("records", *of_diagnosis.NAMES)]


@cache
def case(name: str) -> Case:
    return case_of(BUNDLES / name / "bundle.tar.gz", detail=True)


@cache
def frames(name: str) -> dict[str, pd.DataFrame]:
    return all_frames(case(name))


def assert_as_documented(made: pd.DataFrame, spec: FrameSpec) -> None:
    assert tuple(made.columns) == spec.names
    for column in spec.columns:
        dtype = made[column.name].dtype
        assert str(dtype) == column.dtype, (spec.name, column.name)
        if isinstance(dtype, pd.CategoricalDtype):
            assert str(dtype.categories.dtype) == "string", (spec.name, column.name)


@pytest.mark.parametrize("name", REAL)
def test_every_frame_has_the_columns_and_dtypes_of_the_table(name: str) -> None:
    made = frames(name)
    assert sorted(made) == sorted(HELD)
    for frame_name, held in made.items():
        assert_as_documented(held, FRAMES[frame_name])
    found = diagnose(case(name))
    for frame_name in of_diagnosis.NAMES:
        assert_as_documented(of_diagnosis.frame(found, frame_name, {}), FRAMES[frame_name])


def test_frames_without_rows_are_typed_alike(tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(b"\x01\x02")
    empty = case_of(tmp_path)
    for name, held in all_frames(empty).items():
        assert_as_documented(held, FRAMES[name])
        assert len(held) == (2 if name == "coverage" else 0)
    for name, spec in FRAMES.items():
        assert_as_documented(build(name, {}, {}), spec)


@pytest.mark.parametrize("name", REAL)
def test_no_value_is_invented_for_what_the_bundle_does_not_say(name: str) -> None:
    for frame_name, held in frames(name).items():
        # A single TSDB has the tenant ""; a key of sysctl may be set to nothing, and its file is then empty.
        may = {"tenant", "value", "text"} if frame_name == "facts" else {"tenant"}
        texts = [c for c in held.columns if str(held[c].dtype) == "string" and c not in may]
        assert [c for c in texts if held[c].eq("").any()] == []


@pytest.mark.parametrize("name", REAL)
def test_keys_join_frames_and_stay_categorical(name: str) -> None:
    made = frames(name)
    held = [(n, c) for n in made for c in KEYS if c in made[n].columns]
    for key in KEYS:
        dtypes = {made[n][c].dtype for n, c in held if c == key}
        assert len(dtypes) == 1
    joined = made["failures"].merge(made["lives"], on=["subject", "life"], suffixes=("", "_life"))
    assert len(joined) == len(made["failures"])
    assert isinstance(joined["life"].dtype, pd.CategoricalDtype)
    assert made["snapshots"]["snapshot"].is_unique
    assert made["mappings"]["snapshot"].isin(made["snapshots"]["snapshot"]).all()
    assert not made["subjects"]["subject"].isna().any()


@pytest.mark.parametrize("name", REAL)
def test_members_add_up_to_their_failures(name: str) -> None:
    made = frames(name)
    failures = made["failures"].set_index("failure")["members"]
    members = made["members"].groupby("failure")["count"].sum()
    assert (members.reindex(failures.index, fill_value=0) >= failures).all()
    assert made["members"]["failure"].isin(failures.index).all()


@pytest.mark.parametrize("name", ["c01b-max_map_count-multierror", "cortex-startup_logfmt_1.11.1"])
def test_mappings_that_count_are_the_kernels_count(name: str) -> None:
    made = frames(name)
    snapshots = made["snapshots"].query("basis == 'maps' and not lower_bound").set_index("snapshot")
    counted = made["mappings"].query("counted").groupby("snapshot", observed=True).size()
    assert len(snapshots)
    assert (counted.reindex(snapshots.index) == snapshots["count"]).all()


def test_the_limit_is_met_in_the_frame_as_in_the_verdict() -> None:
    snapshots = frames("c01b-max_map_count-multierror")["snapshots"]
    row = snapshots.iloc[0]
    assert (row["count"], row["limit"], row["basis"]) == (846, 845, "maps")
    assert row["ratio"] == pytest.approx(846 / 845)
    assert row["rlimit_as"] == float("inf")


def test_captures_of_other_processes_are_bystanders_without_a_subject() -> None:
    snapshots = frames("t08-bystander-at-limit")["snapshots"]
    others = snapshots[snapshots["bystander"]]
    assert len(others)
    assert others["subject"].isna().all()
    assert snapshots[~snapshots["bystander"]]["subject"].notna().all()


def test_a_zombies_mappings_are_missing_and_not_zero() -> None:
    snapshots = frames("t05-zombie-empty-maps")["snapshots"]
    assert snapshots["count"].isna().all() or not snapshots["count"].eq(0).any()


def test_facts_tell_absent_from_zero_and_unlimited_from_unknown() -> None:
    facts = frames("c01b-max_map_count-multierror")["facts"]
    assert set(facts["state"].cat.categories) <= {"present", "absent", "unreadable"}
    present = facts[facts["state"].eq("present")]
    assert present["value"].notna().all()
    limit = facts.set_index("name").loc["address_space.soft"]
    assert (limit["value"], limit["number"], limit["unit"]) == ("unlimited", float("inf"), "bytes")
    memory = facts[facts["kind"].eq("meminfo")].set_index("name")
    assert memory.loc["MemTotal", "unit"] == "bytes"
    assert memory.loc["HugePages_Total", "unit"] == "pages"
    assert memory.loc["HugePages_Total", "number"] == 0
    assert present["member"].notna().all()


def test_two_numbers_are_a_limit_only_among_limits() -> None:
    facts = frames("cortex-cgroup_oom_head")["facts"]
    split = facts[facts["name"].str.endswith((".soft", ".hard"))]
    assert set(split["kind"].astype(str)) <= {"limits", "prlimit", "ulimit"}
    assert len(split)


@pytest.mark.parametrize("name", REAL)
def test_coverage_has_every_file_of_the_bundle_once(name: str) -> None:
    coverage = frames(name)["coverage"]
    held = case(name)
    assert coverage["member"].is_unique
    assert set(held.paths) <= set(coverage["member"].astype(str))
    assert coverage["state"].notna().all()
    assert coverage["state"].eq("unrecognised").sum() == held.unrecognised
    assert coverage[coverage["kind"].eq("log")]["lines"].notna().all()


def test_files_are_the_need_of_the_data_directory() -> None:
    held = case("cortex-startup_logfmt_1.11.1")
    files = frames("cortex-startup_logfmt_1.11.1")["files"]
    need = held.subjects[0].need
    assert need is not None
    opened = files[files["kind"].isin(["index", "chunks_segment"])]["mappings"].sum()
    assert opened == 2 * need.blocks + need.segments
    assert files["phantom"].any()
    assert not files[files["phantom"]]["kind"].eq("index").any()


def test_kernel_lines_stand_beside_the_logs_events() -> None:
    events = frames("cortex-cgroup_oom_head")["events"]
    assert {"log", "kernel"} <= set(events["source"].astype(str))
    kills = events.query("kind == 'oom_kill'")
    assert len(kills)
    assert kills["pid"].notna().all()
    assert kills["fields"].str.startswith("{").all()


def test_frames_survive_parquet(tmp_path: Path) -> None:
    for name, held in frames("t08-bystander-at-limit").items():
        path = tmp_path / f"{name}.parquet"
        held.to_parquet(path)
        again = pd.read_parquet(path)
        assert list(again.columns) == list(held.columns)
        assert len(again) == len(held)


def test_concat_keeps_the_dtypes() -> None:
    names = ("c13-emfile", "c07e-pids_max", "cortex-cgroup_oom_head")
    for frame_name in HELD:
        together = concat({name: frames(name)[frame_name] for name in names})
        assert_as_documented(together.drop(columns="bundle"), FRAMES[frame_name])
        counts = together["bundle"].astype(str).value_counts()
        assert all(counts.get(name, 0) == len(frames(name)[frame_name]) for name in names)
    assert concat({}).columns.tolist() == ["bundle"]


def test_values_that_a_dtype_cannot_hold_are_missing() -> None:
    columns = {
        "size": [1 << 70, -1, None],
        "path": ["a\udcff", None, "\x00\x1b[31m"],
        "start": [1 << 64, -1, 7],
    }
    made = build("mappings", {**columns, "snapshot": ["x", None, "y"]}, {"snapshot": ("x",)})
    assert made["size"].isna().tolist() == [True, False, True]
    assert made["start"].isna().tolist() == [True, True, False]
    assert made["path"].tolist()[0] == "a?"
    assert made["snapshot"].isna().tolist() == [False, True, True]
    times = {"time": [Stamp(1 << 80), Stamp(-(1 << 63)), Stamp(0)], "id": ["a", "b", "c"]}
    made = build("evidence", {**times, "member": ["m"] * 3, "line": [None] * 3, "text": [""] * 3}, {})
    assert made["time"].isna().tolist() == [True, True, False]


def test_a_row_with_a_column_that_is_not_in_the_table_is_a_fault() -> None:
    with pytest.raises(KeyError):
        transpose("evidence", [{"no such column": 1}])
    with pytest.raises(KeyError):
        frame(case("c13-emfile"), "no such frame")


def test_mappings_need_detail() -> None:
    plain = case_of(BUNDLES / "c13-emfile" / "bundle.tar.gz")
    assert frame(plain, "mappings").empty


HAND_MADE = sorted((BUNDLES.parent.parent / "tests" / "cases").glob("*/bundle*"))


@pytest.mark.parametrize("path", HAND_MADE, ids=lambda path: path.parent.name)
def test_frames_of_every_hand_made_case_are_typed(path: Path) -> None:
    for name, held in all_frames(case_of(path, detail=True)).items():
        assert_as_documented(held, FRAMES[name])


def test_two_pods_are_two_subjects_in_every_frame() -> None:
    (path,) = (path for path in HAND_MADE if path.parent.name == "two-pods-two-verdicts")
    made = all_frames(case_of(path))
    assert len(made["subjects"]) == 2
    for name in ("lives", "snapshots", "events", "facts"):
        assert made[name]["subject"].nunique() == 2


def test_every_column_is_explained() -> None:
    page = reference()
    for spec in FRAMES.values():
        assert f"## {spec.name}\n" in page
        assert len(set(spec.names)) == len(spec.names)
        for column in spec.columns:
            assert column.meaning, (spec.name, column.name)


def test_a_log_that_is_there_twice_is_read_and_counted_once(tmp_path: Path) -> None:
    lines = (
        'ts=2026-11-22T21:57:00.123456Z caller=main.go:1 level=info msg="Starting Cortex" version="(version=1.17.2)"\n'
        'ts=2026-11-22T21:57:01.123456Z level=error msg=x err="mmap, size 5: cannot allocate memory"\n'
    )
    for name in ("a/ingester.log", "b/copy.log"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(lines)
    made = all_frames(case_of(tmp_path))
    assert made["coverage"]["state"].tolist() == ["read", "read"]
    assert made["lives"]["lines"].sum() == 2
