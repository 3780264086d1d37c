"""Host and process facts of the real bundles, and the forms that customers send instead."""

import math
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analyzer.facts import Present, Unreadable
from analyzer.snapshots import classify
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers import member_of

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"


@cache
def bundle(name: str) -> dict[str, list[Snapshot]]:
    """All snapshots of a bundle by their member's path without the top folder."""
    found: dict[str, list[Snapshot]] = {}
    with tarfile.open(BUNDLES / name / "bundle.tar.gz") as archive:
        for member in archive:
            body = archive.extractfile(member) if member.isfile() else None
            if body is None or member.size > 5_000_000:
                continue
            content = body.read()
            parser = classify(member.name, content[:8192])
            if parser is not None:
                found[member.name.split("/", 1)[1]] = parser.read(member_of(member.name, content))
    return found


def value(name: str, path: str, fact: str) -> Any:
    found = bundle(name)[path][0].values[fact]
    assert isinstance(found, Present), found
    return found.value


def read(path: str, text: str) -> dict[str, Any]:
    parser = classify(path, text.encode()[:8192])
    assert parser is not None, path
    taken = parser.read(member_of(path, text.encode()))[0]
    return {name: fact.value for name, fact in taken.values.items() if isinstance(fact, Present)}


def test_every_claimed_member_of_every_bundle_is_read() -> None:
    """No parser claims what it cannot read, but for the empty and refused files that say why."""
    reasons = set()
    for folder in sorted(BUNDLES.iterdir()):
        for path, taken in bundle(folder.name).items():
            for snapshot in taken:
                assert snapshot.member.endswith(path)
                reasons |= {f.why for f in snapshot.values.values() if isinstance(f, Unreadable)}
    assert not [why for why in reasons if why.startswith("garbled")], reasons


@pytest.mark.parametrize(
    ("name", "path", "fact", "expected"),
    [
        ("c02-rlimit_as", "proc/797/limits", "address_space", (8589934592, 8589934592)),
        ("c02-rlimit_as", "proc/797/status", "vm_size", 8095956 << 10),
        ("c02-rlimit_as", "sos_commands/process/prlimit", "address_space", (8589934592, 8589934592)),
        ("c05a-rlimit_data-pthread", "proc/14317/limits", "data", (104857600, 104857600)),
        ("c05a-rlimit_data-pthread", "proc/14317/status", "vm_data", 94720 << 10),
        ("c06-mlockall-memlock", "proc/15570/status", "vm_lck", 8192 << 10),
        ("c04a-overcommit2-prometheus", "proc/meminfo", "Committed_AS", 109300 << 10),
        ("c04a-overcommit2-prometheus", "proc/meminfo", "CommitLimit", 114900 << 10),
        ("c04a-overcommit2-prometheus", "sos_commands/kernel/sysctl_-a", "vm.overcommit_memory", "2"),
        ("c07a-memcg-oomkill-go-heap", "sys/fs/cgroup/a2_after/memory.events", "oom_kill", 1),
        ("c07a-memcg-oomkill-go-heap", "sys/fs/cgroup/a2/memory.max", "memory_max", 419430400),
        ("c07a-memcg-oomkill-go-heap", "sys/fs/cgroup/a2/memory.stat", "slab_unreclaimable", 62072),
        ("c07a-memcg-oomkill-go-heap", "sys/fs/cgroup/a2/pids.max", "pids_max", math.inf),
        ("c07e-pids_max", "sys/fs/cgroup/e/pids.events", "pids_events_max", 20),
        ("c07e-pids_max", "sys/fs/cgroup/e/pids.peak", "pids_peak", 8),
        ("c03-32bit-on-64bit-kernel", "sos_commands/kernel/uname_-a", "machine", "x86_64"),
        ("c01a-max_map_count-go-fatal", "proc/26753/fd_count.txt", "fds", 344),
        ("c01a-max_map_count-go-fatal", "proc/26753/task_count.txt", "tasks", 8),
        ("c01a-max_map_count-go-fatal", "proc/26753/exe.txt", "path", "/srv/prometheus/promroot/usr/bin/prometheus"),
        ("c01a-max_map_count-go-fatal", "proc/26753/stat", "starttime", 94009),
        ("c01a-max_map_count-go-fatal", "proc/uptime", "seconds", 940.81),
        ("t05-zombie-empty-maps", "proc/29520/status", "state", "Z"),
        ("cortex-startup_logfmt_1.11.1", "proc/slabinfo", "vm_area_struct", 17199),
        ("cortex-startup_logfmt_1.11.1", "proc/sys/fs/file-nr", "allocated", 16666),
        ("cortex-startup_logfmt_1.11.1", "proc/sys/vm/max_map_count", "vm.max_map_count", "16000"),
        ("cortex-startup_logfmt_1.11.1", "sos_commands/cortex/version", "version", "1.11.1"),
        ("cortex-rlimit_as_head", "sos_commands/cortex/version", "version", "1.21.1"),
        ("cortex-startup_logfmt_1.11.1", "sos_commands/cortex/config.yaml", "block_ranges", "1m"),
        ("cortex-startup_logfmt_1.11.1", "sos_commands/cortex/config.yaml", "replication_factor", "1"),
        ("cortex-startup_logfmt_1.11.1", "sos_commands/cortex/config.yaml", "bucket", "filesystem /srv/cortex/c1.11.1/data/bucket"),
        ("cortex-startup_logfmt_1.11.1", "sos_commands/process/ulimit_-a", "nofile", (20000, 20000)),
        ("cortex-startup_logfmt_1.11.1", "sys/kernel/mm/transparent_hugepage/enabled", "enabled", "madvise"),
    ],
)  # fmt: skip
def test_facts_of_real_captures(name: str, path: str, fact: str, expected: Any) -> None:
    assert value(name, path, fact) == expected


