"""PingCAP's diag: one folder per host.

cluster.json   10.0.0.1/sysctl.conf   10.0.0.1/insight.json   10.0.0.1/dmesg.log
"""

from __future__ import annotations

from analyzer.bundle.layout import Marked, last_folder


class Pingcap(Marked, frozen=True):
    """Each host's folder is a root of that host's name."""

    def host(self, root: str) -> str | None:
        return last_folder(root) or None


LAYOUT = Pingcap("pingcap diag", 90, ("insight.json", "sysctl.conf"), needs=2)
