"""What this project's own capture script writes.

ingester-postmortem-HOST-20261122T215716Z/capture.json   .../manifest.jsonl
.../host/meminfo   .../proc/PID/maps   .../series/NAME/proc/PID/maps   .../logs/   .../kubernetes/   .../data/
"""

from __future__ import annotations

from analyzer.bundle.layout import Marked

LAYOUT = Marked("ingester-postmortem capture", 5, ("manifest.jsonl", "capture.json"), needs=2)
