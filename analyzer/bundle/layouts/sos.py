"""A sos report: ``sosreport-HOST[-LABEL][-CASE]-2026-11-22-abcdefg/``, older ``sosreport-HOST-20261122215716/``.

sos_commands/kernel/sysctl_-a   sos_commands/memory/free_-m   sos_reports/manifest.json
proc/meminfo   proc/PID/limits   var/log/pods/...   sos_strings/PLUGIN/var.log.app.log.tailed
"""

from __future__ import annotations

import re

from analyzer import lazy
from analyzer.bundle.layout import Marked, last_folder

_NAME = lazy.pattern(
    r"sosreport-(?P<host>.+?)(?:-obfuscated)?-(?:\d{4}-\d\d-\d\d-[a-z0-9]+|\d{14})(?:-obfuscated)?(?:-[0-9a-f]{4,8})?"
    r"(?:\.tar)?(?:\.(?:gz|xz|bz2|zst))?$"
)


class Sos(Marked, frozen=True):
    """Recognised by the folders that sos alone writes; the host stands in the report's own name."""

    def host(self, root: str) -> str | None:
        match = _NAME.match(last_folder(root))
        # Case numbers follow the host after a dot in the old form: sosreport-HOST.12345-2026...
        return re.sub(r"\.\d{5,}$", "", match["host"]) if match else None


LAYOUT = Sos("sos report", 10, ("sos_commands/", "sos_logs/", "sos_reports/", "sos_strings/"))
