r"""One payload becomes one record, whatever logger wrote it.

    level=info ts=2026-11-22T21:57:15.88Z caller=main.go:193 msg="Starting Cortex" version="(version=1.11.1, ...)"
    ts=2026-11-22T21:57:16.11Z caller=handler.go:95 level=info org_id=a caller=repair.go:54 time=... msg="Found ..."
    time=2026-11-22T22:06:13.035Z level=ERROR source=/srv/x.go:16 msg="Fatal error" err="opening storage failed: ..."
    {"caller":"ingester.go:2184","err":"failed to open TSDB: ...","level":"error","msg":"unable to open TSDB",...}
    {"time":"...","level":"ERROR","source":{"function":"main.main","file":"/srv/x.go","line":17},"msg":"Fatal error"}
    E1122 21:58:00.123456    1234 pod_workers.go:1298] "Error syncing pod, skipping" err="failed to ..." pod="c/i-0"
    2026/11/22 21:57:16 maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined
    error loading config from /etc/cortex.yaml: open /etc/cortex.yaml: no such file or directory

Keys are not settled: one product says ``ts``, another ``time``, and slog behind go-kit says both. The
``record_*`` functions hold what is known of that.
"""

from __future__ import annotations

import json
import re

from analyzer import lazy
from analyzer.clock import parse_stamp, parse_yearless
from analyzer.facts import Stamp
from analyzer.logs.framing_json import text_of
from analyzer.logs.model import Level, Record
from analyzer.logs.quoting import drop_cut_escape, unescape

TIME_KEYS = ("ts", "time", "timestamp", "@timestamp", "t", "logged_time")
LEVEL_KEYS = ("level", "lvl", "severity", "loglevel", "log.level")
CALLER_KEYS = ("caller", "source", "logged_source")
TENANT_KEYS = ("user", "org_id", "orgID", "tenant", "tenantID", "userID", "tenant_id", "user_id")
ERROR_KEYS = ("err", "error")
MESSAGE_KEYS = ("msg", "message")

_TIME_RANK = {key: rank for rank, key in enumerate(TIME_KEYS)}
Fields = tuple[tuple[str, str], ...]

_LEVELS: dict[str, Level] = {
    **dict.fromkeys(("error", "err", "fatal", "critical", "crit", "panic", "dpanic", "alert", "emerg", "e", "f"), "error"),
    **dict.fromkeys(("warn", "warning", "w"), "warn"),
    **dict.fromkeys(("info", "notice", "information", "i"), "info"),
    **dict.fromkeys(("debug", "trace", "d"), "debug"),
}  # fmt: skip
_LOGFMT_HEAD = lazy.pattern(r'(?:"[^"\s]{1,64}+"|[A-Za-z_@][\w.@/-]{0,63}+)=')
_KLOG = lazy.pattern(r"([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d{1,9}+) +(\d++) ([\w./-]++:\d++)\] ?(.*)", re.DOTALL)
_KLOG_MESSAGE = lazy.pattern(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"')
_STDLOG = lazy.pattern(
    r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9}+)?) (?:([\w./-]++\.go:\d++): )?(.*)", re.DOTALL
)
_TIMED = lazy.pattern(
    r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?(?:Z|[+-]\d\d:?\d\d)?)\]?[ \t]*+[|:-]?[ \t]*+"
    r"(?:\[?([A-Za-z]{1,11}+)\]?:?[ \t]++)?(.*)",
    re.DOTALL,
)
_GO_LINE = lazy.pattern(r"\S+\.\w+:\d+\Z")


def parse(
    payload: str, member: str, line: int, stamp: Stamp | None = None, cut: bool = False, level: Level = ""
) -> Record:
    """The record that ``payload`` (a line without its framing) holds. Never raises.

    ``stamp`` and ``level`` are the framing's, used where the payload has none. ``cut`` says that
    the end of the line is missing; a quoted value without its end makes the record cut too.
    """
    fields, text_stamp, text_level, broken = _fields(payload, cut)
    own_level = text_level or (level_of(fields) if fields else "") or level
    own_stamp = text_stamp or (time_of(fields) if fields else None) or stamp
    return Record(member, line, own_stamp, own_level, fields, payload, cut or broken)


def has_head(payload: str) -> bool:
    """Whether a logger's record starts here: logfmt, JSON, klog or Go's standard log."""
    first = payload[:1]
    if first == "{":
        return payload[1:2] == '"'
    if first.isdigit():
        return _STDLOG.match(payload[:64]) is not None or _TIMED.match(payload[:64]) is not None
    if first in "IWEF" and _KLOG.match(payload[:200]):
        return True
    return is_logfmt(payload)


