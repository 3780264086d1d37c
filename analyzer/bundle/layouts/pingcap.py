"""PingCAP's diag: one folder per host.

cluster.json   10.0.0.1/sysctl.conf   10.0.0.1/insight.json   10.0.0.1/dmesg.log
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.bundle.layout import Marked, last_folder


@dataclass(frozen=True)
class Pingcap(Marked):
    """Each host's folder is a root of that host's name."""

    def host(self, root: str) -> str | None:
        return last_folder(root) or None


LAYOUT = Pingcap("pingcap diag", 90, ("insight.json", "sysctl.conf"), needs=2)
