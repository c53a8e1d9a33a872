"""Charts of the curves of some cells: what lies in which, in which colour, under which name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meta_tui.model.curves import Curve, Curves
from meta_tui.model.run_reducer import CellView
from meta_tui.render.charts.chart_view import Axis
from meta_tui.render.charts.viewport import Gaps, Scale, Series
from meta_tui.render.text.numbers import number
from meta_tui.render.text.spans import SERIES, Line, Span, Style, crop
from pipelines.core.text import width

Shown = Sequence[tuple[CellView, Curves]]
"""Cells and their curves."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The curves of one name."""

    name: str
    series: tuple[Series, ...]
    under: tuple[Series, ...] = ()
    """What they were before they were smoothed."""
    remark: str = ""
    axis: Axis = "step"


def axis_of(shown: Shown, wanted: Axis) -> Axis:
    """The axis that is asked for, where any curve has it."""
    timed = any(curve.times for _, found in shown for curve in found.values())
    return wanted if timed else "step"


def charts(shown: Shown, first: int, axis: Axis = "step", weight: float = 0.0) -> list[Chart]:
    """A chart for each name of a curve, `loss` first.

    Args:
        shown: cells and their curves.
        first: ordinal of the first cell that there could be: a cell's colour is its place after
            it, and stays when other cells come and go.
        axis: over steps, or over the time of each cell; a chart without times is over steps.
        weight: of what was before, for smoothed curves.
    """
    groups: dict[str, list[tuple[str, Style, Curve]]] = {}
    told = telling(shown)
    styles: dict[str, Style] = {}
    for cell, found in shown:
        label = _label(cell, told)
        loops = [curve.name for curve in found.values()]
        for curve in found.values():
            parts = [label, curve.loop if loops.count(curve.name) > 1 else ""]
            named = " ".join(filter(None, parts)) or curve.loop or curve.name
            if named not in styles:
                styles[named] = _free(styles, cell.ordinal - first)
            groups.setdefault(curve.name, []).append((named, styles[named], curve))
    made = [_chart(name, curves, axis, weight) for name, curves in groups.items()]
    return sorted(made, key=lambda chart: chart.name != "loss")


def legend(shown: Sequence[Chart], columns: int, most: int) -> list[Line]:
    """The name of each curve, in at most so many lines; none where one curve is alone."""
    styles = {one.label: one.style or "" for chart in shown for one in chart.series}
    if all(len(chart.series) <= 1 for chart in shown):
        return []
    size = min(columns, max(width(label) for label in styles) + 4)
    across = max(1, columns // max(1, size))
    entries = [
        (Span("━ ", style), Span(f"{label}{' ' * (size - width(label) - 2)}"))
        for label, style in styles.items()
    ]
    if len(entries) > across * most:
        kept = max(1, across * most - 1)
        entries[kept:] = [(Span(""), Span(f"and {len(entries) - kept} more", "dim"))]
    return [
        crop(tuple(span for entry in entries[at : at + across] for span in entry), columns)
        for at in range(0, len(entries), across)
    ]


def telling(shown: Shown) -> list[str]:
    """The axes in which the cells differ: only these tell one curve from another."""
    cells = [cell for cell, found in shown if found]
    axes = dict.fromkeys(axis for cell in cells for axis in cell.axes)
    return [axis for axis in axes if len({cell.axes.get(axis) for cell in cells}) > 1]


def _chart(
    name: str, curves: Sequence[tuple[str, Style, Curve]], axis: Axis, weight: float
) -> Chart:
    timed = [found for found in curves if found[2].times]
    by_time = axis == "time" and bool(timed)
    drawn = timed if by_time else curves
    shown, under = [], []
    for label, style, curve in drawn:
        raw = series(label, style, curve, by_time=by_time)
        if weight and len(curve.values):
            smooth = curve.smoothed(weight)
            under.append(raw)
            raw = replace(raw, y=smooth.values, extremes=smooth.extremes)
        shown.append(raw)
    remarks = [lost([curve for _, _, curve in drawn])]
    if axis == "time" and len(timed) < len(curves):
        left = f"{len(curves) - len(timed)} without times" if by_time else "no times recorded"
        remarks.append(left)
    remark = "; ".join(filter(None, remarks))
    return Chart(name, tuple(shown), tuple(under), remark, "time" if by_time else "step")


def series(label: str, style: Style | None, curve: Curve, *, by_time: bool = False) -> Series:
    """A curve to draw, with gaps where its values were not finite."""
    x = curve.times if by_time else curve.steps
    scale: Scale = "time" if by_time else "number"
    gaps = Gaps(curve.steps, curve.lost) if curve.lost else None
    return Series(label, x, curve.values, style, scale, curve.extremes, gaps)


def lost(curves: Sequence[Curve]) -> str:
    """`not finite at step 412`, where some values were not."""
    steps = sorted(step for curve in curves for step in curve.lost)
    if not steps:
        return ""
    if len(steps) == 1:
        return f"not finite at step {number(steps[0])}"
    return f"{len(steps)} not finite from step {number(steps[0])}"


def _free(taken: dict[str, Style], wanted: int) -> Style:
    """The colour of a place, or the next that nobody has while there is one."""
    order = [SERIES[(wanted + step) % len(SERIES)] for step in range(len(SERIES))]
    return next((style for style in order if style not in taken.values()), order[0])


def _label(cell: CellView, told: Sequence[str]) -> str:
    """`seed=3`, or of several axes their labels alone."""
    labels = {axis: cell.axes[axis] for axis in told if axis in cell.axes}
    if len(labels) == 1:
        return "".join(f"{axis}={label}" for axis, label in labels.items())
    return ", ".join(labels.values())