def is_logfmt(payload: str) -> bool:
    """Whether ``payload`` begins with a key of a logger followed by ``=``."""
    key = payload[: payload.find("=", 0, 66) + 1]
    if key in _HEAD_KEYS:
        return True
    if not _LOGFMT_HEAD.fullmatch(key):
        return False
    return any(f" {name}=" in payload[:400] for name in ("level", "ts", "time", "msg", "caller"))


_HEAD_KEYS = frozenset(
    f"{key}="
    for key in (*TIME_KEYS, *LEVEL_KEYS, *CALLER_KEYS, *ERROR_KEYS, *MESSAGE_KEYS, "logger", "component")
)


def _fields(payload: str, cut: bool) -> tuple[Fields, Stamp | None, Level, bool]:
    """(fields, stamp, level, broken): stamp and level where the logger writes them outside a key."""
    first = payload[:1]
    if first == "{":
        pairs, broken = json_fields(payload)
        if pairs:
            return pairs, None, "", broken
    elif first.isdigit() or first == "[":
        return _dated(payload)
    elif first in "IWEF" and (match := _KLOG.match(payload)):
        return _klog(match)
    if is_logfmt(payload):
        fields, broken = logfmt_fields(payload, cut)
        return fields, None, "", broken
    return (), None, "", False


def logfmt_fields(text: str, cut: bool = False) -> tuple[Fields, bool]:
    """The pairs of a logfmt line, duplicates kept, and whether it ends inside a quoted value.

    Quoted values are unescaped; a backslash outside quotes is a backslash. Words without ``=`` are
    passed over. A value that has no closing quote goes to the end of the line.
    """
    pairs: list[tuple[str, str]] = []
    end = len(text)
    start = 0
    while (equals := text.find("=", start)) >= 0:
        key = text[start:equals]
        if not key.isalnum():
            key = _clean_key(key)
        begin = equals + 1
        if text[begin : begin + 1] == '"':
            stop = _closing_quote(text, begin + 1, end)
            if stop < 0:
                pairs.append((key, unescape(drop_cut_escape(text[begin + 1 :]))))
                return tuple(pairs), True
            value = text[begin + 1 : stop]
            if "\\" in value:
                value = unescape(value)
            stop += 1
        else:
            stop = text.find(" ", begin)
            if stop < 0:
                stop = end
            value = text[begin:stop].rstrip("\t\r\n")
        if key:
            pairs.append((key, value))
        start = stop + 1 if text[stop : stop + 1] == " " else stop
    return tuple(pairs), False


def _clean_key(key: str) -> str:
    """The key at the end of what stands between two pairs: loose words are passed over, a slog key
    may be quoted (``"Attempted size"=20001``)."""
    key = key.strip()
    if key.endswith('"') and (quote := key.rfind('"', 0, -1)) >= 0:
        return unescape(key[quote + 1 : -1])
    return key.rpartition(" ")[2].replace('"', "")


def _closing_quote(text: str, start: int, end: int) -> int:
    """Offset of the quote that ends the value begun at ``start``, or -1. A quote behind an odd
    number of backslashes is part of the value."""
    while (quote := text.find('"', start, end)) >= 0:
        slash = quote
        while slash > start and text[slash - 1] == "\\":
            slash -= 1
        if (quote - slash) % 2 == 0:
            return quote
        start = quote + 1
    return -1


def json_fields(text: str) -> tuple[Fields, bool]:
    """The members of a JSON object in order, duplicates kept, and whether its end is missing.

    Values are text: numbers as written, objects as JSON, but slog's ``source`` as ``file:line``.
    """
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return _cut_json(text)
    if not isinstance(pairs, _Pairs):
        return (), False
    return tuple(
        (
            key if key.isascii() else text_of(key),
            value if type(value) is str and value.isascii() else _json_text(key, value),
        )
        for key, value in pairs
    ), False


class _Pairs(list[tuple[str, object]]):
    """A JSON object as pairs; its own type, so that an array is told from it."""


def _json_text(key: str, value: object) -> str:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, _Pairs):
        members = dict(value)
        if key in CALLER_KEYS and "file" in members:
            return f"{text_of(members['file'])}:{text_of(members.get('line'))}"
        return text_of(
            json.dumps({text_of(name): _plain(inner) for name, inner in value}, ensure_ascii=False)
        )
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "null"
    return text_of(json.dumps(_plain(value), ensure_ascii=False))


def _plain(value: object, depth: int = 0) -> object:
    """Nested pairs as objects, to 16 levels."""
    if depth > 16:
        return "..."
    if isinstance(value, _Pairs):
        return {text_of(name): _plain(inner, depth + 1) for name, inner in value}
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    return text_of(value) if isinstance(value, str) else value


