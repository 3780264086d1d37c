"""Counting mappings by columns, for files of hundreds of thousands of lines.

The lines of one block are taken as one array of bytes. Eight bytes at any place of every line are
one gather (an unaligned 64-bit view), so addresses are decoded, endings compared and paths hashed
without making an object per line. Lines of any other shape go to the plain :class:`Tally`. A test
holds both to the same summary. What grows with the file is 8 bytes per line and hash.
"""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from analyzer.snapshots.mapping import Tally
from analyzer.snapshots.model import MapsSummary

U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Where = NDArray[np.int64]

_PAD = 64  # bytes before the block, so that a gather before a line's start stays inside
_COLUMN = 73  # where the kernel writes the path, on 64-bit kernels
_PATH_LIMIT = 1024
_TABLE_BITS = 20
_NAMED = 2000  # repeated files that are named, per file
_NAMED_A_BLOCK = 256  # and in one block of lines


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text.ljust(8, b"\0"), "little"))


_INDEX = _word(b"/index")
_CHUNKS = _word(b"/chunks/")
_HEAD_A, _HEAD_B = _word(b"/chunks_"), _word(b"ks_head/")
_DEL_A, _DEL_B = _word(b" (delete"), _word(b"deleted)")
_ZERO = _word(b"00000000")
_K1, _K2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_S = {n: np.uint64(n) for n in (1, 2, 4, 8, 16, 20, 24, 28, 32, 48, 56, 64)}
_TENANT_BITS = 16
_TENANT_MASK = np.uint64((1 << _TENANT_BITS) - 1)
_KINDS = (("index", 6), ("chunks_segment", 14))


def _hex(words: U64) -> U64:
    """The value of eight lower-case hex digits per word, first digit in the lowest byte."""
    digits = (words & np.uint64(0x0F0F0F0F0F0F0F0F)) + np.uint64(9) * (
        (words >> np.uint64(6)) & np.uint64(0x0101010101010101)
    )
    pairs = ((digits << _S[4]) | (digits >> _S[8])) & np.uint64(0x00FF00FF00FF00FF)
    quads = ((pairs << _S[8]) | (pairs >> _S[16])) & np.uint64(0x0000FFFF0000FFFF)
    return ((quads << _S[16]) | (quads >> _S[32])) & np.uint64(0xFFFFFFFF)


def _are_hex(words: U64) -> Mask:
    """Whether all eight bytes are lower-case hex digits."""
    top = np.uint64(0x8080808080808080)
    digit, letter = words ^ np.uint64(0x3030303030303030), words ^ np.uint64(0x6060606060606060)
    no_digit = digit + np.uint64(0x7676767676767676)
    no_letter = (letter + np.uint64(0x7979797979797979)) | ~(letter + np.uint64(0x7F7F7F7F7F7F7F7F))
    hex_only: Mask = ((words | (no_digit & no_letter)) & top) == 0
    return hex_only


def _mixed(state: U64, words: U64) -> U64:
    state = (state ^ words) * _K1
    return state ^ (state >> _S[32])


def _ulid_bytes(words: U64) -> Mask:
    """Whether all eight bytes are of 0x30-0x5F, as in a ULID."""
    high = np.uint64(0x4040404040404040)
    upper = words & high
    below = (words & np.uint64(0x2020202020202020)) << _S[1]
    digit = (words & np.uint64(0x1010101010101010)) << _S[2]
    fine = (upper ^ below) & (upper | digit)
    letters: Mask = (fine == high) & ((words & np.uint64(0x8080808080808080)) == 0)
    return letters


def _six_digits(words: U64) -> Mask:
    """Whether the six low bytes are decimal digits."""
    zeros, nibbles = np.uint64(0x303030303030), np.uint64(0xF0F0F0F0F0F0)
    carried = words + np.uint64(0x060606060606)
    digits: Mask = ((words & nibbles) == zeros) & ((carried & nibbles) == zeros)
    return digits


