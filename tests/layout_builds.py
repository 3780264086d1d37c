"""Real facts laid out as every collector lays them out.

Each build puts the logs, ``/proc`` files and host files of real captures where a collector would, and says
which subjects must come out, and with which verdicts.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layout_facts import (
    ID_A,
    ID_B,
    POD_A,
    POD_B,
    UID_A,
    Facts,
    Files,
    Pod,
    at_limit,
    below,
    container_link,
    cri,
    docker,
    in_container,
    init_process,
    max_map_count,
    no_files,
    node_list,
    pod_list,
    pod_log,
    sysctl,
    tar,
    tbz,
    tgz,
    txz,
    yaml_pod,
    zipped,
)

MAP_LIMIT = ("max_map_count", "confirmed")
MAP_LIKELY = ("max_map_count", "likely")
NO_FILES = ("nofile", "confirmed")
OPEN = ("max_map_count or undetermined", "possible or undetermined")


@dataclass(frozen=True)
class Expected:
    """One subject: its verdict, and where it must be placed. None is "not told by this layout"."""

    verdict: tuple[str, str]
    host: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None
    container: str | None = None
    pid: int | None = None
    container_id: str | None = None
    limit: int | None = None  # the map limit that is held against the mappings
    need: bool = False  # whether the need of the data directory is told


@dataclass(frozen=True)
class Build:
    """A bundle in one layout: its packed bytes or its files, and what must be said of it."""

    layout: str
    name: str  # of the file or folder
    packed: bytes | None
    subjects: Mapping[str, Expected]
    files: Files = field(default_factory=dict)
    warns: str = ""  # what one of the warnings must say

    def write(self, folder: Path) -> Path:
        """The bundle on disk."""
        path = folder / self.name
        if self.packed is not None:
            path.write_bytes(self.packed)
            return path
        for name, data in self.files.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return path


BUILDS: dict[str, Build] = {}


def _build(title: str, build: Build) -> None:
    assert title not in BUILDS
    BUILDS[title] = build


def sos_host(own: Facts) -> Files:
    """The files that sos takes of a host, its decoys with them."""
    return {
        "version.txt": b"sosreport: 4.8\n",
        "sos_commands/kernel/sysctl_-a": own.host["sysctl_-a"],
        "sos_commands/kernel/dmesg": own.host["dmesg"],
        "sos_commands/memory/free": own.host["free"],
        "sos_commands/date/date": own.host["date"],
        "sos_commands/networking/namespaces/ns1/ip_netns_exec_ns1_sysctl_-a": sysctl(own, 262144),
        "etc/sysctl.d/99-max-map.conf": b"vm.max_map_count = 262144\n",
        "etc/sysctl.conf": b"# vm.max_map_count = 1\nvm.max_map_count=524288\n",
        "proc/meminfo": own.host["meminfo"],
        "proc/uptime": own.host["uptime"],
        **below("proc/1", {k: v for k, v in init_process().items() if k != "maps"}),
    }


def _sos_pod(own: Facts, pod: Pod, proc: Mapping[str, bytes]) -> tuple[Files, dict[str, str]]:
    files = sos_host(own)
    files[pod_log(pod)] = cri(own.log)
    files |= below(f"proc/{own.pid}", proc)
    return files, {container_link(pod): "/" + pod_log(pod)}


def placed(pod: Pod, verdict: tuple[str, str], **more: object) -> Expected:
    known: dict[str, object] = {
        "namespace": pod.namespace,
        "pod": pod.name,
        "container": pod.container,
        **more,
    }
    return Expected(verdict, **known)  # type: ignore[arg-type]


def _links_below(folder: str, links: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": target for name, target in links.items()}


def _sos() -> None:
    own = at_limit()
    smaps = {k: v for k, v in in_container(own, UID_A, ID_A).items() if k not in ("maps", "numa_maps")}
    files, links = _sos_pod(own, POD_A, smaps)
    told = placed(POD_A, MAP_LIMIT, host="node-a", pid=own.pid, container_id=ID_A, limit=845)
    for title, top, pack in (
        ("sos, new name, smaps", "sosreport-node-a-2026-11-22-abcdefg", txz),
        ("sos, legacy name, smaps", "sosreport-node-a.03412345-20261122221036", tbz),
        ("sos, cleaned", "sosreport-node-a-2026-11-22-abcdefg-obfuscated", tgz),
    ):
        packed = pack(below(top, files), _links_below(top, links))
        _build(title, Build("sos report", f"{top}.tar.xz", packed, {"cortex/ingester-0/ingester": told}))

    # The log is a tail, kept elsewhere; a link stands at its own path.
    tailed = dict(files)
    del tailed[pod_log(POD_A)]
    kept = "sos_strings/container_log/" + pod_log(POD_A).replace("/", ".") + ".tailed"
    tailed[kept] = cri(own.log)[-60_000:]
    tail_links = {**links, pod_log(POD_A): "../" * 5 + kept}
    top = "sosreport-node-a-2026-11-22-abcdefg"
    _build(
        "sos, tailed log",
        Build(
            "sos report",
            f"{top}.tar.gz",
            tgz(below(top, tailed), _links_below(top, tail_links)),
            {"cortex/ingester-0/ingester": told},
            warns="only the end",
        ),
    )

    # proc/fs packed inside the report, a Docker log linked from the pod's folder.
    under = dict(files)
    docker_path = f"var/lib/docker/containers/{ID_A}/{ID_A}-json.log"
    under[docker_path] = docker(own.log)
    del under[pod_log(POD_A)]
    under["proc/fs.tar"] = tar({"fs/nfs/exports": b"# none\n"})
    docker_links = {**links, pod_log(POD_A): "/" + docker_path}
    _build(
        "sos, docker",
        Build(
            "sos report",
            f"{top}.tar",
            tar(below(top, under), _links_below(top, docker_links)),
            {"cortex/ingester-0/ingester": told},
        ),
    )


def _sos_collect() -> None:
    one, two = at_limit(), no_files()
    files_a, links_a = _sos_pod(one, POD_A, in_container(one, UID_A, ID_A))
    files_b, links_b = _sos_pod(two, POD_B, {})
    tops = ("sosreport-node-a-2026-11-22-aaaaaaa", "sosreport-node-b-2026-11-22-bbbbbbb")
    outer = "sos-collector-2026-11-22-abcdefg"
    packed = tgz(
        {
            f"{outer}/sos_logs/sos.log": b"2026-11-22 22:10:36,270 INFO: started\n",
            f"{outer}/{tops[0]}.tar.xz": txz(below(tops[0], files_a), _links_below(tops[0], links_a)),
            f"{outer}/{tops[1]}.tar.gz": tgz(below(tops[1], files_b), _links_below(tops[1], links_b)),
        }
    )
    subjects = {
        "cortex/ingester-0/ingester": placed(
            POD_A, MAP_LIMIT, host="node-a", pid=one.pid, container_id=ID_A, limit=845
        ),
        "cortex/ingester-1/ingester": placed(POD_B, NO_FILES, host="node-b", container_id=ID_B, limit=65530),
    }
    _build("sos collect", Build("sos collect", f"{outer}.tar.gz", packed, subjects))


def _kubernetes_logs(path: str) -> Files:
    """Both pods' logs at ``path``, a template."""
    found = {}
    for pod, own in ((POD_A, at_limit()), (POD_B, no_files())):
        name = path.format(ns=pod.namespace, pod=pod.name, container=pod.container)
        found[name] = own.log
    return found


