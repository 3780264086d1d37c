"""The watch: restarts, the highest and the last sample, what is recorded, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Maps one more page every 2 ms up to a count, stays there, unmaps all, dies: as an ingester's start does.
CRASHER = """
import mmap, sys, time
count = int(sys.argv[1])
time.sleep(0.2)
with open(sys.argv[2], "rb") as file:
    maps = []
    for _ in range(count):
        maps.append(mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED))
        if _ % 10 == 0:
            time.sleep(0.005)
    time.sleep(0.4)
    del maps
    time.sleep(0.1)
sys.exit(1)
"""


CRASHER_NAME = f"crasher-under-test-{os.getpid()}.py"


@contextmanager
def crash_loop(folder: Path, count: int, pause: float = 0.2) -> Iterator[list[int]]:
    """A process that starts, fails and is started again until the block ends; yields the pids so far."""
    # Named after this worker: other workers' loops must not be taken for it.
    script = folder / CRASHER_NAME
    script.write_text(CRASHER)
    data = folder / "data.bin"
    data.write_bytes(b"x" * 4096)
    pids: list[int] = []
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            process = subprocess.Popen([sys.executable, str(script), str(count), str(data)])
            pids.append(process.pid)
            while process.poll() is None and not stop.is_set():
                time.sleep(0.02)
            process.kill()
            process.wait()
            stop.wait(pause)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield pids
    finally:
        stop.set()
        thread.join()


def count_of(maps: str) -> int:
    return sum(1 for line in maps.splitlines() if not line.endswith("[vsyscall]"))


def test_restarts_are_followed_and_the_fullest_sample_is_kept(collector, tmp_path, usual_limit):
    with crash_loop(tmp_path, 400) as pids:
        run = collector.run("--match", CRASHER_NAME, "--watch", "12")
    assert run.status == 0, run.err
    bundle = run.bundle()
    capture = bundle.capture
    lives = capture["lives"]
    assert len(lives) >= 3
    assert [life["process"]["pid"] for life in lives] == pids[: len(lives)]
    assert all(life["ended"] for life in lives[:-1])

    peak = capture["series"]["peak"]
    assert 400 <= peak["count"] <= 500
    maps = bundle.text(f"series/peak/proc/{peak['pid']}/maps")
    assert count_of(maps) == peak["count"]
    assert bundle.text(f"series/peak/proc/{peak['pid']}/status").startswith("Name:")
    for name in ("limits", "cmdline", "comm", "cgroup", "exe.txt", "stat", "oom_score_adj", "fd_count.txt"):
        assert bundle.text(f"series/peak/proc/{peak['pid']}/{name}"), name
    assert bundle.text("series/peak/proc/meminfo").startswith("MemTotal:")
    limit = int(Path("/proc/sys/vm/max_map_count").read_text())
    assert int(bundle.text("series/peak/proc/sys/vm/max_map_count")) == limit
    assert bundle.text("series/peak/date").strip() == peak["time"]

    last = capture["series"]["last"]
    assert last["pid"] == lives[-1]["process"]["pid"]
    assert count_of(bundle.text(f"series/last/proc/{last['pid']}/maps")) == last["count"]

    rows = bundle.counts
    assert list(rows[0]) == ["time", "pid", "count", "limit", "vm_size_kb", "fds"]
    assert max(int(row["count"]) for row in rows) == peak["count"]
    assert {int(row["limit"]) for row in rows} == {limit}
    assert {int(row["pid"]) for row in rows} == {life["process"]["pid"] for life in lives}
    assert len(rows) == capture["series"]["samples"]
    times = [row["time"] for row in rows]
    assert times == sorted(times)


def test_a_watch_ends_after_four_deaths(dash_collector, tmp_path):
    with crash_loop(tmp_path, 50, pause=0.05):
        run = dash_collector.run("--match", CRASHER_NAME, "--watch", "60")
    assert run.bundle().capture["series"]["deaths"] == 4


def test_a_given_pid_is_followed_into_its_successor(dash_collector, tmp_path):
    with crash_loop(tmp_path, 100) as pids:
        while not pids:
            time.sleep(0.01)
        time.sleep(0.2)  # until it is no longer a copy of this process
        run = dash_collector.run("--pid", str(pids[0]), "--watch", "5")
        lives = run.bundle().capture["lives"]
    assert lives[0]["process"]["pid"] == pids[0]
    assert len(lives) >= 2, run.err
    assert lives[1]["process"]["pid"] in pids


def test_a_process_that_stays_is_not_said_to_have_ended(dash_collector, target):
    run = dash_collector.run("--pid", str(target.pid), "--watch", "2")
    capture = run.bundle().capture
    assert [life["ended"] for life in capture["lives"]] == [False]
    assert capture["series"]["deaths"] == 0
    assert any("did not end" in note for note in capture["notes"])
    # Nothing moves: one sample a second, not hundreds.
    assert 1 <= capture["series"]["samples"] <= 5


def test_waiting_for_a_process_that_never_comes_ends_in_time(dash_collector):
    started = time.monotonic()
    run = dash_collector.run("--match", "no-such-ingester", "--watch", "2")
    assert time.monotonic() - started < 20
    assert any("no process was seen in 2 s" in note for note in run.bundle().capture["notes"])


def test_mappings_beyond_the_size_of_the_bundle_are_counted_and_not_kept(dash_collector, large_target):
    run = dash_collector.run("--pid", str(large_target.pid), "--watch", "3", "--max-size", "1")
    bundle = run.bundle()
    assert bundle.capture["series"]["samples"] >= 2
    assert all(int(row["count"]) >= 3000 for row in bundle.counts)
    assert any("counted, not kept" in note for note in bundle.capture["notes"])
    assert f"series/last/proc/{large_target.pid}/maps" not in bundle.files
    assert bundle.text(f"series/last/proc/{large_target.pid}/status")


def children_of(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(name))
    return found


def wait_for_watch(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        for path in folder.glob("ingester-postmortem-*/series/counts.tsv"):
            if len(path.read_text().splitlines()) >= 2:
                return
        time.sleep(0.02)
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(collector, target, number):
    process = collector.start("--pid", str(target.pid), "--watch", "60")
    wait_for_watch(process, collector.folder)
    family = children_of(process.pid)
    process.send_signal(number)
    run = collector.finish(process)
    assert run.status == 128 + number, run.err
    assert run.written == []
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in family):
        time.sleep(0.05)
    assert not [pid for pid in family if os.path.exists(f"/proc/{pid}")]


def test_an_interrupt_ends_the_watch_and_packs(collector, target):
    process = collector.start("--pid", str(target.pid), "--watch", "60")
    wait_for_watch(process, collector.folder)
    process.send_signal(signal.SIGINT)
    run = collector.finish(process)
    assert run.status == 0, run.err
    assert run.bundle().capture["series"]["samples"] >= 1
    assert "stopping the watch" in run.err


def test_a_second_interrupt_gives_up(dash_collector, target):
    process = dash_collector.start("--pid", str(target.pid), "--watch", "60", "--log-command", "sleep 30")
    wait_for_watch(process, dash_collector.folder)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    run = dash_collector.finish(process)
    assert run.status == 130, run.err
    assert run.written == []


def test_a_process_that_dies_under_the_capture_costs_only_what_it_held(dash_collector, target):
    process = dash_collector.start("--pid", str(target.pid))
    time.sleep(0.15)
    target.kill()
    target.wait()
    run = dash_collector.finish(process)
    assert run.status == 0, run.err
    bundle = run.bundle()
    assert bundle.text("host/meminfo")
    for row in bundle.manifest:
        assert row["exit"] in (0, 1, 2) or row["error"], row


def test_a_command_that_hangs_is_ended(dash_collector):
    done = dash_collector.call(
        """
        W=$(mktemp -d) PHASE=test CHILD= TIMED_OUT=0
        trap on_alarm ALRM
        watchdog &
        DOG=$!
        bounded 1 "$W/out" sleep 60
        printf '%s %s\\n' "$RC" "$TIMED_OUT"
        kill $DOG
        rm -rf "$W"
        """
    )
    assert done.stdout.split() == [b"124", b"1"], done.stderr


def test_a_full_run_changes_nothing_of_the_process(dash_collector, target):
    before = os.sched_getscheduler(target.pid), Path(f"/proc/{target.pid}/oom_score_adj").read_text()
    dash_collector.run("--pid", str(target.pid), "--watch", "1")
    status = Path(f"/proc/{target.pid}/status").read_text()
    assert "TracerPid:\t0\n" in status
    assert (
        os.sched_getscheduler(target.pid),
        Path(f"/proc/{target.pid}/oom_score_adj").read_text(),
    ) == before


# ---- when no process can be started


def unprivileged() -> None:
    """Root is not held to RLIMIT_NPROC; a user nobody else uses is."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(54321, 54321, 54321)
        os.setresuid(54321, 54321, 54321)


