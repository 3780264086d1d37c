"""The JSON report, version 1, and its schema: :class:`Diagnosis` encoded, keys in the contract's order.

JSON is read by scripts and looked at in terminals, so characters that act on a terminal are written
as ``\\uXXXX`` (the same text to every parser); numbers that JSON cannot hold become null.
"""

from __future__ import annotations

from typing import Any

from analyzer import lazy
from analyzer.diagnosis.model import SCHEMA_VERSION, Diagnosis

SCHEMA_ID = f"urn:ingester-postmortem:report:{SCHEMA_VERSION}"
_VERDICT_ORDER = (
    "cause",
    "status",
    "driver",
    "subject",
    "subjects_affected",
    "summary",
    "first_seen",
    "signature",
)
_ACTIVE = lazy.pattern(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
_SURROGATES = lazy.pattern("[\ud800-\udfff]")


def _whole(value: Any) -> Any:
    """``value`` without lone surrogates, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def encode(value: Any) -> str:
    """Any record or plain value as indented JSON with one newline at its end; NaN becomes null."""
    import msgspec

    try:
        compact = msgspec.json.encode(value)
    except UnicodeEncodeError:
        compact = msgspec.json.encode(_whole(msgspec.to_builtins(value)))
    text = msgspec.json.format(compact, indent=2).decode()
    return _ACTIVE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def as_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """The report as plain values, keys in the order of the contract."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(diagnosis)
    verdict = plain["verdict"]
    plain["verdict"] = {key: verdict[key] for key in _VERDICT_ORDER} | verdict
    return {"schema_version": plain["schema_version"]} | plain


def render(diagnosis: Diagnosis) -> str:
    """The JSON report."""
    return encode(as_dict(diagnosis))


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report."""
    import msgspec

    found: dict[str, Any] = msgspec.json.schema(Diagnosis)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": f"Report of analyze, version {SCHEMA_VERSION}",
        "description": "Printed by 'analyze BUNDLE --format json'. Sizes are bytes, times RFC 3339 in UTC, null is not known.",
    }
    definition = found["$defs"]["Diagnosis"]
    # A report of another version must not validate.
    definition["properties"]["schema_version"] = {"type": "integer", "const": SCHEMA_VERSION}
    definition["required"] = ["schema_version", *definition["required"]]
    return head | found
