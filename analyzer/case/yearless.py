"""Year-less stamps get their year from the bundle's clock, and the report says so."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.facts import Stamp
from analyzer.intake import Intake
from analyzer.logs.years import settle_kernel, settle_log


def settle(intake: Intake, clock: Stamp | None) -> list[str]:
    """Settle every year-less log in place; one line for each says what was assumed.

    ``clock`` is when the bundle was taken. Without it the newest stamp that has a year serves; without
    that too, the years stay a placeholder, which the line says.
    """
    logs = [log for log in intake.logs if _yearless(log.first, log.last)]
    kernels = [log for log in intake.kernel_logs if _yearless(log.first, log.last)]
    if not logs and not kernels:
        return []
    dated = (s for log in intake.logs for s in (log.first, log.last) if s is not None and s.assumed != "year")
    reference = clock or max(dated, default=None)
    members = [log.member for log in logs] + [log.member for log in kernels]
    if reference is None:
        return [
            f"{_names(members)}: no year is written and nothing in the bundle tells it: 2000 stands in for it"
        ]
    for log in logs:
        settle_log(log, reference)
    for kernel in kernels:
        settle_kernel(kernel, reference)
    return [
        f"{_names(members)}: no year is written; it was taken from the bundle's clock ({reference.iso()})"
    ]


def _yearless(*stamps: Stamp | None) -> bool:
    return any(s is not None and s.assumed == "year" for s in stamps)


def _names(members: Iterable[str]) -> str:
    listed = list(members)
    more = f" and {len(listed) - 2} more" if len(listed) > 2 else ""
    return ", ".join(listed[:2]) + more
