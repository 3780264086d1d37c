r"""The escapes inside quoted values: Go's, JSON's, and what is left of them where a line was cut.

failed services\ngithub.com/cortexproject/cortex/pkg/cortex.(*Cortex).Run\n\t/go/src/...   go-logfmt
inv\xff \x00 \u2028 \U0001f600                                                           strconv.Quote
"""

from __future__ import annotations

import re

from analyzer import lazy

_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v",
    '"': '"', "'": "'", "\\": "\\", "/": "/",
}  # fmt: skip
_ESCAPE = lazy.pattern(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|x([0-9a-fA-F]{2})|([0-7]{3})|(.))",
    re.DOTALL,
)
_CUT_ESCAPE = lazy.pattern(r"\\(?:u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|x[0-9a-fA-F]?|[0-7]{1,2})?\Z")
REPLACEMENT = "\ufffd"


def _character(code: int) -> str:
    return REPLACEMENT if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)


def _replace(match: re.Match[str]) -> str:
    high, low, short, long, byte, octal, simple = match.groups()
    if simple is not None:
        return _SIMPLE.get(simple, match[0])
    if high is not None:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    if byte is not None or octal is not None:
        code = int(byte, 16) if byte is not None else int(octal, 8)
        return chr(code) if code < 0x80 else REPLACEMENT  # a byte that was not UTF-8
    return _character(int(short or long, 16))


def unescape(text: str) -> str:
    """``text``, the inside of a quoted value, with its escapes undone. Unknown escapes stay."""
    return _ESCAPE.sub(_replace, text) if "\\" in text else text


def drop_cut_escape(text: str) -> str:
    r"""``text`` without a lone ``\`` or half an escape such as ``\u20`` at its cut end."""
    match = _CUT_ESCAPE.search(text, max(0, len(text) - 10))
    if match is None:
        return text
    start = match.start()
    slashes = start
    while slashes > 0 and text[slashes - 1] == "\\":
        slashes -= 1
    return text[:start] if (start - slashes) % 2 == 0 else text  # else the backslash is itself escaped
