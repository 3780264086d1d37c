"""A slow and obvious count of a maps file, for comparison; and strategies that make maps files."""

import re
from collections import Counter, defaultdict
from typing import Any

from hypothesis import strategies as st

ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def slow_count(text: str) -> dict[str, Any]:
    """What a maps file says, one line at a time, with nothing but a split."""
    found: dict[str, Any] = {
        "lines": 0, "count": 0, "total": 0, "highest": 0, "deleted": 0, "duplicates": 0,
        "kinds": Counter(), "bytes": Counter(), "holders": Counter(), "blocks": defaultdict(set),
    }  # fmt: skip
    seen: set[tuple[str, str]] = set()
    executables = set()
    others: list[tuple[str, int]] = []
    for line in text.split("\n"):
        if not re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            continue
        found["lines"] += 1
        words = line.split(None, 5)
        path = words[5] if len(words) > 5 else ""
        if path == "[vsyscall]":
            continue
        start, end = (int(word, 16) for word in words[0].split("-"))
        found["count"] += 1
        found["total"] += end - start
        found["highest"] = max(found["highest"], end)
        bare = path.removesuffix(" (deleted)")
        found["deleted"] += bare != path
        block = re.fullmatch(r"(.*)/([0-_]{26})/(index|chunks/\d{6})", bare)
        head = re.fullmatch(r"(.*)/chunks_head/\d{6}", bare)
        if bare.startswith("/"):
            found["duplicates"] += (path, words[2]) in seen
            seen.add((path, words[2]))
        if block:
            kind = "index" if block[3] == "index" else "chunks_segment"
            found["holders"][block[1]] += 1
            found["blocks"][block[1]].add(block[2])
        elif head:
            kind = "head_chunk"
            found["holders"][head[1]] += 1
        elif not path:
            kind = "anonymous"
        elif path.startswith("["):
            kind = {"[heap]": "heap", "[stack]": "stack"}.get(path, "special")
        else:
            others.append((bare, end - start))
            if "x" in words[1]:
                executables.add(bare)
            continue
        found["kinds"][kind] += 1
        found["bytes"][kind] += end - start
    for path, size in others:
        if re.search(r"/[0-_]{26}/|/(wal|wbl|chunks_head)/|/queries\.active$", path):
            kind = "block_other"
        else:
            kind = "library" if ".so" in path else "binary" if path in executables else "file_other"
        found["kinds"][kind] += 1
        found["bytes"][kind] += size
    return found


def ulids() -> st.SearchStrategy[str]:
    tails = st.text(ULID_LETTERS, min_size=2, max_size=2)
    return tails.map(lambda tail: "01M82K54DEY807G2PMY2JMGV" + tail)


def paths() -> st.SearchStrategy[str]:
    holder = st.sampled_from(["/data/tsdb/a", "/data/tsdb/team-007", "/data/tsdb/b b", "/data/tsdb/x"])
    block = st.tuples(holder, ulids(), st.sampled_from(["index", "chunks/000001", "chunks/000002"]))
    head = st.tuples(holder, st.integers(1, 3)).map(lambda t: f"{t[0]}/chunks_head/{t[1]:06d}")
    other = st.sampled_from(
        ["", "", "[heap]", "[vvar]", "[vdso]", "/usr/bin/cortex", "/usr/lib/libc.so.6", "/data/other",
         "/data/abcdefghijklmnopqrstuvwxyz/index", "/data/tsdb/a/ABC/index", "/x/index", "/y/chunks/000001",
         "/data/tsdb/a/01M82K54DEY807G2PMY2JMGV12/chunks/00000x"]
    )  # fmt: skip
    named = st.one_of(block.map("/".join), block.map("/".join), head, other)
    return st.tuples(named, st.booleans(), st.booleans()).map(
        lambda t: t[0] + " (deleted)" if t[1] and t[2] and t[0].startswith("/") else t[0]
    )


def rows() -> st.SearchStrategy[tuple[str, str, int, int, int]]:
    """(path, perms, size in pages, gap in pages, offset)."""
    return st.tuples(
        paths(),
        st.sampled_from(["r--s", "r--p", "r-xp", "rw-p"]),
        st.integers(1, 40),
        st.integers(0, 3),
        st.sampled_from([0, 0, 0, 0x1000]),
    )


def render(made: list[tuple[str, str, int, int, int]], start: int, vsyscall: bool, column: int = 73) -> str:
    """A maps file as the kernel writes it."""
    at, lines = start, []
    for path, perms, pages, gap, offset in made:
        end = at + pages * 4096
        line = f"{at:08x}-{end:08x} {perms} {offset:08x} fe:00 {len(lines) + 7} "
        lines.append(line.ljust(column) + path if path else line)
        at = end + gap * 4096
    if vsyscall:
        lines.append("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]")
    return "".join(line + "\n" for line in lines)