def test_a_zombie_has_no_sizes() -> None:
    facts = bundle("t05-zombie-empty-maps")["proc/29520/status"][0].values
    assert "vm_size" not in facts
    assert isinstance(facts["nspid"], Present)


def test_a_cgroup_v1_directory_merges_by_its_path() -> None:
    folder = "series/last/sys/fs/cgroup/memory/process_api/99a552c3546fb0e22410dbd79d21e56b/ceo_real_g/"
    found = {
        k: v[0]
        for k, v in bundle("cortex-cgroup_oom_head").items()
        if k.startswith(folder) and v[0].kind == "cgroup"
    }
    assert len(found) > 8
    paths = {snapshot.values["path"].value for snapshot in found.values()}  # type: ignore[union-attr]
    assert paths == {"/process_api/99a552c3546fb0e22410dbd79d21e56b/ceo_real_g"}
    assert value("cortex-cgroup_oom_head", folder + "memory.limit_in_bytes", "memory_max") == 209715200
    assert value("cortex-cgroup_oom_head", folder + "memory.kmem.limit_in_bytes", "kmem_limit") == math.inf
    assert value("cortex-cgroup_oom_head", folder + "memory.oom_control", "oom_kill") == 2
    assert value("cortex-cgroup_oom_head", folder + "memory.failcnt", "failcnt") == 7403434
    assert value("cortex-cgroup_oom_head", folder + "memory.stat", "anon") == 196702208
    assert value("cortex-cgroup_oom_head", folder + "memory.stat", "memory_limit_effective") == 209715200
    assert {snapshot.group.rsplit("/", 2)[-1] for snapshot in found.values()} == {"last"}


def test_lsof_of_a_real_sos_report() -> None:
    """Measured: 8539 mem rows of the process whose maps file has 8614 lines."""
    rows = value("cortex-real_sos_runtime_1.17.2", "sos_commands/process/lsof_-b_M_-n_-l_-c", "by_pid")
    assert rows[2096].mem == 8539
    assert rows[2096].fds > 8400
    assert rows[2096].by_kind["index"] == rows[2096].by_kind["chunks_segment"]


@pytest.mark.parametrize(
    "name",
    [
        "ps_-elfL",
        "ps_alxwww",
        "ps_auxwww",
        "ps_auxwwwm",
        "ps_axo_flags_state_uid_pid_ppid_pgid_sid_cls_pri_addr_sz_wchan_20_lstart_tty_time_cmd",
    ],
)
def test_ps_in_many_columns(name: str) -> None:
    found = value("cortex-real_sos_runtime_1.17.2", f"sos_commands/process/{name}", "processes")
    cortex = next(p for p in found if p.pid == 2096)
    assert "cortex" in cortex.command
    if "aux" in name:
        assert cortex.rss is not None
        assert cortex.rss > 100 << 20
    if "elfL" in name:
        assert cortex.threads is not None
        assert cortex.threads > 4


def test_configured_values_stay_apart_from_running_ones() -> None:
    found = bundle("cortex-real_sos_runtime_1.17.2")
    assert found["etc/sysctl.conf"][0].scope == "configured"
    assert found["usr/lib/sysctl.d/50-pid-max.conf"][0].scope == "configured"
    assert found["sos_commands/kernel/sysctl_-a"][0].scope == "running"


