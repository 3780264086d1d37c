"""Text made to act: terminal escapes, HTML, Markdown and links in every field that a bundle can fill."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest
from hostile_runs import assert_orderly, run
from layout_facts import at_limit, below, max_map_count, sysctl, tar
from markdown_it import MarkdownIt

# Control characters but the newline; marks that hide or turn text round; halves of characters.
ACTIVE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
ESCAPES = (
    "\x1b[31;1mRED\x1b[0m\x1b]0;title\x07\x1b]8;;http://evil.example\x07\x9b2J\x08\x7f\u202edlrow\u2066\u200b"
)
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>&lt;b&gt;"
LINKS = "[x](javascript:alert(3)) ![y](http://evil.example/p) | a | `c` ``` *b* _i_ # h ~~s~~ <http://evil.example>"
POISON = ESCAPES + MARKUP + LINKS
NAME = POISON.replace("/", "∕")  # a name of a file, folder, tenant or pod has no slash
FACES = ("text", "ticket", "markdown", "html", "json")
# What the page itself may hold.
TAGS = set(
    "html head meta title style body main header footer section article nav div span p h1 h2 h3 h4 ul ol li dl dt dd "
    "table thead tbody tr th td caption pre code strong em b i small details summary time a br hr abbr mark figure "
    "figcaption svg g path rect line text circle polyline polygon defs use clipPath tspan desc metadata label input "
    "button kbd wbr sup sub blockquote col colgroup symbol del s p".lower().split()
)  # fmt: skip


def poisoned() -> bytes:
    """A bundle that confirms a cause and holds the poison wherever it has room for text."""
    own = at_limit()
    log = own.log.replace(b"corrupted block", b"corrupted block")
    quoted = json.dumps(POISON)[1:-1]
    bad = f"failed to open TSDB: /data/{NAME}: 3 errors: mmap, size 598: cannot allocate memory; {POISON}: no such file; x"
    lines = [
        f'ts=2026-11-22T21:43:16.966Z caller=x.go:1 level=error msg="{quoted}" err={json.dumps(bad)} user={json.dumps(NAME)}',
        f'ts=2026-11-22T21:43:16.967Z caller=x.go:1 level=error msg="unable to open TSDB" err="{bad}" user={NAME}',
        f"fatal error: {POISON}",
        f"panic: {POISON}",
    ]
    log += "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n\xff\xfe\x00\n"
    pod = {
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": NAME, "uid": NAME, "labels": {NAME: NAME}},
        "spec": {"nodeName": NAME, "containers": [{"name": NAME}]},
        "status": {
            "phase": POISON,
            "reason": POISON,
            "containerStatuses": [
                {"name": NAME, "state": {"waiting": {"reason": POISON, "message": POISON}}, "restartCount": 1,
                 "lastState": {"terminated": {"exitCode": 1, "reason": POISON}}}
            ],
        },
    }  # fmt: skip
    event = {
        "kind": "Event", "reason": POISON, "message": POISON, "type": "Warning", "count": 1,
        "involvedObject": {"kind": "Pod", "name": NAME, "namespace": NAME}, "lastTimestamp": "2026-11-22T21:43:16Z",
    }  # fmt: skip
    status = own.proc["status"].replace(b"prometheus", b"prometheus" + POISON.encode()[:60])
    files = {
        f"{NAME}/ingester.log": log,
        "sysctl_-a": sysctl(own) + f"kernel.domainname = {POISON}\nvm.{NAME} = {POISON}\n".encode(),
        "hostname": NAME.encode() + b"\n",
        "meminfo": own.host["meminfo"],
        f"proc/{own.pid}/maps": own.proc["maps"].replace(b"/srv/prometheus/", f"/srv/{NAME}/".encode()),
        f"proc/{own.pid}/limits": own.proc["limits"],
        f"proc/{own.pid}/status": status,
        f"proc/{own.pid}/cmdline": b"prometheus\0" + POISON.encode() + b"\0--data=" + NAME.encode() + b"\0",
        f"proc/{own.pid}/cgroup": f"0::/{POISON}\n".encode(),
        "dmesg": f"[    1.000000] {POISON}\n[ 10.000000] Out of memory: Killed process 99 ({NAME}) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n".encode(),
        "df": f"Filesystem 1K-blocks Used Available Use% Mounted on\n{NAME.replace(' ', '')} 100 100 0 100% /{NAME}\n".encode(),
        "find_data": f"4096 /data/{NAME}\n31301 /data/{NAME}/01M82K61JXVGYZPGZYNNZ27DF2/index\n598 /data/{NAME}/01M82K61JXVGYZPGZYNNZ27DF2/chunks/000001\n".encode(),
        "ls_-lanR_data": own.host["ls_-lanR_data"].replace(b"/srv/prometheus/", f"/srv/{NAME}/".encode()),
        "etc/sysctl.d/99.conf": f"vm.max_map_count = 262144\n# {POISON}\n".encode(),
        "pod.json": json.dumps(pod).encode(),
        "events.json": json.dumps({"kind": "EventList", "items": [event]}).encode(),
        "config.yaml": f"ingester:\n  lifecycler:\n    availability_zone: {json.dumps(POISON)}\n    ring:\n      replication_factor: 3\n".encode(),
        "version": f"{POISON}\n".encode(),
        f"{NAME}.bin": b"\0\1\2",
        f"{NAME}.7z": b"7z\xbc\xaf\x27\x1c\0\4",
        f"{NAME}.gz": b"\x1f\x8b\x08\0garbage",
        "capture_errors.txt": f"{POISON}: {POISON}\n".encode(),
    }
    links = {f"top/{NAME}-link": "../../../" + NAME}
    assert max_map_count(own) == "845"
    return tar(below(f"top{NAME[:20]}", files), links)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "x\x1b[31m<b>.tar"
    path.write_bytes(poisoned())
    return path


@pytest.mark.parametrize(
    "options", [(), ("--verbose",), ("--quiet",), ("--redact",)], ids=["", "verbose", "quiet", "redact"]
)
@pytest.mark.parametrize("face", FACES)
def test_no_face_lets_a_character_act(face: str, options: tuple[str, ...], bundle: Path) -> None:
    found = run(bundle, "--format", face, *options)
    assert_orderly(found)
    assert found.status == 1
    assert ACTIVE.search(found.out) is None
    assert ACTIVE.search(found.err) is None
    if face == "html":
        assert_harmless_page(found.out)
    if face == "markdown":
        assert_harmless_markdown(found.out)
    if face == "json":
        assert found.verdict[0] == "max_map_count"


def test_a_folder_of_all_faces_is_as_harmless(bundle: Path, tmp_path: Path) -> None:
    found = run(bundle, "--output", tmp_path / "report")
    assert_orderly(found)
    names = [path for path in (tmp_path / "report").rglob("*") if path.is_file()]
    assert len(names) > 8
    for path in names:
        assert ACTIVE.search(path.name) is None
        if path.suffix in (".parquet", ".png"):
            continue
        text = path.read_text("utf-8")
        assert ACTIVE.search(text.replace("\t", " ")) is None, path.name
        if path.suffix in (".html", ".svg"):
            assert_harmless_page(text)


def test_comparing_and_explaining_are_as_harmless(bundle: Path) -> None:
    for face in ("text", "markdown", "html", "json"):
        found = run("compare", bundle, bundle, "--format", face)
        assert found.status in (1, 3), found.err
        assert ACTIVE.search(found.out) is None
        if face == "html":
            assert_harmless_page(found.out)


class _Page(html.parser.HTMLParser):
    """Notes each tag and attribute that could act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attrs:
            value = value or ""
            if name.startswith("on") or "javascript:" in value.lower():
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("src", "href", "xlink:href", "action", "srcset") and not value.startswith("#"):
                self.wrong.append(f"{tag} {name}={value}")


def assert_harmless_page(text: str) -> None:
    page = _Page()
    page.feed(text)
    page.close()
    assert page.wrong == []


def assert_harmless_markdown(text: str) -> None:
    """What a renderer that lets HTML pass makes of it is as harmless as the page."""
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    page = _Page()
    page.feed(rendered)
    page.close()
    assert page.wrong == []
    assert not {"a", "img", "script"} & page.tags
