"""The kernel's own log: dmesg with any options, kern.log, journalctl -k.

[    0.000000] Linux version 6.1.0-54-amd64 (debian-kernel@lists.debian.org) ...
[Sun Nov 22 22:03:13 2026] Memory cgroup out of memory: Killed process 31185 (cortex) total-vm:2354636kB, ...
Nov 22 21:36:00 node1 kernel: [  600.123456] cortex invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), ...
"""

from __future__ import annotations

import itertools

from analyzer.bundle.model import Member
from analyzer.facts import Stamp
from analyzer.logs import kernel
from analyzer.logs.framing import Framings, strip_ansi
from analyzer.logs.model import KernelEvent, KernelLog
from analyzer.logs.scan import Counted, Scanner
from analyzer.logs.source import open_source

MAX_EVENTS = 20_000
FIRST_LINES = 20  # lines read for the first stamp
LAST_LINES = 50  # lines read backwards for the last stamp
BOOT_SECONDS = 5.0  # a log whose first line is younger has its beginning
_BEGINNINGS = ("Linux version ", "Command line: ", "BIOS-e820", "BIOS-provided", "Booting Linux")


def read_kernel_log(member: Member) -> KernelLog:
    """The kernel events of a member and the stretch of time that it covers. Never raises.

    ``complete`` is False when the ring buffer had wrapped, or more than 20,000 events were dropped.
    """
    source = open_source(member)
    scanner = Scanner(kernel.LITERALS)
    framings = Framings()
    log = KernelLog(member.path)
    events: list[KernelEvent] = []
    first: list[tuple[Stamp | None, float | None]] = []
    begins = False
    scanner.follow = True
    for found in scanner.scan(source.chunks):
        if isinstance(found, Counted):
            continue
        text = framings.peel(found.raw)
        row = _line_of(found.raw)
        if found.number <= FIRST_LINES:
            begins = begins or any(word in row for word in _BEGINNINGS)
            first.append(kernel.stamp(row))
            scanner.follow = found.number < FIRST_LINES
        if found.ids:
            event = kernel.parse(
                row if not text.fields else text.payload, member.path, source.number(found.number)
            )
            if event is not None and len(events) < MAX_EVENTS:
                events.append(event)
    log.events = kernel.merge(events)
    log.lines = scanner.lines
    log.first = next((stamp for stamp, _ in first if stamp is not None), None)
    log.first_boot = next((boot for _, boot in first if boot is not None), None)
    for raw in itertools.islice(scanner.backwards(), LAST_LINES):
        stamp, boot = kernel.stamp(_line_of(raw))
        log.last = log.last or stamp
        log.last_boot = boot if log.last_boot is None else log.last_boot
        if stamp is not None or boot is not None:
            break
    log.complete = len(events) < MAX_EVENTS and (
        begins or (log.first_boot is not None and log.first_boot < BOOT_SECONDS)
    )
    return log


def _line_of(raw: bytes) -> str:
    return strip_ansi(raw.decode("utf-8", "replace").rstrip("\r").strip("\x00"))
