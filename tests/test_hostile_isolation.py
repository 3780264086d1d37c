"""Nothing outside the bundle is read, nothing outside the temporary spool is written, no network is touched.

The interpreter's own audit events tell each file that is opened, made or removed, each process and socket.
"""

from __future__ import annotations

import io
import json
import os
import random
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from layout_facts import at_limit, below, sysctl, tar, tgz, zipped

WATCH = """
import importlib.util, json, os, sys, sysconfig
bundle, spool, events = sys.argv[1], os.environ["TMPDIR"], []
own = tuple(os.path.realpath(p) + os.sep for p in {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path[1:],
            *importlib.util.find_spec("analyzer").submodule_search_locations,
            *sysconfig.get_paths().values()} if p)
PATHS = {"open": 1, "os.listdir": 1, "os.scandir": 1, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2,
         "os.link": 2, "os.symlink": 2, "os.chmod": 1, "os.chown": 1, "os.truncate": 1, "os.utime": 1, "shutil.rmtree": 1,
         "os.chdir": 1, "os.mkfifo": 1, "os.mknod": 1}
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
             "os.posix_spawn", "os.fork", "os.forkpty", "webbrowser.open")
on = False
def hook(event, arguments):
    if not on:
        return
    if event in FORBIDDEN:
        events.append([event, str(arguments)[:200], True])
    elif event in PATHS:
        for path in arguments[: PATHS[event]]:
            if isinstance(path, int) or path is None:
                continue
            flags = arguments[2] if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int) else 0
            writes = event not in ("open", "os.listdir", "os.scandir") or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            text = os.path.realpath(os.fsdecode(path) if not isinstance(path, str) else path)
            if not writes and (text + os.sep).startswith(own):
                continue  # the program's own modules
            events.append([event, text, writes])
sys.addaudithook(hook)
from analyzer import cli
on = True
try:
    cli.main([bundle, *sys.argv[2:]])
except SystemExit as end:
    status = end.code
on = False
json.dump({"status": status, "events": events}, sys.stderr)
"""
# What the interpreter and its libraries look up for themselves; none of it is the analyst's own.
HARMLESS = ("/usr/share/zoneinfo", "/etc/localtime", "/dev/null", "/etc/mime.types")


def watched(bundle: Path, spool: Path, *options: str) -> dict[str, Any]:
    """The exit status and what was touched."""
    spool.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "TMPDIR": str(spool),
        "HOME": "/nonexistent",
        "MPLCONFIGDIR": str(spool),  # where matplotlib keeps its list of fonts, and asks fc-list for them
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(bundle), *options],
        capture_output=True,
        env=environment,
        cwd=spool,
        check=False,
    )
    text = done.stderr.decode()
    assert '{"status"' in text, text
    found: dict[str, Any] = json.loads(text[text.index('{"status"') :])
    return found


def outside(found: dict[str, Any], bundle: Path, spool: Path, *written: Path) -> list[str]:
    """Events that touch what they must not."""
    inside = os.path.realpath(bundle)
    temporary = os.path.realpath(spool)
    wrong = []
    for event, path, writes in found["events"]:
        if event == "subprocess.Popen" and "fc-list" in path:
            continue
        allowed = path == temporary or path.startswith(temporary + os.sep)
        allowed |= any(path == str(own) or path.startswith(str(own) + os.sep) for own in written)
        allowed |= not writes and (path == inside or path.startswith(inside + os.sep))
        allowed |= not writes and (path.startswith(HARMLESS) or "fonts" in path)  # matplotlib's search
        if not allowed:
            wrong.append(f"{event} {path}")
    return wrong


def facts() -> dict[str, bytes]:
    own = at_limit()
    return {
        "sysctl.txt": sysctl(own),
        "ingester.log": own.log,
        "maps": own.proc["maps"],
        "limits": own.proc["limits"],
        "node/in.zip": zipped(
            {"x.bin": random.Random(1).randbytes(5 << 20)}
        ),  # does not fit into memory's part
    }


