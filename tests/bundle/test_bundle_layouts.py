"""Layouts are told by their markers, and every member is placed at its host, pod and process."""

from __future__ import annotations

import pytest
from bundle_packing import FIXTURES, gz, read, tar, zipped
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analyzer.bundle import Place, logpaths
from analyzer.bundle.layouts import layouts, recognise

UID = "3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f"
ID = "7d3c0b5e9a1f4e6c8b2d7f0a9c3e5b1d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e"
SOS = "sosreport-node1-2026-11-22-abcdefg"
CAPTURE = "ingester-postmortem-n1-20261122T215716Z/"
POD_LOG = f"var/log/pods/cortex_ingester-0_{UID}/ingester"

CASES: dict[str, tuple[str, dict[str, Place]]] = {
    "sos report": (
        "",
        {
            f"{SOS}/sos_commands/kernel/sysctl_-a": Place(host="node1", root=f"{SOS}/"),
            f"{SOS}/proc/4711/limits": Place(host="node1", root=f"{SOS}/", pid=4711),
            f"{SOS}/series/prev-2/proc/4711/maps": Place(
                host="node1", root=f"{SOS}/", pid=4711, part="series/prev-2"
            ),
            f"{SOS}/{POD_LOG}/2.log": Place(
                host="node1",
                root=f"{SOS}/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                restart=2,
                rotation=0,
            ),
            f"{SOS}/{POD_LOG}/2.log.20261122-215716.gz": Place(
                host="node1",
                root=f"{SOS}/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                restart=2,
                rotation=1,
            ),
            f"{SOS}/{POD_LOG}/2.log.20261122-205716.gz": Place(
                host="node1",
                root=f"{SOS}/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                restart=2,
                rotation=2,
            ),
            f"{SOS}/var/log/containers/ingester-0_cortex_ingester-{ID}.log": Place(
                host="node1",
                root=f"{SOS}/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                container_id=ID,
            ),
            f"{SOS}/var/lib/docker/containers/{ID}/{ID}-json.log.1": Place(
                host="node1", root=f"{SOS}/", container_id=ID, rotation=1
            ),
            f"{SOS}/sos_commands/crio/containers/logs/crictl_logs_-t_{ID[:13]}": Place(
                host="node1", root=f"{SOS}/", container_id=ID[:13]
            ),
            f"{SOS}/sos_commands/openshift/namespaces/cortex/pods/podlogs/oc_logs_--namespace_cortex_ingester-0_-p": Place(
                host="node1", root=f"{SOS}/", namespace="cortex", pod="ingester-0", previous=True
            ),
            f"{SOS}/sos_commands/kubernetes/cluster-info/cortex/podlogs/ingester-0/"
            "kubectl_--namespace_cortex_logs_ingester-0_-c_ingester": Place(
                host="node1", root=f"{SOS}/", namespace="cortex", pod="ingester-0", container="ingester"
            ),
            f"{SOS}/sos_strings/logs/var.log.cortex.ingester.log.tailed": Place(
                host="node1", root=f"{SOS}/", tail=True
            ),
        },
    ),
    "sos collect": (
        "",
        {
            "sos-collector-2026-11-22-x/sosreport-a-20261122215716.tar.xz!sosreport-a-20261122215716/sos_commands/x": Place(
                host="a",
                root="sos-collector-2026-11-22-x/sosreport-a-20261122215716.tar.xz!sosreport-a-20261122215716/",
            ),
            "sos-collector-2026-11-22-x/sosreport-b-lab-2026-11-22-hijk.tar.xz!sosreport-b-lab-2026-11-22-hijk/sos_logs/y": Place(
                host="b-lab",
                root="sos-collector-2026-11-22-x/sosreport-b-lab-2026-11-22-hijk.tar.xz!sosreport-b-lab-2026-11-22-hijk/",
            ),
            "sos-collector-2026-11-22-x/sos_logs_of_collector.txt": Place(root="sos-collector-2026-11-22-x/"),
        },
    ),
    "must-gather": (
        "",
        {
            "must-gather.local.1/quay-io-sha256/event-filter.html": Place(
                root="must-gather.local.1/quay-io-sha256/"
            ),
            "must-gather.local.1/quay-io-sha256/namespaces/cortex/pods/ingester-0/ingester/ingester/logs/previous.log": Place(
                root="must-gather.local.1/quay-io-sha256/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                previous=True,
            ),
            "must-gather.local.1/quay-io-sha256/namespaces/cortex/pods/ingester-0/ingester/ingester/logs/"
            "previous.insecure.log": Place(
                root="must-gather.local.1/quay-io-sha256/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                previous=True,
            ),
            "must-gather.local.1/quay-io-sha256/namespaces/cortex/pods/ingester-0/ingester/ingester/logs/"
            "rotated/3.log.20261122-215716.gz": Place(
                root="must-gather.local.1/quay-io-sha256/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                restart=3,
                rotation=1,
            ),
            "must-gather.local.1/quay-io-sha256/namespaces/cortex/pods/ingester-0/ingester-0.yaml": Place(
                root="must-gather.local.1/quay-io-sha256/", namespace="cortex", pod="ingester-0"
            ),
            "must-gather.local.1/quay-io-sha256/namespaces/cortex/core/events.yaml": Place(
                root="must-gather.local.1/quay-io-sha256/", namespace="cortex"
            ),
            "must-gather.local.1/quay-io-sha256/nodes/worker-1/proc_cmdline": Place(
                root="must-gather.local.1/quay-io-sha256/", node="worker-1", host="worker-1"
            ),
        },
    ),
    "kubectl cluster-info dump": (
        "",
        {
            "dump/nodes.json": Place(root="dump/"),
            "dump/cortex/pods.json": Place(root="dump/", namespace="cortex"),
            "dump/cortex/ingester-0/logs.txt": Place(root="dump/", namespace="cortex", pod="ingester-0"),
            "dump/cortex/ingester-0/logs.txt!cortex/ingester-0/ingester": Place(
                root="dump/", namespace="cortex", pod="ingester-0", container="ingester"
            ),
        },
    ),
    "troubleshoot": (
        "",
        {
            "support-bundle-2026-11-22T21_57_16/version.yaml": Place(
                root="support-bundle-2026-11-22T21_57_16/"
            ),
            "support-bundle-2026-11-22T21_57_16/analysis.json": Place(
                root="support-bundle-2026-11-22T21_57_16/"
            ),
            "support-bundle-2026-11-22T21_57_16/cluster-resources/pods/logs/cortex/ingester-0/ingester-previous.log": Place(
                root="support-bundle-2026-11-22T21_57_16/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                previous=True,
            ),
            "support-bundle-2026-11-22T21_57_16/cluster-resources/pods/cortex.json": Place(
                root="support-bundle-2026-11-22T21_57_16/", namespace="cortex"
            ),
            "support-bundle-2026-11-22T21_57_16/host-collectors/system/sysctl.json": Place(
                root="support-bundle-2026-11-22T21_57_16/"
            ),
            "support-bundle-2026-11-22T21_57_16/host-collectors/system/node-a/sysctl.json": Place(
                root="support-bundle-2026-11-22T21_57_16/", node="node-a", host="node-a"
            ),
        },
    ),
    "rancher support bundle": (
        "",
        {
            "supportbundle_1/yamls/cluster/nodes.yaml": Place(root="supportbundle_1/"),
            "supportbundle_1/yamls/namespaced/cortex/v1/pods.yaml": Place(
                root="supportbundle_1/", namespace="cortex"
            ),
            "supportbundle_1/logs/cortex/ingester-0/ingester.log": Place(
                root="supportbundle_1/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                rotation=0,
            ),
            "supportbundle_1/logs/cortex/ingester-0/ingester.log.1": Place(
                root="supportbundle_1/",
                namespace="cortex",
                pod="ingester-0",
                container="ingester",
                rotation=1,
            ),
            "supportbundle_1/nodes/node-a.zip!proc/meminfo": Place(
                root="supportbundle_1/nodes/node-a.zip!", host="node-a"
            ),
        },
    ),
    "elastic diagnostics": (
        "",
        {
            "local-diagnostics-1/syscalls/sysctl.txt": Place(root="local-diagnostics-1/"),
            "local-diagnostics-1/logs/es.log": Place(root="local-diagnostics-1/"),
        },
    ),
    "eck-diagnostics": (
        "",
        {
            "eck-diagnostics-1/cortex/pod/ingester-0/logs.txt": Place(
                root="eck-diagnostics-1/", namespace="cortex", pod="ingester-0"
            ),
            "eck-diagnostics-1/cortex/pod/ingester-0/previous-logs.txt": Place(
                root="eck-diagnostics-1/", namespace="cortex", pod="ingester-0", previous=True
            ),
        },
    ),
    "pingcap diag": (
        "",
        {
            "diag-1/10.0.0.1/sysctl.conf": Place(root="diag-1/10.0.0.1/", host="10.0.0.1"),
            "diag-1/10.0.0.1/insight.json": Place(root="diag-1/10.0.0.1/", host="10.0.0.1"),
            "diag-1/10.0.0.2/sysctl.conf": Place(root="diag-1/10.0.0.2/", host="10.0.0.2"),
            "diag-1/10.0.0.2/insight.json": Place(root="diag-1/10.0.0.2/", host="10.0.0.2"),
        },
    ),
    "ingester-postmortem capture": (
        "",
        {
            f"{CAPTURE}manifest.jsonl": Place(host="n1", root=CAPTURE),
            f"{CAPTURE}capture.json": Place(host="n1", root=CAPTURE),
            f"{CAPTURE}proc/4711/maps": Place(host="n1", root=CAPTURE, pid=4711),
            f"{CAPTURE}series/peak/proc/4711/maps": Place(
                host="n1", root=CAPTURE, pid=4711, part="series/peak"
            ),
            f"{CAPTURE}logs/ingester-0.log": Place(host="n1", root=CAPTURE, pod="ingester-0"),
            f"{CAPTURE}kubernetes/logs/ingester-previous.log": Place(
                host="n1", root=CAPTURE, container="ingester", previous=True
            ),
        },
    ),
    "flat": (
        "",
        {
            "case/maps": Place(root="case/"),
            "case/meminfo": Place(root="case/"),
            "case/1.maps": Place(root="case/", pid=1),
            "case/maps.1234": Place(root="case/", pid=1234),
            "case/proc_1234_maps": Place(root="case/", pid=1234),
            "case/proc-1234-maps.txt": Place(root="case/", pid=1234),
            "case/pid-77/status": Place(root="case/", pid=77),
            "case/maps_count.txt": Place(root="case/"),
            "case/ingester-0.log": Place(root="case/", pod="ingester-0"),
            "case/ingester-0-previous.log": Place(root="case/", pod="ingester-0", previous=True),
            "case/previous.log": Place(root="case/", previous=True),
            "case/app.log": Place(root="case/", rotation=0),
            "case/app.log.1": Place(root="case/", rotation=1),
            "case/app.log.2.gz": Place(root="case/", rotation=2),
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_layout_is_recognised_and_places_its_members(name: str) -> None:
    bundle_name, places = CASES[name]
    layout = recognise(places, bundle_name)
    assert layout.name == name
    assert {path: layout.place(path) for path in places} == places


@pytest.mark.parametrize("name", CASES)
def test_each_layout_is_recognised_below_an_archive_and_a_folder(name: str) -> None:
    places = CASES[name][1]
    layout = recognise([f"upload/{name}.zip!{path}" for path in places])
    assert layout.name == name
    for path, place in places.items():
        assert layout.place(f"upload/{name}.zip!{path}").root == f"upload/{name}.zip!{place.root}"


def test_every_layout_has_a_case() -> None:
    assert {kind.name for kind in layouts()} == CASES.keys()


def test_the_order_of_layouts_and_paths_does_not_matter() -> None:
    for _, places in CASES.values():
        there = recognise(places)
        back = recognise(reversed(list(places)))
        assert there.name == back.name
        assert [there.place(path) for path in places] == [back.place(path) for path in places]
    priorities = [kind.priority for kind in layouts()]
    assert priorities == sorted(set(priorities))


def test_a_report_without_a_folder_at_its_top_takes_its_host_from_its_name() -> None:
    layout = recognise(["sos_commands/x", "proc/meminfo"], "sosreport-node9-2026-11-22-abc.tar.xz")
    assert layout.place("proc/meminfo") == Place(host="node9")


@pytest.mark.parametrize(
    "folder, host",
    [
        ("sosreport-web01-2026-11-22-abcdefg", "web01"),
        ("sosreport-web01.0312345-20261122215716", "web01"),
        ("sosreport-host0-2026-11-22-abc-obfuscated", "host0"),
        ("sosreport-ingester-74-2026-11-22-8c4ea49", "ingester-74"),
        ("something", None),
    ],
)
def test_hosts_of_sos_reports(folder: str, host: str | None) -> None:
    assert recognise([f"{folder}/sos_commands/x"]).place(f"{folder}/proc/meminfo").host == host


def test_two_hosts_in_flat_folders_are_two_roots_and_moments_are_not() -> None:
    paths = [
        f"case/{host}/{file}" for host in ("node-1", "node-2") for file in ("meminfo", "proc/7/maps", "x.log")
    ]
    layout = recognise(paths)
    assert layout.place("case/node-1/proc/7/maps") == Place(host="node-1", root="case/node-1/", pid=7)
    assert layout.place("case/node-2/x.log") == Place(host="node-2", root="case/node-2/")
    layout = recognise([path.replace("node-1", "before").replace("node-2", "after") for path in paths])
    assert layout.place("case/before/meminfo").root == layout.place("case/after/meminfo").root == "case/"


def test_two_pods_in_flat_folders() -> None:
    paths = [f"ingester-{n}/{file}" for n in (0, 1) for file in ("maps", "limits", "ingester.log")]
    layout = recognise(paths)
    assert layout.place("ingester-1/ingester.log") == Place(pod="ingester-1", root="ingester-1/")


def test_a_report_beside_loose_files_keeps_its_own_root() -> None:
    layout = recognise([f"{SOS}/sos_commands/x", f"{SOS}/proc/meminfo", "ingester.log", "maps"])
    assert layout.name == "sos report"
    assert layout.place("ingester.log") == Place()
    assert layout.place(f"{SOS}/proc/meminfo").host == "node1"


def test_a_second_member_of_the_same_name_stands_at_the_same_place() -> None:
    layout = recognise([f"{SOS}/sos_commands/x", f"{SOS}/proc/7/maps", f"#2/{SOS}/proc/7/maps"])
    assert layout.place(f"#2/{SOS}/proc/7/maps") == layout.place(f"{SOS}/proc/7/maps")


def test_the_decoys_of_a_report_do_not_become_roots() -> None:
    decoys = [
        f"{SOS}/sos_commands/openshift/namespaces/cortex/pods/podlogs/oc_logs_--namespace_cortex_a",
        f"{SOS}/sos_commands/openshift/cluster-scoped-resources/x",
        f"{SOS}/sos_commands/networking/namespaces/ns/ip_netns_exec_ns_sysctl_-a",
    ]
    layout = recognise(decoys)
    assert {layout.place(path).root for path in decoys} == {f"{SOS}/"}


def test_every_fixture_is_a_sos_report_of_one_host() -> None:
    for path in sorted(FIXTURES.glob("cortex-*/bundle.tar.gz")):
        _, bundle = read(path)
        layout = recognise(bundle.paths, bundle.name)
        assert layout.name == "sos report"
        assert len({layout.place(member).root for member in bundle.paths}) == 1
        assert all((layout.place(member).host or "").startswith("ingester-") for member in bundle.paths)


def test_nested_collections_from_the_archive_to_the_place() -> None:
    node = zipped({"proc/1/maps": b"m", "var/log/syslog": b"s"})
    _, bundle = read(
        zipped(
            {
                "sb/yamls/namespaced/n/p.yaml": b"y",
                "sb/nodes/n1.zip": node,
                "sb/nodes/n2.tar.gz": gz(tar({"proc/1/maps": b"m"})),
            }
        )
    )
    layout = recognise(bundle.paths)
    assert layout.place("sb/nodes/n1.zip!proc/1/maps") == Place(host="n1", root="sb/nodes/n1.zip!", pid=1)
    assert layout.place("sb/nodes/n2.tar.gz!proc/1/maps").host == "n2"


def test_a_dump_printed_to_standard_output() -> None:
    mark = "logs for container ingester of pod cortex/ingester-0 ===="
    text = (
        '{\n    "kind": "NodeList"\n}\n{\n    "kind": "PodList"\n}\n'
        + f"==== START {mark}\nx\n==== END {mark}\n"
    )
    _, bundle = read(text.encode())
    layout = recognise(bundle.paths)
    assert layout.name == "kubectl cluster-info dump"
    place = layout.place("stdin!cortex/ingester-0/ingester")
    assert (place.namespace, place.pod, place.container) == ("cortex", "ingester-0", "ingester")


@pytest.mark.parametrize(
    "path, base, number, date",
    [
        ("a/x.log", "a/x.log", None, ""),
        ("a/x.log.1", "a/x.log", 1, ""),
        ("a/x.log.12.gz", "a/x.log", 12, ""),
        ("a/x.log-20261122", "a/x.log", None, "20261122"),
        ("a/x.log.2026-11-22.xz", "a/x.log", None, "20261122"),
        ("a/0.log.20261122-215716", "a/0.log", None, "20261122215716"),
        ("a/x-2026-11-22T21-57-16.309.log.gz", "a/x.log", None, "20261122215716309"),
        ("a/x.log-20261122T2157", "a/x.log", None, "202611222157"),
        ("a/x.log.2026-11-22T21:57:16Z", "a/x.log", None, "20261122215716"),
        ("a/x.log.old", "a/x.log", 1, ""),
        ("a/x.log.gz", "a/x.log.gz", None, ""),
        ("a/x.1.log", "a/x.1.log", None, ""),
        ("a/ingester-0.log", "a/ingester-0.log", None, ""),
    ],
)
def test_rotations(path: str, base: str, number: int | None, date: str) -> None:
    assert logpaths.rotation_key(path) == (base, number, date)


@pytest.mark.parametrize(
    "name",
    [
        "x", "x.log", "x.log.1", "x.log.2.gz", "x.log.gz", "x.log-20261122", "x.log-20261122-2157", "x.log-2026-11-22",
        "x.log.2026-11-22T21:57:16Z", "x-2026-11-22T21-57-16.309.log", "x.log.old", "x.log.previous", "x-previous.log",
        "x.1", "x-20261122", "x-20261122.gz",
    ],
)  # fmt: skip
def test_the_files_of_one_log_share_a_name(name: str) -> None:
    assert logpaths.log_of(f"a/{name}") == ("a", "x")


@pytest.mark.parametrize(
    "path, found",
    [
        ("a/x.1.log", ("a/x.log", True)),
        ("a/x-20261122.log", ("a/x.log", False)),
        ("a/x.2026-11-22.log.gz", ("a/x.log", False)),
        ("a/x-1.log", None),
        ("a/x.log", None),
    ],
)
def test_names_that_rotated_files_share_with_others(path: str, found: tuple[str, bool] | None) -> None:
    assert logpaths.perhaps_rotated(path) == found


@pytest.mark.parametrize(
    "path",
    [
        "proc/0/maps",
        "proc/99999999/maps",
        "proc/sys/vm/max_map_count",
        "2026-11-22-maps.txt",
        "snap/3/maps",
        "1.log",
        "maps",
    ],
)
def test_numbers_that_are_no_process(path: str) -> None:
    assert logpaths.pid_of(path) is None


@given(st.lists(st.from_regex(r"[a-z0-9_.!/#-]{0,60}", fullmatch=True) | st.text(max_size=30), max_size=8))
def test_any_paths_are_placed(paths: list[str]) -> None:
    layout = recognise(paths)
    for path in paths:
        place = layout.place(path)
        assert place.root == "" or place.root[-1] in "/!"


def test_a_capture_that_was_cut_or_unpacked_under_another_name_is_still_one() -> None:
    layout = recognise([f"{CAPTURE}manifest.jsonl", f"{CAPTURE}host/meminfo"])
    assert (layout.name, layout.place(f"{CAPTURE}host/meminfo").host) == ("ingester-postmortem capture", "n1")
    layout = recognise(["manifest.jsonl", "capture.json"], "ingester-postmortem-host-20261122T215716Z.tar.gz")
    assert (layout.name, layout.place("capture.json").host) == ("ingester-postmortem capture", None)
    assert recognise(["x/manifest.jsonl"]).name == "flat"


def test_links_tell_whose_log_a_docker_log_or_a_tail_is() -> None:
    docker = f"{SOS}/var/lib/docker/containers/{ID}/{ID}-json.log"
    pods = f"{SOS}/{POD_LOG}/3.log"
    tail = f"{SOS}/sos_strings/container_log/var.log.pods.x.tailed"
    links = {
        pods: docker,
        f"{SOS}/var/log/containers/ingester-0_cortex_ingester-{ID}.log": pods,
        f"{SOS}/{POD_LOG}/2.log": tail,
        f"{SOS}/loop": f"{SOS}/pool",
        f"{SOS}/pool": f"{SOS}/loop",
    }
    layout = recognise([f"{SOS}/sos_commands/x", docker, tail, *links], "", links)
    pod = Place(host="node1", root=f"{SOS}/", namespace="cortex", pod="ingester-0", container="ingester")
    assert layout.place(docker) == replace(pod, restart=3, container_id=ID)
    assert layout.place(tail) == replace(pod, restart=2, tail=True)
    assert layout.place(f"{SOS}/loop") == Place(host="node1", root=f"{SOS}/")


@pytest.mark.parametrize(
    "path, root",
    [
        ("proc/7/maps", ""),
        ("case/proc/7/maps", "case/"),
        ("logs/ingester.log", ""),
        ("up.zip!case/var/log/ingester.log", "up.zip!case/"),
        ("case/ingester.log", "case/"),
    ],
)
def test_a_hosts_own_folder_is_not_the_folder_of_a_flat_bundle(path: str, root: str) -> None:
    assert recognise([path]).place(path).root == root
