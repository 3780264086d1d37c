"""Which names a diagnosis holds: those in its fields, and those that the contexts in its texts give away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from analyzer import lazy
from analyzer.diagnosis.model import Diagnosis
from analyzer.report import redaction_words as known

ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"

# key=value, "key":"value" and \"key\":\"value\"; "node: raise it" in a sentence is none of these.
_VALUE = r"""(?:=|\\?["']\s*:\s*)(?:\\?["'])?(?P<name>[^\s"'\\,;(){}\[\]<>=/]{1,512})"""
_CONTEXTS = tuple(
    (kind, lazy.pattern(pattern))
    for kind, pattern in (
        ("tenant", rf"(?<![\w.])(?:user|org_id|orgID|tenant|tenant_id|tenantID|userID|X-Scope-OrgID){_VALUE}"),
        ("tenant", r"\bfor user (?P<name>[^\s:;,\"'\\]+)"),
        ("tenant", r"/tsdb/(?P<name>[^/\s:;,\"'\\]+)(?=[/:\s\"']|$)"),
        ("pod", rf"(?<![\w.])(?:pod|pod_name|podName|member|ingester_id|instance_id){_VALUE}"),
        ("pod", r"\bkubectl\b[^\n]{0,200}?\b(?:logs|exec|describe pod|get pod|delete pod|cp)\s+(?:-\S+\s+)*(?:pod/)?(?P<name>[a-z0-9][\w.-]+)"),
        ("namespace", rf"(?<![\w.])(?:namespace|kubernetes_namespace|ns){_VALUE}"),
        ("namespace", r"\bkubectl\b[^\n|;&]{0,200}?\s(?:-n|--namespace)[ =](?P<name>[a-z0-9][\w.-]*)"),
        ("node", rf"(?<![\w.])(?:node|nodename|node_name|nodeName|kubernetes_node){_VALUE}"),
        ("host", rf"(?<![\w.])(?:host|hostname|addr|address|instance|peer|remote){_VALUE}"),
        ("host", r"host_details=\\?\"\(\S{1,64} .{1,200}? \S{1,64} (?P<name>\S+) \(\S+\)\)"),
        ("host", r"\bLinux (?P<name>[\w.-]+) \d+\.\d+"),
        ("host", r"^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (?P<name>[\w.-]+) [\w./-]+(?:\[\d+\])?: "),
        ("zone", rf"(?<![\w.])(?:zone|availability_zone|instance_availability_zone){_VALUE}"),
        ("id", rf"(?<![\w.])(?:cluster|bucket|bucket_name|region){_VALUE}"),
    )
)  # fmt: skip
_POD_DIR = lazy.pattern(r"\bpods/(?P<namespace>[a-z0-9.-]+)_(?P<pod>[a-z0-9.-]+)_[0-9a-f-]{36}(?=/|$)")
_CONTAINER_LOG = lazy.pattern(
    r"\bcontainers/(?P<pod>[a-z0-9.-]+)_(?P<namespace>[a-z0-9.-]+)_[a-z0-9.-]+\.log"
)
_NAMESPACE_DIR = lazy.pattern(r"\bnamespaces/(?P<namespace>[a-z0-9.-]+)/pods/(?P<pod>[a-z0-9.-]+)")
_SOS_NAME = lazy.pattern(r"\bsosreport-(?P<host>[A-Za-z0-9-]+?)-(?:\d+-)?\d{4}-\d\d-\d\d-[a-z]{7}")
_NOT_NAMES = lazy.pattern(
    r"[\d.,]*|\d+[a-z]{1,2}|0x[0-9a-f]+|[\W_]+|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|\[?[0-9a-f:]*\]?(?::\d+)?"
)

_FIELDS = {
    "tenant": "tenant", "host": "host", "node": "node", "zone": "zone", "namespace": "namespace", "pod": "pod",
    "container": "container", "container_id": "id", "pods": "pod",
}  # fmt: skip


def strings(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a diagnosis with the name of its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, field)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from strings(getattr(value, name), name)


def find_names(diagnosis: Diagnosis) -> dict[str, str]:
    """Name to kind; what a field says counts more than what a context suggests."""
    from_fields: dict[str, str] = {}
    from_contexts: dict[str, str] = {}
    for field, text in strings(diagnosis):
        if field in _FIELDS:
            if _is_name(text, field=True):
                from_fields.setdefault(text, _FIELDS[field])
            continue
        for name, kind in _in_context(text):
            if _is_name(name, field=False):
                from_contexts.setdefault(name, kind)
    return from_contexts | from_fields


def _is_name(text: str, field: bool) -> bool:
    """Whether a word found at a name's place is one; a field is believed more than a context."""
    if (
        not text
        or text.startswith("(")
        or text in known.TSDB
        or text in known.PLACEHOLDERS
        or text[0] in "$%*"
    ):
        return False
    if re.fullmatch(ULID, text):
        return False
    if field:
        return text not in known.PRODUCTS
    if text.lower() in known.KEEP or len(text) > 253 or text.endswith(".go"):
        return False
    return text.isdigit() or not _NOT_NAMES.fullmatch(text)


def _in_context(text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern in _CONTEXTS:
        for match in pattern.finditer(text):
            yield match["name"].rstrip(".:"), kind
    for pattern in (_POD_DIR, _CONTAINER_LOG, _NAMESPACE_DIR):
        for match in pattern.finditer(text):
            yield match["pod"], "pod"
            yield match["namespace"], "namespace"
    for match in _SOS_NAME.finditer(text):
        yield match["host"], "host"
