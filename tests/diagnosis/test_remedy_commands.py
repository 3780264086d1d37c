"""Each generated command, run by the shell against a node of stubs: it raises a value, and never lowers one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.diagnosis import remedies
from analyzer.pipeline import diagnose

CASES = Path(__file__).parents[1] / "cases"
SHELLS = [shell for shell in (["sh"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(shell[0])]
each_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])

# Each prints the state it is given and writes down what it is told to set.
STUBS = {
    "sysctl": 'case $1 in -n) echo "$RUNNING";; *) echo "$*" >> "$TOLD";; esac',
    "pgrep": '[ "$1 ${#2}" = "-x 10" ] && echo 7',
    "prlimit": 'case $* in *SOFT,HARD*) echo "   $SOFT $HARD";; *) echo "$*" >> "$TOLD";; esac',
    "systemctl": 'case $1 in show) echo "TasksMax=$TASKS";; *) echo "$*" >> "$TOLD";; esac',
}


def run(shell: list[str], command: str, folder: Path, **state: str) -> str:
    """What the command told its tools to set."""
    tools = folder / "bin"
    tools.mkdir()
    for name, body in STUBS.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    told = folder / "told"
    told.touch()
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "TOLD": str(told), **state}
    done = subprocess.run(
        [*shell, "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return told.read_text().strip()


@each_shell
@pytest.mark.parametrize(
    ("running", "told"),
    [("65530", "-w vm.max_map_count=262144"), ("262144", ""), ("1048576", "")],
)
def test_a_running_sysctl_is_only_raised(shell: list[str], tmp_path: Path, running: str, told: str) -> None:
    command = remedies.raise_sysctl("vm.max_map_count", 262_144)
    assert run(shell, command, tmp_path, RUNNING=running) == told


@each_shell
@pytest.mark.parametrize(
    ("soft", "hard", "told"),
    [
        ("1024", "1024", "4096:4096"),
        ("1024", "8192", "4096:8192"),
        ("1024", "524288", "4096:524288"),
        ("1024", "unlimited", "4096:unlimited"),
        ("4096", "4096", ""),
        ("4096", "8192", ""),
        ("8192", "524288", ""),
        ("unlimited", "unlimited", ""),
    ],
)
def test_soft_and_hard_open_files_are_each_only_raised(
    shell: list[str], tmp_path: Path, soft: str, hard: str, told: str
) -> None:
    found = run(shell, remedies.raise_nofile("prometheus", 4096), tmp_path, SOFT=soft, HARD=hard)
    assert found == (told and f"--pid 7 --nofile={told}")


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is not installed")
def test_the_real_prlimit_reads_and_takes_it(tmp_path: Path) -> None:
    name = "nofile-test-1"
    (tmp_path / name).symlink_to(str(shutil.which("sleep")))
    command = f"ulimit -Sn 1024; ulimit -Hn 5000; exec {tmp_path / name} 60"
    with subprocess.Popen(["sh", "-c", command]) as process:
        try:
            while (Path("/proc") / str(process.pid) / "comm").read_text().strip() != name:
                pass
            subprocess.run(["sh", "-c", remedies.raise_nofile(name, 4096)], check=True)
            limits = (Path("/proc") / str(process.pid) / "limits").read_text()
        finally:
            process.kill()
    row = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert row.split()[3:5] == ["4096", "5000"]


@each_shell
@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ("4915", "set-property UNIT TasksMax=32768"),
        ("32768", ""),
        ("99999", ""),
        ("infinity", ""),
        ("18446744073709551615", ""),
    ],
)
def test_a_units_tasks_are_only_raised(shell: list[str], tmp_path: Path, tasks: str, told: str) -> None:
    assert run(shell, remedies.raise_tasks(32_768), tmp_path, TASKS=tasks) == told


@each_shell
@pytest.mark.parametrize(
    ("running", "files", "written"),
    [
        ("65530", {}, "262144"),
        ("262144", {}, "262144"),
        ("1048576", {}, "1048576"),
        # Configured and not yet applied, in each place that is read.
        ("65530", {"etc/sysctl.d/99-zz-ingester.conf": "vm.max_map_count = 1048576\n"}, "1048576"),
        ("65530", {"etc/sysctl.conf": "  vm.max_map_count\t=\t1048576\n"}, "1048576"),
        ("65530", {"usr/lib/sysctl.d/10-map-count.conf": "-vm/max_map_count=1048576\n"}, "1048576"),
        ("65530", {"etc/sysctl.d/50.conf": "vm.max_map_count=65530\n"}, "262144"),
        (
            "65530",
            {"etc/sysctl.d/50.conf": "# vm.max_map_count = 1048576\n;vm.max_map_count=1048576\n"},
            "262144",
        ),
        ("65530", {"etc/sysctl.d/50.conf": "vm.max_map_count=65530 # 2024\n"}, "262144"),
    ],
)
def test_the_persistent_form_keeps_what_is_higher(
    shell: list[str], tmp_path: Path, running: str, files: dict[str, str], written: str
) -> None:
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = remedies.persist_sysctl("vm.max_map_count", 262_144)
    for folder in ("/etc/", "/run/", "/usr/"):
        command = command.replace(f" {folder}", f" {tmp_path}{folder}")
    assert run(shell, command, tmp_path, RUNNING=running) == "", "nothing but the file is written"
    assert (tmp_path / "etc/sysctl.d/99-zz-ingester.conf").read_text() == f"vm.max_map_count = {written}\n"


def _persistent(folder: Path, files: dict[str, str]) -> str:
    """The reason of the persistent remedy for a bundle that holds these files too."""
    shutil.copytree(CASES / "flat-folder-at-the-limit" / "bundle", folder / "bundle")
    for name, text in files.items():
        path = folder / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = diagnose(folder / "bundle").subjects[0]
    return next(r.why for r in found.remedies if r.id == "persist_max_map_count")


def test_the_file_that_would_override_the_persistent_form_is_named(tmp_path: Path) -> None:
    why = _persistent(tmp_path, {"etc/sysctl.conf": "vm.max_map_count = 65530\n"})
    assert "etc/sysctl.conf sets 65,530, and sysctl --system reads it after 99-zz-ingester.conf" in why


def test_the_last_file_in_sysctl_ds_order_wins(tmp_path: Path) -> None:
    low, high = "vm.max_map_count = 65530\n", "vm.max_map_count = 1048576\n"
    why = _persistent(tmp_path, {"etc/sysctl.d/10-a.conf": high, "usr/lib/sysctl.d/50-b.conf": low})
    assert "50-b.conf sets 65,530: 99-zz-ingester.conf is read after it" in why


def test_a_file_of_the_same_name_in_etc_hides_the_vendors(tmp_path: Path) -> None:
    low, high = "vm.max_map_count = 65530\n", "vm.max_map_count = 1048576\n"
    why = _persistent(tmp_path, {"usr/lib/sysctl.d/50-b.conf": low, "etc/sysctl.d/50-b.conf": high})
    assert "etc/sysctl.d/50-b.conf sets 1,048,576 already" in why


def test_no_command_looks_for_a_process_by_its_command_line() -> None:
    """``pgrep -f prometheus`` names every shell and editor that has the word in its arguments."""
    for case in sorted(CASES.iterdir()):
        for subject in diagnose(case / "bundle").subjects:
            for command in (command for remedy in subject.remedies for command in remedy.commands):
                assert "pgrep -f" not in command
