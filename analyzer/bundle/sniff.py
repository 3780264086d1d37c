"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from analyzer.bundle.codecs import CODECS, Codec
from analyzer.bundle.tar import find_header, looks_like_tar

Family = Literal["plain", "packed", "tar", "zip", "sealed", "foreign", "dump"]

_FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x04\x22\x4d\x18", "an lz4 stream"),
    (b"\x1f\x9d", "a compress (.Z) stream"),
    (b"LZIP\x01", "an lzip stream"),
    (b"!<arch>\n", "an ar archive"),
)
_SEALED = (
    (b"-----BEGIN PGP MESSAGE-----", "encrypted with OpenPGP"),
    (b"Salted__", "encrypted with openssl enc"),
    (b"age-encryption.org/v1", "encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "encrypted with age"),
)
DUMP_START = b"==== START logs for container "


class Kind(Struct, frozen=True):
    """``what`` names sealed and foreign formats in words; ``codec`` is set for packed ones."""

    family: Family
    what: str = ""
    codec: Codec | None = None


PLAIN = Kind("plain")
TAR = Kind("tar")
ZIP = Kind("zip")
DUMP = Kind("dump")
_PACKED = tuple(Kind("packed", codec.name, codec) for codec in CODECS)


def _is_openpgp(head: bytes) -> bool:
    """A public-key or password packet, the first of every binary OpenPGP message.

    RFC 4880: tag 1 holds version 3, tag 3 holds version 4 to 6, a cipher of at most 13 and a string-to-key
    kind of 0, 1, 3 or 4. Length bytes stand between tag and version.
    """
    if len(head) < 8:
        return False
    tag = head[0]
    if tag in (0x84, 0x85, 0xC1):
        at = {0x84: 2, 0x85: 3, 0xC1: 2 if head[1] < 192 else 3}[tag]
        return head[at] == 3 and head[at + 9 : at + 10] in (b"", b"\x01", b"\x02", b"\x10", b"\x12", b"\x14")
    if tag in (0x8C, 0xC3):
        return head[2] in (4, 5, 6) and 1 <= head[3] <= 13 and head[4] in (0, 1, 3, 4) and 4 <= head[1] < 80
    return False


def _is_dump(head: bytes) -> bool:
    """A ``logs.txt`` of ``kubectl cluster-info dump``, or the whole dump as one stream of JSON and logs."""
    if head.startswith(DUMP_START):
        return True
    start = head[:400].replace(b" ", b"").replace(b"\n", b"").replace(b"\r", b"")
    return start.startswith(b'{"kind":"NodeList"') or (
        start.startswith(b'{"apiVersion":"v1","items":[') and b"\n}\n{\n" in head
    )


def sniff(head: bytes) -> Kind:
    """The kind of a file by its first 8 KiB."""
    if not head:
        return PLAIN
    for kind in _PACKED:
        if kind.codec is not None and kind.codec.starts(head):
            return kind
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head[:8] in (b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04"):
        return ZIP
    if looks_like_tar(head):
        return TAR
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            return Kind("foreign", what)
    for mark, what in _SEALED:
        if head.startswith(mark):
            return Kind("sealed", what)
    if _is_openpgp(head):
        return Kind("sealed", "encrypted with OpenPGP")
    if _is_dump(head):
        return DUMP
    # A tar whose first header is damaged beyond recognition still has its second one.
    if b"ustar" in head and find_header(head) >= 0:
        return TAR
    return PLAIN
