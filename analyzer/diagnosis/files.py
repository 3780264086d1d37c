"""Sizes name files: a failing size joined with the listing of the data directory.

Of 830 failing sizes of real starts 825 had a file of exactly that size under the failing tenant; 168
were unique there (cortex.md section 2). So a join names candidates; only a unique one names a file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from analyzer.case.model import Subject
from analyzer.logs.model import FailureGroup
from analyzer.snapshots.model import TenantDir

MOST = 5


def name_files(subject: Subject, group: FailureGroup) -> list[str]:
    """Candidates for the files that could not be mapped, with how sure each is. At most five."""
    named = [f"{path} (named by the log)" for path in group.paths[:MOST]]
    if named or subject.data_dir is None or group.errno not in ("ENOMEM", "EAGAIN", "EINVAL"):
        return named
    data = subject.data_dir[0]
    if not data.has_sizes:
        return []
    tenant_name = group.tenant
    if tenant_name is None and group.directory:
        tenant_name = posixpath.basename(group.directory.rstrip("/"))
    tenant = data.tenants.get(tenant_name or "")
    tenants = (
        [tenant] if tenant is not None else (list(data.tenants.values()) if len(data.tenants) == 1 else [])
    )
    by_size: dict[int, list[str]] = {}
    for directory in tenants:
        for size, path in _files(directory, group.file_kind):
            by_size.setdefault(size, []).append(path)
    rows: list[tuple[int, str]] = []
    for size in group.sizes:
        candidates = by_size.get(size, [])
        if len(candidates) == 1:
            rows.append((0, f"{candidates[0]} ({size:,} bytes, the only file of that size)"))
        elif candidates:
            rows.append((1, f"{candidates[0]} ({size:,} bytes, one of {len(candidates)} of that size)"))
    rows.sort()
    return [text for _, text in rows[:MOST]]


def _files(tenant: TenantDir, kind: str | None) -> Iterator[tuple[int, str]]:
    prefix = f"{tenant.name}/" if tenant.name else ""
    for block in tenant.blocks.values():
        if kind in (None, "index", "other") and block.index is not None:
            yield block.index, f"{prefix}{block.ulid}/index"
        if kind in (None, "chunks_segment", "other"):
            for i, size in enumerate(block.segments, 1):
                yield size, f"{prefix}{block.ulid}/chunks/{i:06d}"
    if kind in (None, "head_chunk"):
        for size in tenant.head_sizes:
            yield size, f"{prefix}chunks_head"