# Logs alone: a refused mapping of 598 bytes makes the map limit possible, no more.
LOGS_ALONE = {
    "cortex/ingester-0/ingester": placed(POD_A, OPEN, node="node-a"),
    "cortex/ingester-1/ingester": placed(POD_B, NO_FILES, node="node-b"),
}


def _must_gather() -> None:
    tree = {
        "namespaces/cortex/core/events.yaml": b"apiVersion: v1\nitems: []\nkind: EventList\n",
        "namespaces/cortex/pods/ingester-0/ingester-0.yaml": yaml_pod(POD_A),
        "namespaces/cortex/pods/ingester-1/ingester-1.yaml": yaml_pod(POD_B),
        "cluster-scoped-resources/core/nodes/node-a.yaml": b"apiVersion: v1\nkind: Node\nmetadata:\n  name: node-a\n",
    }
    logs = "namespaces/{ns}/pods/{pod}/{container}/{container}/logs/"
    current = _kubernetes_logs(logs + "current.log")
    files = {**tree, **current, **_kubernetes_logs(logs + "previous.log")}
    empty = dict.fromkeys(_kubernetes_logs(logs + "previous.insecure.log"), b"")
    own = {
        "version": b"openshift/must-gather\n4.14.0-202311\n",
        "timestamp": b"2026-11-22 22:10:36.1 +0000 UTC\n",
        "event-filter.html": b"<html></html>\n",
        "nodes/node-a/proc_cmdline": b"BOOT_IMAGE=/vmlinuz ro\n",
    }
    top = "must-gather.local.123/quay-io-openshift-release-dev-sha256-abc"
    packed = tgz(below(top, {**own, **files, **empty}))
    _build("must-gather", Build("must-gather", "case.tar.gz", packed, LOGS_ALONE))
    packed = tgz(below("inspect.local.77", files))
    _build("oc adm inspect", Build("must-gather", "inspect.tgz", packed, LOGS_ALONE))


