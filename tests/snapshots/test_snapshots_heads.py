"""What stands before the content, and what stands instead of it: neither hides a member, neither is a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from analyzer.facts import Evidence, Present, Unreadable
from analyzer.intake import read
from analyzer.snapshots import PARSERS, claimed
from analyzer.snapshots.base import unread
from analyzer.snapshots.model import Snapshot
from analyzer.snapshots.parsers import member_of

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max address space         8589934592           unlimited            bytes
Max open files            20000                20000                files
"""
MEMBERS = {
    "limits.txt": LIMITS,
    "status.txt": "Name:\tcortex\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nVmSize:\t 1281736 kB\n",
    "free.txt": "               total        used        free      shared  buff/cache   available\n"
    "Mem:        24684092     1035492    18799996        8856     5170236    23648600\n",
    "df.txt": "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/vda 264212084 31650276 74740636 30% /data\n",
    "df_-i.txt": "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda 16777216 726620 16050596 5% /\n",
    "pmap.txt": "7:   /bin/cortex\n0000000000400000      8K r---- cortex\n00007f259ef31000      4K r--s- index\n"
    " total               12K\n",
    "prlimit.txt": "RESOURCE DESCRIPTION           SOFT      HARD UNITS\n"
    "AS       address space limit 8589934592 unlimited bytes\n",
    "m.txt": "7f25ce4d1000-7f25ce4d2000 r--s 00000000 fe:00 3089   /d/01M82K54DEY807G2PMY2JMGVJN/index\n",
    "maps_count.txt": "16002 /proc/7/maps\n",
    "count.txt": "16002 /proc/7/maps\n",
    "ps_aux.txt": "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
    "cortex       7 12.0  8.1 1281736 43172 ?       Sl   21:40   0:31 /bin/cortex -target=ingester\n",
    "max_map_count.txt": "65530\n",
    "sysctl.txt": "vm.max_map_count = 65530\n",
    "some.txt": "vm.max_map_count = 65530\nvm.overcommit_memory = 0\n",
    "meminfo.txt": "MemTotal:       24684092 kB\nMemAvailable:   23647100 kB\n",
    "memory.max": "8589934592\n",
    "memory.events": "low 0\nhigh 0\nmax 1882\noom 3\noom_kill 1\n",
    "hostname.txt": "ingester-node-3\n",
    "uptime.txt": "940.81 1049.64\n",
    "fd_count.txt": "344\n",
}
HEADS = [
    "[root@n ~]# cat /proc/7/limits\n",
    "root@node-1:~# sysctl vm.max_map_count\n",
    "$ cat /proc/7/limits\n",
    "/ # cat /proc/7/limits\n",
    "bash-5.1$ cat x\n",
    "+ cat /proc/7/limits\n",
    "=== cat /proc/7/limits ===\n",
    "==> /proc/7/limits <==\n",
    "--- limits ---\n\n",
    "/proc/7/limits:\n",
    "Sun Nov 22 22:18:00 UTC 2026\n",
    "2026-11-22T22:18:00+00:00\n",
    'Defaulted container "ingester" out of: ingester, sidecar\n',
    "Unable to use a TTY - input is not a terminal or the right kind of file\n",
    "cat: /proc/8/limits: No such process\n",
    "Sun Nov 22 22:18:00 UTC 2026\n\n$ ssh node-1\n[root@node-1 ~]# cat /proc/7/limits\n",
]
# A date and a count are a series; mappings below a refusal are marked as such.
OTHERWISE = {(path, head) for path in ("maps_count.txt", "count.txt") for head in HEADS[10:12]}
OTHERWISE.add(("m.txt", HEADS[14]))
ENCODINGS = {
    "plain": lambda text: text.encode(),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
}


def taken(path: str, content: bytes) -> list[Snapshot]:
    found = claimed(member_of(f"flat/{path}", content))
    assert found is not None, path
    return found[0].read(found[1])


def values_and_lines(value: Any) -> tuple[list[Any], list[int]]:
    """All that is stated, without its places, and the places."""
    values: list[Any] = []
    places: list[int] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list | tuple):
        parts = list(enumerate(value))
    elif isinstance(value, msgspec.Struct):
        parts = [(name, getattr(value, name)) for name in value.__struct_fields__]
    else:
        return [value], []
    for name, part in parts:
        if name == "line":
            places += [] if part is None else [part]
        elif not (name == "text" and isinstance(value, Evidence)):
            more, at = values_and_lines(part)
            values += more
            places += at
    return values, places


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("path", MEMBERS)
def test_what_stands_before_the_content_hides_nothing_and_moves_no_line(path: str, head: str) -> None:
    if (path, head) in OTHERWISE:
        return
    plain, places = values_and_lines(taken(path, MEMBERS[path].encode()))
    values, moved = values_and_lines(taken(path, (head + MEMBERS[path]).encode()))
    assert values == plain
    assert moved == [place + head.count("\n") for place in places]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", MEMBERS)
def test_a_head_is_left_out_in_any_encoding(path: str, encoding: str) -> None:
    content = ENCODINGS[encoding](HEADS[0] + MEMBERS[path])
    plain, _ = values_and_lines(taken(path, MEMBERS[path].encode()))
    assert values_and_lines(taken(path, content))[0] == plain


