"""Whether a member is a log, by its first 8 KiB; its path only proposes.

level=info ts=2026-11-22T21:57:15.88Z caller=main.go:193 msg="Starting Cortex" ...     a log, whatever its path
{"apiVersion":"v1","items":[{"kind":"Pod", ...                                         a document, not a log
[    0.000000] Linux version 6.1.0-54-amd64 ...                                        a kernel log
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.logs import kernel
from analyzer.logs.dumps import opens
from analyzer.logs.framing import Framings, strip_ansi
from analyzer.logs.framing_types import Peeled
from analyzer.logs.holes import has_hole, without_holes
from analyzer.logs.records import has_head, json_fields
from analyzer.logs.source import document_kind, is_export, utf16_of

SAMPLE_LINES = 40
LINE_SAMPLE = 2000

# dmesg, -r and -d; -T; -H, whose second form is the step since the line before.
_BRACKETS = lazy.pattern(
    rf"(?:<\d{{1,2}}>)?\[\s*\d{{1,10}}\.\d{{6}}{kernel.STEP}\] |\[<\s*\d{{1,10}}\.\d{{6}}>\] "
    rf"|\[\w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{{4}}{kernel.STEP}\] "
    r"|\[[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d\] |\[\s*\+\d{1,10}\.\d{6}\] "
)
_FACILITIES = (
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "ftp",
    "local",
)
_SUBSYSTEM = lazy.pattern(r"[\w(][\w ./@()\[\]<>+-]{0,60}: \S")  # ``BIOS-e820: ``, ``IPv6: ``, ``mmap: ``
_LOG_PATH = lazy.pattern(
    r"(?:\.log(?:[.-]\d{1,10})*$|\.log[.-]|/logs?/|(?:^|/)logs?(?:\.txt)?$|[._-]logs?(?:\.txt|\.previous)?$|kubectl_logs|kubectl.*_logs_"
    r"|podlogs|oc_logs|crictl_logs|podman_logs|docker_logs|journalctl|/containers/|(?:^|/)syslog|(?:^|/)messages(?:[.-]|$)"
    r"|/previous$|stderr|stdout|\.out$|\.err$|\.tailed$)",
    re.IGNORECASE,
)
_NO_LOG_PATH = lazy.pattern(
    r"(?:(?:^|/)(?:proc|sys|etc|sos_logs|sos_reports)/|\.(?:json|ya?ml|html?|xml|css|js|conf|cfg|ini|md|prom|metrics|csv|svg"
    r"|png|gz|xz|zst|bz2|zip|tar|tgz|pb|pprof|sh|py|toml)$)",
    re.IGNORECASE,
)
_WEAK_FRAMINGS = ("bare", "compose", "kubectl")  # a word and a bar, a time and any text: not enough
_RECORD_KEYS = frozenset(
    ("level", "msg", "message", "ts", "time", "severity", "lvl", "caller", "err", "error")
)
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\r\x0b\x0c\x1b\x08" + bytes(range(0x80, 0x100))


def _lines(head: bytes) -> list[str]:
    encoding = utf16_of(head)
    text = head.decode(encoding or "utf-8", "replace").lstrip("\ufeff").replace("\x00", "")
    rows = text.split("\n")
    if len(rows) > 1:
        rows.pop()  # it may be cut
    return [strip_ansi(row.rstrip("\r"))[:LINE_SAMPLE] for row in rows if row.strip()][:SAMPLE_LINES]


def _is_text(head: bytes) -> bool:
    if utf16_of(head):
        return True
    sample = without_holes(head).lstrip(b"\x00")[:4096]
    return len(sample.translate(None, _TEXT)) <= len(sample) // 50


def _is_record(payload: str) -> bool:
    """Whether a logger wrote this. A date before words is not enough: ``date`` and samplers write it."""
    if not has_head(payload):
        return False
    if payload.startswith("{"):
        fields, _ = json_fields(payload)
        keys = {key for key, _ in fields}
        return len(keys & _RECORD_KEYS) >= 2
    return not payload[:1].isdigit() or payload[4:5] == "/"


def _is_kernel(row: str, peeled: Peeled) -> bool:
    if row[:1] in ("[", "<"):
        return peeled.kernel or _BRACKETS.match(row) is not None
    if row[19:20] == ",":
        return peeled.kernel or kernel.DMESG_ISO.match(row) is not None
    return peeled.kernel or (row.startswith(_FACILITIES) and kernel.FACILITY.match(row) is not None)


def looks_like_kernel_log(path: str, head: bytes) -> bool:
    """Whether a member is the kernel's own log: dmesg with any options, kern.log, journalctl -k."""
    if not head or not _is_text(head) or _NO_LOG_PATH.search(path):
        return False
    framings = Framings()
    rows = _lines(head)
    stamped = sum(_is_kernel(row, framings.peel_text(row)) for row in rows)
    if stamped:
        return stamped >= 0.8 * len(rows)
    return _is_unstamped_kernel(path, rows)


def _is_unstamped_kernel(path: str, rows: list[str]) -> bool:
    """``dmesg -t``: known by how a boot begins, or by its name where the ring had lost that."""
    if any(row.startswith(("Linux version ", "BIOS-provided ")) for row in rows[:3]):
        return any(row.startswith(("Command line: ", "Kernel command line: ", "BIOS-e820: ")) for row in rows)
    if kernel.KERNEL_LOG.search(path) is None or any(_is_record(row) for row in rows):
        return False
    return sum(_SUBSYSTEM.match(row) is not None for row in rows) * 2 >= len(rows) > 1


def looks_like_log(path: str, head: bytes) -> bool:
    """Whether a member is a log that :func:`~analyzer.logs.digest.read_log` should read.

    True for loggers' records, Go dumps and framings wherever they stand, and for plain text where the
    path says log; False for binaries, documents, files of /proc and /etc, and kernel logs.
    """
    path = path.rpartition("!")[2] or path
    if re.search(r"(?:^|/)(?:proc|sys|etc|sos_logs|sos_reports)/", path):
        return False
    if not head:
        return False
    if is_export(head) or document_kind(head):
        return True
    if not _is_text(head) or looks_like_kernel_log(path, head):
        return False
    framings = Framings()
    rows = _lines(head)
    framed = records = dumps = 0
    for row in rows:
        peeled = framings.peel_text(row)
        framed += peeled.framing not in _WEAK_FRAMINGS
        records += _is_record(peeled.payload)
        dumps += opens(peeled.payload)
    if records * 4 >= len(rows) > 0 or framed * 3 >= len(rows) > 0:
        return True
    if _NO_LOG_PATH.search(path):
        return False
    # Zero bytes stand in many a binary file below var/log: there the content must say that it is a log.
    return dumps > 0 or (bool(rows) and not has_hole(head) and bool(_LOG_PATH.search(path)))
