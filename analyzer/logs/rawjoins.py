r"""An error of several lines that no logger put into quotes: a physical line for each of its members.

    opening storage failed: reloadBlocks: corrupted block 01G0P1FM...: mmap, size 31301: cannot allocate memory
    corrupted block 01G0P8BB...: mmap files: mmap, size 16585: cannot allocate memory
    Nov 22 21:57:15 node1 prometheus[4321]: opening storage failed: reloadBlocks: corrupted block 01G0P1FM...: ...
                                            corrupted block 01G0P8BB...: mmap files: mmap, size 16585: cannot ...

Prometheus prints so what ``errors.Join`` made of it, and the journal's short forms indent the further lines.
"""

from __future__ import annotations

from msgspec import Struct, field

from analyzer.logs.dumps import opens
from analyzer.logs.joining import PIECES_KEPT, Joined
from analyzer.logs.leaf import errno_of
from analyzer.logs.newlines import BLOCK_WORDS, looks_like_member, names_block, starts_with_block
from analyzer.logs.records import has_head

_TAIL = 100  # characters in which the errno at the end of a line stands


def may_go_on(joined: Joined) -> bool:
    """Whether a line ends within the error of a block, so that the next may be the error's too."""
    payload = joined.peeled.payload
    if BLOCK_WORDS not in payload:  # asked of each line that is parsed, and mostly so
        return False
    tail = payload[-_TAIL:].rpartition(": ")[2]
    return errno_of(tail) is not None and not joined.cut and names_block(payload)


class RawJoin(Struct):
    """Such an error while it is read: its first line and what followed."""

    first: Joined
    more: list[str] = field(default_factory=list)
    size: int = 0

    def take(self, joined: Joined) -> bool:
        """Whether ``joined`` is the next line of the error: directly behind it, of the same source and without a
        head of its own, it names the next block, or is indented as the journal does and looks like an error."""
        first, peeled = self.first, joined.peeled
        text = peeled.payload.lstrip(" \t")
        if joined.cut or joined.number != first.number + first.lines or not self._same_source(joined):
            return False
        indented = len(text) < len(peeled.payload)
        if not (starts_with_block(text) or (indented and looks_like_member(text))):
            return False
        if has_head(text[:512]) or opens(text):
            return False
        first.lines += joined.lines
        self.size += len(text)
        if self.size <= PIECES_KEPT:
            self.more.append(text)
        else:
            first.cut = True
        return True

    def _same_source(self, joined: Joined) -> bool:
        """Whether a line's framing says the same, or there is none: within one entry only its first line has it."""
        first, peeled = self.first.peeled, joined.peeled
        return peeled.framing == "bare" or (peeled.hints, peeled.stream) == (first.hints, first.stream)

    def whole(self) -> Joined:
        """The error as one line."""
        peeled = self.first.peeled
        peeled.payload = "\n".join((peeled.payload, *self.more))
        return self.first
