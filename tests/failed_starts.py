"""Lines of a Cortex start that fails, and says so three times."""

from __future__ import annotations


def start(minute: int, *, other_failure: bool = False) -> list[str]:
    """One start at 21:``minute``; with ``other_failure`` another tenant's compaction fails in between."""
    inner = f"failed to open TSDB: /data/tsdb/t1: 2 errors: mmap, size 31{minute:03d}: cannot allocate memory; mmap, size 16585: cannot allocate memory"
    user = f"unable to open TSDB for user t1: {inner}"
    between = 'level=warn msg="compaction failed" org_id=t2 err="open /data/tsdb/t2/wal/00000002: too many open files"'
    rows = (
        'level=info msg="Starting Cortex" version="(version=1.17.2, branch=HEAD, revision=d7188d35fd)"',
        'level=info org_id=t1 msg="Found healthy block" mint=1 maxt=2 ulid=01G0P1FM80185GR38E1W8124GK',
        f'level=error msg="unable to open TSDB" err="{inner}" user=t1',
        *([between] if other_failure else []),
        f'level=error msg="error while opening existing TSDBs" err="{user}"',
        f'level=error msg="module failed" module=ingester-service err="opening existing TSDBs: {user}"',
        'level=info msg="Cortex stopped"',
    )
    return [f"ts=2026-11-22T21:{minute:02d}:{n:02d}.123Z {row}\n" for n, row in enumerate(rows)]
