"""One tar header block, and the extended headers that may stand before it.

A block is 512 bytes: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link name
100, magic ``ustar``, ..., prefix 155. Numbers are octal text, or base-256 with the first bit set (GNU).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from analyzer.bundle import paths

BLOCK = 512
MAGIC = b"ustar"
MAGIC_AT = 257
_MAX_SIZE = 1 << 62
MAX_ODD = 64  # places off a block's border that are tried in one window


class Header(Struct):
    """A header as read. ``sound`` is False when its checksum is wrong and its fields may be too."""

    name: str
    type: bytes
    size: int
    mtime: float | None
    link: str
    sound: bool = True
    sparse: list[tuple[int, int]] | None = None  # (offset, bytes) of the parts that hold data
    real_size: int | None = None  # of a sparse file, with its holes
    extended: bool = False  # more of the GNU sparse map follows in blocks of its own

    @property
    def is_file(self) -> bool:
        """Types that POSIX does not know are files as well."""
        return self.type not in b"123456ADKLNVXgx"


class Extended(Struct):
    """What pax and GNU long-name headers say about the next header."""

    name: str | None = None
    link: str | None = None
    size: int | None = None
    mtime: float | None = None
    sparse: dict[str, str] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)


def number(raw: bytes) -> int | None:
    """A numeric field; None when it is not one."""
    if raw[:1] in (b"\x80", b"\xff"):
        value = int.from_bytes(raw[1:], "big")
        return value if raw[0] == 0x80 else value - (1 << (8 * (len(raw) - 1)))
    text = raw.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    if text.strip(b"01234567"):
        return None
    return int(text, 8)


def checksum_holds(block: bytes) -> bool:
    """Whether the block's checksum is right: the sum of its bytes, its own field taken as blanks."""
    stated = number(block[148:156])
    if stated is None or stated <= 0:
        return False
    total = sum(block) - sum(block[148:156]) + 256
    if total == stated:
        return True
    # Some old writers summed signed bytes.
    high = sum(byte > 127 for byte in block) - sum(byte > 127 for byte in block[148:156])
    return total - 256 * high == stated


def parse(block: bytes) -> Header | None:
    """The header in a block whose checksum holds; None when the block is not one."""
    if not checksum_holds(block):
        return None
    header = _fields(block)
    return header if header is not None and header.size >= 0 else None


def guess(block: bytes) -> Header | None:
    """The header of a file in a block whose checksum is wrong but whose magic and name look right."""
    if block[MAGIC_AT : MAGIC_AT + 5] != MAGIC:
        return None
    header = _fields(block)
    if header is None:
        header = Header(paths.decode(block[:100]), block[156:157], -1, None, "")
    if not header.name or not header.name.isprintable() or not header.is_file:
        return None
    if header.size < 0:
        header.size = _MAX_SIZE
    header.sound = False
    return header


def _fields(block: bytes) -> Header | None:
    size = number(block[124:136])
    if size is None or size > _MAX_SIZE:
        return None
    mtime = number(block[136:148])
    name = paths.decode(block[:100])
    type_ = block[156:157]
    header = Header(name, type_, size, float(mtime) if mtime and abs(mtime) < 1 << 40 else None, "")
    if block[157] and type_ in b"12":
        header.link = paths.decode(block[157:257])
    if block[257:263] == b"ustar\0" and block[345]:
        header.name = paths.decode(block[345:500]) + "/" + name
    if type_ == b"S":
        header.sparse = list(sparse_map(block[386:482]))
        header.extended = bool(block[482])
        header.real_size = number(block[483:495])
    elif type_ == b"\0" and name.endswith("/"):
        header.type = b"5"
    return header


def sparse_map(raw: bytes) -> Iterator[tuple[int, int]]:
    """The entries of a GNU sparse map: 12 bytes of offset and 12 of length each."""
    for at in range(0, len(raw) - 23, 24):
        offset, size = number(raw[at : at + 12]), number(raw[at + 12 : at + 24])
        if offset is None or size is None or not raw[at]:
            return
        yield offset, size


def find(data: bytes) -> int:
    """Where the first sound header with a magic begins in ``data``, or -1.

    Headers are expected at whole blocks. Where bytes were lost they stand elsewhere: a bounded number
    of such places is tried, so that text full of magics costs no more than other text.
    """
    odd = MAX_ODD
    at = data.find(MAGIC, MAGIC_AT)
    while at >= 0:
        begin = at - MAGIC_AT
        aligned = begin % BLOCK == 0
        if aligned or odd:
            odd -= not aligned
            block = data[begin : begin + BLOCK]
            if len(block) == BLOCK and parse(block) is not None:
                return begin
        # With the odd places spent only the next whole block can begin a header.
        at = data.find(MAGIC, at + 1 if odd else begin - begin % BLOCK + BLOCK + MAGIC_AT)
    return -1


def read_pax(data: bytes, into: Extended) -> bool:
    """The records ``LENGTH KEY=VALUE\\n`` of a pax header; False when it is damaged."""
    at = 0
    while at < len(data) and data[at]:
        blank = data.find(b" ", at, at + 20)
        if blank < 0 or not data[at:blank].isdigit():
            return False
        end = at + int(data[at:blank])
        if end <= blank + 1 or end > len(data):
            return False
        key, _, value = data[blank + 1 : end - 1].partition(b"=")
        _apply(paths.decode(key), value, into)
        at = end
    return True


def _apply(key: str, value: bytes, into: Extended) -> None:
    text = paths.decode(value)
    match key:
        case "path":
            into.name = text
        case "linkpath":
            into.link = text
        case "size":
            into.size = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        case "mtime":
            try:
                moment = float(text)
            except ValueError:
                return
            into.mtime = moment if abs(moment) < 1 << 40 else None
        case "GNU.sparse.offset" | "GNU.sparse.numbytes" if (
            text.isascii() and text.isdigit() and len(text) < 19
        ):
            (into.offsets if key.endswith("offset") else into.lengths).append(int(text))
        case _ if key.startswith("GNU.sparse."):
            into.sparse[key[11:]] = text
