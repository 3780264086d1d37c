"""From the files of a listing to data directories: one :class:`DataDir` for each TSDB root.

Fed with (directory, name, size); what stands in one directory comes mostly together, so the role of
a directory is settled once. What is kept grows with the blocks, not with the lines; beyond
``_MOST_BLOCKS`` blocks are no longer kept and the listing counts as incomplete.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.snapshots.model import BlockFiles, DataDir, TenantDir
from analyzer.snapshots.tsdb import child_of, is_phantom_name, is_ulid, parent_of, place_tenants

_MOST_BLOCKS = 250_000
_MOST_EMPTY = 200
_RECENT = 64
_SINGLE_MARKS = frozenset({"lock", "queries.active"})
_HOLDER_MARKS = frozenset({"thanos.shipper.json", "wal", "wbl", "chunks_head", *_SINGLE_MARKS})
_SEGMENT_DIRS = frozenset({"wal", "wbl"})


class Role:
    """What a directory is to a TSDB: ``kind``, the directory that holds the TSDB, the block's name."""

    __slots__ = ("block", "holder", "kind", "tally", "ulid")

    def __init__(self, kind: str, holder: str, ulid: str = "") -> None:
        self.kind = kind
        self.holder = holder
        self.ulid = ulid
        self.block: BlockFiles | None = None
        self.tally = [0, 0]  # files and bytes below the holder, shared by its roles


def role_of(directory: str) -> Role:
    """The role of a directory after its path alone.

    >>> role = role_of("/data/tsdb/team-1/01M82K54DEY807G2PMY2JMGVJN/chunks")
    >>> role.kind, role.holder, role.ulid
    ('segments', '/data/tsdb/team-1', '01M82K54DEY807G2PMY2JMGVJN')
    >>> role_of("/data/tsdb/team-1/wal/checkpoint.00000007").kind
    'wal'
    """
    if ".tmp" in directory:
        for part in reversed(directory.split("/")):
            if ".tmp" in part and is_ulid(part[:26]):
                return Role("tmp", directory[: directory.index("/" + part)], part)
    at = directory.find("/thanos/upload/")
    if at >= 0 and is_ulid(directory[at + 15 : at + 41]):
        kind = "upload_segments" if directory.endswith("/chunks") else "upload"
        return Role(kind, directory[:at], "thanos/upload/" + directory[at + 15 : at + 41])
    base, parent = child_of(directory), parent_of(directory)
    if len(base) == 26 and is_ulid(base):
        return Role("block", parent, base)
    if base == "chunks" and is_ulid(child_of(parent)):
        return Role("segments", parent_of(parent), child_of(parent))
    if base == "chunks_head":
        return Role("heads", parent)
    if base in _SEGMENT_DIRS:
        return Role("wal", parent)
    if base.startswith("checkpoint.") and child_of(parent) in _SEGMENT_DIRS:
        return Role("wal", parent_of(parent))
    return Role("other", directory)