def _section(pod: Pod, log: bytes, container: str = "") -> bytes:
    name = f"logs for container {container or pod.container} of pod {pod.namespace}/{pod.name} ===="
    return f"==== START {name}\n".encode() + log + f"==== END {name}\n".encode()


def _cluster_dump() -> None:
    lists = {
        "nodes.json": node_list("node-a", "node-b"),
        "cortex/pods.json": pod_list(POD_A, POD_B),
        "cortex/events.json": b'{"kind": "EventList", "apiVersion": "v1", "items": []}\n',
        "cortex/services.json": b'{"kind": "ServiceList", "apiVersion": "v1", "items": []}\n',
    }
    init = _section(POD_A, b"chown: done\n", "init-chown")
    logs = {
        "cortex/ingester-0/logs.txt": init + _section(POD_A, at_limit().log),
        "cortex/ingester-1/logs.txt": _section(POD_B, no_files().log),
    }
    _build(
        "cluster-info dump, folder",
        Build("kubectl cluster-info dump", "dump", None, LOGS_ALONE, {**lists, **logs}),
    )
    stream = b"".join(data.rstrip(b"\n") + b"\n" for data in lists.values()) + b"".join(logs.values())
    _build(
        "cluster-info dump, stream",
        Build("kubectl cluster-info dump", "dump.txt.gz", gzip.compress(stream), LOGS_ALONE),
    )


def _troubleshoot() -> None:
    one, two = at_limit(), no_files()
    values = {
        "kernel.hostname": "***HIDDEN***",
        "vm.max_map_count": max_map_count(one),
        "vm.overcommit_memory": "0",
    }
    other = {**values, "vm.max_map_count": max_map_count(two)}
    files = {
        "version.yaml": b"apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n",
        "analysis.json": b"[]\n",
        "cluster-resources/pods/cortex.json": pod_list(POD_A, POD_B),
        "cluster-resources/nodes.json": node_list("node-a", "node-b"),
        **_kubernetes_logs("cluster-resources/pods/logs/{ns}/{pod}/{container}.log"),
        "cluster-resources/pods/logs/cortex/ingester-0/ingester-previous.log": b"",
        "host-collectors/remote/node-a/sysctl.json": json.dumps(values, indent=2).encode(),
        "host-collectors/remote/node-b/sysctl.json": json.dumps(other, indent=2).encode(),
    }
    links = {
        "ingester-logs/ingester-0/ingester.log": "../../cluster-resources/pods/logs/cortex/ingester-0/ingester.log"
    }
    subjects = {
        "cortex/ingester-0/ingester": placed(POD_A, MAP_LIKELY, node="node-a", limit=845),
        "cortex/ingester-1/ingester": placed(POD_B, NO_FILES, node="node-b", limit=65530),
    }
    top = "support-bundle-2026-11-22T22_10_36"
    packed = tgz(below(top, files), _links_below(top, links))
    _build("troubleshoot", Build("troubleshoot", f"{top}.tar.gz", packed, subjects))
    _build("troubleshoot, no folder", Build("troubleshoot", "bundle.tar.gz", tgz(files, links), subjects))

    # One node that was its own host, and what a run collector took of the process there.
    single = {k: v for k, v in files.items() if "/remote/" not in k and "ingester-1" not in k}
    single["cluster-resources/pods/cortex.json"] = pod_list(POD_A)
    single["host-collectors/system/sysctl.json"] = json.dumps(values).encode()
    single |= below(f"host-collectors/run-host/proc/{one.pid}", in_container(one, UID_A, ID_A))
    told = placed(POD_A, MAP_LIMIT, pid=one.pid, limit=845)
    _build(
        "troubleshoot, one node",
        Build("troubleshoot", "b.tgz", tgz(below(top, single)), {"cortex/ingester-0/ingester": told}),
    )


