"""Life-cycle lines of all products and versions become events with what they state."""

from __future__ import annotations

import pytest

from analyzer.logs import literals, records
from analyzer.logs.lifecycle import events

BUILD = 'build_context="(go=go1.19.8, platform=linux/{}, user=r@h, date=20260604-00:58:54)"'


def read(line: str) -> list[tuple[str, dict[str, str]]]:
    return [(event.kind, event.fields) for event in events(records.parse(line, "x.log", 1))]


@pytest.mark.parametrize(
    "line, product, version",
    [
        ('level=info ts=2026-11-22T21:57:15Z caller=main.go:193 msg="Starting Cortex" version="(version=1.11.1, '
         'branch=HEAD, revision=d7188d35fd)"', "cortex", "1.11.1"),
        ('ts=2026-11-22T21:42:26.431Z caller=main.go:551 level=info msg="Starting Prometheus Server" mode=server '
         'version="(version=2.42.0+ds, branch=debian/sid, revision=2.42.0+ds-5+deb12u1)"', "prometheus", "2.42.0+ds"),
        ('level=info ts=2026-01-01T00:00:00Z caller=main.go:1 msg="Starting Prometheus" version="(version=2.3.1, branch=x, '
         'revision=y)"', "prometheus", "2.3.1"),
        ('time=2026-08-01T10:11:10.131Z level=INFO source=main.go:907 msg="Starting Prometheus Server" mode=server '
         'version="(version=3.12.0, branch=HEAD, revision=z)"', "prometheus", "3.12.0"),
        ('ts=2026-01-01T00:00:00Z caller=main.go:1 level=info msg="Starting application" version="(version=2.13.0, '
         'branch=r, revision=z)"', "mimir", "2.13.0"),
        ('{"caller":"main.go:216","level":"info","msg":"Starting Cortex","ts":"2026-11-22T22:20:56Z",'
         '"version":"(version=1.21.1, branch=HEAD, revision=a8c6358a13)"}', "cortex", "1.21.1"),
        ('level=info ts=2026-01-01T00:00:00Z caller=receive.go:1 component=receive mode=RouterIngestor '
         'msg="running receive"', "thanos", None),
        ('level=info ts=2026-01-01T00:00:00Z caller=main.go:1 msg="Starting Loki" version="(version=2.9.0, branch=H, '
         'revision=z)"', "loki", "2.9.0"),
    ],
)  # fmt: skip
def test_banners(line: str, product: str, version: str | None) -> None:
    ((kind, fields),) = read(line)
    assert kind == "start"
    assert fields["product"] == product
    assert fields.get("version") == version
    assert any(literal in line.encode() for literal in literals.LITERALS)