_JSON_PAIR = lazy.pattern(
    r"""[\s,{]*+ "(?P<key>[^"\\]*+(?:\\.[^"\\]*+)*)" \s*+ : \s*+
        (?: "(?P<text>[^"\\]*+(?:\\.[^"\\]*+)*)(?P<close>"?) | (?P<other>[^,"{}\s]++) | (?P<object>\{[^{}]*+\}?) )""",
    re.VERBOSE | re.DOTALL,
)


def _cut_json(text: str) -> tuple[Fields, bool]:
    """The members that can be read of an object that does not end, or is not quite JSON."""
    pairs: list[tuple[str, str]] = []
    position = 0
    while match := _JSON_PAIR.match(text, position):
        position = match.end()
        value = match["text"]
        if value is not None:
            if not match["close"]:
                value, position = drop_cut_escape(text[match.start("text") :]), len(text)
            pairs.append((unescape(match["key"]), unescape(value)))
        elif match["other"] is not None:
            pairs.append((unescape(match["key"]), match["other"]))
    return tuple(pairs), bool(pairs)


def tail_fields(payload: str, tail: str) -> Fields:
    """The pairs behind the value in which a line over 1 MiB was cut: ``payload`` is the head of the
    line, ``tail`` its end, which begins within that value."""
    end = _closing_quote(tail, 0, len(tail))
    if end < 0:
        return ()
    rest = tail[end + 1 :]
    return json_fields("{" + rest.lstrip(","))[0] if payload.startswith("{") else logfmt_fields(rest)[0]


def _klog(match: re.Match[str]) -> tuple[Fields, Stamp | None, Level, bool]:
    """``E1122 21:58:00.123456    1234 pod_workers.go:1298] "msg" key="value"``; no year."""
    letter, stamp, _thread, caller, rest = match.groups()
    fields: list[tuple[str, str]] = [("caller", caller)]
    broken = False
    message = _KLOG_MESSAGE.match(rest)
    if message:
        fields.append(("msg", unescape(message[1])))
        more, broken = logfmt_fields(rest[message.end() :])
        fields.extend(more)
    else:
        fields.append(("msg", rest))
    return tuple(fields), parse_yearless(stamp), _LEVELS[letter.lower()], broken


def _dated(payload: str) -> tuple[Fields, Stamp | None, Level, bool]:
    """Text behind a date: Go's standard log, Python's logging and their like."""
    match = _STDLOG.match(payload)
    if match:
        caller = (("caller", match[2]),) if match[2] else ()
        return (*caller, ("msg", match[3])), parse_stamp(match[1]), "", False
    match = _TIMED.match(payload)
    if match is None:
        return (), None, "", False
    level = _LEVELS.get((match[2] or "").lower(), "") if len(match[2] or "") > 1 else ""
    message = match[3] if level or not match[2] else payload[match.start(2) :]
    return (("msg", message),), parse_stamp(match[1]), level, False


def time_of(fields: Fields) -> Stamp | None:
    """The first time field that holds a time; go-kit's ``ts`` is the log's, slog's ``time`` its copy."""
    found: Stamp | None = None
    best = len(TIME_KEYS)
    for key, value in fields:
        rank = _TIME_RANK.get(key, best)
        if rank < best and (stamp := parse_stamp(value)) is not None:
            found, best = stamp, rank
            if best == 0:
                break
    return found


def level_of(fields: Fields) -> Level:
    """The level that a field states, "" for none or one that is no level."""
    for key, value in fields:
        if key in LEVEL_KEYS:
            return _LEVELS.get(value.lower(), "") if len(value) > 1 else ""
    return ""


def record_time(record: Record) -> Stamp | None:
    """The record's own time, else the framing's."""
    return record.stamp


def record_level(record: Record) -> Level:
    """error, warn, info, debug or ""; from the payload, else from the framing."""
    return record.level


def record_message(record: Record) -> str:
    """``msg=`` without the line break that gRPC's logger leaves at its end, "" for none."""
    return (record.get(*MESSAGE_KEYS) or "").rstrip("\n")


def record_error(record: Record) -> str | None:
    """The text of ``err=`` (``error=`` in Cortex 1.0 and 1.1)."""
    return record.get(*ERROR_KEYS)


def record_tenant(record: Record) -> str | None:
    """The tenant that a field names, under any of its keys, None for none or an empty one."""
    for wanted in TENANT_KEYS:
        for key, value in record.fields:
            if key == wanted and value:
                return value
    return None


def record_caller(record: Record) -> str | None:
    """``file.go:line`` of the code that logged: the last one, since slog behind go-kit writes the
    bridge's own first (``caller=handler.go:95 ... caller=repair.go:54``)."""
    found = None
    for key, value in record.fields:
        if key in CALLER_KEYS and _GO_LINE.search(value):
            found = value
    return found.rpartition("/")[2] if found else record.get(*CALLER_KEYS)
