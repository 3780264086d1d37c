"""Bundles made to deceive: facts of another node, another pod, another namespace of the network, of init."""

from __future__ import annotations

import random
import re

from layout_builds import LOGS_ALONE, MAP_LIKELY, MAP_LIMIT, NO_FILES, OPEN, Build, Expected, placed, sos_host
from layout_facts import (
    ID_A,
    ID_B,
    POD_A,
    POD_B,
    UID_A,
    UID_B,
    Facts,
    Files,
    Pod,
    at_limit,
    below,
    container_link,
    cri,
    in_container,
    init_process,
    no_files,
    pod_list,
    pod_log,
    sysctl,
    tar,
    tgz,
    yaml_pod,
    zipped,
)

TOP = "sosreport-node-a-2026-11-22-abcdefg"
HERE = Pod("ingester-1", UID_B, "node-a", ID_B)


def _few_mappings(own: Facts, pid: int) -> Files:
    """The same program as another process, far from the limit."""
    proc = in_container(own, UID_B, ID_B)
    rows = proc["maps"].splitlines(keepends=True)
    proc["maps"] = b"".join(rows[:90] + rows[-60:])
    proc["status"] = re.sub(rb"(?m)^(Pid|Tgid|NSpid):\s*\d+", rb"\1:\t%d" % pid, proc["status"])
    proc["status"] = re.sub(rb"(?m)^Vm(Size|Peak):.*\n", b"", proc["status"])
    return {name: proc[name] for name in ("maps", "status", "limits", "cgroup", "cmdline", "comm")}


def two_pods_on_one_node() -> Build:
    """Both pods' logs and processes in one report of their node; only one stands at the limit."""
    one, two = at_limit(), no_files()
    files = {
        **sos_host(one),
        pod_log(POD_A): cri(one.log),
        pod_log(HERE): cri(two.log),
        **below(f"proc/{one.pid}", in_container(one, UID_A, ID_A)),
        **below("proc/4242", _few_mappings(one, 4242)),
    }
    links = {container_link(POD_A): "/" + pod_log(POD_A), container_link(HERE): "/" + pod_log(HERE)}
    subjects = {
        "cortex/ingester-0/ingester": placed(
            POD_A, MAP_LIMIT, host="node-a", pid=one.pid, container_id=ID_A, limit=845
        ),
        "cortex/ingester-1/ingester": placed(
            HERE, NO_FILES, host="node-a", pid=4242, container_id=ID_B, limit=845
        ),
    }
    packed = tgz(below(TOP, files), {f"{TOP}/{name}": target for name, target in links.items()})
    return Build("sos report", f"{TOP}.tar.gz", packed, subjects)


def only_the_other_node() -> Build:
    """The failed pod ran on node-a; the bundle holds node-b, whose processes stand at their own limit."""
    one = at_limit()
    node_b = {
        "sysctl.txt": sysctl(one),
        "meminfo": one.host["meminfo"],
        **below("proc/77", {name: one.proc[name] for name in ("limits", "cmdline", "comm")}),
    }
    files = {
        "yamls/cluster/v1/nodes.yaml": b"apiVersion: v1\nitems: []\nkind: NodeList\n",
        "yamls/namespaced/cortex/v1/pods.yaml": yaml_pod(POD_A),
        "logs/cortex/ingester-0/ingester.log": one.log,
        "nodes/node-b.zip": zipped(node_b),
    }
    told = placed(POD_A, OPEN, node="node-a")
    packed = zipped(below("supportbundle_1", files))
    return Build(
        "rancher support bundle", "supportbundle_1.zip", packed, {"cortex/ingester-0/ingester": told}
    )


def a_nameless_node_of_two() -> Build:
    """Pods of two nodes, and one sysctl that tells no node: it can be neither's."""
    one, two = at_limit(), no_files()
    files = {
        "version.yaml": b"kind: SupportBundle\n",
        "cluster-resources/pods/cortex.json": pod_list(POD_A, POD_B),
        "cluster-resources/pods/logs/cortex/ingester-0/ingester.log": one.log,
        "cluster-resources/pods/logs/cortex/ingester-1/ingester.log": two.log,
        "host-collectors/system/sysctl.json": b'{"vm.max_map_count": "845", "kernel.pid_max": "4194304"}',
    }
    return Build("troubleshoot", "b.tgz", tgz(below("sb", files)), LOGS_ALONE)


