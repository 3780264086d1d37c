"""Lines of any bytes through every framing: peeled to a payload, the same in another framing around it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from analyzer.logs.framing import ESCAPE, MAX_LAYERS, Framings
from analyzer.logs.framing_types import Peeled
from analyzer.logs.joining import Joiner
from fuzz import corpus
from fuzz.target import Target, assert_speakable, lines_of

STAMP = "2026-11-22T21:57:16.309121822Z"
LEVELS = ("error", "warn", "info", "debug", "")


def run(data: bytes) -> None:
    """The target."""
    framings, joiner = Framings(), Joiner()
    rows = lines_of(data)
    taken = 0
    for number, raw in enumerate(rows, 1):
        peeled = framings.peel(raw)
        _check(raw, peeled)
        taken += sum(joined.lines for joined in joiner.add(peeled, number))
    taken += sum(joined.lines for joined in joiner.finish())
    assert taken == len(rows), "a line is lost or counted twice when pieces are joined"
    assert not joiner.open
    for raw in rows[:4]:
        _check_wrapped(raw)


def _check(raw: bytes, peeled: Peeled) -> None:
    hints = [text for hint in peeled.hints for text in hint]
    fields = [text for field in peeled.fields for text in field]
    assert_speakable(peeled.payload, peeled.framing, peeled.stamp, peeled.stream, *hints, *fields)
    assert peeled.level in LEVELS
    assert peeled.framing.count("+") < MAX_LAYERS
    if b"{" not in raw and ESCAPE.encode() not in raw and b"\x00" not in raw:
        text = raw.decode("utf-8", "replace").rstrip("\r")
        assert text.endswith(peeled.payload), "what is left is not the end of the line"


def _check_wrapped(raw: bytes) -> None:
    """A runtime that wraps the line once more changes nothing of what it says."""
    text = raw.decode("utf-8", "replace").rstrip("\r").strip("\x00").removeprefix("\ufeff")
    bare = Framings().peel_text(text)
    if "\r" in text or ESCAPE in text:
        return
    docker = {"log": text + "\n", "stream": "stderr", "time": STAMP}
    for framed, name in ((f"{STAMP} stderr F {text}", "cri"), (json.dumps(docker), "docker")):
        peeled = Framings().peel(framed.encode("utf-8", "replace"))
        if Framings().peel_text(peeled.payload).framing != "bare":
            continue  # as many layers as are ever peeled
        assert peeled.payload == bare.payload, name
        assert peeled.framing.startswith(name)
        assert peeled.stamp == (bare.stamp or STAMP)
        assert peeled.partial == bare.partial
        assert peeled.hints == bare.hints


def seeds() -> Iterator[bytes]:
    """The known lines, bare and in each framing."""
    for line in corpus.log_lines()[:60]:
        text = line.decode("utf-8", "replace")
        yield line + b"\n"
        yield f"{STAMP} stderr P {text[:40]}\n{STAMP} stderr F {text[40:]}\n".encode()
        yield json.dumps({"log": text + "\n", "stream": "stderr", "time": STAMP}).encode()
        yield f"<30>1 {STAMP} n1 cortex 7 - - {text}\n<30>Nov 22 21:57:16 n1 cortex[7]: {text}\n".encode()
        yield f"[pod/ingester-0/ingester] {STAMP} {text}\ningester-0 ingester {text}\n".encode()
        yield f'{STAMP} {{app="i", pod="i-0"}} {text}\n1795384636316\t{STAMP}\t{text}\n'.encode()
        yield f"\x1b[36mingester-1  |\x1b[0m {text}\r\n2026-11-22T21:57:16+0000 n1 cortex[7]: {text}\n".encode()
        entry = {"MESSAGE": text, "_PID": "7", "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1795384636000000"}
        yield json.dumps(entry).encode()
        yield json.dumps({"message": text, "podName": "i-0", "containerName": "i", "namespace": "c"}).encode()
    yield from corpus.log_samples()


TARGET = Target(
    "framing",
    run,
    seeds,
    words=(
        b"2026-11-22T21:57:16Z ", b" stdout P ", b" stderr F ", b'{"log":"', b'\\n","stream":"stderr","time":"', b"<30>1 ",
        b"Nov 22 21:36:00 ", b" kernel: ", b"cortex[7]: ", b"[pod/a/b] ", b"ingester-0 ingester ", b'{pod="', b"1795384636316\t",
        b'"MESSAGE":"', b'"PRIORITY":"', b'"__REALTIME_TIMESTAMP":"', b'"line":"', b'"labels":{', b'"podName":"', b'"message":"',
        b"\x1b[36m", b"\\ud800", b"\xef\xbb\xbf", b" | ", b"level=", b"\r\n", b'"_p":"P"', b'"kubernetes":{', b"+0000 ",
    ),
)  # fmt: skip
