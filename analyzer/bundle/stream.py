"""A forward-only stream of bytes: look-ahead without loss, bodies without copies, read-ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

Buffer = bytes | memoryview

QUEUE_CHUNKS = 6  # chunks waiting between the threads; more gains nothing and costs cache
INLINE_CHUNKS = 2  # chunks read before a thread is worth its start


class Stream:
    """Chunks read front to back. ``offset`` is the number of bytes taken so far."""

    __slots__ = ("_chunks", "_have", "_held", "offset")

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks = iter(chunks)
        self._held: deque[memoryview] = deque()
        self._have = 0
        self.offset = 0

    def _fill(self) -> bool:
        for chunk in self._chunks:
            size = len(chunk)
            if size:
                self._held.append(memoryview(chunk))
                self._have += size
                return True
        return False

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without taking them; fewer only at the end."""
        while self._have < size and self._fill():
            pass
        held = self._held
        if not held:
            return b""
        first = held[0]
        if len(first) >= size or len(held) == 1:
            return bytes(first[:size])
        parts = []
        for view in held:
            parts.append(view[:size])
            size -= len(parts[-1])
            if not size:
                break
        return b"".join(parts)

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
        data = self.peek(size)
        self.skip(len(data))
        return data

    def piece(self, limit: int) -> memoryview:
        """At least one and at most ``limit`` bytes without a copy; empty only at the end."""
        held = self._held
        if not held and not self._fill():
            return memoryview(b"")
        first = held[0]
        if len(first) > limit:
            held[0] = first[limit:]
            first = first[:limit]
        else:
            held.popleft()
        size = len(first)
        self._have -= size
        self.offset += size
        return first

    def skip(self, size: int) -> int:
        """Drops ``size`` bytes; returns how many there were."""
        left = size
        while left:
            piece = self.piece(left)
            if not piece:
                break
            left -= len(piece)
        return size - left

    def unread(self, data: Buffer) -> None:
        """Puts back bytes that were taken last."""
        if len(data):
            self._held.appendleft(memoryview(data))
            self._have += len(data)
            self.offset -= len(data)

    def rest(self, limit: int = 1 << 20) -> Iterator[memoryview]:
        """All that is left, in pieces of at most ``limit`` bytes."""
        while piece := self.piece(limit):
            yield piece


class Span:
    """The next ``size`` bytes of a stream as pieces; ``on_short`` is called when fewer are there."""

    __slots__ = ("_on_short", "_stream", "left")

    def __init__(self, stream: Stream, size: int, on_short: Callable[[], None]) -> None:
        self._stream = stream
        self._on_short = on_short
        self.left = size

    def __iter__(self) -> Span:
        return self

    def __next__(self) -> memoryview:
        if self.left:
            piece = self._stream.piece(self.left)
            if piece:
                self.left -= len(piece)
                return piece
            self._short()
        raise StopIteration

    def finish(self) -> None:
        """Drops what was not taken."""
        if self.left:
            self.left -= self._stream.skip(self.left)
            if self.left:
                self._short()

    def _short(self) -> None:
        self.left = 0
        self._on_short()


class _Ahead:
    """Runs an iterator in a thread, at most ``QUEUE_CHUNKS`` ahead of its reader.

    Two simple queues, chunks one way and room for them the other: the lock of a bounded queue is held
    by the thread while it waits for the interpreter's, and the reader then waits for both.
    """

    def __init__(self, chunks: Iterator[Buffer]) -> None:
        self._chunks = chunks
        self._ready: queue.SimpleQueue[Buffer | BaseException | None] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(QUEUE_CHUNKS):
            self._room.put(None)
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="bundle-read-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for chunk in self._chunks:
                self._room.get()
                if self._stop:
                    return
                self._ready.put(chunk)
            self._ready.put(None)
        except BaseException as error:  # handed to the reader, which raises it
            self._ready.put(error)

    def __iter__(self) -> Iterator[Buffer]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._room.put(None)
            yield item

    def close(self) -> None:
        """Ends the thread, also when it waits for room in the queue."""
        self._stop = True
        self._room.put(None)
        self._thread.join()


def ahead(chunks: Iterator[Buffer]) -> Generator[Buffer, None, None]:
    """The same chunks, read by a thread once they prove to be many.

    Closing the generator ends the thread; a short stream never starts one.
    """
    for _ in range(INLINE_CHUNKS):
        first = next(chunks, None)
        if first is None:
            return
        yield first
    pump = _Ahead(chunks)
    try:
        yield from pump
    finally:
        pump.close()
