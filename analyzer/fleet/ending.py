"""How a run is asked to end: Ctrl-C, and what a supervisor sends, are taken the same way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = ("SIGTERM", "SIGHUP")  # by name: SIGHUP is not everywhere


class Ended(KeyboardInterrupt):
    """The run was told to end by ``number``, a signal other than SIGINT."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_status(error: KeyboardInterrupt) -> int:
    """What a shell would say of a process that this ended: 130, 143 or 129."""
    return 128 + (error.number if isinstance(error, Ended) else signal.SIGINT)


@contextmanager
def orderly() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into :class:`Ended` while the context lasts.

    A pod that is evicted, a service that is stopped and a terminal that is closed then leave whole
    Parquet files and no copied bundle behind, as Ctrl-C does. A signal that is ignored (``nohup``)
    stays so; the second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there may handlers be set
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Ended(number)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {each: signal.signal(each, end) for each in numbers if signal.getsignal(each) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