class DataDirBuilder:
    """Takes the entries of one listing, in any order."""

    def __init__(self) -> None:
        self.holders: dict[str, TenantDir] = {}
        self.blocks = 0
        self.complete = True
        self.has_sizes = True
        self.tallies: dict[str, list[int]] = {}  # files and bytes by holder
        self.empty: list[str] = []
        self.single: set[str] = set()
        self.announced: set[tuple[str, str]] = set()  # blocks' directories named by their parent only
        self._role = Role("other", "")
        self._directory: str | None = None
        self._roles: dict[str, Role] = {}  # of the directories seen last

    def holder(self, path: str) -> TenantDir:
        """The TSDB directory at ``path``."""
        held = self.holders.get(path)
        if held is None:
            held = self.holders[path] = TenantDir(child_of(path))
        return held

    def enter(self, directory: str) -> Role:
        """The role of the directory whose entries follow."""
        if directory != self._directory:
            self._directory = directory
            held = self._roles.get(directory)
            if held is None:
                if len(self._roles) >= _RECENT:
                    self._roles.clear()
                held = self._roles[directory] = role_of(directory)
                known = held.holder in self.tallies or len(self.tallies) < _MOST_BLOCKS
                held.tally = self.tallies.setdefault(held.holder if known else "", held.tally)
            self._role = held
        return self._role

    def add_file(self, directory: str, name: str, size: int | None, mtime: float | None = None) -> None:
        """One file. ``size`` is None where the listing does not tell it exactly."""
        role = self._role if directory == self._directory else self.enter(directory)
        tally = role.tally
        tally[0] += 1
        if size:
            tally[1] += size
        kind = role.kind
        if kind == "block":
            if name == "index" or name == "meta.json":
                self._block_file(role, name, size, mtime)
        elif kind == "segments":
            block = role.block or self._block(role)
            if block is None or len(name) != 6 or not name.isdigit():
                return
            block.segments.append(size or 0)
        elif kind == "heads":
            if len(name) != 6 or not name.isdigit():
                return
            self.holder(role.holder).head_sizes.append(size or 0)
        elif kind == "wal":
            tenant = self.holder(role.holder)
            tenant.wal_files += 1
            tenant.wal_bytes += size or 0
            return
        elif kind == "other":
            if name in _SINGLE_MARKS:
                self.single.add(directory)
            if name in _HOLDER_MARKS:
                self.holder(directory)
            return
        else:
            self._unopened_file(role, name, size)
            return
        if size == 0 and name != "meta.json" and name != "tombstones" and len(self.empty) < _MOST_EMPTY:
            self.empty.append(f"{directory}/{name}")

    def add_directory(self, directory: str, name: str) -> None:
        """One directory, named by its parent."""
        if len(name) == 26 and is_ulid(name):
            role = self.enter(directory)
            if role.kind == "other" and len(self.announced) < _MOST_BLOCKS:
                self.announced.add((directory, name))
        elif name in _HOLDER_MARKS and self.enter(directory).kind in ("other", "block", "heads"):
            self.holder(directory)
        elif ".tmp" in name and is_ulid(name[:26]):
            self._block(Role("tmp", directory, name))

    def add_block(
        self,
        holder: str,
        ulid: str,
        index: int | None,
        segments: list[int],
        meta: bool,
        files: int,
        size: int,
    ) -> bool:
        """A directory of a block and its ``files`` files of ``size`` bytes, none of them empty, at once: the
        same as :meth:`add_directory` and :meth:`add_file` for each. False, and nothing added, where
        ``holder`` is no usual place for blocks.
        """
        role = self._role if holder == self._directory else self.enter(holder)
        if role.kind != "other" or ".tmp" in holder or holder.endswith("/thanos/upload"):
            return False
        if len(self.announced) < _MOST_BLOCKS:
            self.announced.add((holder, ulid))
        role.tally[0] += files
        role.tally[1] += size
        if index is None and not segments and not meta:
            return True
        blocks = self.holder(holder).blocks
        block = blocks.get(ulid)
        if block is None:
            if self.blocks >= _MOST_BLOCKS:
                self.complete = False
                return True
            self.blocks += 1
            blocks[ulid] = BlockFiles(ulid, index, segments, meta)
            return True
        if index is not None:
            block.index = index
        block.segments += segments
        block.has_meta = block.has_meta or meta
        return True

    def _block(self, role: Role) -> BlockFiles | None:
        """The block that ``role`` is about, made when first seen."""
        if role.block is not None:
            return role.block
        tenant = self.holder(role.holder)
        block = tenant.blocks.get(role.ulid)
        if block is None:
            if self.blocks >= _MOST_BLOCKS:
                self.complete = False
                return None
            why = "tmp" if role.kind == "tmp" else "upload" if role.kind.startswith("upload") else ""
            block = tenant.blocks[role.ulid] = BlockFiles(role.ulid, no_maps=why)
            self.blocks += 1
            tenant.tmp_dirs += why == "tmp"
        role.block = block
        return block

    def _block_file(self, role: Role, name: str, size: int | None, mtime: float | None) -> None:
        block = role.block or self._block(role)
        if block is None:
            return
        if name == "index":
            block.index = size or 0
            block.mtime = mtime
        else:
            block.has_meta = True

    def _unopened_file(self, role: Role, name: str, size: int | None) -> None:
        block = self._block(role)
        if block is None:
            return
        if name == "index":
            block.index = size or 0
        elif name == "meta.json":
            block.has_meta = True
        elif len(name) == 6 and name.isdigit():
            block.segments.append(size or 0)

    def finish(self) -> list[DataDir]:
        """One DataDir for each TSDB root, the largest first; none where the listing shows no TSDB."""
        self._keep_announced()
        holders = {path: tenant for path, tenant in self.holders.items() if not self._is_hollow(path, tenant)}
        placed = place_tenants(holders, self.single & holders.keys())
        roots: dict[str, DataDir] = {}
        for path, tenant in holders.items():
            root, name = placed[path]
            data = roots.get(root)
            if data is None:
                data = roots[root] = DataDir(root, complete=self.complete, has_sizes=self.has_sizes)
            tenant.name = name
            real = any(not block.no_maps for block in tenant.blocks.values())
            tenant.phantom = bool(name) and is_phantom_name(name) and not real
            data.tenants[name] = tenant
        for path, (files, size) in self.tallies.items():
            data = roots.get(_root_of(path, roots))
            if data is not None:
                data.files += files
                data.total_bytes += size
        for path in self.empty:
            data = roots.get(_root_of(path, roots))
            if data is not None:
                data.empty_files.append(path)
        return sorted(
            roots.values(), key=lambda d: sum(len(t.blocks) for t in d.tenants.values()), reverse=True
        )

    def _keep_announced(self) -> None:
        """In a cut listing, blocks that were named but not entered are blocks all the same."""
        if not self.complete:
            for directory, name in self.announced:
                if f"{directory}/{name}" not in self.holders:
                    self._block(Role("block", directory, name))

    def _is_hollow(self, path: str, tenant: TenantDir) -> bool:
        """Whether a directory only looks like a TSDB: phantoms called ``wal`` or ``chunks_head`` stand in it."""
        if tenant.blocks or tenant.head_sizes or tenant.wal_files or path in self.single:
            return False
        return any(other != path and parent_of(other) == path for other in self.holders)


def _root_of(path: str, roots: dict[str, DataDir]) -> str:
    """The root that ``path`` stands under; "" where none is."""
    for part in _upwards(path):
        if part in roots:
            return part
    return ""


def _upwards(path: str) -> Iterator[str]:
    while True:
        yield path
        up = parent_of(path)
        if up == path or not path:
            return
        path = up
