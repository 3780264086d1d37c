r"""What a container runtime, a log shipper or a terminal wrapped around a log line, peeled off again.

    2026-11-22T21:57:16.309121822Z stderr F ts=2026-11-22T21:57:16.3093Z caller=main.go:216 ...       cri
    {"log":"ts=2026-11-22T21:57:16.3138Z ...\n","stream":"stderr","time":"2026-11-22T21:57:16.316Z"}  docker
    [pod/ingester-0/ingester] 2026-11-22T21:57:16.316Z level=info ...                                 kubectl
    ingester-0 ingester level=info ts=...                                                             stern
    ingester-1  | level=info ts=...                                                                   compose
    Nov 22 21:36:00 node1 cortex[4321]: level=info ts=...                                             syslog
    2026-11-22T21:57:16Z {app="ingester", pod="ingester-0"} level=info ts=...                         logcli
    1795384636316<TAB>2026-11-22T21:57:16.316Z<TAB>ts=...                                             grafana

Framings stand in each other and mix within one member, so each line is peeled by its own content,
from the outside in, until nothing more comes off. What is left is the payload: the words "stderr"
and "error" of a framing never reach the level.
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.logs.framing_json import peel_json
from analyzer.logs.framing_syslog import (
    peel_full_journal,
    peel_iso_journal,
    peel_rfc5424,
    peel_syslog,
    peel_unix_journal,
)
from analyzer.logs.framing_types import LABELS, Peeled, Peeler, merge
from analyzer.logs.holes import RUN
from analyzer.logs.quoting import drop_cut_escape

MAX_LAYERS = 5
MAX_SOURCES = 256
ESCAPE = "\x1b"
CUT = "\ue000[cut]\ue000"  # stands where the middle of a line is missing; no log holds it
_HOLE = "\x00" * RUN

_ANSI = lazy.pattern(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"
_CRI = lazy.pattern(rf"({_STAMP}) (stdout|stderr) ([PF])((?::\S+)?)(?: |$)", re.ASCII)
_KUBECTL_PREFIX = lazy.pattern(r"\[pod/([^\]\s/]+)/([^\]\s]+)\] ?", re.ASCII)
_TIMED = lazy.pattern(rf"({_STAMP})(?: |$)", re.ASCII)
_LABEL_SET = lazy.pattern(r'\{((?:\w+="(?:[^"\\]|\\.)*"(?:, ?)?)*)\} *', re.ASCII)
_LABEL = lazy.pattern(r'(\w+)="((?:[^"\\]|\\.)*)"', re.ASCII)
_GRAFANA = lazy.pattern(r"(\d{13})\t(\d{4}-\d\d-\d\dT[^\t]{8,24})\t", re.ASCII)
_COMPOSE = lazy.pattern(r"([A-Za-z0-9][\w.-]*) +\| ?", re.ASCII)
_STERN = lazy.pattern(r"([a-z0-9][a-z0-9.-]{0,252}) ([a-z0-9][a-z0-9-]{0,62}) ", re.ASCII)
HEAD = lazy.pattern(
    r'(?:"?(?:level|lvl|ts|time|t|caller|msg|err|error|component|logger)"?=|\{"|[IWEF]\d{4} \d\d:\d\d:|'
    r"\d{4}/\d\d/\d\d \d\d:|\d{4}-\d\d-\d\dT|panic: |fatal error: |runtime(?:/cgo)?: |SIG[A-Z]+: |unexpected fault |goroutine \d)",
    re.ASCII,
)
"""How the payload of the products read here begins."""


def strip_ansi(text: str) -> str:
    """``text`` without the escape sequences that colour a terminal."""
    return _ANSI.sub("", text) if ESCAPE in text else text


def _cri(text: str) -> Peeled | None:
    match = _CRI.match(text)
    if match is None:
        return None
    return Peeled(text[match.end() :], "cri", stamp=match[1], stream=match[2], partial=match[3] == "P")


def _kubectl_prefix(text: str) -> Peeled | None:
    match = _KUBECTL_PREFIX.match(text)
    if match is None:
        return None
    return Peeled(text[match.end() :], "kubectl", hints=(("pod", match[1]), ("container", match[2])))


def _timed(text: str) -> Peeled | None:
    """``kubectl logs --timestamps``, or logcli when labels follow the time."""
    match = _TIMED.match(text)
    if match is None:
        return None
    labels = _LABEL_SET.match(text, match.end())
    if labels is not None:
        return Peeled(text[labels.end() :], "logcli", stamp=match[1], hints=label_hints(labels[1]))
    return Peeled(text[match.end() :], "kubectl", stamp=match[1])


def label_hints(labels: str) -> tuple[tuple[str, str], ...]:
    """The hints among Loki labels as text: ``app="x", pod="ingester-0"``."""
    found = _LABEL.findall(labels)
    return tuple((LABELS[name], value) for name, value in found if name in LABELS)


def _grafana(text: str) -> Peeled | None:
    match = _GRAFANA.match(text)
    return Peeled(text[match.end() :], "grafana", stamp=match[2]) if match else None


def _compose(text: str) -> Peeled | None:
    match = _COMPOSE.match(text)
    return Peeled(text[match.end() :], "compose", hints=(("container", match[1]),)) if match else None


_BY_START: tuple[tuple[str, tuple[Peeler, ...]], ...] = (
    ("{", (peel_json,)),
    ("[", (_kubectl_prefix,)),
    ("<", (peel_rfc5424, peel_syslog)),
    ("0123456789", (_cri, peel_iso_journal, _timed, _grafana, peel_unix_journal, _compose)),
    ("ADJNO", (peel_syslog,)),
    ("FMS", (peel_syslog, peel_full_journal)),
    ("TW", (peel_full_journal,)),
)
_BY_CHARACTER: dict[str, tuple[Peeler, ...]] = {
    character: peelers for start, peelers in _BY_START for character in start
}


class Framings:
    """Peels the lines of one member."""

    def __init__(self) -> None:
        self._stern: set[str] = set()  # prefixes seen: a dump's lines have no head to know them by

    def peel(self, raw: bytes, errors: str = "replace") -> Peeled:
        """The payload of a raw line, and what its framings say. Never raises. With ``surrogateescape`` for
        ``errors`` the bytes of half a character are kept, for the line that is joined from such pieces."""
        text = raw.decode("utf-8", errors).rstrip("\r")
        if "\x00" in text:
            text = text.strip("\x00").rpartition(_HOLE)[2]  # behind a torn line, the next process's first
        if text.startswith("\ufeff"):
            text = text[1:]
        return self.peel_text(strip_ansi(text))

    def peel_cut(self, head: bytes, tail: bytes) -> tuple[Peeled, str, bool]:
        """As :meth:`peel`, for a line of which only its head and its tail are kept: the payload of the head, that of
        the tail, and whether it is the payload that was cut, not what a framing says beside it.

        Both are peeled as one text, since a JSON object is read from its end too.
        """
        start, end = (part.decode("utf-8", "replace") for part in (head, tail))
        # Neither may stand within an escape.
        text = drop_cut_escape(start) + CUT + end[end.find(" ", 0, 64) + 1 :].rstrip("\r")
        peeled = self.peel_text(strip_ansi(text.strip("\x00\ufeff")))
        peeled.payload, cut, rest = peeled.payload.partition(CUT)
        return peeled, rest, bool(cut)

    def peel_text(self, text: str) -> Peeled:
        """As :meth:`peel`, for a line that is decoded already."""
        outer = Peeled(text, "bare")
        for _ in range(MAX_LAYERS):
            inner = self._one(outer.payload)
            if inner is None:
                break
            if ESCAPE in inner.payload:
                inner.payload = strip_ansi(inner.payload)
            outer = merge(outer, inner)
        return outer

    def _one(self, text: str) -> Peeled | None:
        """The outermost layer of ``text`` peeled off, None when it has none."""
        for peeler in _BY_CHARACTER.get(text[:1], ()):
            if (peeled := peeler(text)) is not None:
                return peeled
        if text[:1].isalnum() and not HEAD.match(text):
            return (_compose(text) if " | " in text[:80] else None) or self._peel_stern(text)
        return None

    def _peel_stern(self, text: str) -> Peeled | None:
        """``POD CONTAINER LINE``, known by the logger head that follows, later by the same prefix."""
        match = _STERN.match(text)
        if match is None:
            return None
        if match[0] not in self._stern:
            if not HEAD.match(text, match.end()) or not any(letter in match[1] for letter in "-."):
                return None
            if len(self._stern) >= MAX_SOURCES:
                return None
            self._stern.add(match[0])
        return Peeled(text[match.end() :], "stern", hints=(("pod", match[1]), ("container", match[2])))