@pytest.mark.parametrize(
    "line, expected",
    [
        ('ts=2026-11-22T21:43:57Z caller=main.go:559 level=info vm_limits="(soft=8589934592b, hard=8589934592b)"',
         [("vm_limits", {"soft": "8589934592", "hard": "8589934592"})]),
        ('ts=2026-11-22T21:43:57Z caller=main.go:558 level=info fd_limits="(soft=60, hard=unlimited)"',
         [("fd_limits", {"soft": "60", "hard": "unlimited"})]),
        ("ts=2026-11-22T21:43:57Z caller=main.go:1 level=info " + BUILD.format("amd64"),
         [("build", {"go": "go1.19.8", "platform": "linux/amd64"})]),
        ("ts=2026-11-22T21:43:57Z caller=main.go:1 level=info " + BUILD.format("386"),
         [("build", {"go": "go1.19.8", "platform": "linux/386"}), ("warning_32bit", {"goarch": "386"})]),
        ('level=info ts=2026-11-22T21:43:57Z host_details="(Linux 4.19.97-v7l+ #1294 SMP armv7l p0 (none))"',
         [("host", {"text": "(Linux 4.19.97-v7l+ #1294 SMP armv7l p0 (none))", "machine": "armv7l"})]),
        ('ts=2026-11-22T21:45:20Z caller=main.go:553 level=warn msg="This Prometheus binary has not been compiled for a '
         '64-bit architecture. Due to virtual memory constraints" GOARCH=386', [("warning_32bit", {"goarch": "386"})]),
    ],
)  # fmt: skip
def test_start_up_facts(line: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert read(line) == expected


@pytest.mark.parametrize(
    "message, kind, fields",
    [
        ("opening existing TSDBs", "opening", {}),
        ("Starting TSDB ...", "opening", {}),
        ("successfully opened existing TSDBs", "opened", {}),
        ("TSDB started", "opened", {}),
        ("Cortex started", "ready", {}),
        ("Application started", "ready", {}),
        ("Server is ready to receive web requests.", "ready", {}),
        ("storage started, and server is ready to receive requests", "ready", {}),
        ("WAL replay completed", "replay_done", {}),
        ("=== received SIGINT/SIGTERM ===\\n*** exiting", "shutdown", {"signal": "SIGINT/SIGTERM"}),
        ("Received SIGTERM, exiting gracefully...", "shutdown", {"signal": "SIGTERM"}),
        ("Received an OS signal, exiting gracefully...", "shutdown", {}),
        ("caught signal. Exiting.", "shutdown", {}),
        ("=== Handler.Stop()'d ===", "shutdown", {}),
        ("=== received SIGQUIT ===\\n*** goroutine dump...", "sigquit", {}),
        ("Cortex stopped", "stopped", {}),
        ("See you next time!", "stopped", {}),
        ("module failed", "module_failed", {}),
    ],
)
def test_steps(message: str, kind: str, fields: dict[str, str]) -> None:
    line = f'ts=2026-11-22T21:43:57Z caller=x.go:1 level=info msg="{message}"'
    assert read(line) == [(kind, fields)]
    known = (*literals.LITERALS, literals.HEALTHY, *literals.STEPS)
    assert any(literal in line.encode() for literal in known)


@pytest.mark.parametrize(
    "line, fields",
    [
        (
            '/usr/local/bin/run.sh: line 6:   156 Killed                  sh -c "exec x"',
            {"signal": "9", "pid": "156"},
        ),
        ("Segmentation fault (core dumped)", {"signal": "11"}),
        (
            "./start.sh: line 2:  9876 Segmentation fault      (core dumped) ./cortex",
            {"signal": "11", "pid": "9876"},
        ),
        ("Killed", {"signal": "9"}),
        ("exited 1", {"code": "1"}),
        ("exit status 2", {"code": "2"}),
        ("ingester-1 exited with code 137", {"code": "137"}),
        ("cortex.service: Main process exited, code=killed, status=9/KILL", {"signal": "9"}),
        ("cortex.service: Main process exited, code=exited, status=2/INVALIDARGUMENT", {"code": "2"}),
        ("cortex.service: Failed with result 'oom-kill'.", {"reason": "oom-kill"}),
    ],
)
def test_exits_that_the_log_states(line: str, fields: dict[str, str]) -> None:
    assert read(line) == [("exit", fields)]
    assert any(literal in line.encode() for literal in literals.LITERALS)


@pytest.mark.parametrize(
    "line",
    [
        'ts=2026-11-22T21:43:57Z caller=lifecycler.go:457 level=info msg="lifecycler loop() exited gracefully" ring=ingester',
        "the user was Killed in action today",
        "drive to exit 12.5 of the road",
    ],
)
def test_other_lines_are_no_exits(line: str) -> None:
    assert read(line) == []


def test_back_off_of_the_kubelet() -> None:
    klog = (
        'E1122 21:58:00.123456    1234 pod_workers.go:1298] "Error syncing pod, skipping" err="failed to '
        '\\"StartContainer\\" for \\"ingester\\" with CrashLoopBackOff: \\"back-off 5m0s restarting failed '
        'container=ingester pod=ingester-0_cortex(0b6c)\\"" pod="cortex/ingester-0" podUID="0b6c"'
    )
    expected = {"container": "ingester", "pod": "ingester-0", "delay": "5m0s"}
    assert read(klog) == [("restart_backoff", expected)]
    event = "Back-off restarting failed container ingester in pod ingester-0_cortex(0b6c)"
    assert read(event) == [("restart_backoff", {"container": "ingester", "pod": "ingester-0"})]


def test_what_a_process_says_of_its_own_limit() -> None:
    line = "ERROR {memory} process is near the maximum number of memory mappings. current: 127997, maximum: 128000."
    ((kind, fields),) = read(line)
    assert kind == "note"
    assert (fields["mappings"], fields["max_map_count"]) == ("127997", "128000")
