"""Plots of a diagnosis as matplotlib Axes: for notebooks, and for the HTML report through ``svg``.

Each ``plot_*`` takes ``(diagnosis, subject=None, ax=None)``: the id of a subject (the worst one by
default) and the Axes to draw on (a new Figure by default, never one of pyplot's, so that nothing
stays behind). It returns the Axes; where the facts are missing it says so on them. matplotlib is
imported when the first plot is drawn. Text of the bundle is drawn as text, never read as mathtext.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from analyzer.diagnosis.model import Diagnosis, LifeView, SubjectReport
from analyzer.report import view, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#010203"
"""The colour of text and lines; the HTML report turns it into the page's own text colour."""
RED, BLUE, GREEN, AMBER, VIOLET, GREY = "#d1495b", "#3a86d8", "#2e9e5b", "#c98a1b", "#8a6fd0", "#8a939c"
_KINDS = {"index": BLUE, "chunks_segment": VIOLET, "head_chunk": GREEN, "anonymous": AMBER}
_LEVELS = {
    "debug": GREY,
    "info": BLUE,
    "warn": AMBER,
    "warning": AMBER,
    "error": RED,
    "fatal": RED,
    "none": GREY,
}
_MOST_LIVES, _MOST_TENANTS, _MOST_POINTS = 12, 10, 400


def _text(value: str, limit: int = 40) -> str:
    """Text of the bundle for a label: cleaned, cut, no mathtext."""
    shown = words.clean(value)
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    return shown.replace("$", "\\$")


def _axes(ax: Axes | None, height: float) -> Axes:
    if ax is None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, height), layout="constrained", facecolor="none")
        FigureCanvasAgg(figure)
        ax = figure.subplots()
    ax.set_facecolor("none")
    ax.tick_params(colors=INK, labelsize=9)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
        spine.set_linewidth(0.6)
    return ax


def _nothing(ax: Axes, what: str) -> Axes:
    ax.set_axis_off()
    ax.text(
        0.5, 0.5, f"{what}: not in the bundle", ha="center", va="center", color=INK, transform=ax.transAxes
    )
    return ax


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", color=INK, fontsize=10)


