"""The time of a line, wherever it stands: for lines that are not worth parsing in full."""

from __future__ import annotations

from analyzer.clock import parse_stamp, parse_yearless
from analyzer.facts import Stamp
from analyzer.logs.records import has_head, parse


def framing_stamp(text: str) -> Stamp | None:
    """The time as a framing writes it; syslog's has no year and says so."""
    if not text:
        return None
    return parse_stamp(text) or parse_yearless(text)


def payload_stamp(payload: str) -> Stamp | None:
    """The record's own time, None for a line that no logger wrote."""
    if not has_head(payload):
        return None
    return parse(payload[:65536], "", 0).stamp
