"""Changes to seeds that are the same on every run: what the tests run instead of the fuzzer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence


def changed(seeds: Sequence[bytes], words: Sequence[bytes], length: int, count: int) -> Iterator[bytes]:
    """``count`` inputs: seeds cut, spliced, repeated, flipped, and with words written into them."""
    choices = random.Random(len(seeds))
    for _ in range(count):
        data = bytearray(choices.choice(seeds)[:length])
        for _ in range(choices.randint(1, 4)):
            _change(data, seeds, words, choices)
        yield bytes(data[:length])


def _change(data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes], choices: random.Random) -> None:
    at = choices.randint(0, len(data))
    end = min(len(data), at + choices.randint(1, 40))
    match choices.randrange(6):
        case 0:
            del data[at:]
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end] * choices.randint(1, 8)
        case 3:
            other = choices.choice(seeds)
            start = choices.randint(0, len(other))
            data[at:at] = other[start : start + 200]
        case 4 if words:
            data[at:end] = choices.choice(words)
        case _:
            for _ in range(3):
                if data:
                    data[choices.randrange(len(data))] = choices.randrange(256)
