"""Which operation failed: from ``msg=``, then the prefixes, then the tenant's previous step.

    msg="TSDB blocks compaction for user has failed" err="mmap, size 6569: cannot allocate memory"   compaction
    err="opening storage failed: reloadBlocks: ..."                                                  startup_open
    method=/cortex.Ingester/Push err="user=t1: failed to open TSDB: ..." msg="gRPC\\n"                ingest

The error text cannot be trusted alone: from Prometheus 2.49 to 3.9 the prefixes of a failed
compaction are lost, and it reads like a failed start (log-grammar 0.4, 2.2, 2.3).
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer import lazy
from analyzer.logs.errors import leaves
from analyzer.logs.model import Record, Tree
from analyzer.logs.records import record_caller

_STARTUP_MESSAGES = ("unable to open TSDB", "unable to open user TSDB", "error while opening existing TSDBs")
_COMPACTION_MESSAGES = (
    "TSDB blocks compaction for user has failed",
    "compaction failed",
    "periodic head compaction failed",
    "head compaction failed",
    "Compaction failed",
    "critical error detected; halting",
)
_SHIP_MESSAGES = ("shipper failed", "updating meta file failed", "failed to upload", "upload failed")
_INGEST_MESSAGES = ("push error", "push refused", "Scrape commit failed", "append failed", "Append failed")

# Prefix starts, and what they mean; the outermost that is known decides.
_PREFIXES = (
    ("failed to compact TSDB", "startup_compaction"),
    ("reloadBlocks blocks", "compaction"),
    ("reload blocks", "compaction"),
    ("opening existing TSDBs", "startup_open"),
    ("opening storage", "startup_open"),
    ("Opening storage failed", "startup_open"),
    ("unable to open TSDB", "startup_open"),
    ("failed to open TSDB", "startup_open"),
    ("receive command failed", "startup_open"),
    ("create mmap-ed active query log", "startup_open"),
    ("compact ", "compaction"),
    ("plan compaction", "compaction"),
    ("head memory truncate", "compaction"),
    ("head truncate", "compaction"),
    ("WAL truncation", "compaction"),
    ("truncate chunks.HeadReadWriter", "compaction"),
    ("persist head block", "block_write"),
    ("write compaction", "block_write"),
    ("populate block", "block_write"),
    ("reloadBlocks", "startup_open"),
    ("write to WAL", "ingest"),
    ("log samples", "ingest"),
    ("log series", "ingest"),
    ("WAL log samples", "ingest"),
    ("get appender", "ingest"),
)

# What refines an open, from the innermost prefix outwards.
_WITHIN_OPEN = (
    ("failed to compact TSDB", "startup_compaction"),
    ("mmap files, file: ", "head_chunk_mapping"),
    ("iterate on", "head_chunk_mapping"),
    ("corruption in head chunk", "head_chunk_mapping"),
    ("repair corrupted W", "wal_replay"),
    ("open WAL segment", "wal_replay"),
    ("open WBL segment", "wal_replay"),
    ("segment reader", "wal_replay"),
    ("backfill checkpoint", "wal_replay"),
    ("read records", "wal_replay"),
    ("corruption in segment", "wal_replay"),
    ("corruption after", "wal_replay"),
)

# Calls and messages that are no part of what a TSDB was doing, whatever step it logged last.
_ELSEWHERE = lazy.pattern(
    r"\bfork/exec |\baccept(?:4|:| )|\b(?:dial|listen|read|write) (?:tcp|udp|unix)|\bsocket: "
    r"|\brpc error: |\bunexpected status|\bserver returned\b"
)

OPENS = frozenset({"startup_open", "startup_compaction", "wal_replay", "head_chunk_mapping"})
"""What a start does; a failure of them is one of this family whatever its text."""


def operation_of(
    record: Record, message: str, text: str, tree: Tree, previous: Callable[[], str | None]
) -> str:
    """One of OPERATIONS. ``tree`` is what ``text`` says; ``previous`` gives the tenant's previous life-cycle
    line, when needed."""
    chain = _chain(tree)
    by_message = _by_message(record, message)
    if by_message == "module failed":
        by_message = _by_prefix(chain)
        if by_message is None:
            module = record.get("module") or ""
            by_message = "startup_open" if module in ("ingester", "ingester-service") else "other"
    operation = by_message or _by_prefix(chain)
    if operation is None:
        operation = _innermost(chain)
        if operation is None and not _ELSEWHERE.search(text, 0, 4000):
            operation = _by_step(previous())
    if operation == "startup_open":
        operation = _innermost(chain) or operation
    return operation or "other"


def _chain(tree: Tree) -> tuple[str, ...]:
    """Prefixes above the first leaf, outside in."""
    for path, _ in leaves(tree):
        return path
    return tree.prefixes


def _by_message(record: Record, message: str) -> str | None:
    if message.startswith(_STARTUP_MESSAGES):
        return "startup_open"
    if message == "module failed":
        return message
    if message.startswith(_COMPACTION_MESSAGES):
        return "compaction"
    if message == "reloadBlocks" or message.startswith("reloading"):
        return "reload"
    if message.startswith(_SHIP_MESSAGES) or (record_caller(record) or "").startswith("shipper.go"):
        return "ship"
    if "WAL read error" in message or "WBL read error" in message:
        return "wal_replay"
    if message == "Loading on-disk chunks failed":
        return "head_chunk_mapping"
    method = record.get("method") or ""
    if method.startswith("/cortex.Ingester/") or "Ingester/" in method:
        return "ingest" if method.endswith("/Push") else "query"
    if message.startswith(_INGEST_MESSAGES):
        return "ingest"
    return None


def _by_prefix(chain: tuple[str, ...]) -> str | None:
    for prefix in chain:
        for start, operation in _PREFIXES:
            if prefix.startswith(start):
                return operation
    return None


def _innermost(chain: tuple[str, ...]) -> str | None:
    for prefix in reversed(chain):
        for start, operation in _WITHIN_OPEN:
            if prefix.startswith(start):
                return operation
    return None


def _by_step(step: str | None) -> str | None:
    """The operation that a life-cycle line (its text, its message or its name) tells of."""
    if not step:
        return None
    text = step.lower()
    if "after wal replay" in text or "compaction_after_replay" in text:
        return "startup_compaction"
    if any(word in text for word in ("write block", "write_block", "compact_blocks", "head gc", "head_gc")):
        return "compaction"
    if "wal replay completed" in text or "replay_done" in text:
        return None
    if any(word in text for word in ("replay", "wal segment", "wal_segment", "checkpoint")):
        return "wal_replay"
    if any(word in text for word in ("healthy", "opening", "starting tsdb")):
        return "startup_open"
    return "compaction" if "compact" in text and "disabled" not in text else None
