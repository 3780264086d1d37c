"""A run on a real Dask cluster on this machine: the same rows, and no bundle lost with a worker."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import distributed
import fleet_stub
import pandas
import pytest

from analyzer import fleet
from analyzer.errors import AnalyzerError
from analyzer.fleet.rows import Outcome
from analyzer.fleet.store import all_rows

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"
LIMITS: dict[str, object] = {
    "memory_limit": 256 << 20,
    "time_limit": 20.0,
    "tool_version": fleet_stub.VERSION,
}
MEASURED = ["duration", "peak_memory"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
        silence_logs=logging.CRITICAL,
    ) as started:
        yield started


def order(folder: Path, name: str, what: str) -> str:
    path = folder / name
    path.write_bytes(fleet_stub.MARK + what.encode() + b"\n" + name.encode())
    return str(path)


def frame(store: Path) -> pandas.DataFrame:
    return pandas.read_parquet(store).sort_values("bundle", ignore_index=True)


def worker_pids(cluster: distributed.LocalCluster) -> list[int]:
    return [nanny.process.process.pid for nanny in cluster.workers.values()]


def test_a_cluster_gives_the_rows_that_one_machine_gives(
    cluster: distributed.LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    order(tmp_path, "relative", "sleep 0")
    bad = [order(tmp_path, name, name) for name in ("crash", "spin", "fault", "reserve 100000")]
    remote = f"file://{order(tmp_path, 'remote', 'sleep 0')}"
    sources = [*sorted(fleet.expand([str(BUNDLES)])), "relative", remote, "gone", *bad]
    told = LIMITS | {"time_limit": 3.0, "diagnose": "fleet_stub:diagnose"}
    here = fleet.run(sources, tmp_path / "here.parquet", **told)  # type: ignore[arg-type]
    store = tmp_path / "there.parquet"
    there = fleet.run(sources, store, scheduler=cluster.scheduler_address, **told)  # type: ignore[arg-type]
    pandas.testing.assert_frame_equal(
        frame(tmp_path / "here.parquet").drop(columns=MEASURED), frame(store).drop(columns=MEASURED)
    )
    assert here.causes == there.causes
    again = fleet.run(sources, store, scheduler=cluster.scheduler_address, **told)  # type: ignore[arg-type]
    assert again.run is not None
    assert again.run.skipped == len(sources) - 2  # "gone" and "crash" may do better another time
    assert frame(store)["bundle"].is_unique


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_lost_in_mid_run_lose_no_bundle(
    cluster: distributed.LocalCluster, tmp_path: Path, how: signal.Signals
) -> None:
    sources = [order(tmp_path, f"case {number:03}", "sleep 0") for number in range(30)]
    killed: list[int] = []

    def kill_one(done: int, total: int, outcome: Outcome | None) -> None:
        if done in (3, 12):
            killed.append(worker_pids(cluster)[done % 2])
            os.kill(killed[-1], how)

    store = tmp_path / "cases.parquet"
    summary = fleet.run(
        sources,
        store,
        scheduler=cluster.scheduler_address,
        progress=kill_one,
        diagnose="fleet_stub:slow",
        **LIMITS,  # type: ignore[arg-type]
    )
    assert len(killed) == 2
    assert sorted(frame(store)["bundle"]) == sources
    assert frame(store)["error"].isna().all()
    assert summary.run is not None
    assert summary.run.analysed == len(sources)


def test_a_lost_cluster_keeps_what_was_finished(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    sources = [order(tmp_path, f"case {number:03}", "sleep 0") for number in range(40)]

    def close(done: int, total: int, outcome: Outcome | None) -> None:
        if done == 5:
            threading.Thread(target=cluster.close).start()

    store = tmp_path / "cases.parquet"
    with pytest.raises(AnalyzerError, match="run again"):
        fleet.run(
            sources,
            store,
            scheduler=cluster.scheduler_address,
            progress=close,
            diagnose="fleet_stub:slow",
            **LIMITS,  # type: ignore[arg-type]
        )
    finished = len(list(all_rows(store)))
    assert 5 <= finished < len(sources)
    summary = fleet.run(sources, store, diagnose="fleet_stub:diagnose", **LIMITS)  # type: ignore[arg-type]
    assert summary.bundles == len(sources)
    assert summary.run is not None
    assert summary.run.skipped == finished


def test_an_interrupt_leaves_the_cluster_as_it_was(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    sources = [order(tmp_path, f"case {number:03}", "sleep 0") for number in range(40)]

    def interrupt(done: int, total: int, outcome: Outcome | None) -> None:
        if done == 4:
            raise KeyboardInterrupt

    store = tmp_path / "cases.parquet"
    with pytest.raises(KeyboardInterrupt):
        fleet.run(
            sources,
            store,
            scheduler=cluster.scheduler_address,
            progress=interrupt,
            diagnose="fleet_stub:slow",
            **LIMITS,  # type: ignore[arg-type]
        )
    assert len(frame(store)) == 4
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        for _ in range(100):
            tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
            plugins = client.run(
                lambda dask_worker: [name for name in dask_worker.plugins if "fleet" in name]
            )
            if tasks == 0 and not any(plugins.values()):
                break
            time.sleep(0.05)
        assert tasks == 0
        assert not any(plugins.values())


def test_a_cluster_with_another_version_is_refused(
    cluster: distributed.LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import analyzer.fleet.cluster as module

    monkeypatch.setattr(module, "_installed_here", lambda: "99.0")
    with pytest.raises(AnalyzerError, match=r"the scheduler has version .* this machine has 99\.0"):
        fleet.run(
            [order(tmp_path, "a", "sleep 0")],
            tmp_path / "cases.parquet",
            scheduler=cluster.scheduler_address,
            **LIMITS,  # type: ignore[arg-type]
        )


def test_a_cluster_may_grow_while_a_run_waits(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    cluster.scale(0)
    for _ in range(200):
        if not cluster.scheduler_info["workers"]:
            break
        time.sleep(0.05)
    threading.Timer(1.0, cluster.scale, [1]).start()
    sources = [order(tmp_path, f"case {number}", "sleep 0") for number in range(5)]
    summary = fleet.run(
        sources,
        tmp_path / "cases.parquet",
        scheduler=cluster.scheduler_address,
        diagnose="fleet_stub:diagnose",
        **LIMITS,  # type: ignore[arg-type]
    )
    assert summary.run is not None
    assert summary.run.analysed == 5