def hostile_tar() -> bytes:
    """Names, links and devices that lead out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, type_, target in (
            ("case/out", tarfile.SYMTYPE, "/etc/passwd"),
            ("case/maps2", tarfile.SYMTYPE, "../../../../proc/self/maps"),
            ("case/hard", tarfile.LNKTYPE, "/etc/shadow"),
            ("case/null", tarfile.CHRTYPE, ""),
            ("case/fifo", tarfile.FIFOTYPE, ""),
            ("case/folder", tarfile.SYMTYPE, "/root"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = type_, target
            archive.addfile(info)
        for name, data in {
            "/etc/cron.d/evil": b"* * * * * root true\n",
            "../../../../tmp/evil.sh": b"#!/bin/sh\n",
            "case/folder/evil": b"x",
            "case/out": b"root::0:0\n",
            **below("case", facts()),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def hostile_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("case/evil")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/shadow")
        archive.writestr("..\\..\\evil.dll", "x")
        archive.writestr("/abs/evil", "x")
        for name, data in below("case", facts()).items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        hostile_tar,
        hostile_zip,
        lambda: tgz({"in.tar": hostile_tar()}),
        lambda: tar({"in.zip": hostile_zip()}),
    ],
    ids=["tar", "zip", "nested tar", "nested zip"],
)
def test_an_archive_is_read_and_nothing_else(make: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "b"
    bundle.write_bytes(make())
    spool = tmp_path / "spool"
    found = watched(bundle, spool, "--format", "json")
    assert found["status"] == 1
    assert outside(found, bundle, spool) == []
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("face", ["text", "markdown", "html", "ticket"])
def test_no_face_reads_the_analysts_machine(face: str, tmp_path: Path) -> None:
    bundle = tmp_path / "b.tgz"
    bundle.write_bytes(tgz(below("case", facts())))
    found = watched(bundle, tmp_path / "spool", "--format", face, "--redact")
    assert found["status"] == 1
    assert outside(found, bundle, tmp_path / "spool") == []


def test_a_folder_is_not_left_and_not_written_to(tmp_path: Path) -> None:
    bundle = tmp_path / "case"
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "maps").write_text("secret")
    for name, data in facts().items():
        path = bundle / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (bundle / "proc").symlink_to("/proc/self")
    (bundle / "secret").symlink_to(secret)
    (bundle / "up.log").symlink_to("../secret/maps")
    (bundle / "passwd.log").symlink_to("/etc/passwd")
    os.mkfifo(bundle / "fifo.log")
    before = sorted((path, path.lstat().st_mtime_ns) for path in bundle.rglob("*"))
    found = watched(bundle, tmp_path / "spool", "--format", "json")
    assert found["status"] == 1
    assert outside(found, bundle, tmp_path / "spool") == []
    assert sorted((path, path.lstat().st_mtime_ns) for path in bundle.rglob("*")) == before


def test_a_report_is_written_where_it_was_asked_for_and_nowhere_else(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tgz"
    bundle.write_bytes(tgz(below("case", facts())))
    report = tmp_path / "report.html"
    found = watched(bundle, tmp_path / "spool", "--format", "html", "--output", str(report))
    assert found["status"] == 1
    assert report.exists()
    assert outside(found, bundle, tmp_path / "spool", report) == []


def test_the_spool_is_removed_when_the_run_is_interrupted(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar"
    bundle.write_bytes(tar({"in.zip": zipped(facts())}))
    script = (
        "import sys\n"
        "from analyzer import intake\n"
        "real = intake.claim\n"
        "def claim(*a, **k):\n"
        "    raise KeyboardInterrupt\n"
        "intake.claim = claim\n"
        "from analyzer import cli\n"
        "cli.main(sys.argv[1:])\n"
    )
    spool = tmp_path / "spool"
    spool.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, str(bundle)],
        capture_output=True,
        env={**os.environ, "TMPDIR": str(spool)},
        check=False,
    )
    assert done.returncode == 130
    assert b"Traceback" not in done.stderr
    assert list(spool.iterdir()) == []