def test_df_of_bytes_and_inodes() -> None:
    name = "cortex-startup_logfmt_1.11.1"
    root = next(m for m in value(name, "sos_commands/filesys/df_-al", "mounts") if m.path == "/")
    assert (root.size, root.available, root.inodes) == (264212084 << 10, 69645732 << 10, False)
    inodes = next(m for m in value(name, "sos_commands/filesys/df_-i", "mounts") if m.path == "/")
    assert (inodes.size, inodes.available, inodes.inodes) == (16777216, 15790242, True)
    human = next(m for m in value(name, "sos_commands/filesys/df_-h", "mounts") if m.path == "/")
    assert human.available == 67 << 30


def test_the_capture_script_s_own_bundle() -> None:
    """The names and forms that collect.sh writes."""
    assert read("x/host/btime", "btime 1795389496\n") == {"btime": 1795389496}
    assert read("x/host/date", "2026-11-23T00:08:05Z\n")["now"].iso() == "2026-11-23T00:08:05Z"
    assert read("x/host/max_map_count", "65530\n") == {"vm.max_map_count": "65530"}
    assert read("x/host/file-nr", "1088\t0\t2466177\n") == {"allocated": 1088, "max": 2466177}
    assert read("x/host/inotify", "fs.inotify.max_user_instances = 128\n") == {
        "fs.inotify.max_user_instances": "128"
    }
    assert read("x/host/thp", "enabled: always [madvise] never\ndefrag: always [never]\n") == {
        "enabled": "madvise",
        "defrag": "never",
    }
    exe = read("x/proc/7/exe.txt", "/usr/bin/cortex\nELF 32-bit, ARM\n")
    assert exe == {"path": "/usr/bin/cortex", "elf_class": 32}
    assert read("x/proc/7/cmdline", "/bin/cortex\n-target=ingester\n")["argv"] == (
        "/bin/cortex",
        "-target=ingester",
    )
    fds = read("x/proc/7/fd_types.txt", "file 12\ndeleted 1\nsocket 3\n")
    assert fds == {"fd_types": {"file": 12, "socket": 3}, "fd_deleted": 1}
    rows = read(
        "x/host/processes.tsv",
        "pid\tcomm\tstate\tppid\tthreads\tvsize_bytes\trss_pages\n7\tcor tex\tS\t1\t12\t54927360\t5475\n",
    )
    process = rows["processes"][0]
    assert (process.pid, process.command, process.threads, process.vsz, process.rss) == (
        7,
        "cor tex",
        12,
        54927360,
        5475 * 4096,
    )
    for path in (
        "x/host/meminfo",
        "x/proc/7/maps",
        "x/manifest.jsonl",
        "x/sys/fs/cgroup/memory/a/memory.stat",
    ):
        from analyzer.snapshots.paths import group_of

        assert group_of(path) == "x"


def test_metrics_of_the_process() -> None:
    page = (
        "# HELP process_memory_map_areas Number of memory map ares used by the process.\n"
        "# TYPE process_memory_map_areas gauge\nprocess_memory_map_areas 16001\n"
        "process_memory_map_areas_limit 65530\nprocess_virtual_memory_max_bytes 1.8446744073709552e+19\n"
        'cortex_build_info{branch="HEAD",version="1.11.1"} 1\ngo_goroutines NaN\nbroken{x="} 4\n'
    )
    facts = read("metrics/at-start.prom", page)
    assert facts["process_memory_map_areas"] == 16001
    assert facts["process_memory_map_areas_limit"] == 65530
    assert facts["cortex_build_info"] == "branch=HEAD version=1.11.1"
    assert "go_goroutines" not in facts


@pytest.mark.parametrize("line", ['process_x{a b="c"} 1', 'process_x{a="b",a="c"} 1', "process_x 1_000"])
def test_a_metric_that_the_library_refuses_costs_its_line_alone(line: str) -> None:
    page = f"# TYPE process_memory_map_areas gauge\nprocess_memory_map_areas 7\n{line}\nprocess_open_fds 8\n"
    facts = read("metrics/at-start.prom", page)
    assert (facts["process_memory_map_areas"], facts["process_open_fds"]) == (7, 8)


def test_ulimit_of_dash_and_bash() -> None:
    dash = read(
        "ulimit.txt", "time(seconds)        unlimited\nnofiles              1024\nvmemory(kbytes)      4096\n"
    )
    assert dash["address_space"] == (4096 << 10, 4096 << 10)
    bash = read(
        "x.txt",
        "open files                          (-n) 1024\nvirtual memory              (kbytes, -v) 8388608\n",
    )
    assert (bash["nofile"], bash["address_space"]) == ((1024, 1024), (8 << 30, 8 << 30))