def _counted(sizes: U64) -> Counter[int]:
    """How often each size occurs; most are few whole pages, which can be counted in an array."""
    pages = sizes >> np.uint64(12)
    if int(sizes.max()) >> 12 >= 1 << 16 or np.any(sizes & np.uint64(0xFFF)):
        return Counter(sizes.tolist())
    counts = np.bincount(pages.astype(np.int64))
    found = np.flatnonzero(counts)
    return Counter(dict(zip((found << 12).tolist(), counts[found].tolist(), strict=True)))


class WideTally:
    """A tally over ``plain`` that takes the regular lines as columns."""

    def __init__(self, plain: Tally) -> None:
        self.plain = plain
        self.holders: dict[int, int] = {}  # hash of the directory above the block -> its number
        self.names: list[bytes] = []
        self.mapped: list[int] = []
        self.blocks: list[U64] = []  # hash of each block file's directory, holder in the low bits
        self.files: list[U64] = []
        self.table = np.zeros(1 << _TABLE_BITS, np.uint64)
        self.owner = np.zeros(1 << _TABLE_BITS, np.int64)

    def add_block(self, block: bytes) -> int:
        """Count the lines of a block that ends at a newline; returns how many were no mappings."""
        if not block.endswith(b"\n"):
            cut = block.rfind(b"\n") + 1
            return self.add_block(block[:cut]) + self.plain.add_block(block[cut:]) if block else 0
        buffer = bytes(_PAD) + block + bytes(_PAD)
        raw = np.frombuffer(buffer, np.uint8)
        words: U64 = np.ndarray((len(buffer) - 7,), "<u8", buffer, strides=(1,))
        ends = np.flatnonzero(raw[_PAD : _PAD + len(block)] == 10) + _PAD
        starts = np.empty_like(ends)
        starts[0] = _PAD
        starts[1:] = ends[:-1] + 1
        left = np.ones(len(ends), np.bool_)
        for width in (12, 10):
            if left.any():
                self._add_width(buffer, raw, words, starts, ends, left, width)
        rows = [buffer[a:b] for a, b in zip(starts[left].tolist(), ends[left].tolist(), strict=True)]
        return self.plain.add_block(b"\n".join(rows) + b"\n") if rows else 0

    def _add_width(
        self,
        buffer: bytes,
        raw: NDArray[np.uint8],
        words: U64,
        starts: Where,
        ends: Where,
        left: Mask,
        width: int,
    ) -> None:
        """Take the lines whose addresses have ``width`` digits out of ``left``."""
        start, end = starts[left], ends[left]
        fits = (end - start >= 2 * width + 16) & (raw[start + width] == 45)
        fits &= (raw[start + 2 * width + 1] == 32) & (raw[start + 2 * width + 6] == 32)
        where = np.flatnonzero(left)[fits]
        if not len(where):
            return
        start, end = starts[where], ends[where]
        whole = (words[start + 2 * width + 7] == _ZERO) & (raw[start + 2 * width + 15] == 32)
        has_path = whole & (end - start > _COLUMN + 6) & (end - start < _COLUMN + _PATH_LIMIT)
        column = start + _COLUMN
        column[~has_path] = start[~has_path]
        has_path &= (raw[column] == 47) & (raw[column - 1] == 32)
        taken = np.zeros(len(where), np.bool_)
        low = self._hex_addresses(words, start, width)
        high = self._hex_addresses(words, start + width + 1, width)
        fine = high >= low
        for at in (0, width - 8, width + 1, 2 * width - 7):
            fine &= _are_hex(words[start + at])
        for kind, tail in _KINDS:
            chosen = has_path & fine & (end - start >= _COLUMN + tail + 28)
            stop = np.where(chosen, end, start + _PAD)
            if tail == 6:
                chosen &= (words[stop - 8] >> _S[16]) == _INDEX
            else:
                chosen &= (words[stop - 14] == _CHUNKS) & _six_digits(words[stop - 8] >> _S[16])
            picked = np.flatnonzero(chosen)
            if len(picked):
                kept = self._add_files(buffer, raw, words, start[picked], end[picked], tail)
                picked = picked[kept]
                taken[picked] = True
                self._count(kind, low[picked], high[picked])
        spare = fine & ~taken & (raw[end - 1] == 32) & (raw[end - 2] == 48) & (raw[end - 3] == 32)
        spare &= end - start <= 2 * width + 32
        picked = np.flatnonzero(spare)
        taken[picked] = True
        self._count("anonymous", low[picked], high[picked])
        left[where[taken]] = False

    @staticmethod
    def _hex_addresses(words: U64, start: Where, width: int) -> U64:
        upper, lower = _hex(words[start]), _hex(words[start + width - 8])
        return (upper << np.uint64(4 * (width - 8))) | lower

    def _count(self, kind: str, low: U64, high: U64) -> None:
        if not len(low):
            return
        plain = self.plain
        sizes = high - low
        total, top = int(sizes.sum()), int(high.max())
        plain.lines += len(low)
        plain.total += total
        plain.kinds[kind] += len(low)
        plain.bytes[kind] += total
        plain.highest = max(plain.highest, top)
        if plain.narrow:
            plain.add_spans(array("Q", low.tolist()), array("Q", high.tolist()))
        if kind in plain.sizes:
            plain.add_sizes(kind, _counted(sizes))

    def _add_files(
        self, buffer: bytes, raw: NDArray[np.uint8], words: U64, start: Where, end: Where, tail: int
    ) -> Mask:
        """Count blocks' files by their holder; returns which of the lines truly are of a block."""
        cut = end - (tail + 26)  # where the ULID begins
        kept: Mask = (raw[cut - 1] == 47) & (cut - start > _COLUMN)
        for at in (0, 8, 16, 18):
            kept &= _ulid_bytes(words[cut + at])
        if not kept.all():
            start, end, cut = start[kept], end[kept], cut[kept]
        if not len(start):
            return kept
        holder, block, file = self._hashes(words, start + _COLUMN, end, tail)
        numbers = self._number(buffer, holder, start + _COLUMN, cut)
        self.blocks.append((block & ~_TENANT_MASK) | (numbers & _TENANT_MASK))
        self._name_repeats(buffer, file, start, end)
        self.files.append(file)
        return kept

    def _hashes(self, words: U64, first: Where, end: Where, tail: int) -> tuple[U64, U64, U64]:
        """Hashes of each path's holder, of its block directory, and of all of it."""
        cut = end - (tail + 26)
        holder = block = self._hash_range(words, first, cut)
        for at in (0, 8, 16, 18):
            block = _mixed(block, words[cut + at])
        return holder, block, _mixed(block, words[end - 8] ^ np.uint64(tail))

    @staticmethod
    def _hash_range(words: U64, first: Where, last: Where) -> U64:
        """A hash of the bytes from ``first`` to ``last`` of each line."""
        length = last - first
        state: U64 = length.astype(np.uint64) * _K2
        shortest = int(length.min()) // 8
        for k in range(shortest):
            state = _mixed(state, words[first + 8 * k])
        for k in range(shortest, -(-int(length.max()) // 8)):
            over = np.clip(8 * (k + 1) - length, 0, 8).astype(np.uint64)
            word = words[np.where(over < 8, first + 8 * k, 0)]
            word = np.where(over < 8, (word << (over * _S[8])), 0).astype(np.uint64)
            state = np.where(over < 8, _mixed(state, word), state)
        return state

    def _number(self, buffer: bytes, holder: U64, first: Where, last: Where) -> U64:
        """The number of each line's holder; lines of one holder mostly stand together."""
        changes = np.flatnonzero(holder[1:] != holder[:-1]) + 1
        if len(changes) > len(holder) // 8:
            unique, at, back = np.unique(holder, return_index=True, return_inverse=True)
            counts = np.bincount(back, minlength=len(unique))
        else:
            at = np.concatenate(([0], changes))
            counts = np.diff(np.append(at, len(holder)))
            unique = holder[at]
            back = np.repeat(np.arange(len(at)), counts)
        numbers = np.empty(len(unique), np.uint64)
        for i, (key, row, count) in enumerate(
            zip(unique.tolist(), at.tolist(), counts.tolist(), strict=True)
        ):
            number = self.holders.get(key)
            if number is None:
                number = self.holders[key] = len(self.names)
                self.names.append(buffer[int(first[row]) : int(last[row])])
                self.mapped.append(0)
            self.mapped[number] += count
            numbers[i] = number
        return numbers[back]

    def _name_repeats(self, buffer: bytes, file: U64, start: Where, end: Where) -> None:
        """Name files that are mapped again, as far as a table of the last million files tells."""
        slot = (file >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)
        rows = np.arange(len(file))
        again = self.table[slot] == file
        self.owner[slot] = rows
        winner = self.owner[slot]
        again |= (winner != rows) & (file[winner] == file)
        self.table[slot] = file
        rows = np.flatnonzero(again)
        if not len(rows):
            return
        _, first, counts = np.unique(file[rows], return_index=True, return_counts=True)
        order = np.argsort(counts)[::-1][:_NAMED_A_BLOCK]
        repeats = self.plain.repeats
        for row, count in zip(rows[first[order]].tolist(), counts[order].tolist(), strict=True):
            path = buffer[int(start[row]) + _COLUMN : int(end[row])]
            if path in repeats or len(repeats) < _NAMED:
                repeats[path] += count

    def finish(self, complete: bool = True) -> MapsSummary:
        """The summary of all that was added, by columns and plainly."""
        plain = self.plain
        if self.files:
            files, blocks = np.concatenate(self.files), np.concatenate(self.blocks)
            known_files, known_blocks = self._known_plainly()
            plain.duplicates += int(np.isin(known_files, files).sum()) if len(known_files) else 0
            files.sort()
            plain.duplicates += int(np.count_nonzero(files[1:] == files[:-1]))
            blocks.sort()
            first = np.ones(len(blocks), np.bool_)
            first[1:] = blocks[1:] != blocks[:-1]
            blocks = blocks[first]
            if len(known_blocks):
                blocks = blocks[~np.isin(blocks, known_blocks)]
            counts = np.bincount((blocks & _TENANT_MASK).astype(np.int64), minlength=len(self.names))
            for name, mapped, count in zip(self.names, self.mapped, counts.tolist(), strict=False):
                plain.mapped[name] += mapped
                plain.more_blocks[name] += count
        return plain.finish(complete)

    def _known_plainly(self) -> tuple[U64, U64]:
        """Hashes of the files, and of the blocks of holders known here, that the plain tally holds."""
        plain = self.plain
        files: list[U64] = []
        blocks: list[U64] = []
        lists = (
            (plain.index_dirs, b"/index", True),
            (plain.chunk_dirs, b"/chunks/000001", True),
            (plain.chunk_files, b"", True),
            (plain.lone_dirs, b"/index", False),
        )
        for paths, ending, whole in lists:
            rows = [path + ending for path in paths if not ending or len(path) > 26]
            if not rows:
                continue
            buffer = bytes(_PAD) + b"\n".join(rows) + bytes(_PAD)
            words: U64 = np.ndarray((len(buffer) - 7,), "<u8", buffer, strides=(1,))
            lengths = np.array([len(row) for row in rows])
            end = np.cumsum(lengths + 1) - 1 + _PAD
            tail = 6 if ending == b"/index" else 14
            holder, block, file = self._hashes(words, end - lengths, end, tail)
            numbers = np.array([self.holders.get(key, -1) for key in holder.tolist()])
            known = numbers >= 0
            tenant = numbers[known].astype(np.uint64) & _TENANT_MASK
            blocks.append((block[known] & ~_TENANT_MASK) | tenant)
            if whole:
                files.append(file)
        none = np.empty(0, np.uint64)
        return np.concatenate([none, *files]), np.concatenate([none, *blocks])
