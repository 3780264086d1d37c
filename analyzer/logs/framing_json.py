r"""Framings that wrap each line in a JSON object.

    {"log":"LINE\n","stream":"stderr","time":"2026-11-22T21:57:16.316Z"}                      docker json-file
    {"MESSAGE":"LINE","_PID":"1","__REALTIME_TIMESTAMP":"1795384636316000","PRIORITY":"6"}    journalctl -o json
    {"labels":{"pod":"ingester-0"},"line":"LINE","timestamp":"2026-11-22T21:57:16Z"}          logcli -o jsonl
    {"message":"LINE","podName":"ingester-0","containerName":"ingester","namespace":"cortex"} stern -o json

An object whose end is missing (the last line of a cut file) is read as far as it goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from analyzer import lazy
from analyzer.logs.framing_syslog import priority_level
from analyzer.logs.framing_types import LABELS, Peeled
from analyzer.logs.model import Level
from analyzer.logs.quoting import drop_cut_escape, unescape

JOURNAL_HINTS = {
    "_HOSTNAME": "host", "_SYSTEMD_UNIT": "unit", "SYSLOG_IDENTIFIER": "identifier", "_PID": "pid",
    "CONTAINER_NAME": "container", "CONTAINER_ID": "container_id",
}  # fmt: skip
JOURNAL_FIELDS = (
    "ERR",
    "ERROR",
    "MSG",
    "CALLER",
    "TENANT",
    "USER",
    "ORG_ID",
    "COMPONENT",
    "MODULE",
    "VERSION",
)
"""Fields that loggers write natively to the journal (Thanos: --log.format=journald)."""

_CUT_DOCKER = lazy.pattern(r'\{"log":"((?:[^"\\]|\\.)*)')


def peel_json(text: str) -> Peeled | None:
    """The line inside a JSON object, None when the object is a record itself."""
    kind = _kind(text)
    if not kind:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        if kind == "docker":
            return _peel_cut(text)
        document = _ended(text)
    if not isinstance(document, dict):
        return None
    if kind == "docker":
        return _docker(document)
    if kind == "journal":
        return journal_entry(document)
    return _logcli(document) if kind == "logcli" else _stern(document)


def _kind(text: str) -> str:
    head = text[:4096]
    if head.startswith('{"log":') or ('"log":"' in head and '"stream":"' in head):
        return "docker"
    if '"__REALTIME_TIMESTAMP"' in head or '"MESSAGE"' in head or '"__CURSOR"' in head:
        return "journal"
    if '"line":' in head and ('"labels":' in head or '"timestamp":' in head):
        return "logcli"
    if '"message":' in head and ('"podName":' in head or '"podName":' in text[-1024:]):  # behind a long line
        return "stern"
    return ""


def text_of(value: object) -> str:
    """A JSON value as text; lone surrogates, which no output can encode, become U+FFFD."""
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _docker(document: Mapping[str, object]) -> Peeled | None:
    line = document.get("log")
    if not isinstance(line, str):
        return None
    partial = not line.endswith("\n") and "time" in document and "_p" not in document
    if document.get("_p") == "P":
        partial = True
    return Peeled(
        text_of(line).rstrip("\r\n"),
        "docker",
        stamp=text_of(document.get("time")),
        stream=text_of(document.get("stream")),
        partial=partial,
        hints=_hints(document.get("kubernetes"), LABELS),
    )


def _peel_cut(text: str) -> Peeled | None:
    """A docker record whose end is missing: no time, and no telling whether it was partial."""
    match = _CUT_DOCKER.match(text)
    return Peeled(unescape(match[1]).rstrip("\r\n"), "docker") if match else None


def _ended(text: str) -> object:
    """The object of ``text``, which ends within its last value, that of the line in most; None elsewhere."""
    for end in ('"}', "]}"):
        try:
            return json.loads(drop_cut_escape(text) + end)
        except (ValueError, RecursionError):
            continue
    return None


def journal_message(value: object) -> str | None:
    """MESSAGE: text, an array of byte numbers when it is not UTF-8, null when it was too long."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, list) and value:
        if all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return journal_message(value[-1])  # a field written several times
    return None


def journal_entry(document: Mapping[str, object]) -> Peeled | None:
    """One journal entry, of the JSON or the export form."""
    message = journal_message(document.get("MESSAGE"))
    if message is None and "__REALTIME_TIMESTAMP" not in document:
        return None
    priority = text_of(document.get("PRIORITY"))
    level: Level = priority_level(int(priority)) if priority.isascii() and priority.isdigit() else ""
    stamp = text_of(document.get("_SOURCE_REALTIME_TIMESTAMP") or document.get("__REALTIME_TIMESTAMP"))
    fields = tuple((key.lower(), text_of(document[key])) for key in JOURNAL_FIELDS if key in document)
    kernel = document.get("_TRANSPORT") == "kernel"
    return Peeled(
        message or "",
        "journal-json",
        stamp=stamp,
        level=level,
        hints=_hints(document, JOURNAL_HINTS),
        kernel=kernel,
        fields=fields,
    )


def _logcli(document: Mapping[str, object]) -> Peeled | None:
    line = document.get("line")
    if not isinstance(line, str):
        return None
    labels = document.get("labels") or document.get("fields")
    stamp = text_of(document.get("timestamp") or document.get("date"))
    return Peeled(text_of(line).rstrip("\r\n"), "logcli", stamp=stamp, hints=_hints(labels, LABELS))


def _stern(document: Mapping[str, object]) -> Peeled | None:
    line = document.get("message")
    if not isinstance(line, str):
        return None
    names = {"podName": "pod", "containerName": "container", "namespace": "namespace", "nodeName": "node"}
    return Peeled(text_of(line).rstrip("\r\n"), "stern", hints=_hints(document, names))


def _hints(values: object, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if not isinstance(values, dict):
        return ()
    return tuple(
        (hint, text_of(values[name])) for name, hint in names.items() if isinstance(values.get(name), str)
    )