def a_node_packed_in_must_gather() -> Build:
    """``nodes/NODE/sysinfo.tgz``: the facts of each pod's node stand in an archive of their own."""
    one, two = at_limit(), no_files()
    logs = "namespaces/cortex/pods/{0}/ingester/ingester/logs/current.log"
    files = {
        "version": b"openshift/must-gather\n",
        "event-filter.html": b"",
        "namespaces/cortex/pods/ingester-0/ingester-0.yaml": yaml_pod(POD_A),
        "namespaces/cortex/pods/ingester-1/ingester-1.yaml": yaml_pod(POD_B),
        logs.format("ingester-0"): one.log,
        logs.format("ingester-1"): two.log,
        "nodes/node-a/sysinfo.tgz": tgz(
            {"sysctl": sysctl(one), **below(f"proc/{one.pid}", in_container(one, UID_A, ID_A))}
        ),
        "nodes/node-b/sysinfo.tgz": tgz({"sysctl": sysctl(two), "proc/meminfo": two.host["meminfo"]}),
    }
    subjects = {
        "cortex/ingester-0/ingester": placed(POD_A, MAP_LIMIT, node="node-a", pid=one.pid, limit=845),
        "cortex/ingester-1/ingester": placed(POD_B, NO_FILES, node="node-b", limit=65530),
    }
    return Build("must-gather", "must-gather.tar", tar(below("must-gather.local.1/img", files)), subjects)


def configured_and_never_in_force() -> Build:
    """262144 is configured everywhere and in a network namespace; 845 runs."""
    own = at_limit()
    files = {
        **sos_host(own),
        "var/log/app/prometheus.log": own.log,
        **below(f"proc/{own.pid}", own.proc),
        **below("proc/1", init_process()),
        "etc/sysctl.d/zz.conf": b"vm.max_map_count = 1048576\n",
        "usr/lib/sysctl.d/10-map-count.conf": b"vm.max_map_count=1048576\n",
        "sos_commands/networking/namespaces/a/ip_netns_exec_a_sysctl_-a": sysctl(own, 1048576),
    }
    del files["sos_commands/networking/namespaces/ns1/ip_netns_exec_ns1_sysctl_-a"]
    told = Expected(MAP_LIMIT, host="node-a", pid=own.pid, limit=845)
    packed = tgz(below(TOP, files))
    return Build("sos report", f"{TOP}.tar.gz", packed, {"node-a/prometheus": told}, warns="is in force")


def only_a_namespace_sysctl() -> Build:
    """No value that runs is told: neither the namespace's nor the configured one stands for it."""
    own = at_limit()
    files = {
        **{k: v for k, v in sos_host(own).items() if "kernel/sysctl" not in k},
        "var/log/app/prometheus.log": own.log,
        **below(f"proc/{own.pid}", own.proc),
    }
    told = Expected(OPEN, host="node-a", pid=own.pid)
    return Build("sos report", f"{TOP}.tgz", tgz(below(TOP, files)), {"node-a/prometheus": told})


def without_the_process() -> Build:
    """PID 1 of the host is all that was captured: its few mappings are not the ingester's."""
    own = at_limit()
    files = {**sos_host(own), "var/log/app/prometheus.log": own.log, **below("proc/1", init_process())}
    told = Expected(MAP_LIKELY, host="node-a", limit=845)
    return Build("sos report", f"{TOP}.tgz", tgz(below(TOP, files)), {"node-a/prometheus": told})


def shuffled(build: Build, files: Files, seed: int) -> Build:
    """The same files in another order: no marker may be needed before what it marks."""
    names = sorted(files)
    random.Random(seed).shuffle(names)
    packed = tar({name: files[name] for name in names})
    return Build(build.layout, build.name, packed, build.subjects, warns=build.warns)


DECOYS = {
    make.__name__: make()
    for make in (
        two_pods_on_one_node,
        only_the_other_node,
        a_nameless_node_of_two,
        a_node_packed_in_must_gather,
        configured_and_never_in_force,
        only_a_namespace_sysctl,
        without_the_process,
    )
}
