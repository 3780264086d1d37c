"""Real facts laid out as every collector lays them out.

Two processes of real captures: one at ``vm.max_map_count`` (846 mappings of 845), one out of file
descriptors. Each build puts their logs, ``/proc`` files and host files where a collector would, and says
which subjects must come out, and with which verdicts.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures" / "bundles"
MTIME = 1_795_384_636  # 2026-11-22T22:10:36Z
UID_A = "3f1c1a0e-8d0b-4c6e-9a57-0b6f1c2d3e4f"
UID_B = "9b2d7c44-51f3-4c0e-8a66-7e8f90a1b2c3"
ID_A = "7d3c0b5e9a1f4e6c8b2d7f0a9c3e5b1d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e"
ID_B = "1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f00f"

Files = dict[str, bytes]


@dataclass(frozen=True)
class Facts:
    """What one real capture holds: the log, the files of the process, the files of the host."""

    log: bytes
    proc: Mapping[str, bytes]
    host: Mapping[str, bytes]
    pid: int


@cache
def facts(name: str) -> Facts:
    """The facts of a fixture bundle, by their names without folders."""
    log, proc, host, pid = b"", {}, {}, 0
    with tarfile.open(FIXTURES / name / "bundle.tar.gz") as archive:
        for info in archive:
            handle = archive.extractfile(info) if info.isreg() else None
            if handle is None:
                continue
            path, data = info.name.split("/", 1)[1], handle.read()
            if match := re.match(r"proc/(\d+)/(\w+)", path):
                pid = int(match[1])
                proc[match[2]] = data
            elif path.startswith("var/log/"):
                log = data
            else:
                host[path.rsplit("/", 1)[-1]] = data
    return Facts(log, proc, host, pid)


def at_limit() -> Facts:
    """Prometheus with 846 mappings at ``vm.max_map_count`` 845."""
    return facts("c01b-max_map_count-multierror")


def no_files() -> Facts:
    """Prometheus that may open 60 files; its process was gone when the capture was made."""
    return facts("c13-emfile")


# --- the same facts in other clothes -------------------------------------------------------------------


def cri(log: bytes) -> bytes:
    """The log as the kubelet's runtime writes it."""
    rows = []
    for row in log.splitlines():
        found = re.match(rb"ts=(\S+)", row)
        stamp = found[1] if found else b"2026-11-22T22:10:04.270Z"
        rows.append(stamp.replace(b"Z", b"000000Z") + b" stderr F " + row + b"\n")
    return b"".join(rows)


def docker(log: bytes) -> bytes:
    """The log as Docker's json-file driver writes it."""
    rows = []
    for row in log.decode().splitlines():
        found = re.match(r"ts=(\S+)", row)
        stamp = found[1] if found else "2026-11-22T22:10:04.270Z"
        rows.append(json.dumps({"log": row + "\n", "stream": "stderr", "time": stamp}) + "\n")
    return "".join(rows).encode()


def in_container(own: Facts, uid: str, container: str, nspid: int = 1) -> Files:
    """The process files as the host sees those of a container: its cgroup, and the pid inside."""
    proc = dict(own.proc)
    path = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid.replace('-', '_')}.slice"
    proc["cgroup"] = f"0::{path}/cri-containerd-{container}.scope\n".encode()
    proc["status"] = re.sub(rb"(?m)^NSpid:.*$", f"NSpid:\t{own.pid}\t{nspid}".encode(), own.proc["status"])
    return proc


def init_process() -> Files:
    """PID 1 of the host: systemd, with few mappings and its own limits."""
    own = at_limit()
    maps = b"\n".join(row for row in own.proc["maps"].splitlines() if b"/usr/lib" in row) + b"\n"
    return {
        "maps": maps.replace(b"prometheus", b"systemd"),
        "comm": b"systemd\n",
        "cmdline": b"/usr/lib/systemd/systemd\0--system\0",
        "status": b"Name:\tsystemd\nState:\tS (sleeping)\nPid:\t1\nPPid:\t0\nNSpid:\t1\n",
        "limits": own.proc["limits"],
        "cgroup": b"0::/init.scope\n",
    }


def sysctl(own: Facts, limit: int | None = None) -> bytes:
    """``sysctl -a``, with another map limit where one is given."""
    text = own.host["sysctl_-a"]
    return text if limit is None else re.sub(rb"(?m)^(vm\.max_map_count = ).*$", rb"\g<1>%d" % limit, text)


def max_map_count(own: Facts) -> str:
    """The map limit that is in force."""
    found = re.search(rb"(?m)^vm\.max_map_count = (\d+)$", own.host["sysctl_-a"])
    assert found is not None
    return found[1].decode()


@dataclass(frozen=True)
class Pod:
    """What ``kubectl get pod`` says of a pod with one container."""

    name: str
    uid: str
    node: str
    container_id: str
    namespace: str = "cortex"
    container: str = "ingester"

    def as_object(self) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "namespace": self.namespace, "uid": self.uid},
            "spec": {"nodeName": self.node, "containers": [{"name": self.container, "resources": {}}]},
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": self.container,
                        "containerID": f"containerd://{self.container_id}",
                        "restartCount": 3,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                    }
                ],
            },
        }