def _thousands(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _when(iso: str | None) -> datetime | None:
    seconds = words.epoch(iso)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _utc_axis(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set_color(INK)
    ax.set_xlabel("time, UTC", color=INK, fontsize=9)


def _bars(ax: Axes, names: list[str], counts: list[float], colors: list[str], figures: list[str]) -> None:
    """Horizontal bars, the first on top, each with its figure behind it."""
    places = list(range(len(names)))
    ax.barh(places, counts, color=colors, height=0.66)
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    top = max(counts, default=0) or 1
    ax.set_xlim(0, top * 1.22)
    for place, count, figure in zip(places, counts, figures, strict=True):
        ax.text(count + top * 0.012, place, figure, va="center", ha="left", color=INK, fontsize=9)


def plot_mappings(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """Mappings against vm.max_map_count: over time where snapshots are dated, else as bars."""
    report = view.pick(diagnosis, subject)
    mappings = report.mappings if report else None
    if report is None or mappings is None or (mappings.count is None and mappings.need is None):
        return _nothing(_axes(ax, 1.2), "mappings")
    points = [
        (when, snapshot.mappings)
        for snapshot in report.snapshots
        if snapshot.mappings is not None and (when := _when(snapshot.time)) is not None
    ]
    if len({when for when, _ in points}) >= 3:
        return _mappings_over_time(_axes(ax, 2.8), sorted(points), mappings.limit)
    ax = _axes(ax, 1.9)
    names, counts, colors, figures = [], [], [], []
    full = mappings.limit is not None and mappings.count is not None and mappings.count >= mappings.limit
    if mappings.count is not None:
        names.append("mapped")
        counts.append(float(mappings.count))
        colors.append(RED if full else BLUE)
        figures.append(f"{mappings.count:,}")
    if mappings.need is not None:
        names.append("needed")
        counts.append(float(mappings.need.high))
        colors.append(AMBER)
        figures.append(f"{mappings.need.low:,} to {mappings.need.high:,}")
    _bars(ax, names, counts, colors, figures)
    if mappings.limit is not None:
        ax.axvline(mappings.limit, color=RED, linewidth=1.6, linestyle="--")
        ax.set_xlim(0, max(*counts, mappings.limit) * 1.25)
        ax.set_xlabel(
            f"mappings; the dashed line is vm.max_map_count, {mappings.limit:,}", color=INK, fontsize=9
        )
    _thousands(ax)
    _title(ax, "Mappings against the limit")
    return ax


def _mappings_over_time(ax: Axes, points: list[tuple[datetime, int]], limit: int | None) -> Axes:
    from matplotlib.ticker import FuncFormatter

    step = max(1, len(points) // _MOST_POINTS)
    kept = points[::step]
    ax.plot([when for when, _ in kept], [count for _, count in kept], color=BLUE, marker="o", markersize=3)  # type: ignore[arg-type]
    if limit is not None:
        ax.axhline(limit, color=RED, linewidth=1.6, linestyle="--")
        ax.annotate(f"vm.max_map_count {limit:,}", (0.01, limit), xycoords=("axes fraction", "data"), xytext=(0, 4),
                    textcoords="offset points", color=RED, fontsize=9)  # fmt: skip
    top = max(max(count for _, count in points), limit or 0)
    ax.set_ylim(0, top * 1.15)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _utc_axis(ax)
    _title(ax, "Mappings over time")
    return ax


def plot_kinds(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """Mappings by kind."""
    report = view.pick(diagnosis, subject)
    kinds = report.mappings.by_kind[:12] if report and report.mappings else []
    if not kinds:
        return _nothing(_axes(ax, 1.2), "mappings by kind")
    ax = _axes(ax, 0.9 + 0.28 * len(kinds))
    total = sum(kind.count for kind in kinds)
    figures = [f"{kind.count:,}  {words.percent(kind.count, total)}" for kind in kinds]
    colors = [_KINDS.get(kind.kind, GREY) for kind in kinds]
    _bars(
        ax, [_text(kind.kind, 24) for kind in kinds], [float(kind.count) for kind in kinds], colors, figures
    )
    _thousands(ax)
    _title(ax, "Mappings by kind")
    return ax


def plot_tenants(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """Mappings of the tenants with the most of them."""
    report = view.pick(diagnosis, subject)
    tenants = report.mappings.by_tenant[:_MOST_TENANTS] if report and report.mappings else []
    if not tenants:
        return _nothing(_axes(ax, 1.2), "mappings by tenant")
    ax = _axes(ax, 0.9 + 0.28 * len(tenants))
    figures = [f"{t.count:,}" + (f"  ({t.blocks:,} blocks)" if t.blocks is not None else "") for t in tenants]
    names = [_text(tenant.tenant, 28) for tenant in tenants]
    _bars(ax, names, [float(tenant.count) for tenant in tenants], [BLUE] * len(tenants), figures)
    _thousands(ax)
    _title(ax, f"Mappings of the top {words.plural(len(tenants), 'tenant')}")
    return ax


def _dated(report: SubjectReport | None) -> list[tuple[LifeView, datetime, datetime]]:
    found = []
    for life in report.lives if report else []:
        start, end = _when(life.started), _when(life.ended)
        if start is not None or end is not None:
            first = start or end
            last = end or start
            assert first is not None
            assert last is not None
            found.append((life, first, max(first, last)))
    return found[-_MOST_LIVES:]


def plot_lives(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """One bar a life from its start to its end, one cross a failure: restarts are where bars begin."""
    from matplotlib.dates import date2num

    report = view.pick(diagnosis, subject)
    lives = _dated(report)
    if report is None or not lives:
        return _nothing(_axes(ax, 1.2), "starts and ends")
    ax = _axes(ax, 1.2 + 0.3 * len(lives))
    first, last = min(start for _, start, _ in lives), max(end for _, _, end in lives)
    least = max((last - first).total_seconds(), 1.0) / 86_400 / 150
    for row, (life, start, end) in enumerate(lives):
        healthy = life.exit_code == 0 or (
            life.exit_code is None and life.signal is None and life.ended is None
        )
        left = float(date2num(start))  # type: ignore[no-untyped-call]
        width = max(float(date2num(end)) - left, least)  # type: ignore[no-untyped-call]
        ax.barh(row, width, left=left, height=0.6, color=GREEN if healthy else BLUE)
        note = (
            f"exit {life.exit_code}"
            if life.exit_code is not None
            else f"signal {life.signal}"
            if life.signal
            else ""
        )
        ax.annotate(
            note,
            (left + width, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
        )
    moments = {
        at for f in report.failures for at in (f.first, f.last if f.count > 1 else None) if at is not None
    }
    crosses = []
    for when in sorted(found for at in moments if (found := _when(at)) is not None):
        # A failure belongs to the life in which it happened, whatever group of failures it is in.
        held = [row for row, (_, start, end) in enumerate(lives) if start <= when <= end]
        crosses += [(when, row) for row in held[:1]]
    if crosses:
        xs = [float(date2num(when)) for when, _ in crosses]  # type: ignore[no-untyped-call]
        ax.scatter(xs, [row for _, row in crosses], marker="x", color=RED, zorder=3, label="failure")
    ax.set_yticks(range(len(lives)), [_text(life.id, 24) for life, _, _ in lives])
    ax.invert_yaxis()
    ax.margins(x=0.09)
    _utc_axis(ax)
    _title(ax, "Lives, failures (×) and restarts")
    return ax


def plot_levels(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """Log records by level, one bar a life."""
    report = view.pick(diagnosis, subject)
    lives = [life for life in (report.lives if report else []) if life.levels][-_MOST_LIVES:]
    if not lives:
        return _nothing(_axes(ax, 1.2), "log records by level")
    ax = _axes(ax, 1.3 + 0.3 * len(lives))
    totals: dict[str, int] = {}
    for life in lives:
        for level, count in life.levels.items():
            totals[level] = totals.get(level, 0) + count
    left = [0.0] * len(lives)
    for level in sorted(
        totals, key=lambda name: (list(_LEVELS).index(name) if name in _LEVELS else 99, name)
    ):
        counts = [float(life.levels.get(level, 0)) for life in lives]
        label = f"{'no level' if level == 'none' else _text(level, 16)} {totals[level]:,}"
        ax.barh(range(len(lives)), counts, left=left, height=0.6, color=_LEVELS.get(level, GREY), label=label)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    for row, life in enumerate(lives):
        bad = [
            f"{life.levels[level]:,} {level}"
            for level in ("warn", "error", "fatal")
            if life.levels.get(level)
        ]
        note = ", ".join(bad) or "no error"
        ax.annotate(
            note,
            (left[row], row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
        )
    ax.set_xlim(0, max(left) * 1.25)
    ax.set_yticks(range(len(lives)), [_text(life.id, 24) for life in lives])
    ax.invert_yaxis()
    _thousands(ax)
    legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4, frameon=False, fontsize=9)
    for entry in legend.get_texts():
        entry.set_color(INK)
    _title(ax, "Log records by level")
    return ax


def memory_bars(report: SubjectReport) -> list[view.Gauge]:
    """What of each kind of memory was in use: the facts of the first question, then byte margins."""
    gauges = view.memory_gauges(report)
    for hypothesis in report.hypotheses:
        gauge = view.margin_gauge(hypothesis)
        if gauge is not None and gauge.unit.lower() in ("bytes", "b") and hypothesis.status != "ruled_out":
            gauges.append(gauge)
    return gauges


def plot_memory(diagnosis: Diagnosis, subject: str | None = None, ax: Axes | None = None) -> Axes:
    """Memory against its limits: what was used of each limit, in percent of it."""
    report = view.pick(diagnosis, subject)
    gauges = memory_bars(report) if report else []
    if not gauges:
        return _nothing(_axes(ax, 1.2), "memory and its limits")
    ax = _axes(ax, 1.1 + 0.32 * len(gauges))
    shares = [min(gauge.ratio, 1.5) * 100 for gauge in gauges]
    colors = [RED if share >= 95 else AMBER if share >= 80 else GREEN for share in shares]
    figures = [f"{gauge.figures()}  {words.percent(gauge.used, gauge.limit)}" for gauge in gauges]
    _bars(ax, [_text(gauge.label, 44) for gauge in gauges], shares, colors, figures)
    ax.set_xlim(0, max(150.0, max(shares) * 1.4))
    ax.axvline(100, color=RED, linewidth=1.2, linestyle="--")
    ax.set_xticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    _title(ax, "Memory against its limits")
    return ax


class Plot(Struct, frozen=True):
    """A picture of the HTML report: how it is drawn, and whether this subject has the facts for it."""

    name: str
    title: str
    draw: Callable[[Diagnosis, str | None, Axes | None], Axes]
    present: Callable[[SubjectReport], bool]


PLOTS = (
    Plot("mappings", "Mappings against the limit", plot_mappings, lambda s: s.mappings is not None and (s.mappings.count is not None or s.mappings.need is not None)),
    Plot("kinds", "Mappings by kind", plot_kinds, lambda s: s.mappings is not None and bool(s.mappings.by_kind)),
    Plot("tenants", "Mappings by tenant", plot_tenants, lambda s: s.mappings is not None and bool(s.mappings.by_tenant)),
    Plot("lives", "Lives, failures and restarts", plot_lives, lambda s: bool(_dated(s))),
    Plot("levels", "Log records by level", plot_levels, lambda s: any(life.levels for life in s.lives)),
    Plot("memory", "Memory against its limits", plot_memory, lambda s: bool(memory_bars(s))),
)  # fmt: skip
