"""What peeling one framing off a line gives."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from analyzer.logs.model import Level

LABELS = {
    "pod": "pod", "pod_name": "pod", "container": "container", "container_name": "container", "namespace": "namespace",
    "namespace_name": "namespace", "host": "host", "hostname": "host", "node": "node", "node_name": "node", "unit": "unit",
}  # fmt: skip
"""Labels of Loki streams and shippers that say where a line comes from, and our word for each."""


class Peeled(Struct):
    """A line without its framing.

    ``stamp`` is the time as the framing writes it, "" for none. ``stream`` is stdout, stderr or "".
    ``partial``: the line goes on in the next piece of the same stream. ``hints`` are what the framing
    states about the source: host, pod, container, namespace, node, unit, pid. ``kernel``: the kernel
    wrote it. ``fields`` are a journal's own fields beside the message.
    """

    payload: str
    framing: str
    stamp: str = ""
    stream: str = ""
    partial: bool = False
    level: Level = ""
    hints: tuple[tuple[str, str], ...] = ()
    kernel: bool = False
    fields: tuple[tuple[str, str], ...] = ()


Peeler = Callable[[str], Peeled | None]


def merge(outer: Peeled, inner: Peeled) -> Peeled:
    """One more layer off: what the inner framing says wins, what it leaves open the outer says."""
    if outer.framing == "bare":
        return inner
    same = outer.framing == inner.framing
    inner.framing = outer.framing if same else f"{outer.framing}+{inner.framing}"
    inner.stamp = inner.stamp or outer.stamp
    inner.stream = inner.stream or outer.stream
    inner.partial = inner.partial or outer.partial
    inner.level = inner.level or outer.level
    inner.hints = outer.hints + inner.hints
    inner.kernel = inner.kernel or outer.kernel
    inner.fields = outer.fields + inner.fields
    return inner