def _rancher() -> None:
    one, two = at_limit(), no_files()
    node_a = {
        "sysctl.txt": sysctl(one),
        "meminfo": one.host["meminfo"],
        **below(f"proc/{one.pid}", in_container(one, UID_A, ID_A)),
        **below("proc/1", init_process()),
    }
    node_b = {"sysctl.txt": sysctl(two), "meminfo": two.host["meminfo"]}
    files = {
        "metadata.yaml": b"projectName: harvester\n",
        "yamls/cluster/v1/nodes.yaml": b"apiVersion: v1\nitems: []\nkind: NodeList\n",
        "yamls/namespaced/cortex/v1/pods.yaml": yaml_pod(POD_A) + b"---\n" + yaml_pod(POD_B),
        **_kubernetes_logs("logs/{ns}/{pod}/{container}.log"),
        "logs/cortex/ingester-0/ingester.log.1": b"",
        "nodes/node-a.zip": zipped(node_a),
        "nodes/node-b.zip": zipped(below("node-b", node_b)),
        "external/backing-images.zip": zipped({"list.txt": b"none\n"}),
    }
    subjects = {
        "cortex/ingester-0/ingester": placed(POD_A, MAP_LIMIT, node="node-a", pid=one.pid, limit=845),
        "cortex/ingester-1/ingester": placed(POD_B, NO_FILES, node="node-b", limit=65530),
    }
    top = "supportbundle_08ccc085-641c-4592-bb57-e05456241204_2026-11-22T22-10-36Z"
    packed = zipped(below(top, files))
    _build("rancher", Build("rancher support bundle", "supportbundle_x.zip", packed, subjects))


def _elastic() -> None:
    own = at_limit()
    files = {
        "syscalls/sysctl.txt": sysctl(own),
        "syscalls/proc-limit.txt": own.proc["limits"],
        "syscalls/dmesg.txt": own.host["dmesg"],
        "syscalls/top.txt": b"top - 22:10:36 up 1 day,  1 user,  load average: 0.1, 0.1, 0.1\n",
        "logs/prometheus.log": own.log,
    }
    packed = zipped(below("local-diagnostics-20261122-221036", files))
    told = Expected(MAP_LIKELY, limit=845)
    _build("elastic", Build("elastic diagnostics", "local.zip", packed, {"prometheus": told}))
    files["syscalls/maps.txt"] = own.proc["maps"]
    packed = zipped(below("local-diagnostics-20261122-221036", files))
    told = Expected(MAP_LIMIT, limit=845)
    _build("elastic, maps added", Build("elastic diagnostics", "local.zip", packed, {"prometheus": told}))


def _eck() -> None:
    files = {
        "manifest.json": b'{"diagType": "eck-diagnostics"}\n',
        "nodes.json": node_list("node-a", "node-b"),
        "cortex/pods.json": pod_list(POD_A, POD_B),
        "cortex/pod/ingester-0/logs.txt": at_limit().log,
        "cortex/pod/ingester-0/previous-logs.txt": at_limit().log,
        "cortex/pod/ingester-1/logs.txt": no_files().log,
    }
    subjects = {
        "cortex/ingester-0": Expected(OPEN, node="node-a", namespace="cortex", pod="ingester-0"),
        "cortex/ingester-1": Expected(NO_FILES, node="node-b", namespace="cortex", pod="ingester-1"),
    }
    packed = zipped(below("eck-diagnostics-2026-11-22T22-10-36", files))
    _build("eck", Build("eck-diagnostics", "eck.zip", packed, subjects))


def _pingcap() -> None:
    one, two = at_limit(), no_files()
    files = {"cluster.json": b'{"cluster_name": "c", "topology": {}}\n', "meta.yaml": b"name: c\n"}
    for host, own in (("10.0.0.1", one), ("10.0.0.2", two)):
        files |= {
            f"{host}/sysctl.conf": sysctl(own),
            f"{host}/insight.json": b'{"sysinfo": {}}\n',
            f"{host}/dmesg.log": own.host["dmesg"],
            f"{host}/deploy/prometheus-9090/log/prometheus.log": own.log,
        }
    files |= below(f"10.0.0.1/proc/{one.pid}", {k: one.proc[k] for k in ("maps", "limits", "status")})
    subjects = {
        "10.0.0.1/prometheus": Expected(MAP_LIMIT, host="10.0.0.1", pid=one.pid, limit=845),
        "10.0.0.2/prometheus": Expected(NO_FILES, host="10.0.0.2", limit=65530),
    }
    packed = tgz(below("diag-fTz", files))
    _build("pingcap", Build("pingcap diag", "diag.tar.gz", packed, subjects))


