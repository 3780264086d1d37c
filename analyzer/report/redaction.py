"""Redaction: names of a customer become stable pseudonyms, before any face sees the diagnosis.

Tenants, hosts, nodes, zones, namespaces, pods, addresses, paths, block ULIDs and other identifiers
become ``kind-xxxxxxxx``, eight hexadecimal digits of HMAC-SHA-256 of the name under a key: with the
same key the same name has the same pseudonym in every face, report and run, and without the key it
cannot be tried out. Verdict, numbers, times, causes, sysctl names, product names and the names of
file kinds stay. When in doubt a word is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import regex
from msgspec import Struct
from msgspec.structs import replace

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import redaction_words as known
from analyzer.report.redaction_names import ULID, find_names, strings

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_KINDS = "tenant|host|node|pod|namespace|zone|container|block|ip|dir|file|id|bundle|url|email"
_KEPT_FIELDS = frozenset(
    {
        "cause", "status", "driver", "answer", "basis", "unit", "state", "errno", "at", "time", "first", "last",
        "first_seen", "started", "ended", "captured_at", "when", "scope", "kind", "sha256", "version", "product",
        "file_kind", "operation", "layout", "decides", "levels",
    }
)  # fmt: skip
_OWN_IDS = frozenset({"Question", "Remedy", "Ask", "EvidenceView"})
_NAME_FIELDS = {
    "tenant": "tenant", "host": "host", "node": "node", "zone": "zone", "namespace": "namespace", "pod": "pod",
    "container": "container", "container_id": "id", "pods": "pod",
}  # fmt: skip
_MEMBER_FIELDS = frozenset({"member", "truncated", "tails", "files"})
_IDENT_FIELDS = frozenset({"id", "subject", "life", "life_candidates"})

_SCAN = r"""
(?P<keep>
    \b(?:{kinds})-[0-9a-f]{{8}}\b
  | \b(?:vm|kernel|fs|net|user)\.[a-z_][a-z0-9_.]*[a-z0-9_]
  | \b\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?
  | \b[0-9a-f]{{8,16}}-[0-9a-f]{{8,16}}[ ][r-][w-][x-][ps]\b
)
| (?P<url>\b[a-z][a-z0-9+.-]{{0,11}}://[^\s"'`<>()\[\]{{}},;\\]+)
| (?P<email>(?<![\w.+-])[\w.+-]{{1,64}}@(?:[\w-]{{1,63}}\.){{1,8}}[a-zA-Z]{{2,24}})
| (?P<member>(?<![\w./-])\L<members>(?![\w/]))
| (?P<ident>(?<![\w./-])\L<idents>(?![\w/-]))
| (?P<uuid>\b[0-9a-fA-F]{{8}}([-_])[0-9a-fA-F]{{4}}\g<-1>[0-9a-fA-F]{{4}}\g<-1>[0-9a-fA-F]{{4}}\g<-1>[0-9a-fA-F]{{12}}\b)
| (?P<hex>(?<![0-9a-zA-Z])(?:[0-9a-f]{{64}}|[0-9a-f]{{40}}|[0-9a-f]{{32}})(?![0-9a-zA-Z]))
| (?P<ulid>(?<![0-9A-Za-z]){ulid}(?![0-9A-Za-z]))
| (?P<ip6>(?<![\w:.])(?=[0-9a-fA-F]{{0,4}}:[0-9a-fA-F]{{0,4}}:)[0-9a-fA-F:]{{3,39}}(?![\w:]))
| (?P<ip4>(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w]|\.\d))
| (?P<ec2>\bip-\d{{1,3}}(?:-\d{{1,3}}){{3}}\b)
| (?P<fqdn>(?<![\w.-])(?:[A-Za-z0-9][A-Za-z0-9_-]{{0,62}}\.){{1,8}}(?:{tld})\b(?![\w(]|\.[A-Za-z]))
| (?P<path>(?<![\w/.$)}}~])(?:\.{{1,2}})?/(?:[^\s"'`<>|;,(){{}}\[\]=:\\/]++/?)++)
| (?P<name>(?<![A-Za-z0-9])\L<names>(?![A-Za-z0-9]))
"""


def pseudonym(key: bytes, kind: str, name: str) -> str:
    """``tenant-3f2a91bc``: eight hexadecimal digits, so that ten thousand names rarely meet."""
    digest = hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:8]}"


class Redactor:
    """Replaces names in any text, the same name always by the same pseudonym.

    ``diagnosis`` is where the names are learnt: from its fields, and from the contexts (``user=``,
    ``for user``, ``/tsdb/NAME/`` ...) of every text in it. ``more`` adds names with their kinds.
    """

    def __init__(self, diagnosis: Diagnosis, key: bytes, more: Mapping[str, str] | None = None) -> None:
        self._key = key
        self._names = dict(more or {}) | find_names(diagnosis)
        self._free = [name for name in self._names if _is_free(name, diagnosis)]
        self._members = _member_paths(diagnosis)
        self._idents = _idents(diagnosis)
        self._scan = regex.compile(
            _SCAN.format(kinds=_KINDS, ulid=ULID, tld=known.TOP_LEVEL),
            regex.VERBOSE,
            names=self._free,
            members=self._members,
            idents=self._idents,
        )
        self._bound = _bound_pattern([name for name in self._names if name not in set(self._free)])
        self.text = lru_cache(maxsize=4096)(self._text)

    def name(self, value: str, kind: str) -> str:
        """A field that holds nothing but a name; ``(none)`` and file kinds taken for tenants stay."""
        if not value or value.startswith("(") or value in known.TSDB:
            return value
        if kind == "container" and value in known.PRODUCTS:
            return value
        if regex.fullmatch(ULID, value):
            return pseudonym(self._key, "block", value)
        return pseudonym(self._key, self._names.get(value, kind), value)

    def ident(self, value: str) -> str:
        """An id put together of names: ``host/namespace/pod``, ``vm:3``."""
        pieces = regex.split(r"([/:])", value)
        return "".join(self._ident_piece(piece) for piece in pieces)

    def _ident_piece(self, piece: str) -> str:
        if piece in self._names:
            return self.name(piece, "id")
        return self.text(piece)

    def _text(self, value: str) -> str:
        """Running text: log lines, commands, sentences."""
        if not value:  # an empty list of names matches the empty text
            return value
        if self._bound is not None:
            value = self._bound.sub(self._bound_name, value)
        result: str = self._scan.sub(self._found, value)
        return result

    def _bound_name(self, match: Any) -> str:
        start, end = match.span("bound")
        whole, at = match.group(), match.start()
        return f"{whole[: start - at]}{self.name(match['bound'], 'id')}{whole[end - at :]}"

    def _found(self, match: Any) -> str:
        kind, text = match.lastgroup, match.group()
        if kind == "keep":
            return str(text)
        if kind == "member":
            return self.member(text)
        if kind == "ident":
            return self.ident(text)
        if kind == "path":
            return self._path(text)
        if kind == "name":
            return self.name(text, "id")
        if kind == "ulid":
            return pseudonym(self._key, "block", text)
        if kind in ("ip4", "ip6", "ec2"):
            return self._address(kind, text)
        if kind == "fqdn":
            return self._domain(text)
        if kind == "url" and any(domain in text for domain in known.PUBLIC_DOMAINS):
            return str(text)
        return pseudonym(self._key, {"uuid": "id", "hex": "id"}.get(kind, kind), text)

    def _address(self, kind: str, text: str) -> str:
        if kind == "ec2":
            return pseudonym(self._key, "host", text)
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        if address.is_loopback or address.is_unspecified:
            return text
        return pseudonym(self._key, "ip", text)

    def _domain(self, text: str) -> str:
        if any(text == domain or text.endswith("." + domain) for domain in known.PUBLIC_DOMAINS):
            return text
        head = text.split(".", 1)[0]
        return self.name(head, "host") if head in self._names else pseudonym(self._key, "host", text)

    def member(self, path: str) -> str:
        """The path of a member; ``outer.tar!inner/path`` piece by piece, an unknown archive as a file."""
        return "!".join(self._path(part) for part in path.split("!"))

    def _path(self, path: str) -> str:
        if path.startswith(("/usr/lib/go", "/usr/local/go/")):
            return path
        tail = path[len(path.rstrip(".")) :]
        segments = path.removesuffix(tail).split("/") if tail else path.split("/")
        done: list[str] = []
        public = soft = False
        for place, segment in enumerate(segments):
            if public or segment.endswith(".go"):
                done.append(segment)
            elif soft:
                done.append(self._soft(segment))
            else:
                before = segments[place - 1] if place else ""
                done.append(self._segment(segment, before, is_last=place == len(segments) - 1))
            public = public or segment == "github.com"
            soft = soft or segment in ("proc", "sos_commands", "sos_reports")
        return "/".join(done) + tail

    def _soft(self, segment: str) -> str:
        """A segment named by the kernel or the collector: only known names and ids are replaced."""
        return (
            segment if segment in known.PATHS or "/" in segment else str(self._scan.sub(self._found, segment))
        )

    def _segment(self, segment: str, before: str, is_last: bool) -> str:
        if segment in known.PATHS and not (
            before == "tsdb" and segment in self._names and segment not in known.TSDB
        ):
            return segment
        if segment in self._names:
            return self.name(segment, "dir")
        if _plain_segment(segment, before):
            return segment
        inside = str(self._scan.sub(self._found, segment))
        rest = regex.sub(rf"\b(?:{_KINDS})-[0-9a-f]{{8}}\b", "", inside)
        if inside != segment and all(
            part.isdigit() or part in known.PATHS for part in regex.split(r"[\W_]+", rest) if part
        ):
            return inside
        if not is_last:
            return pseudonym(self._key, "tenant" if before == "tsdb" else "dir", segment)
        stem, dot, suffix = segment.partition(".")
        kept = (
            dot + suffix
            if all(p in known.SUFFIXES or p.isdigit() for p in suffix.split(".")) and suffix
            else ""
        )
        return pseudonym(self._key, "file" if kept else "dir", stem if kept else segment) + kept

    def diagnosis(self, diagnosis: Diagnosis) -> Diagnosis:
        """A copy with every name replaced; the input is not changed."""
        found: Diagnosis = self._walk(diagnosis, "", "")
        name = diagnosis.bundle.name
        suffixes = regex.search(rf"(?:\.(?:{'|'.join(sorted(known.SUFFIXES))}))*$", name)
        kept = suffixes.group() if suffixes is not None else ""
        stem = name.removesuffix(kept)
        bundle = replace(found.bundle, name=pseudonym(self._key, "bundle", stem) + kept)
        return replace(found, bundle=bundle)

    def _walk(self, value: T, field: str, owner: str) -> T:
        if (
            field in _KEPT_FIELDS
            or (field == "id" and owner in _OWN_IDS)
            or (field == "evidence" and isinstance(value, str))
        ):
            return value
        if isinstance(value, str):
            return self._string(value, field)  # type: ignore[return-value]
        if isinstance(value, list):
            return [self._walk(item, field, owner) for item in value]  # type: ignore[return-value]
        if isinstance(value, Struct):
            kind = type(value).__name__
            return replace(
                value,
                **{name: self._walk(getattr(value, name), name, kind) for name in value.__struct_fields__},
            )
        return value

    def _string(self, value: str, field: str) -> str:
        if field in _NAME_FIELDS:
            return self.name(value, _NAME_FIELDS[field])
        if field in _MEMBER_FIELDS:
            return self.member(value)
        if field in _IDENT_FIELDS:
            return self.ident(value)
        return self.text(value)

    def frames(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The frames with every text column redacted, by its name as the diagnosis' fields are."""
        return {name: self._frame(frame) for name, frame in frames.items()}

    def _frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        from pandas.api.types import is_numeric_dtype

        copy = frame.copy()
        for column in copy.columns:
            series = copy[column]
            if is_numeric_dtype(series.dtype) or str(column) in _KEPT_FIELDS:
                continue
            copy[column] = series.map(lambda cell, field=str(column): self._cell(cell, field))
        return copy

    def _cell(self, cell: Any, field: str) -> Any:
        if isinstance(cell, str):
            return self._string(cell, field)
        if isinstance(cell, list | tuple):
            return type(cell)(self._cell(item, field) for item in cell)
        return cell


def _plain_segment(segment: str, before: str) -> bool:
    """Whether a path segment names no one: numbers, kernel files, kinds of files, placeholders."""
    if segment in ("", ".", "..", "*") or segment in known.PLACEHOLDERS or segment[0] in "$*?":
        return True
    if segment.isdigit():
        return before != "tsdb"
    if regex.fullmatch(
        r"(?:checkpoint\.|go-?|prev-)?\d[\d.]*(?:\.tmp)?|(?:memory|cgroup|pids|cpu|cpuset|hugetlb|io)\.[\w.]+",
        segment,
    ):
        return True
    if regex.fullmatch(r"\d\d-(?:zz-)?(?:ingester|max-map-count)[\w-]*\.conf|sysctl\.\*", segment):
        return True
    if regex.fullmatch(r"(?:cortex|prometheus|mimir|thanos)[-_]v?\d[\w.+-]*", segment):
        return True
    return all(part.isdigit() or part in known.PATHS for part in regex.split(r"[._]", segment) if part)


def _is_free(name: str, diagnosis: Diagnosis) -> bool:
    """Whether a name is replaced wherever it stands, or only where its context names it.

    A tenant called ``1``, ``a`` or ``index`` would take numbers and words with it.
    """
    if name.lower() in known.KEEP or len(name) < 3:
        return False
    if name.replace(",", "").replace(".", "").isdigit():
        return len(name) >= 5 and name not in _numbers(diagnosis)
    return True


def _numbers(diagnosis: Diagnosis) -> set[str]:
    """Every number of the diagnosis as it would be written."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, int | float):
            found.add(f"{value:.0f}")
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, Struct):
            for name in value.__struct_fields__:
                walk(getattr(value, name))

    walk(diagnosis)
    return found


def _bound_pattern(names: list[str]) -> Any:
    """Names that are replaced only behind a word that says what they are."""
    if not names:
        return None
    return regex.compile(
        r"""(?:\b(?:user|users|org_id|tenant|tenants|tenant_id|tenantID|userID|orgID|host|hostname|node|pod|namespace|zone"""
        r"""|ns|instance|member)(?:\\?["'])?(?:[=:]\s?|\s)(?:\\?["'])?|\bkubectl\b[^\n|;&]*?\s(?:-n|--namespace)[ =]|\bLinux\s|/tsdb/)"""
        r"""(?P<bound>\L<names>)(?![A-Za-z0-9])(?!\.\w|,\d)""",
        names=names,
    )


def _member_paths(diagnosis: Diagnosis) -> list[str]:
    """Paths of members as they are written in fields; in sentences they are found again by these."""
    found = {value for field, value in strings(diagnosis) if field == "member" and "/" in value}
    found |= set(diagnosis.coverage.truncated) | set(diagnosis.coverage.tails)
    return sorted(path for path in found if path and len(path) < 4096)


def _idents(diagnosis: Diagnosis) -> list[str]:
    found = {value for field, value in strings(diagnosis) if field in _IDENT_FIELDS}
    return sorted(value for value in found if "/" in value or ":" in value)


def redact(diagnosis: Diagnosis, key: bytes | None) -> Diagnosis:
    """A copy of ``diagnosis`` without names. Without a ``key`` one is made and forgotten.

    Two reports can be compared only when both were redacted with the same key.
    """
    return redactor(diagnosis, key).diagnosis(diagnosis)


def redactor(diagnosis: Diagnosis, key: bytes | None) -> Redactor:
    """The :class:`Redactor` for ``diagnosis``, to use on its frames as well."""
    if key is None:
        import secrets

        key = secrets.token_bytes(32)
    return Redactor(diagnosis, key)


def leaks(diagnosis: Diagnosis, text: str) -> Iterator[str]:
    """The names of ``diagnosis`` that stand in ``text`` as whole words: for tests of a face."""
    for name in find_names(diagnosis):
        if _is_free(name, diagnosis) and regex.search(
            rf"(?<![A-Za-z0-9]){regex.escape(name)}(?![A-Za-z0-9])", text
        ):
            yield name
