"""Progress of a long read on stderr, only on a terminal."""

from __future__ import annotations

import time
from typing import TextIO

DELAY = 0.7  # seconds before anything is shown: short reads stay silent
INTERVAL = 0.2


class Progress:
    """Called with (bytes read, bytes in all or None); draws one line and removes it at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on = stream.isatty()
        self._start = time.monotonic()
        self._next = self._start + DELAY
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, done: int, total: int | None) -> None:
        """Draw if it is time to."""
        if not self._on:
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        mib = done / (1 << 20)
        part = f"{100 * done / total:3.0f} % of {total / (1 << 20):,.0f} MiB" if total else f"{mib:,.0f} MiB"
        self._stream.write(f"\r\x1b[Kreading {part}, {mib / max(now - self._start, 1e-3):,.0f} MiB/s")
        self._stream.flush()
        self._drawn = True
