"""What a target is, and how its bytes are turned into choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

BORDER = b"\n%%%%\n"
"""Parts an input into several texts; a word of every dictionary that has use for it."""


@dataclass(frozen=True)
class Target:
    """One property, or several of one part.

    ``run`` takes any bytes and fails by raising. ``seeds`` are made of the captured data when asked for.
    ``words`` are tokens of the grammar that no mutation would find. ``length`` bounds the bytes of an
    input, ``seconds`` the time that one may take.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    length: int = 4096
    seconds: int = 10


def split_choice(data: bytes, among: int) -> tuple[int, bytes]:
    """A number below ``among`` from the first byte, and the rest."""
    return (data[0] % among, data[1:]) if data else (0, b"")


def text_of(data: bytes) -> str:
    """The text as the log layer has it: invalid bytes are replaced."""
    return data.decode("utf-8", "replace")


def lines_of(data: bytes) -> list[bytes]:
    """Lines without their newline; what follows the last newline is a line only if it is not empty."""
    rows = data.split(b"\n")
    if not rows[-1]:
        rows.pop()
    return rows


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def assert_speakable(*texts: str) -> None:
    """No lone surrogate: every face and every file can be written."""
    for text in texts:
        text.encode("utf-8")
