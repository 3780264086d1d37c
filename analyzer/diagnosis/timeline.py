"""The time line of a subject, and the chain from cause to consequence."""

from __future__ import annotations

from analyzer.case.model import Life, Subject
from analyzer.diagnosis.evidence import Ledger
from analyzer.diagnosis.model import ChainLink, TimelineEntry
from analyzer.diagnosis.weigh import Symptoms, family, number
from analyzer.facts import Stamp
from analyzer.logs.model import Event, FailureGroup

MOST = 80
_KINDS = (
    "start",
    "opening",
    "opened",
    "ready",
    "shutdown",
    "stopped",
    "fatal",
    "exit",
    "restart_backoff",
    "sigquit",
)
_FAMILY_WORDS = {
    "memory": "memory was refused (ENOMEM)",
    "syscall": "the kernel had no memory for a call that maps nothing (ENOMEM)",
    "threads": "a thread was refused (EAGAIN)",
    "locked": "locked memory was refused (EAGAIN)",
    "files": "too many open files",
    "space": "no space left",
    "watch": "an inotify watch was refused",
    "corrupt": "a damaged or empty file",
}


def _iso(stamp: Stamp | None) -> str | None:
    return stamp.iso() if stamp is not None else None


def timeline(subject: Subject, ledger: Ledger) -> list[TimelineEntry]:
    """Starts, life-cycle steps, failures and ends in order of time; repeated steps are counted."""
    rows: list[tuple[tuple[int, int, int], TimelineEntry]] = []
    for i, life in enumerate(subject.lives):
        rows.extend(_of_life(i, life, ledger))
    rows.sort(key=lambda row: row[0])
    entries = [entry for _, entry in rows]
    if len(entries) > MOST:
        half = MOST // 2
        left = len(entries) - 2 * half
        middle = TimelineEntry(None, "note", f"{left} further entries are left out here", [], left)
        entries = [*entries[:half], middle, *entries[-half:]]
    return entries


def _of_life(i: int, life: Life, ledger: Ledger) -> list[tuple[tuple[int, int, int], TimelineEntry]]:
    rows: list[tuple[tuple[int, int, int], TimelineEntry]] = []
    files = {log.member: n for n, (log, _) in enumerate(life.segments)}
    seen: dict[str, TimelineEntry] = {}
    start = [life.start] if life.start is not None and life.start not in life.events else []
    for event in [*start, *life.events]:
        if event.kind not in _KINDS:
            continue
        key = f"{event.kind}:{event.evidence.text[:80] if event.kind in ('fatal', 'exit') else ''}"
        if key in seen:
            seen[key].count += event.count
            continue
        entry = TimelineEntry(
            _iso(event.stamp), event.kind, _event_text(life, event), [ledger.add(event.evidence)], event.count
        )
        seen[key] = entry
        rows.append(((i, files.get(event.evidence.member, 0), event.evidence.line or 0), entry))
    for group in _telling(life):
        entry = TimelineEntry(
            _iso(group.first),
            "failure",
            _failure_text(group),
            ledger.add_all(group.evidence[:1]),
            group.lines,
        )
        member = group.evidence[0].member if group.evidence else ""
        rows.append(((i, files.get(member, 0), group.first_line), entry))
    for kill in life.kernel:
        text = f"the kernel killed pid {kill.pid} ({kill.comm})"
        rows.append(
            (
                (i, 1 << 20, 1 << 40),
                TimelineEntry(_iso(kill.stamp), "kill", text, [ledger.add(kill.evidence)]),
            )
        )
    rows.append(((i, 1 << 20, 1 << 41), TimelineEntry(_iso(life.last), "end", _end_text(life))))
    return rows


def _telling(life: Life) -> list[FailureGroup]:
    """The first group of each operation, errno and file kind, all tenants taken together."""
    merged: dict[tuple[str, str | None, str | None], FailureGroup] = {}
    for group in life.failures:
        key = (group.operation, group.file_kind, group.errno)
        held = merged.get(key)
        if held is None or group.first_line < held.first_line:
            merged[key] = group
    return sorted(merged.values(), key=lambda g: g.first_line)[:8]


