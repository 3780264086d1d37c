"""What the script writes: the layout, the index, and the facts of a living process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest


def count_of(maps: str) -> int:
    return sum(1 for line in maps.splitlines() if not line.endswith("[vsyscall]"))


def make_data(folder: Path) -> Path:
    data = folder / "tsdb 100%"
    for tenant in ("team-a", "team-b"):
        block = data / tenant / "01M82KQZ2G67ZAYZB95AX11QCS" / "chunks"
        block.mkdir(parents=True)
        (block / "000001").write_bytes(b"c" * 31)
        (block.parent / "index").write_bytes(b"secret-sample" * 10)
        (data / tenant / "thanos.shipper.json").write_text(
            '{\n\t"version": 1,\n\t"uploaded": [\n\t\t"01M82KQZ2G67ZAYZB95AX11QCS"\n\t]\n}\n'
        )
    return data


def test_a_living_process_in_full(collector, target, tmp_path):
    data = make_data(tmp_path)
    log = tmp_path / "ingester.log"
    log.write_text('level=error msg="boom"\n')
    Path(f"{log}.1").write_text('level=info msg="older"\n')
    before = datetime.now(UTC)
    run = collector.run(
        *(
            "--pid",
            str(target.pid),
            "--data",
            str(data),
            "--log",
            str(log),
            "--log-command",
            "printf 'a\\nb\\n'",
        ),
        *("--output", "out.tar.gz"),
    )
    assert run.status == 0, run.err
    assert run.written == ["out.tar.gz"]
    bundle = run.bundle()
    pid = f"proc/{target.pid}"

    assert count_of(bundle.text(f"{pid}/maps")) >= 300
    assert f"Pid:\t{target.pid}\n" in bundle.text(f"{pid}/status")
    assert "Max address space" in bundle.text(f"{pid}/limits")
    assert bundle.text(f"{pid}/comm").strip() == Path(f"/proc/{target.pid}/comm").read_text().strip()
    exe = bundle.text(f"{pid}/exe.txt").splitlines()
    assert exe[0] == os.readlink(f"/proc/{target.pid}/exe")
    assert exe[1].startswith("ELF 64-bit" if sys.maxsize > 2**32 else "ELF 32-bit")
    assert int(bundle.text(f"{pid}/fd_count.txt")) == len(os.listdir(f"/proc/{target.pid}/fd"))
    assert re.search(r"^pipe \d", bundle.text(f"{pid}/fd_types.txt"), re.MULTILINE)

    assert "vm.max_map_count = " in bundle.text("host/sysctl_-a")
    for name in (
        "meminfo",
        "vmstat",
        "file-nr",
        "inotify",
        "df",
        "df_-i",
        "uname",
        "os-release",
        "date",
        "uptime",
    ):
        assert bundle.text(f"host/{name}"), name
    assert bundle.text("host/btime").startswith("btime ")
    assert any(name.startswith("host/sysctl.d/") for name in bundle.files)

    listing = bundle.text("data/find_data").splitlines()
    assert f"31 {data}/team-a/01M82KQZ2G67ZAYZB95AX11QCS/chunks/000001" in listing
    assert f"130 {data}/team-b/01M82KQZ2G67ZAYZB95AX11QCS/index" in listing
    shipped = bundle.text("data/shipper/team-b/thanos.shipper.json")
    assert shipped == (data / "team-b" / "thanos.shipper.json").read_text()
    assert bundle.text(f"logs{log}") == log.read_text()
    assert bundle.text(f"logs{log}.1") == 'level=info msg="older"\n'
    assert bundle.text("logs/command-1.log") == "a\nb\n"

    capture = bundle.capture
    assert capture["marker"] == "ingester-postmortem-capture"
    assert capture["process"]["pid"] == target.pid
    assert capture["process"]["nspid"][0] == target.pid
    assert capture["options"]["pid"] == str(target.pid)
    assert capture["forks_failed"] is False
    started, ended = (datetime.fromisoformat(capture[key]) for key in ("started", "ended"))
    assert abs((started - before).total_seconds()) < 10
    assert started <= ended
    own = datetime.fromisoformat(capture["process"]["started"])
    assert -60 < (before - own).total_seconds() < 60


def test_the_manifest_tells_of_every_file(dash_collector, target):
    bundle = dash_collector.run("--pid", str(target.pid), "--watch", "1").bundle()
    rows = bundle.manifest
    listed = {row["path"] for row in rows}
    own = {"capture.json", "manifest.jsonl"}
    sampled = next(row for row in rows if row["path"] == f"series/peak/proc/{target.pid}/maps")
    assert sampled["started"] == bundle.capture["series"]["peak"]["time"]
    assert {name for name in bundle.files if name not in own} <= listed
    for row in rows:
        assert set(row) == {"path", "command", "started", "ended", "exit", "bytes", "seconds", "error"}
        assert datetime.fromisoformat(row["started"]) <= datetime.fromisoformat(row["ended"])
        if row["path"] in bundle.files:
            assert row["bytes"] == bundle.files[row["path"]].stat().st_size, row
        else:
            assert row["error"], row


def test_no_secret_no_environment_no_sample_is_taken(collector, target, tmp_path):
    data = make_data(tmp_path)
    run = collector.run("--pid", str(target.pid), "--watch", "1", "--data", str(data))
    bundle = run.bundle()
    content = bundle.everything()
    for secret in (b"hunter2", b"hunter3", b"hunter4", b"INGESTER_PASSWORD", b"secret-sample"):
        assert secret not in content, secret
    cmdline = bundle.files[f"proc/{target.pid}/cmdline"].read_bytes()
    arguments = cmdline.split(b"\0")
    assert b"-target=ingester" in arguments
    assert b"--s3.secret-access-key=***" in arguments
    assert arguments[arguments.index(b"-token") + 1] == b"***"
    assert bundle.files[f"series/last/proc/{target.pid}/cmdline"].read_bytes() == cmdline
    assert not any("environ" in name for name in bundle.files)


def test_match_finds_the_process_by_its_arguments_and_never_itself(collector, target):
    word = f"{target.args[4]}"  # the path of its data file, in no other command line
    run = collector.run("--match", word)
    assert run.status == 0, run.err
    assert run.bundle().capture["process"]["pid"] == target.pid


def test_match_without_a_process_says_what_to_do(collector):
    run = collector.run("--match", "no-such-ingester")
    assert run.status == 0
    bundle = run.bundle()
    assert bundle.capture["process"] is None
    assert any("run again with --watch" in note for note in bundle.capture["notes"])
    assert "run again with --watch" in run.err
    assert bundle.text("host/meminfo")
    assert not any(name.startswith("proc/") for name in bundle.files)


def test_dry_run_lists_and_writes_nothing(collector, target, tmp_path):
    data = make_data(tmp_path)
    run = collector.run(
        *(
            "--pid",
            str(target.pid),
            "--data",
            str(data),
            "--watch",
            "--dry-run",
            "--metrics",
            "http://u:hunter9@[::1]:1/metrics",
        )
    )
    assert run.status == 0, run.err
    assert run.written == []
    text = run.out.decode()
    for word in (
        f"proc/{target.pid}/maps",
        "host/meminfo",
        "data/find_data",
        "series/counts.tsv",
        "metrics/",
    ):
        assert word in text
    assert "hunter9" not in text


def test_the_bundle_may_go_to_standard_output(collector, target, tmp_path):
    run = collector.run(
        "--pid", str(target.pid), "--output", "-", env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert run.status == 0, run.err
    assert run.written == []
    archive = collector.folder / "piped.tar.gz"
    archive.write_bytes(run.out)
    bundle = run.bundle()
    assert f"proc/{target.pid}/maps" in bundle.files
    assert not list(tmp_path.glob("ingester-postmortem-*"))
    assert not list(tmp_path.glob(".ingester-*"))


def test_nothing_is_said_but_by_the_script(collector, target):
    run = collector.run("--pid", str(target.pid))
    said = run.err.splitlines()
    assert said, "it says what it took"
    assert [line for line in said if not line.startswith("collect: ")] == []


def test_the_script_may_come_from_standard_input(collector, target):
    done = subprocess.run(
        [
            *collector.shell,
            "-s",
            "--",
            "--pid",
            str(target.pid),
            "--output",
            str(collector.folder / "x.tar.gz"),
        ],
        input=collector.script.read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(collector.folder) == ["x.tar.gz"]


def test_output_may_be_a_folder(dash_collector, target, tmp_path):
    (tmp_path / "there").mkdir()
    run = dash_collector.run("--pid", str(target.pid), "--output", str(tmp_path / "there"))
    (name,) = os.listdir(tmp_path / "there")
    assert re.fullmatch(r"ingester-postmortem-.+-\d{8}T\d{6}Z\.tar\.gz", name), run.err


def test_a_large_log_keeps_its_head_and_its_tail(dash_collector, target, tmp_path):
    log = tmp_path / "big.log"
    with log.open("w") as file:
        for number in range(600_000):
            file.write(f"level=info msg=line n={number:09d}\n")
    run = dash_collector.run("--pid", str(target.pid), "--log", str(log), "--max-size", "8")
    bundle = run.bundle()
    assert bundle.text(f"logs{log}.head").startswith("level=info msg=line n=000000000\n")
    assert bundle.text(f"logs{log}").endswith("n=000599999\n")
    assert sum(path.stat().st_size for path in bundle.files.values()) < 9_000_000
    assert any("was cut" in note for note in bundle.capture["notes"])
    assert any((row["error"] or "").startswith("cut:") for row in bundle.manifest)


def test_configuration_is_masked_and_kept_readable(collector, tmp_path):
    config = tmp_path / "cortex.yaml"
    config.write_text(
        "ingester:\n"
        "  lifecycler:\n"
        "    num_tokens: 512\n"
        "    ring:\n"
        "      replication_factor: 3\n"
        "      zone_awareness_enabled: true\n"
        "blocks_storage:\n"
        "  s3:\n"
        "    access_key_id: AKIAHUNTER\n"
        "    secret_access_key: |\n"
        "      hunter2\n"
        "      hunter3\n"
        "    endpoint: https://me:hunter4@s3.example.com/bucket\n"
        "  tsdb:\n"
        "    ship_interval: 1m\n"
        "    retention_period: 6h\n"
        "remote: {url: http://x, password: hunter5}\n"
    )
    run = collector.run("--match", "no-such-ingester", "--config", str(config))
    text = run.bundle().text("config/cortex.yaml")
    assert "hunter" not in text.lower()
    for line in (
        "    num_tokens: 512",
        "      replication_factor: 3",
        "    ship_interval: 1m",
        "    retention_period: 6h",
    ):
        assert line in text.splitlines()
    assert "https://***@s3.example.com/bucket" in text


def test_unnamed_files_are_said_to_be_missing(dash_collector, target):
    run = dash_collector.run(
        "--pid", str(target.pid), "--log", "/no/such.log", "--data", "/no/tsdb", "--config", "/no/c.yml"
    )
    assert run.status == 0
    notes = " ".join(run.bundle().capture["notes"])
    for word in ("/no/such.log", "/no/tsdb", "/no/c.yml"):
        assert word in notes
        assert word in run.err


@pytest.mark.parametrize("missing", [("tar", "gzip"), ("gzip",)], ids=["no tar", "no gzip"])
def test_without_tar_or_gzip_what_there_is_is_left_and_said(dash_collector, target, tmp_path, missing):
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/bin", "/usr/bin"):
        for tool in os.listdir(folder):
            if tool not in missing and not (tools / tool).exists():
                (tools / tool).symlink_to(f"{folder}/{tool}")
    run = dash_collector.run("--pid", str(target.pid), env={**os.environ, "PATH": str(tools)})
    assert run.status == 0, run.err
    bundle = run.bundle()
    assert f"proc/{target.pid}/maps" in bundle.files
    if "tar" in missing:
        assert "tar is missing" in run.err
        assert "left as the folder" in run.err
        assert not [name for name in bundle.files if name.startswith(".")]
    else:
        assert run.written[0].endswith(".tar")
        assert "not compressed" in run.err


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_with_busybox_alone(tmp_path, target, collector):
    data = make_data(tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    busybox = shutil.which("busybox")
    for applet in subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        (tools / applet).symlink_to(busybox)
    shell = [shutil.which(collector.shell[0]), *collector.shell[1:]]
    collector.shell = shell
    run = collector.run(
        *("--pid", str(target.pid), "--watch", "1", "--data", str(data)),
        env={**os.environ, "PATH": str(tools)},
    )
    assert run.status == 0, run.err
    bundle = run.bundle()
    listing = bundle.text("data/find_data").splitlines()
    assert f"31 {data}/team-a/01M82KQZ2G67ZAYZB95AX11QCS/chunks/000001" in listing
    assert count_of(bundle.text(f"series/last/proc/{target.pid}/maps")) >= 300
    assert "vm.max_map_count = " in bundle.text("host/sysctl_-a")


def test_a_poor_find_and_no_stat_still_list_the_data(dash_collector, target, tmp_path):
    data = make_data(tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/bin", "/usr/bin"):
        for tool in os.listdir(folder):
            if tool not in ("find", "stat") and not (tools / tool).exists():
                (tools / tool).symlink_to(f"{folder}/{tool}")
    run = dash_collector.run(
        *("--pid", str(target.pid), "--data", str(data)), env={**os.environ, "PATH": str(tools)}
    )
    listing = run.bundle().text("data/find_data")
    assert re.search(r"\b31 .* 000001$", listing, re.MULTILINE), listing
