"""Flat names that a collector makes of a path below /proc/sys and /sys/fs/cgroup; the content confirms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analyzer.case.build import build
from analyzer.facts import Present, Unreadable
from analyzer.intake import read
from analyzer.snapshots import classify
from analyzer.snapshots.base import SnapshotParser
from analyzer.snapshots.parsers import member_of


@pytest.mark.parametrize(
    "name, content, key, value",
    [
        ("proc_sys_vm_max_map_count", "65530", "vm.max_map_count", "65530"),
        ("proc_sys_vm_max_map_count.txt", "65530", "vm.max_map_count", "65530"),
        ("cat_.proc.sys.vm.max_map_count", "65530", "vm.max_map_count", "65530"),
        ("sys_vm_max_map_count", "65530", "vm.max_map_count", "65530"),
        ("node1_max_map_count.txt", "65530", "vm.max_map_count", "65530"),
        ("proc_sys_kernel_threads-max", "192730", "kernel.threads-max", "192730"),
        ("proc_sys_fs_file-nr", "16666\t0\t2466177", "max", 2466177),
        ("sys_fs_cgroup_memory.max", "max", "memory_max", float("inf")),
        ("cgroup_memory.max", "8589934592", "memory_max", 8589934592),
        ("memory_max.txt", "8589934592", "memory_max", 8589934592),
        ("memory_events.txt", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 1", "oom_kill", 1),
        ("cat_.sys.fs.cgroup.memory.memory.limit_in_bytes", "8589934592", "memory_max", 8589934592),
    ],
)
def test_flat_names_of_proc_sys_and_the_cgroup(name: str, content: str, key: str, value: Any) -> None:
    text = f"{content}\n".encode()
    parser = classify(f"flat/{name}", text)
    assert isinstance(parser, SnapshotParser)
    (snapshot,) = parser.read(member_of(f"flat/{name}", text))
    fact = snapshot.values[key]
    assert isinstance(fact, Present)
    assert fact.value == value


@pytest.mark.parametrize(
    "name, content",
    [
        ("memory_max.txt", "8 GiB, as agreed"),
        ("memory_events.txt", "see 3"),
        ("memory_events.txt", "too many"),
        ("max_map_count_notes.txt", "65530"),
        ("node1_max_map_count.txt", "it is 65530"),
        ("recommended_max_map_count.txt", "262144"),
        ("sys_kernel_mm_hugepages_hugepages-2048kB_nr_hugepages", "0"),
        ("sys_fs_cgroup_kubepods_pod1_memory.max", "8589934592"),
    ],
)
def test_a_flat_name_alone_is_not_enough(name: str, content: str) -> None:
    assert classify(f"flat/{name}", f"{content}\n".encode()) is None


@pytest.mark.parametrize("second, known", [("65530", True), ("262144", False)])
def test_two_hosts_in_one_folder_have_a_value_only_where_both_agree(
    tmp_path: Path, second: str, known: bool
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 24684092 kB\n")
    (tmp_path / "node1_max_map_count.txt").write_text("65530\n")
    (tmp_path / "node2_max_map_count.txt").write_text(f"{second}\n")
    (host,) = build(read(tmp_path)).hosts
    fact = host.facts.get("sysctl", "vm.max_map_count")
    assert isinstance(fact, Present if known else Unreadable)
