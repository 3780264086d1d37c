"""Walks one file: archives become their members, compressed files their content, all else itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, cast

from msgspec import Struct
from msgspec.structs import replace

from analyzer.bundle import dump, paths, tar
from analyzer.bundle.codecs import Codec, decode
from analyzer.bundle.limits import Budget, Meter, option
from analyzer.bundle.model import HEAD_BYTES, Coverage, Member
from analyzer.bundle.notes import Notes
from analyzer.bundle.sniff import Kind, sniff
from analyzer.bundle.source import Raw
from analyzer.bundle.stream import Buffer, Stream, ahead
from analyzer.errors import AnalyzerError

_SPOOL_IN_MEMORY = 4 << 20
_LINK_MAX = 4096
_NEWEST = 1 << 34  # seconds; a time beyond (year 2514) is not one


class File(Struct, frozen=True):
    """One file to be walked.

    ``path`` names it. ``inside`` goes before the paths of its members: empty for the bundle's own
    archive. ``raw`` is set where the file is not inside another one: it may then be read by a thread,
    read twice, and seeked in.
    """

    path: str
    inside: str
    stream: Stream
    size: int | None
    mtime: float | None
    depth: int = 0
    layers: int = 0
    meter: Meter | None = None
    raw: Raw | None = None
    direct: bool = False  # ``stream`` gives the bytes of ``raw`` as they are


class Walk:
    """One pass over a bundle. Keeps what is known of it so far: paths, links, coverage."""

    def __init__(self, coverage: Coverage, budget: Budget, progress: Callable[[], None]) -> None:
        self.coverage = coverage
        self.notes = Notes(coverage)
        self.paths: dict[str, None] = {}
        self.links: dict[str, str] = {}
        self.absolute: dict[str, str] = {}  # links to absolute paths: settled when all paths are known
        self.newest: float | None = None
        self.taken = 0  # bytes of a folder's files that were opened
        self._budget = budget
        self._limits = budget.limits
        self._progress = progress
        self._copies: dict[str, int] = {}

    def claim(self, inside: str, name: str) -> str | None:
        """The path for a file ``name``; a second file of that name gets ``#2/`` before it.

        None when the bundle has more files than the limit: nothing more is read then.
        """
        path = inside + (paths.clean(name) or "unnamed")
        if path in self.paths:
            self.notes.count("members stand in the bundle more than once (all are read)", path)
            copy = self._copies.get(path, 1) + 1
            while (other := f"{inside}#{copy}/{path[len(inside) :]}") in self.paths:
                copy += 1
            self._copies[path] = copy
            path = other
        if len(self.paths) >= self._limits.max_members:
            self._budget.stopped = f"has more than {self._limits.max_members} members {option('max_members')}"
            return None
        self.paths[path] = None
        return path

    def note_stop(self, name: str) -> None:
        """Says that a limit ended the pass before its time."""
        if self._budget.stopped:
            self.notes.warn(f"{name}: {self._budget.stopped}: what follows is not read")
            self.notes.cut(name)

    def file(self, file: File) -> Iterator[Member]:
        """The members that one file holds."""
        if self._budget.stopped:
            return
        head = file.stream.peek(HEAD_BYTES)
        kind = sniff(head)
        match kind.family:
            case "packed" if kind.codec is not None:
                yield from self._packed(file, kind.codec)
            case "tar" | "zip" if file.depth >= self._limits.max_depth:
                self._refuse(file.path, f"nested deeper than {self._limits.max_depth} archives", "max_depth")
            case "tar":
                yield from self._tar(file)
            case "zip":
                yield from self._zip(file)
            case "sealed" | "foreign":
                self.notes.skip(file.path, kind.what if kind.family == "sealed" else f"{kind.what}: not read")
            case "dump":
                yield from self._dump(file)
            case _:
                yield from self._leaf(file.path, file.stream, file.size, file.mtime)

    def _leaf(self, path: str, stream: Stream, size: int | None, mtime: float | None) -> Iterator[Member]:
        self.coverage.members_total += 1
        self.paths.setdefault(path)
        self._saw(mtime)
        if path.endswith(".tailed") and "sos_strings/" in path:
            self.notes.count("logs of which sos kept only the end (its --log-size)", path)
        self._progress()
        body = self._body(stream)
        yield Member(path, size, stream.peek(HEAD_BYTES), cast("Iterator[bytes]", body), mtime=mtime)
        body.close()

    def _body(self, stream: Stream) -> Generator[Buffer, None, None]:
        coverage = self.coverage
        for piece in stream.rest():
            coverage.bytes_read += len(piece)
            yield piece
            self._progress()
        coverage.members_read += 1

    def _saw(self, mtime: float | None) -> None:
        if mtime is not None and 0 < mtime < _NEWEST and (self.newest is None or mtime > self.newest):
            self.newest = mtime

    def link(self, inside: str, path: str, target: str, hard: bool, mtime: float | None) -> Iterator[Member]:
        """A link. One that leads out of the bundle is reported; one to its top has nothing to read."""
        own = path[len(inside) :]
        if hard:
            inner: str | None = paths.clean(target) or None
        elif target.startswith("/"):
            inner = paths.rebase(own, target)
            self.absolute[path] = inside + "\0" + target
        else:
            inner = paths.resolve(own, target)
            if inner is None:
                self.notes.count("links lead out of the bundle and are not followed", f"{path} -> {target}")
        if not inner:
            return
        self.links[path] = inside + inner
        yield Member(path, 0, b"", iter(()), link=inside + inner, mtime=mtime)

    def settle_links(self) -> None:
        """Decides where absolute links lead, now that all paths are known."""
        for path, stated in self.absolute.items():
            inside, target = stated.split("\0", 1)
            goal = paths.clean(target)
            parts = path[len(inside) :].split("/")[:-1]
            for depth in range(len(parts), -1, -1):
                there = inside + "/".join([*parts[:depth], goal])
                if there in self.paths:
                    self.links[path] = there
                    break
            else:
                self.links.pop(path, None)
                self.notes.count("links lead out of the bundle and are not followed", f"{path} -> {target}")
        self.absolute = {}

    def _packed(self, file: File, codec: Codec) -> Iterator[Member]:
        if file.layers >= self._limits.max_layers:
            why = f"compressed more than {self._limits.max_layers} times over"
            self._refuse(file.path, why, "max_layers")
            return
        meter = Meter(self._budget, file.meter)
        again = file.raw.again if file.raw is not None and file.direct else None
        chunks: Iterator[Buffer] = decode(
            codec, file.stream, meter, self._reporter(file.path), lambda: self.notes.cut(file.path), again
        )
        threaded = ahead(chunks) if file.raw is not None else None
        with contextlib.closing(threaded) if threaded is not None else contextlib.nullcontext():
            stream = Stream(chunks if threaded is None else threaded)
            inner = replace(file, stream=stream, size=None, layers=file.layers + 1, meter=meter, direct=False)
            yield from self.file(inner)
            for _ in stream.rest():  # what follows an archive's end: its checksum is to be seen
                if self._budget.stopped:
                    break

    def _refuse(self, path: str, why: str, name: str) -> None:
        """A file that is not read because of the limit ``name``."""
        self.notes.skip(path, why)
        self.notes.count(f"members are {why}: they are not read {option(name)}", path)

    def _reporter(self, path: str) -> Callable[[str], None]:
        return lambda text: self.notes.warn(f"{path}: {text}")

    def _entry(
        self,
        file: File,
        path: str,
        stream: Stream,
        size: int | None,
        mtime: float | None,
        meter: Meter | None,
    ) -> File:
        """A file inside ``file``."""
        return File(path, path + paths.NESTED, stream, size, mtime, file.depth + 1, 0, meter)

    def _tar(self, file: File) -> Iterator[Member]:
        current: list[str] = []
        report = tar.Report(
            warn=self._reporter(file.path),
            lost=lambda at, size: self.notes.skip(f"{file.path} (byte {at})", f"{size} damaged bytes"),
            cut=lambda: self.notes.cut(file.path),
            short=lambda: self.notes.cut(current[0] if current else file.path),
        )
        for entry in tar.Reader(file.stream, report, self._limits.ratio_free_bytes):
            if self._budget.stopped:
                return
            if not entry.is_file and entry.type not in b"12346":
                continue
            path = self.claim(file.inside, entry.name)
            if path is None:
                return
            current[:] = [path]
            if entry.type in b"12":
                yield from self.link(file.inside, path, entry.link, entry.type == b"1", entry.mtime)
            elif not entry.is_file:
                self.notes.skip(path, "a pipe" if entry.type == b"6" else "a device")
            else:
                if not entry.sound:
                    self.notes.cut(path)
                stream = Stream(entry.body)
                yield from self.file(self._entry(file, path, stream, entry.size, entry.mtime, file.meter))
        if not current:
            self.notes.warn(f"{file.path}: the archive holds no files")

    def _zip(self, file: File) -> Iterator[Member]:
        if file.direct and file.raw is not None and file.raw.path is not None:
            with open(file.raw.path, "rb") as handle:
                yield from self._zip_entries(file, handle)
            return
        import tempfile  # a few milliseconds of each start, for zips alone

        with tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY) as spool:
            limit = self._limits.max_spool_bytes
            for piece in file.stream.rest():
                limit -= len(piece)
                if limit < 0:
                    why = f"a zip larger than {self._limits.max_spool_bytes} bytes"
                    self._refuse(file.path, why, "max_spool_bytes")
                    return
                spool.write(piece)
            yield from self._zip_entries(file, spool)  # type: ignore[arg-type]

    def _zip_entries(self, file: File, handle: BinaryIO) -> Iterator[Member]:
        from analyzer.bundle import zips  # as tempfile above

        infos = zips.directory(handle)
        current: list[str] = []
        if not file.inside and infos and zips.all_encrypted(infos):
            raise AnalyzerError(zips.SEALED.format(file.path))
        if infos is not None:
            entries = zips.listed(
                handle, infos, lambda name, why: self.notes.skip(file.inside + paths.clean(name), why)
            )
        else:
            self.notes.warn(
                f"{file.path}: the zip's directory is missing, damaged or too long: its files are searched for"
            )
            self.notes.cut(file.path)
            handle.seek(0)
            whole = Stream(iter(lambda: handle.read(128 << 10), b""))
            entries = zips.scanned(whole, lambda: self.notes.cut(current[0] if current else file.path))
        for entry, packed in entries:
            if self._budget.stopped:
                return
            if entry.is_dir:
                continue
            path = self.claim(file.inside, entry.name)
            if path is None:
                return
            current[:] = [path]
            if entry.problem:
                self.notes.skip(path, entry.problem)
                continue
            meter = Meter(self._budget, file.meter)
            cut = self._cutter(path)
            body = ahead(zips.unpack(entry, packed, meter, self._reporter(path), cut))
            with contextlib.closing(body):
                stream = Stream(body)
                if entry.is_link:
                    target = stream.peek(_LINK_MAX).decode("utf-8", "backslashreplace")
                    yield from self.link(file.inside, path, target, False, entry.mtime)
                else:
                    yield from self.file(self._entry(file, path, stream, entry.size, entry.mtime, meter))
                if entry.packed is None:  # only the body's end tells where the next file begins
                    for _ in stream.rest():
                        pass

    def _cutter(self, path: str) -> Callable[[], None]:
        return lambda: self.notes.cut(path)

    def _dump(self, file: File) -> Iterator[Member]:
        for name, body in dump.split(file.stream):
            path: str | None = file.path
            if name:
                path = self.claim(file.path + paths.NESTED, name)
            if path is None:
                return
            yield from self._leaf(path, Stream(body), None, file.mtime)


def sealed_reason(kind: Kind, name: str) -> str | None:
    """Why a whole bundle cannot be read, in one line; None when it can."""
    if kind.family == "sealed":
        return f"{name}: is {kind.what}: decrypt it first"
    if kind.family == "foreign":
        return f"{name}: is {kind.what}, which is not read: unpack it and analyze the folder"
    return None