def _flat() -> None:
    own = at_limit()
    host = {"meminfo": own.host["meminfo"], "sysctl.txt": sysctl(own), "ingester.log": own.log}
    told = Expected(MAP_LIMIT, limit=845)
    _build(
        "flat",
        Build(
            "flat", "case", None, {"prometheus": told},
            {**host, "maps": own.proc["maps"], "limits": own.proc["limits"]},
        ),
    )  # fmt: skip
    pid = Expected(MAP_LIMIT, limit=845, pid=1)
    wrapped = {k.replace("maps", "1.maps"): v for k, v in {"maps": own.proc["maps"]}.items()}
    _build(
        "flat, pid in the name",
        Build(
            "flat", "case.zip",
            zipped(below("case", {**host, **wrapped, "1.limits": own.proc["limits"]})), {"prometheus": pid},
        ),
    )  # fmt: skip
    counted = {"maps_count.txt": b"846\n", "limits.txt": own.proc["limits"]}
    _build(
        "flat, counted",
        Build(
            "flat", "case.tgz", tgz(below("case", {**host, **counted})), {"prometheus": Expected(MAP_LIMIT, limit=845)},
        ),
    )  # fmt: skip
    one_line = {"sysctl.txt": b"vm.max_map_count = 845\n", "max_map_count": b"845\n"}
    _build(
        "flat, short sysctl",
        Build(
            "flat", "case.tgz",
            tgz({**host, **one_line, "maps.txt": own.proc["maps"], "limits.txt": own.proc["limits"]}),
            {"prometheus": told},
        ),
    )  # fmt: skip
    # PID 1 of the host is init; the ingester has another pid there.
    _build(
        "flat, host init beside it",
        Build(
            "flat", "case",
            None,
            {"prometheus": Expected(MAP_LIMIT, limit=845, pid=own.pid)},
            {**host, **below("proc/1", init_process()), **below(f"proc/{own.pid}", own.proc)},
        ),
    )  # fmt: skip
    # Several hosts in folders of one upload.
    two = no_files()
    upload: Files = {}
    for name, one in (("node-1", own), ("node-2", two)):
        upload |= {
            f"{name}/meminfo": one.host["meminfo"],
            f"{name}/sysctl.txt": sysctl(one),
            f"{name}/ingester.log": one.log,
            **below(f"{name}/proc/{one.pid}", {k: one.proc[k] for k in ("maps", "limits") if k in one.proc}),
        }
    _build(
        "flat, two hosts",
        Build(
            "flat", "upload.tar.gz", tgz(below("upload", upload)),
            {
                "node-1/prometheus": Expected(MAP_LIMIT, host="node-1", pid=own.pid, limit=845),
                "node-2/prometheus": Expected(NO_FILES, host="node-2", limit=65530),
            },
        ),
    )  # fmt: skip


def _capture() -> None:
    own = at_limit()
    top = "ingester-postmortem-node-a-20261122T221036Z"
    capture = {
        "marker": "ingester-postmortem-capture",
        "format": 1,
        "host": "node-a",
        "started": "2026-11-22T21:43:10Z",
        "ended": "2026-11-22T21:43:20Z",
        "process": {"pid": own.pid, "nspid": [own.pid, 1], "comm": "prometheus"},
        "notes": [],
    }
    proc = in_container(own, UID_A, ID_A)
    files = {
        "capture.json": json.dumps(capture, indent=2).encode(),
        "manifest.jsonl": json.dumps({"path": f"proc/{own.pid}/maps", "command": "cat", "exit": 0}).encode()
        + b"\n",
        "host/sysctl_-a": sysctl(own),
        "host/max_map_count": b"845\n",
        "host/meminfo": own.host["meminfo"],
        "host/dmesg": own.host["dmesg"],
        "host/hostname": b"node-a\n",
        "host/date": b"2026-11-22T21:43:20Z\n",
        "data/find_data": own.host["ls_-lanR_data"],
        f"series/peak/proc/{own.pid}/maps": proc["maps"],
        f"series/peak/proc/{own.pid}/status": proc["status"],
        f"series/peak/proc/{own.pid}/limits": proc["limits"],
        "series/peak/proc/sys/vm/max_map_count": b"845\n",
        "kubernetes/pod.json": json.dumps(POD_A.as_object(), indent=1).encode(),
        "kubernetes/logs/ingester.log": b"",
        "kubernetes/logs/ingester-previous.log": own.log,
        **below(f"proc/{own.pid}", proc),
    }
    told = Expected(
        MAP_LIMIT, host="node-a", node="node-a", namespace="cortex", pod="ingester-0", container="ingester",
        pid=own.pid, limit=845, need=True,
    )  # fmt: skip
    _build(
        "our own capture",
        Build(
            "ingester-postmortem capture", f"{top}.tar.gz", tgz(below(top, files)), {"node-a/ingester": told}
        ),
    )


for _make in (
    _sos, _sos_collect, _must_gather, _cluster_dump, _troubleshoot, _rancher, _elastic, _eck, _pingcap, _flat, _capture,
):  # fmt: skip
    _make()
