r"""Life-cycle lines become events: banners, limits, opening, shut-down, exits, back-off.

level=info ts=... caller=main.go:193 msg="Starting Cortex" version="(version=1.11.1, branch=HEAD, revision=d7...)"
ts=... caller=main.go:559 level=info vm_limits="(soft=8589934592b, hard=8589934592b)"
ts=... caller=signals.go:55 level=info msg="=== received SIGINT/SIGTERM ===\n*** exiting"
/usr/local/bin/run.sh: line 6:   156 Killed                  sh -c "..."
E1122 21:58:00.123456 1234 pod_workers.go:1298] "Error syncing pod, skipping" err="... CrashLoopBackOff: \"back-off ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from analyzer import lazy
from analyzer.facts import Evidence
from analyzer.logs.model import Event, Record
from analyzer.logs.records import record_error, record_message, record_tenant

EVIDENCE_LIMIT = 400

_VERSION = lazy.pattern(r"version=([^,)\s]++)")
_REVISION = lazy.pattern(r"revision=([^,)\s]++)")
_BRANCH = lazy.pattern(r"branch=([^,)\s]++)")
_LIMITS = lazy.pattern(r"soft=(unlimited|\d{1,20}+)b?,\s*+hard=(unlimited|\d{1,20}+)b?")
_GO = lazy.pattern(r"go=(go[\w.+-]++)")
_PLATFORM = lazy.pattern(r"platform=(\w++/\w++)")
_MACHINE = lazy.pattern(r"\b(x86_64|amd64|aarch64|arm64|armv\w++|i[3-6]86|ppc64le|s390x|riscv64|mips\w*+)\b")
_ARCHITECTURES_32 = frozenset({"386", "arm", "mips", "mipsle"})

# Product and banner. Prometheus writes "Starting Prometheus Server" from 2.36 on.
_BANNERS: Mapping[str, str] = {
    "Starting Cortex": "cortex",
    "Starting application": "mimir",
    "Starting Mimir": "mimir",
    "Starting Loki": "loki",
    "Starting Prometheus": "prometheus",
    "Starting Prometheus Server": "prometheus",
    "Starting Prometheus Agent": "prometheus",
    "running receive": "thanos",
    "starting store node": "thanos",
    "starting sidecar": "thanos",
    "starting rule node": "thanos",
    "starting compact node": "thanos",
    "starting query node": "thanos",
}

_STEPS: Mapping[str, str] = {
    "opening existing TSDBs": "opening",
    "Starting TSDB ...": "opening",
    "opening TSDB": "opening",
    "successfully opened existing TSDBs": "opened",
    "TSDB started": "opened",
    "TSDB is now ready": "opened",
    "Cortex started": "ready",
    "Application started": "ready",
    "Loki started": "ready",
    "Server is ready to receive web requests.": "ready",
    "storage started, and server is ready to receive requests": "ready",
    "Replaying WAL, this may take a while": "replay",
    "replaying WAL, this may take awhile": "replay",
    "Replaying on-disk memory mappable chunks if any": "replay",
    "WAL replay completed": "replay_done",
    "Cortex stopped": "stopped",
    "Application stopped": "stopped",
    "Loki stopped": "stopped",
    "See you next time!": "stopped",
    "starting receiver": "note",
    "Deleting mmapped chunk files": "note",
    "Starting corruption repair": "note",
    "Deleting all segments newer than corrupted segment": "note",
    "Rewrite corrupted segment": "note",
    "Successfully repaired WAL": "note",
    "Successfully repaired WBL": "note",
    "Last page of the wal is torn, filling it with zeros": "note",
    "Last page of the wlog is torn, filling it with zeros": "note",
}

_SHUTDOWN = lazy.pattern(
    r"=== received (SIGINT/SIGTERM|SIGINT|SIGTERM)|Received (SIGTERM), exiting|Received an OS signal, exiting"
    r"|caught signal\. Exiting|=== Handler\.Stop\(\)'d ==="
)
_SIGNALS: Mapping[str, int] = {
    "Killed": 9,
    "Terminated": 15,
    "Segmentation fault": 11,
    "Aborted": 6,
    "Bus error": 7,
    "Illegal instruction": 4,
    "Trace/breakpoint trap": 5,
}
_SHELL_KILL = lazy.pattern(
    r"(?:^|: line \d++: |\] )\s*+(?:\[\d+\][-+ ]*\s)?(?:(?P<pid>\d{1,10}+)\s++)?"
    r"(?P<what>Killed|Terminated|Segmentation fault|Aborted|Bus error|Illegal instruction|Trace/breakpoint trap)"
    r"(?=\s*$|\s{2,}|\s*\(core dumped\)|:? \d+$)"
)
_EXIT_CODE = lazy.pattern(
    r"\b(?:exited(?: with)?(?: (?:exit )?(?:status|code))?|exit(?:ing with)? (?:status|code))[:= ]++(?P<code>\d{1,3}+)(?![\w.])",
    re.IGNORECASE,
)
_SYSTEMD_EXIT = lazy.pattern(r"Main process exited, code=(?P<how>\w++), status=(?P<status>\d{1,3}+)")
_SYSTEMD_RESULT = lazy.pattern(r"Failed with result '(?P<result>[\w-]++)'")
_BACKOFF = lazy.pattern(
    r"[Bb]ack-off (?:(?P<delay>[\dhms.]++) )?restarting failed container(?:[= ](?P<container>[\w.-]++))?"
)
_BACKOFF_POD = lazy.pattern(r"\bpod[= ](?P<pod>[\w.-]++)")

# A process that says how near it was: ClickHouse, ArangoDB, Elasticsearch, VictoriaMetrics, InfluxDB.
_SELF_REPORTS = (
    lazy.pattern(r"Current number of mappings \(/proc/self/maps\): (?P<mappings>\d++)"),
    lazy.pattern(r"Limit on number of mappings \(/proc/sys/vm/max_map_count\): (?P<max_map_count>\d++)"),
    lazy.pattern(
        r"near the maximum number of memory mappings\.? current: (?P<mappings>\d++), maximum: (?P<max_map_count>\d++)"
    ),
    lazy.pattern(r"vm\.max_map_count \[(?P<max_map_count>\d++)\] (?:is )?too low"),
    lazy.pattern(r"already memory mapped files: (?P<mapped_files>\d++)"),
    lazy.pattern(r"near the limit on number of virtual memory mappings"),
    lazy.pattern(r"system limit for vm\.max_map_count may be too low"),
    lazy.pattern(r"exceeded the maximum number of memory mappings"),
)  # fmt: skip


def evidence(record: Record) -> Evidence:
    """Where the record stands, with the start of its text."""
    return Evidence(record.member, record.line, record.text[:EVIDENCE_LIMIT], record.stamp)


def events(record: Record) -> tuple[Event, ...]:
    """The events that a record states, mostly none or one; ``operational information`` has several."""
    message = record_message(record).strip()
    banner = _BANNERS.get(message)
    if banner:
        return (_event(record, "start", **_banner_fields(record, banner)),)
    if not message or message == "operational information":
        limits = _limits(record)
        if limits:
            return limits
    if "64-bit architecture" in message:
        return (_event(record, "warning_32bit", goarch=record.get("GOARCH") or ""),)
    kind = _STEPS.get(message)
    if kind:
        return (_event(record, kind, **_step_fields(record, kind, message)),)
    hinted = _is_hinted(record)
    for recognise in (*_BY_MESSAGE, *(_BY_TEXT if hinted else ())):
        event = recognise(record, message)
        if event is not None:
            return (event,)
    return ()


def _is_hinted(record: Record) -> bool:
    """Whether the text is worth the slow recognisers: cheap, since every failing line asks."""
    if record_error(record) is not None:
        return any(word in record.text for word in _HINTS_WITH_ERROR)
    return _HINT.search(record.text, 0, 4000) is not None


def _event(record: Record, kind: str, **fields: str) -> Event:
    return Event(kind, record.stamp, evidence(record), {key: value for key, value in fields.items() if value})


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _banner_fields(record: Record, product: str) -> dict[str, str]:
    stated = record.get("version") or ""
    version = _first(_VERSION, stated) or (stated if stated[:1].isdigit() else "")
    fields = {"product": product, "version": version, "revision": _first(_REVISION, stated)}
    return {**fields, "branch": _first(_BRANCH, stated), "mode": record.get("mode") or ""}


def _limits(record: Record) -> tuple[Event, ...]:
    """fd_limits, vm_limits, build_context, host_details: a line each, or all in one from 3.0 on."""
    found: list[Event] = []
    for key, value in record.fields:
        if key == "build_context":
            platform = _first(_PLATFORM, value)
            found.append(_event(record, "build", go=_first(_GO, value), platform=platform))
            if platform.rpartition("/")[2] in _ARCHITECTURES_32:
                found.append(_event(record, "warning_32bit", goarch=platform.rpartition("/")[2]))
        elif key == "host_details":
            found.append(_event(record, "host", text=value[:EVIDENCE_LIMIT], machine=_first(_MACHINE, value)))
        elif key in ("fd_limits", "vm_limits"):
            match = _LIMITS.search(value)
            if match:
                found.append(_event(record, key, soft=match[1], hard=match[2]))
    return tuple(found)


def _step_fields(record: Record, kind: str, message: str) -> dict[str, str]:
    fields = {"tenant": record_tenant(record) or ""}
    if kind == "replay_done":
        fields["duration"] = record.get("total_replay_duration") or ""
    if kind == "note":
        fields["text"] = message
    if message == "starting receiver":
        fields["product"] = "thanos"
    if message == "Loki started" or message == "Loki stopped":
        fields["product"] = "loki"
    return fields


def _module_failed(record: Record, message: str) -> Event | None:
    if message != "module failed":
        return None
    return _event(record, "module_failed", module=record.get("module") or "")


def _signal(record: Record, message: str) -> Event | None:
    if "received SIGQUIT" in message:
        return _event(record, "sigquit")
    match = _SHUTDOWN.search(message)
    if match is None:
        return None
    return _event(record, "shutdown", signal=match[1] or match[2] or record.get("signal") or "")


def _ended_with_error(record: Record, message: str) -> Event | None:
    """The last line of a process that returned an error: it says that it ends, rarely why."""
    error = record_error(record) or ""
    ends = message.startswith(
        ("error running cortex", "error running application", "Error running goroutines")
    )
    ends = ends or (message == "Fatal error" and record.level == "error")
    ends = ends or (not message and error.lower().startswith("opening storage failed"))
    ends = ends or "\nreceive command failed" in error or error.endswith("receive command failed")
    return _event(record, "stopped", outcome="error") if ends else None


def _exit(record: Record, message: str) -> Event | None:
    text = message if record.fields else record.text.strip()
    if len(text) > 2000:
        return None
    systemd = _SYSTEMD_EXIT.search(text)
    if systemd:
        return _event(
            record, "exit", **{"code" if systemd["how"] == "exited" else "signal": systemd["status"]}
        )
    result = _SYSTEMD_RESULT.search(text)
    if result:
        return _event(record, "exit", reason=result["result"])
    if record.level and record.level != "error":
        return None
    match = _SHELL_KILL.search(text) if not record.fields else None
    if match:
        return _event(record, "exit", signal=str(_SIGNALS[match["what"]]), pid=match["pid"] or "")
    code = _EXIT_CODE.search(text)
    return _event(record, "exit", code=code["code"]) if code and not record.level else None


def _backoff(record: Record, message: str) -> Event | None:
    match = _BACKOFF.search(record.text)
    if match is None:
        return None
    pod = _BACKOFF_POD.search(record.text)
    return _event(
        record,
        "restart_backoff",
        container=(match["container"] or "").rstrip("\\"),
        pod=(pod["pod"].partition("_")[0] if pod else ""),
        delay=match["delay"] or "",
    )


def _self_report(record: Record, message: str) -> Event | None:
    for pattern in _SELF_REPORTS:
        match = pattern.search(record.text)
        if match:
            return _event(record, "note", text=match[0], **(match.groupdict() or {}))
    return None


_BY_MESSAGE: tuple[Callable[[Record, str], Event | None], ...] = (_module_failed, _signal, _ended_with_error)
_BY_TEXT: tuple[Callable[[Record, str], Event | None], ...] = (_backoff, _exit, _self_report)
_HINTS_WITH_ERROR = ("ack-off", "max_map_count", "mappings", "mapped files", "Main process exited")
_HINT = lazy.pattern(
    r"ack-off|exit|Failed with result|Killed|Terminated|egmentation fault|Aborted|Bus error|Illegal instruction"
    r"|breakpoint trap|number of (?:virtual memory )?mappings|number of memory mappings|max_map_count|mapped files",
)
