"""Year-less stamps get their year from other stamps or the bundle's clock, and the report says so."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.facts import Stamp
from analyzer.intake import Intake
from analyzer.logs.model import KernelLog, LogDigest
from analyzer.logs.years import has_years, is_yearless, lacks_years, settle_beside, settle_kernel, settle_log


def settle(intake: Intake, clock: Stamp | None) -> list[str]:
    """Settle every year-less log in place; one line for each way tells what was assumed.

    A log in which some times have their year gives it to its others. For the rest ``clock`` is when the
    bundle was taken. Without it the newest stamp that has a year serves; without that too, the years stay a
    placeholder, which the line says.
    """
    dated = (s for log in intake.logs for s in (log.first, log.last) if s is not None and not is_yearless(s))
    reference = clock or max(dated, default=None)
    logs = [log for log in intake.logs if lacks_years(log)]
    kernels = [log for log in intake.kernel_logs if is_yearless(log.first) or is_yearless(log.last)]
    mixed = [log for log in logs if has_years(log)]
    plain = [log for log in logs if not has_years(log)]
    return [*_beside(mixed), *_by_clock(plain, kernels, reference)]


def _beside(logs: list[LogDigest]) -> list[str]:
    for log in logs:
        settle_beside(log)
    if not logs:
        return []
    members = _names(log.member for log in logs)
    return [f"{members}: some lines have no year; it was taken from the others of the same log"]


def _by_clock(logs: list[LogDigest], kernels: list[KernelLog], reference: Stamp | None) -> list[str]:
    if not logs and not kernels:
        return []
    members = _names([log.member for log in logs] + [log.member for log in kernels])
    if reference is None:
        return [f"{members}: no year is written and nothing in the bundle tells it: 2000 stands in for it"]
    for log in logs:
        settle_log(log, reference)
    for kernel in kernels:
        settle_kernel(kernel, reference)
    return [f"{members}: no year is written; it was taken from the bundle's clock ({reference.iso()})"]


def _names(members: Iterable[str]) -> str:
    listed = list(members)
    more = f" and {len(listed) - 2} more" if len(listed) > 2 else ""
    return ", ".join(listed[:2]) + more
