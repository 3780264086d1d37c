"""Elastic's diagnostics, whose system calls stand in text files of their own.

local-diagnostics-20261122-215716/syscalls/{sysctl,proc-limit,dmesg,top}.txt   logs/
"""

from __future__ import annotations

from analyzer.bundle.layout import Marked

LAYOUT = Marked(
    "elastic diagnostics",
    70,
    ("syscalls/sysctl.txt", "syscalls/proc-limit.txt", "syscalls/dmesg.txt", "syscalls/top.txt"),
)