def test_evidence_behind_a_head_quotes_its_own_line() -> None:
    (limits,) = taken("limits.txt", (HEADS[12] + LIMITS).encode())
    fact = limits.values["address_space"]
    assert isinstance(fact, Present)
    assert fact.evidence is not None
    assert fact.evidence.where() == "flat/limits.txt:3"
    assert fact.evidence.text.startswith("Max address space")


def test_a_log_or_a_note_with_such_a_line_on_top_is_nobodys() -> None:
    log = b"level=info ts=2026-11-22T21:54:45Z msg=started count=1\n" * 9
    for head in HEADS:
        assert claimed(member_of("flat/notes.txt", head.encode() + b"Please look into this.\n")) is None
        assert claimed(member_of("flat/ingester.log", head.encode() + log)) is None


def test_a_content_that_begins_like_a_head_is_read_as_it_is() -> None:
    loop = (
        b"Sun Nov 22 22:18:00 UTC 2026\n16002 /proc/7/maps\nSun Nov 22 22:18:01 UTC 2026\n63 /proc/7/maps\n"
    )
    (series,) = taken("loop.txt", loop)
    assert series.kind == "series"
    (date,) = taken("date", b"Sun Nov 22 22:18:00 UTC 2026\n")
    assert date.kind == "date"
    (date,) = taken("date", b"$ date\nSun Nov 22 22:18:00 UTC 2026\n")
    assert isinstance(date.values["now"], Present)


def test_several_outputs_in_one_text_are_said_to_be_read_in_part(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text(
        f"== cat /proc/7/limits ==\n{LIMITS}== cat /proc/7/status ==\n{MEMBERS['status.txt']}"
    )
    assert "all.txt: holds several outputs; of what follows line 5 (== cat /proc/7/status ==)" in " ".join(
        read(tmp_path).warnings
    )


REFUSALS = {
    "cat: /proc/797/limits: Permission denied": "permission denied",
    "bash: sysctl: command not found": "command not found",
    "/bin/sh: sysctl: not found": "not found",
    "sh: 1: pmap: not found": "not found",
    "sysctl: cannot stat /proc/sys/vm/max_map_count: No such file or directory": "no such file or directory",
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "cat": executable file'
    " not found in $PATH: unknown\ncommand terminated with exit code 126": "executable file not found",
    'Error from server (NotFound): pods "ingester-0" not found': "error from server",
    "Error response from daemon: No such container: cortex": "no such container",
    'error: unable to upgrade connection: container not found ("ingester")': "container not found",
    "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout": "unable to connect to the server",
    "sudo: a password is required": "password is required",
    "$ cat /proc/7/maps\ncat: /proc/7/maps: Operation not permitted": "operation not permitted",
}
CONTENT = {"capture_errors"}  # what was refused is what it states


@pytest.mark.parametrize("text", REFUSALS)
@pytest.mark.parametrize("kind", sorted({parser.kind for parser in PARSERS} - CONTENT))
def test_a_refusal_is_no_value_and_says_why(kind: str, text: str) -> None:
    parser = next(p for p in PARSERS if p.kind == kind)
    path = parser.markers[0].replace("*", "7")
    for snapshot in taken(path, f"{text}\n".encode()):
        stated = {name for name, fact in snapshot.values.items() if isinstance(fact, Present)}
        assert stated <= {"path", "version"} if snapshot.kind == "cgroup" else not stated
        fact = unread(snapshot)
        assert fact is not None
        assert fact.why == REFUSALS[text]
        assert fact.evidence is not None
        assert fact.evidence.line == 1 + text.startswith("$")


@pytest.mark.parametrize("name", ["limits", "sysctl", "status", "maps", "meminfo", "prlimit"])
@pytest.mark.parametrize("path", ["{}.txt", "flat/7_{}.txt", "top/proc/7/{}"])
@pytest.mark.parametrize(
    "content, why", [("", "empty"), ("cat: x: Permission denied\n", "cat: x: Permission denied")]
)
def test_what_was_not_read_is_named(tmp_path: Path, name: str, path: str, content: str, why: str) -> None:
    file = tmp_path / path.format(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    found = read(tmp_path)
    assert [
        (member, said.partition(":")[0] if not content else said) for member, said in found.coverage.skipped
    ] == [(path.format(name), why)]
    assert found.coverage.members_read == 0
    assert all(isinstance(f, Unreadable) for s in found.snapshots for f in s.values.values())


def test_a_refusal_among_values_costs_only_its_own_line() -> None:
    (sysctl,) = taken(
        "sysctl.txt", b"vm.max_map_count = 65530\nsysctl: permission denied on key 'fs.protected_fifos'\n"
    )
    assert {name: f.value for name, f in sysctl.values.items() if isinstance(f, Present)} == {
        "vm.max_map_count": "65530"
    }
    (counted,) = taken("maps_count.txt", b"cat: /proc/7/maps: Permission denied\n0\n")
    assert isinstance(counted.values["lines"], Unreadable)
