"""The real thing: Debian's Prometheus with a thousand blocks, failing at its limits while it is watched.

``vm.max_map_count`` belongs to the whole machine: it is lowered for seconds only, never below 1500, under a
lock, and a helper process puts it back even if the tests are killed. Without the right to write it, or
without Prometheus, these tests are skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
LIMIT_FILE = Path("/proc/sys/vm/max_map_count")
BLOCKS = 1200
LOWERED = 1500

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="prometheus and promtool are not installed"
)
needs_limit = pytest.mark.skipif(
    not os.access(LIMIT_FILE, os.W_OK), reason="vm.max_map_count cannot be written here"
)
needs_analyzer = pytest.mark.skipif(
    importlib.util.find_spec("analyzer.cli") is None, reason="the analyze command is not part of this build"
)


def make_blocks(folder: Path, first: int, count: int) -> Path:
    """``count`` blocks of two hours each from ``first`` (seconds), made by promtool in small portions."""
    data = folder / "data"
    for start in range(0, count, 100):
        lines = [
            f'up{{job="x"}} 1 {first + number * 7200 + 60}'
            for number in range(start, min(start + 100, count))
        ]
        text = folder / "samples.txt"
        text.write_text("\n".join(["# TYPE up gauge", *lines, "# EOF", ""]))
        subprocess.run(
            [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(data)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return data


def shifted_copy(block: Path, number: int, seconds: int) -> None:
    """A block like ``block``, under a name of its own and ``seconds`` later; its files are links."""
    name = f"{block.name[:10]}{number:016d}"
    copy = shutil.copytree(block, block.with_name(name), copy_function=os.link)
    meta = json.loads((block / "meta.json").read_text())
    meta["ulid"] = name
    meta["compaction"]["sources"] = [name]
    for key in ("minTime", "maxTime"):
        meta[key] += seconds * 1000
    (copy / "meta.json").unlink()
    (copy / "meta.json").write_text(json.dumps(meta))


@pytest.fixture(scope="session")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of ``BLOCKS`` blocks without overlap: a third from promtool, the others their copies."""
    data = make_blocks(tmp_path_factory.mktemp("blocks"), 1_700_000_000 // 7200 * 7200, BLOCKS // 3)
    for number, block in enumerate(sorted(data.iterdir())):
        for third in (1, 2):
            shifted_copy(block, third * BLOCKS + number, third * BLOCKS // 3 * 7200)
    assert len(list(data.iterdir())) == BLOCKS
    return data


@pytest.fixture
def data(blocks: Path, tmp_path: Path) -> Path:
    """The blocks, linked into a folder of the test's own (Prometheus never writes into a block)."""
    return Path(shutil.copytree(blocks, tmp_path / "data", copy_function=os.link))


@contextlib.contextmanager
def lowered_limit(value: int) -> Iterator[None]:
    """``vm.max_map_count`` set to ``value`` (at least 1500) and put back in any case; needs ``sole_limit``."""
    assert value >= 1500
    before = LIMIT_FILE.read_text().strip()
    # Ends when this process does, however it does.
    guardian = subprocess.Popen(
        ["sh", "-c", f"trap '' INT TERM HUP; read _; echo {before} > {LIMIT_FILE}"], stdin=subprocess.PIPE
    )
    try:
        LIMIT_FILE.write_text(f"{value}\n")
        yield
    finally:
        LIMIT_FILE.write_text(f"{before}\n")
        assert guardian.stdin is not None
        guardian.stdin.close()
        guardian.wait()
    assert LIMIT_FILE.read_text().strip() == before


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def command(data: Path, port: int) -> list[str]:
    config = data.with_name("prometheus.yml")
    config.write_text("global:\n  scrape_interval: 1h\n")
    return [
        *(str(PROMETHEUS), f"--config.file={config}", f"--storage.tsdb.path={data}"),
        *("--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"),
        # No compaction: a thousand blocks stay a thousand.
        *("--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h"),
    ]


@contextlib.contextmanager
def crash_loop(data: Path, log: Path, limit_itself: Callable[[], None] | None = None) -> Iterator[list[int]]:
    """Prometheus on ``data``, started again 0.7 s after each end; yields its exit statuses so far."""
    statuses: list[int] = []
    stop = threading.Event()
    words = command(data, free_port())

    def loop() -> None:
        while not stop.is_set():
            with log.open("ab") as out:
                process = subprocess.Popen(words, stdout=out, stderr=out, preexec_fn=limit_itself)
            while process.poll() is None and not stop.wait(0.05):
                pass
            if process.poll() is None:
                process.kill()
            statuses.append(process.wait())
            stop.wait(0.7)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


def watch_options(data: Path, log: Path) -> list[str]:
    return [
        *("--match", str(data), "--watch", "25", "--log", str(log), "--data", str(data)),
        *("--config", str(data.with_name("prometheus.yml")), "--output", "bundle.tar.gz"),
    ]


def count_of(maps: str) -> int:
    return sum(1 for line in maps.splitlines() if not line.endswith("[vsyscall]"))


def analyze(bundle: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", str(bundle), "--format", "json", "--exit-zero"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def crash_at_the_map_limit(collector, data: Path, log: Path):
    for _ in range(3):  # a machine with more to do than cores may miss the peak in all four lives
        for old in collector.folder.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        with lowered_limit(LOWERED), crash_loop(data, log) as statuses:
            run = collector.run(*watch_options(data, log))
        assert run.status == 0, run.err
        bundle = run.bundle()
        if bundle.capture["series"].get("peak", {"count": 0})["count"] >= LOWERED:
            break
    assert set(statuses[:2]) <= {1, 2}
    return bundle


def crash_at_the_address_space(collector, data: Path, log: Path, limit: int):
    for segment in data.glob("*/chunks/000001"):
        # The links lead to the shared blocks: a copy of its own, 8 MiB long but without its bytes on disk.
        content = segment.read_bytes()
        segment.unlink()
        segment.write_bytes(content)
        os.truncate(segment, 8 << 20)
    with crash_loop(data, log, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))):
        run = collector.run(*watch_options(data, log))
    assert run.status == 0, run.err
    return run.bundle()


@needs_limit
def test_a_crash_loop_at_the_map_limit_is_caught_at_its_peak(collector, data, tmp_path, sole_limit):
    log = tmp_path / "prometheus.log"
    bundle = crash_at_the_map_limit(collector, data, log)
    series = bundle.capture["series"]
    assert series["deaths"] >= 2
    peak = series["peak"]
    assert peak["limit"] == LOWERED
    assert LOWERED <= peak["count"] <= LOWERED + 1
    maps = bundle.text(f"series/peak/proc/{peak['pid']}/maps")
    assert count_of(maps) == peak["count"]
    assert sum("/index" in line for line in maps.splitlines()) > 600
    assert bundle.text("series/peak/proc/sys/vm/max_map_count").strip() == str(LOWERED)
    assert b"--storage.tsdb.path=" in bundle.files[f"series/peak/proc/{peak['pid']}/cmdline"].read_bytes()
    assert re.search(r"Max address space +unlimited", bundle.text(f"series/peak/proc/{peak['pid']}/limits"))
    assert max(int(row["count"]) for row in bundle.counts) == peak["count"]
    listing = bundle.text("data/find_data").splitlines()
    assert sum(line.endswith("/index") for line in listing) == BLOCKS
    # Mostly the mapping of a block fails; now and then the first to fail is one of Go's own.
    assert re.search("cannot allocate memory|fatal error: ", bundle.text(f"logs{log}"))
    # Fast enough to see a peak of a tenth of a second, also with both processors taken.
    assert series["milliseconds_per_sample"] < 100


@needs_limit
@needs_analyzer
def test_the_verdict_on_a_caught_map_limit_is_confirmed(dash_collector, data, tmp_path, sole_limit):
    crash_at_the_map_limit(dash_collector, data, tmp_path / "prometheus.log")
    verdict = analyze(dash_collector.folder / "bundle.tar.gz")["verdict"]
    assert (verdict["cause"], verdict["status"]) == ("max_map_count", "confirmed")


def test_a_crash_loop_at_the_address_space_is_caught(dash_collector, data, tmp_path, usual_limit):
    log = tmp_path / "prometheus.log"
    limit = 5 << 30
    bundle = crash_at_the_address_space(dash_collector, data, log, limit)
    peak = bundle.capture["series"]["peak"]
    assert re.search(rf"Max address space +{limit} ", bundle.text(f"series/peak/proc/{peak['pid']}/limits"))
    assert peak["count"] < LOWERED
    sizes = [int(row["vm_size_kb"]) for row in bundle.counts]
    for name, path in bundle.files.items():
        if name.startswith("series/") and name.endswith("/status"):
            sizes += [
                int(size) for size in re.findall(r"^VmPeak:\s+(\d+) kB", path.read_text(), re.MULTILINE)
            ]
    assert 0.8 < max(sizes) * 1024 / limit <= 1.0
    assert "cannot allocate memory" in bundle.text(f"logs{log}")


@needs_analyzer
def test_the_verdict_on_a_caught_address_space_is_not_the_map_limit(
    dash_collector, data, tmp_path, usual_limit
):
    crash_at_the_address_space(dash_collector, data, tmp_path / "prometheus.log", 5 << 30)
    verdict = analyze(dash_collector.folder / "bundle.tar.gz")["verdict"]
    assert verdict["cause"] == "rlimit_as"
    assert verdict["status"] in ("confirmed", "likely")


def healthy_run(collector, data: Path, log: Path):
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(command(data, port), stdout=out, stderr=out)
    try:
        for _ in range(200):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).status == 200:
                    break
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        run = collector.run(
            *("--pid", str(process.pid), "--watch", "2", "--log", str(log), "--data", str(data)),
            *("--metrics", f"http://127.0.0.1:{port}/metrics", "--output", "bundle.tar.gz"),
        )
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait()
    assert run.status == 0, run.err
    return process.pid, run.bundle()


def test_a_healthy_run_is_captured_whole(dash_collector, data, tmp_path, usual_limit):
    pid, bundle = healthy_run(dash_collector, data, tmp_path / "prometheus.log")
    count = count_of(bundle.text(f"proc/{pid}/maps"))
    assert 2 * BLOCKS + 40 <= count <= 2 * BLOCKS + 400
    assert int(bundle.text(f"proc/{pid}/fd_count.txt")) > 2 * BLOCKS
    assert bundle.capture["series"]["deaths"] == 0
    assert abs(int(bundle.counts[-1]["count"]) - count) < 50
    for name in ("metrics/at-start.prom", "metrics/at-end.prom"):
        assert "process_virtual_memory_bytes" in bundle.text(name)
    assert (
        "curl" in next(row["command"] for row in bundle.manifest if row["path"] == "metrics/at-end.prom")
        or shutil.which("curl") is None
    )


@needs_analyzer
def test_the_verdict_on_a_healthy_run_is_healthy(dash_collector, data, tmp_path, usual_limit):
    healthy_run(dash_collector, data, tmp_path / "prometheus.log")
    verdict = analyze(dash_collector.folder / "bundle.tar.gz")["verdict"]
    assert (verdict["cause"], verdict["status"]) == ("none", "healthy")
