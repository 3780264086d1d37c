"""A bundle that was opened: one pass over its members, and what is known of it afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import BinaryIO

from analyzer.bundle import folder
from analyzer.bundle.limits import Budget, Limits
from analyzer.bundle.model import HEAD_BYTES, Coverage, Member
from analyzer.bundle.sniff import sniff
from analyzer.bundle.source import Raw, is_remote, open_local, open_remote, reason
from analyzer.bundle.stream import Stream, ahead
from analyzer.bundle.walk import File, Walk, sealed_reason
from analyzer.errors import AnalyzerError

Progress = Callable[[int, int | None], None]
_PROGRESS_BYTES = 1 << 20
_DEFAULTS = Limits()


class Bundle:
    """What the customer sent, as one stream of members. Use it as a context manager.

    ``name`` is the file's or folder's own name. ``size_bytes`` is the size of the file as sent, None for
    folders and pipes. ``coverage``, ``links``, ``paths`` and ``mtime`` grow during the pass.
    """

    def __init__(
        self, name: str, origin: Raw | str, limits: Limits, progress: Progress | None, owned: bool
    ) -> None:
        self.name = name
        self.coverage = Coverage()
        self._raw = origin if isinstance(origin, Raw) else None
        self._root = origin if isinstance(origin, str) else None
        self._owned = owned
        self._report = progress
        self._shown = 0
        self._walk = Walk(self.coverage, Budget(limits, self._taken), self._progress)
        self._pass: Generator[Member, None, None] | None = None
        self._finished = False
        self._blocks = ahead(self._raw.blocks()) if self._raw else None
        self._stream = Stream(self._blocks or ())

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the file as sent; of a pipe once it was read to its end; None for a folder."""
        if self._raw is None:
            return None
        return self._raw.size if self._raw.size is not None else self._raw.done if self._finished else None

    @property
    def sha256(self) -> str | None:
        """Checksum of the file as sent, in hex; None for folders and until the pass has ended."""
        return self._raw.sha256 if self._raw is not None and self._finished else None

    @property
    def paths(self) -> list[str]:
        """The paths of all files and links, in the order they came; complete after the pass."""
        return list(self._walk.paths)

    @property
    def links(self) -> dict[str, str]:
        """Each link's path and the path inside the bundle it leads to; complete after the pass."""
        return self._walk.links

    @property
    def mtime(self) -> float | None:
        """The newest modification time of a member, seconds since the epoch; None when none is told."""
        return self._walk.newest

    def members(self) -> Iterator[Member]:
        """The members, once. A body that is not read costs little; each is gone when the next comes."""
        if self._pass is not None:
            raise RuntimeError("a bundle is read once: open it again")
        self._pass = self._members()
        return self._pass

    def _members(self) -> Generator[Member, None, None]:
        try:
            if self._root is not None:
                yield from folder.members(self._root, self._walk)
            elif self._raw is not None:
                yield from self._single(self._raw)
            self._walk.settle_links()
            self._walk.note_stop(self.name)
            self._finished = True
        finally:
            self._release()
            self._walk.notes.finish()

    def _single(self, raw: Raw) -> Iterator[Member]:
        """The members of one file, which is read to its end in any case."""
        head = self._stream.peek(HEAD_BYTES)
        if raw.path is not None and sniff(head).family == "zip":
            # Its files are read by seeking; the checksum meanwhile needs a pass of its own.
            drain = threading.Thread(target=self._drain, name="bundle-checksum", daemon=True)
            drain.start()
            yield from self._walk.file(
                File(self.name, "", Stream([head]), raw.size, None, raw=raw, direct=True)
            )
            drain.join()
        else:
            yield from self._walk.file(
                File(self.name, "", self._stream, raw.size, None, raw=raw, direct=True)
            )
            self._drain()
        if raw.problem:
            self._walk.notes.cut(self.name)
            self._walk.notes.warn(f"{self.name}: reading ended early: {raw.problem}")

    def _drain(self) -> None:
        for _ in self._stream.rest():
            pass

    def _taken(self) -> int:
        if self._raw is None:
            return self._walk.taken
        return self._raw.done if self._raw.path is None else max(self._raw.done, self._raw.size or 0)

    def _progress(self) -> None:
        if self._report is None:
            return
        done = self._raw.done if self._raw is not None else self.coverage.bytes_read
        if done - self._shown >= _PROGRESS_BYTES:
            self._shown = done
            self._report(done, self._raw.size if self._raw is not None else None)

    def _release(self) -> None:
        if self._raw is None or self._blocks is None:
            return
        self._raw.cancel()
        self._blocks.close()
        if self._owned:
            self._raw.handle.close()

    def refuse_unreadable(self) -> None:
        """Raises :class:`AnalyzerError` when the whole input is empty, encrypted or of a foreign kind."""
        if self._raw is None:
            return
        head = self._stream.peek(HEAD_BYTES)
        if not head:
            raise AnalyzerError(f"{self.name}: {self._raw.problem or 'is empty'}")
        kind = sniff(head)
        why = sealed_reason(kind, self.name)
        if kind.family == "zip" and self._raw.path is not None:
            from analyzer.bundle import zips  # a few milliseconds of each start, for zips alone

            with open(self._raw.path, "rb") as handle:
                if zips.all_encrypted(zips.directory(handle) or []):
                    why = zips.SEALED.format(self.name)
        if why:
            raise AnalyzerError(why)

    def close(self) -> None:
        """Ends the pass and its threads and closes what was opened. Safe to call twice."""
        if self._raw is not None:
            self._raw.cancel()
        if self._pass is not None:
            self._pass.close()
        self._release()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_bundle(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    limits: Limits = _DEFAULTS,
    progress: Progress | None = None,
    allow_remote: bool = False,
) -> Bundle:
    """Opens an archive of any kind, a folder, a bare log or a binary stream.

    ``progress`` is called with the bytes taken so far and their total (None when unknown), about once a
    MiB. An address such as ``s3://bucket/key`` is only read with ``allow_remote``. Raises
    :class:`AnalyzerError` for what does not exist, cannot be read, is empty or encrypted as a whole.
    """
    if isinstance(source, str) and is_remote(source):
        if not allow_remote:
            raise AnalyzerError(
                f"{source}: is a remote address, which is only read when asked for: analyze --remote, "
                "or allow_remote=True (needs fsspec)"
            )
        name = source.rstrip("/").rsplit("/", 1)[-1] or source
        bundle = Bundle(name, open_remote(source), limits, progress, owned=True)
    elif isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if not path:
            raise AnalyzerError("no bundle is named: the path is empty")
        bundle = _open_path(path.rstrip("/" + os.sep) or path, limits, progress)
    else:
        bundle = Bundle(
            _stream_name(source), Raw(source, None, None, hashed=True), limits, progress, owned=False
        )
    try:
        bundle.refuse_unreadable()
    except BaseException:
        bundle.close()
        raise
    return bundle


def _open_path(path: str, limits: Limits, progress: Progress | None) -> Bundle:
    try:
        is_folder = os.path.isdir(path)
        if is_folder and not folder.has_files(path):
            raise AnalyzerError(f"{path}: the folder holds no files")
    except (OSError, ValueError) as error:
        raise AnalyzerError(f"{path}: {reason(error) if isinstance(error, OSError) else error}") from None
    if is_folder:
        return Bundle(os.path.basename(os.path.realpath(path)) or path, path, limits, progress, owned=False)
    return Bundle(os.path.basename(path), open_local(path), limits, progress, owned=True)


def _stream_name(source: BinaryIO) -> str:
    name = getattr(source, "name", None)
    if not isinstance(name, str) or name == "<stdin>":
        return "stdin"
    return os.path.basename(name) or "stdin"