def _event_text(life: Life, event: Event) -> str:
    fields = event.fields
    if event.kind == "start":
        return f"{life.id} starts: {fields.get('product', 'process')} {fields.get('version', '')}".rstrip()
    if event.kind == "fatal":
        reason = fields.get("reason") or event.evidence.text
        return f"Go: {_short(reason, 120)}"
    words = {
        "opening": "opens the TSDBs on disk",
        "opened": "opened all TSDBs",
        "ready": "is up",
        "shutdown": "is asked to stop",
        "stopped": "stopped",
        "restart_backoff": "restart is delayed (back-off)",
        "sigquit": "dumps its goroutines (SIGQUIT)",
    }
    if event.kind == "stopped" and fields.get("outcome") == "error":
        return "ends with an error"
    if event.kind == "exit":
        return f"exit: {_short(event.evidence.text, 100)}"
    return words.get(event.kind, event.kind)


def _short(text: str, most: int) -> str:
    """At most ``most`` characters, cut between words where one ends near, and said to be cut."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    head, blank, tail = kept.rpartition(" ")
    return (head if blank and len(tail) < 20 else kept).rstrip() + "…"


def _failure_text(group: FailureGroup) -> str:
    what = group.operation.replace("_", " ")
    kind = f" of {group.file_kind.replace('_', ' ')}" if group.file_kind else ""
    members = f", {number(group.members)} errors" if group.members > 1 else ""
    return f"{what}{kind} fails: {group.errno or _short(group.sample, 60)}{members}"


def _end_text(life: Life) -> str:
    words = {
        "error_exit": "ends with an error",
        "go_fatal": "dies of a Go fatal error or panic",
        "killed": "is killed",
        "clean_exit": "stops cleanly",
        "running": "still runs when the log ends",
        "starting": "has not come up when the log ends",
        "log_stops": "its log just stops",
        "unknown": "ends, how is not known",
    }[life.outcome]
    code = f" (exit {life.exit_code})" if life.exit_code is not None else ""
    return f"{life.id} {words}{code}"


def chain(symptoms: Symptoms, winner_cause: str | None) -> list[ChainLink]:
    """From the first failure to what followed: each new family or operation once, in order of time."""
    links: list[ChainLink] = []
    seen: set[tuple[str, str]] = set()
    for _, group in symptoms.groups:
        kind = family(group)
        key = (kind, group.operation)
        if key in seen or kind == "other":
            continue
        seen.add(key)
        cause = winner_cause or "undetermined" if kind == symptoms.root_family else kind
        what = group.operation.replace("_", " ")
        links.append(ChainLink(_iso(group.first), cause, f"{what}: {_FAMILY_WORDS.get(kind, kind)}"))
        if len(links) >= 6:
            break
    first = symptoms.lives[0] if symptoms.lives else None
    if symptoms.root_family == "kill":
        first = next((life for life in symptoms.lives if life.outcome == "killed"), first)
    if first is not None and (not links or symptoms.root_family == "kill"):
        links.append(ChainLink(_iso(first.last), winner_cause or "undetermined", _end_text(first)))
        links.sort(key=lambda link: link.time or "")
    deaths = [life for life in symptoms.lives if life.outcome in ("go_fatal", "killed", "error_exit")]
    last = deaths[-1] if deaths else None
    if last is not None and links and not (symptoms.root_family == "kill" and last is first):
        links.append(ChainLink(_iso(last.last), "consequence", _end_text(last)))
    if len(symptoms.lives) > 1:
        text = f"{len(symptoms.lives)} failing lives in a row"
        links.append(ChainLink(_iso(symptoms.lives[-1].last), "consequence", text))
    return links


def signature(symptoms: Symptoms, cause: str) -> str:
    """The failure chain without names and numbers: equal for one fault seen by many customers."""
    parts: list[str] = []
    for _, group in symptoms.groups:
        part = f"{group.operation}:{group.errno or 'error'}"
        if family(group) != "other" and part not in parts:
            parts.append(part)
    ends = list(dict.fromkeys(life.outcome for life in symptoms.lives))
    return " > ".join([cause, *sorted(parts)[:6], *sorted(ends)])
