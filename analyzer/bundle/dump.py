"""The logs of ``kubectl cluster-info dump``: one file, all containers of a pod.

    ==== START logs for container cortex of pod cortex/ingester-0 ====
    level=info ts=2026-11-22T21:57:16Z caller=main.go:241 msg="Starting Cortex"
    ==== END logs for container cortex of pod cortex/ingester-0 ====

Printed to standard output the dump is one stream: JSON lists one after the other, then such logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer import lazy
from analyzer.bundle.stream import Buffer, Stream

START = b"==== START logs for container "
END = b"==== END logs for container "
WINDOW = 64 << 10
_LINE = 4096
_TITLE = lazy.pattern(rb"==== START logs for container (\S{1,253}) of pod (\S{1,253})/(\S{1,253}) ====")
_KIND = lazy.pattern(rb'"kind": *"([A-Za-z]{1,60})List"')


def split(stream: Stream) -> Iterator[tuple[str, Iterator[Buffer]]]:
    """The sections of a dump: their names and bodies; what is left of a body is skipped.

    A log is named ``NAMESPACE/POD/CONTAINER``, a JSON list ``N/pods.json``; "" is the file itself: the
    list that opens it, and text between the logs.
    """
    lists = 0
    while head := stream.peek(_LINE):
        if title := _TITLE.match(head):
            _skip_line(stream)
            container, namespace, pod = (part.decode("utf-8", "backslashreplace") for part in title.groups())
            body = _until(stream, ((b"\n" + END, 1),), (END,))
            yield f"{namespace}/{pod}/{container}", body
        else:
            lists += 1
            body = _until(stream, ((b"\n}\n{", 3), (b"\n" + START, 1)), ())
            kind = _KIND.search(head[:400])
            name = f"{lists}/{kind[1].decode().lower()}s.json" if kind else f"{lists}/text"
            yield ("" if lists == 1 else name), body
        for _ in body:
            pass
        if stream.peek(len(END)) == END:
            _skip_line(stream)


def _skip_line(stream: Stream) -> None:
    """Takes the rest of a title line; one without an end is taken as far as a title may go."""
    line = stream.peek(_LINE)
    end = line.find(b"\n")
    stream.skip(end + 1 if end >= 0 else len(line))


def _until(
    stream: Stream, marks: tuple[tuple[bytes, int], ...], at_start: tuple[bytes, ...]
) -> Iterator[Buffer]:
    """The bytes before the first mark; of the mark itself its first bytes (the number beside it) too."""
    overlap = max(len(mark) for mark, _ in marks)
    if any(stream.peek(len(mark)) == mark for mark in at_start):
        return
    while data := stream.peek(WINDOW + overlap):
        ends = [at + keep for mark, keep in marks if (at := data.find(mark)) >= 0]
        if ends and min(ends) <= WINDOW:
            stream.skip(min(ends))
            yield data[: min(ends)]
            return
        take = min(len(data), WINDOW)
        stream.skip(take)
        yield data[:take]