def test_a_cgroup_v2_path_names_container_and_pod() -> None:
    line = (
        "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3f1c1a0e_8d0b_4c6e_9a57_0b6f1c2d3e4f.slice/cri-containerd-"
        + "ab" * 32
        + ".scope\n"
    )
    facts = read("x/proc/7/cgroup", line)
    assert facts["pod_uid"] == "3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f"
    assert facts["container_id"] == "ab" * 32
    assert set(facts["paths"]) == {""}


def test_a_cut_single_value_is_no_value() -> None:
    parser = classify("proc/sys/vm/max_map_count", b"65530\n")
    assert parser is not None
    member = member_of("proc/sys/vm/max_map_count", b"655")
    member.size = 6000
    fact = parser.read(member)[0].values["vm.max_map_count"]
    assert isinstance(fact, Unreadable)


def test_windows_line_ends_and_marks() -> None:
    text = "\ufeffMemTotal:       24684092 kB\r\nMemFree:        100 kB\r\n"
    for raw in (text.encode(), text.lstrip("\ufeff").encode("utf-16")):
        parser = classify("meminfo.txt", raw)
        assert parser is not None
        facts = parser.read(member_of("meminfo.txt", raw, 7))[0].values
        assert isinstance(facts["MemFree"], Present)
        assert facts["MemFree"].value == 102400


GIB = 1 << 30
FREE = """               total        used        free      shared  buff/cache   available
Mem:    {}
Swap:              0           0           0
"""
KB, MB = "24684092 1099388 18028900 8856 5877544 23584704", "24105 1073 17606 8 5739 23031"


@pytest.mark.parametrize(
    ("path", "numbers", "gib"),
    [
        ("top/sos_commands/memory/free", KB, 23.54),
        ("top/sos_commands/memory/free_-m", MB, 23.54),
        ("free", KB, 23.54),
        ("free.txt", MB, 23.54),
        ("free-m.txt", MB, 23.54),
        ("free_-k", KB, 23.54),
        ("free_--mebi.txt", MB, 23.54),
        ("free_-wt_-m", MB, 23.54),
        ("free.txt", "25276510208 1125773312 18461593600 9068544 6018605056 24150736896", 23.54),
        ("free_-b", "25276510208 1125773312 18461593600 9068544 6018605056 24150736896", 23.54),
        ("free_-h", "23Gi 1.0Gi 17Gi 8.6Mi 5.6Gi 22Gi", 23),
        ("free.txt", "23G 1.0G 17G 8.6M 5.6G 22G", 23),
        ("free_-g", "23 11 17 0 15 22", 23),
        ("free.txt", "130 10 100 1 19 115", 130),
        # kB of a small machine are MB of a very large one
        ("free.txt", "2000000 400000 800000 8000 800000 1500000", None),
        ("sos_commands/memory/free", "2000000 400000 800000 8000 800000 1500000", 1.907),
        # no machine at all, or no whole pages
        ("free.txt", "4500000000000 4096 4096 4096 4096 4096", None),
        ("free.txt", "24684093 1099388 18028900 8856 5877544 23584704", None),
        ("free-m.txt", KB, 24105.5),
        ("free-b.txt", MB, None),
        ("free_--si_-m", MB, None),
        ("free-web.txt", KB, 23.54),
        ("free-log.txt", MB, 23.54),
    ],
)
def test_free_is_in_bytes_only_where_its_unit_is_certain(path: str, numbers: str, gib: float | None) -> None:
    text = FREE.format(numbers).encode()
    parser = classify(path, text)
    assert parser is not None
    assert parser.kind == "free"
    total = parser.read(member_of(path, text))[0].values["total"]
    if gib is None:
        assert isinstance(total, Unreadable), total
    else:
        assert isinstance(total, Present), total
        assert total.value / GIB == pytest.approx(gib, rel=1e-3)


def test_a_few_whole_gigabytes_are_no_number() -> None:
    facts = read("free_-g", FREE.format("62 61 0 0 0 0"))
    assert facts["total"] == 62 * GIB
    assert "available" not in facts


def test_the_free_of_two_hosts_is_of_neither() -> None:
    assert read("free", FREE.format(KB) + FREE.format("16384000 1000 1000 1000 1000 1000")) == {}
    assert read("free", FREE.format(KB) + FREE.format(KB))["total"] == 24684092 << 10