def without_forks() -> None:
    import resource

    unprivileged()
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


@pytest.fixture
def open_folder(dash_collector):
    """The folder and script of the collector, readable for the unprivileged user all the way down."""
    folder = Path(dash_collector.folder)
    folder.chmod(0o777)
    dash_collector.script.chmod(0o644)
    changed = []
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            changed.append((parent, parent.stat().st_mode))
            parent.chmod(parent.stat().st_mode | 0o001)
    yield folder
    for parent, mode in changed:
        parent.chmod(mode)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "120"], preexec_fn=unprivileged)
    time.sleep(0.1)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("name", ["dash", "ash"])
def test_without_forks_the_shell_alone_reads_what_it_can(dash_collector, open_folder, sleeper, name):
    command = {"dash": ["dash"], "ash": ["busybox", "ash"]}[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    dash_collector.shell = command
    run = dash_collector.run("--pid", str(sleeper.pid), preexec_fn=without_forks)
    assert run.status == 1, run.err
    assert "fork" in run.err
    files = {name: (open_folder / name).read_text() for name in run.written}
    assert "[stack]" in files[f"proc_{sleeper.pid}_maps"]
    assert "Max address space" in files[f"proc_{sleeper.pid}_limits"]
    assert files["meminfo"].startswith("MemTotal:")
    assert "max_map_count" not in files  # read byte by byte it would be "6"
    assert '"forks_failed": true' in files["capture.json"]
    assert "please send what is there" in run.err


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is not installed")
def test_forks_that_begin_to_fail_do_not_end_the_watch(dash_collector, open_folder, sleeper):
    process = dash_collector.start("--pid", str(sleeper.pid), "--watch", "4", preexec_fn=unprivileged)
    wait_for_watch(process, open_folder)
    subprocess.run(["prlimit", f"--pid={process.pid}", "--nproc=1:1"], preexec_fn=unprivileged, check=True)
    run = dash_collector.finish(process)
    assert run.status == 1, run.err
    bundle = run.bundle()
    assert bundle.capture["forks_failed"] is True
    assert bundle.capture["series"]["samples"] >= 3, run.err
    assert "[stack]" in bundle.text(f"series/proc_{sleeper.pid}_maps")
    assert len(bundle.counts) >= 3


def test_a_life_that_ended_before_it_was_looked_at_is_still_json(dash_collector):
    import json

    done = dash_collector.call(
        """
        W=$(mktemp -d) CTL=$W NOTES= LIVES= LIVES_SEEN=0 TICKS=100 START_CS=0 EPOCH_CS=0 FORKS=1 MAPS_KEPT=1 PID=99999999
        start_life
        end_life true
        printf '[%s]' "$LIVES"
        rm -rf "$W"
        """
    )
    (life,) = json.loads(done.stdout)
    assert life["process"] == {"pid": 99999999}
    assert life["samples"] == 0