POD_A = Pod("ingester-0", UID_A, "node-a", ID_A)
POD_B = Pod("ingester-1", UID_B, "node-b", ID_B)


def pod_list(*pods: Pod) -> bytes:
    items = [pod.as_object() for pod in pods]
    return json.dumps({"apiVersion": "v1", "kind": "PodList", "items": items}, indent=4).encode()


def node_list(*names: str) -> bytes:
    items = [{"kind": "Node", "metadata": {"name": name}, "status": {}} for name in names]
    return json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": items}, indent=4).encode()


def yaml_pod(pod: Pod) -> bytes:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {pod.name}\n  namespace: {pod.namespace}\n"
        f"  uid: {pod.uid}\nspec:\n  nodeName: {pod.node}\n  containers:\n  - name: {pod.container}\n"
        "status:\n  phase: Running\n  containerStatuses:\n"
        f"  - name: {pod.container}\n    containerID: cri-o://{pod.container_id}\n    restartCount: 3\n"
        "    state:\n      waiting:\n        reason: CrashLoopBackOff\n"
        "    lastState:\n      terminated:\n        exitCode: 1\n        reason: Error\n"
    ).encode()


# --- packing ---------------------------------------------------------------------------------------------


def tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A tar of files and symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, target, MTIME
            archive.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), MTIME
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tgz(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    return gzip.compress(tar(files, links), 1, mtime=0)


def txz(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    return lzma.compress(tar(files, links), preset=0)


def tbz(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    return bz2.compress(tar(files, links), 1)


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def below(folder: str, files: Mapping[str, bytes]) -> Files:
    return {f"{folder}/{name}": data for name, data in files.items()}


# --- what must come out ------------------------------------------------------------------------------------

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


def _sos_host(own: Facts) -> Files:
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


def _pod_log(pod: Pod, restart: int = 3) -> str:
    return f"var/log/pods/{pod.namespace}_{pod.name}_{pod.uid}/{pod.container}/{restart}.log"


def _container_link(pod: Pod) -> str:
    return f"var/log/containers/{pod.name}_{pod.namespace}_{pod.container}-{pod.container_id}.log"


def _sos_pod(own: Facts, pod: Pod, proc: Mapping[str, bytes]) -> tuple[Files, dict[str, str]]:
    files = _sos_host(own)
    files[_pod_log(pod)] = cri(own.log)
    files |= below(f"proc/{own.pid}", proc)
    return files, {_container_link(pod): "/" + _pod_log(pod)}


def _placed(pod: Pod, verdict: tuple[str, str], **more: object) -> Expected:
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
    told = _placed(POD_A, MAP_LIMIT, host="node-a", pid=own.pid, container_id=ID_A, limit=845)
    for title, top, pack in (
        ("sos, new name, smaps", "sosreport-node-a-2026-11-22-abcdefg", txz),
        ("sos, legacy name, smaps", "sosreport-node-a.03412345-20261122221036", tbz),
        ("sos, cleaned", "sosreport-node-a-2026-11-22-abcdefg-obfuscated", tgz),
    ):
        packed = pack(below(top, files), _links_below(top, links))
        _build(title, Build("sos report", f"{top}.tar.xz", packed, {"cortex/ingester-0/ingester": told}))

    # The log is a tail, kept elsewhere; a link stands at its own path.
    tailed = dict(files)
    del tailed[_pod_log(POD_A)]
    kept = "sos_strings/container_log/" + _pod_log(POD_A).replace("/", ".") + ".tailed"
    tailed[kept] = cri(own.log)[-60_000:]
    tail_links = {**links, _pod_log(POD_A): "../" * 5 + kept}
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
    del under[_pod_log(POD_A)]
    under["proc/fs.tar"] = tar({"fs/nfs/exports": b"# none\n"})
    docker_links = {**links, _pod_log(POD_A): "/" + docker_path}
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
        "cortex/ingester-0/ingester": _placed(
            POD_A, MAP_LIMIT, host="node-a", pid=one.pid, container_id=ID_A, limit=845
        ),
        "cortex/ingester-1/ingester": _placed(POD_B, NO_FILES, host="node-b", container_id=ID_B, limit=65530),
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
    "cortex/ingester-0/ingester": _placed(POD_A, OPEN, node="node-a"),
    "cortex/ingester-1/ingester": _placed(POD_B, NO_FILES, node="node-b"),
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
    empty = {name: b"" for name in _kubernetes_logs(logs + "previous.insecure.log")}
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
        "cortex/ingester-0/ingester": _placed(POD_A, MAP_LIKELY, node="node-a", limit=845),
        "cortex/ingester-1/ingester": _placed(POD_B, NO_FILES, node="node-b", limit=65530),
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
    told = _placed(POD_A, MAP_LIMIT, pid=one.pid, limit=845)
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
        "cortex/ingester-0/ingester": _placed(POD_A, MAP_LIMIT, node="node-a", pid=one.pid, limit=845),
        "cortex/ingester-1/ingester": _placed(POD_B, NO_FILES, node="node-b", limit=65530),
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
