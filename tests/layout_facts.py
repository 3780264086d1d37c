"""Real facts to lay out in every way: two processes of real captures, their pods, and the packing.

One stands at ``vm.max_map_count`` (846 mappings of 845), the other is out of file descriptors.
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
from dataclasses import dataclass
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


def pod_log(pod: Pod, restart: int = 3) -> str:
    return f"var/log/pods/{pod.namespace}_{pod.name}_{pod.uid}/{pod.container}/{restart}.log"


def container_link(pod: Pod) -> str:
    return f"var/log/containers/{pod.name}_{pod.namespace}_{pod.container}-{pod.container_id}.log"


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
