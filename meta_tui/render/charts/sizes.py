"""All curves of a cell, one chart a series, under each other."""

from meta_tui.model.curves import Curve, Curves
from meta_tui.render.charts.chart_set import lost, series
from meta_tui.render.charts.line_chart import Plot, chart
from meta_tui.render.text.spans import Line

_ROWS = 8


def charts(
    curves: Curves, columns: int, rows: int = _ROWS, *, log_y: bool = False, braille: bool = True
) -> list[Line]:
    """Charts of so many rows each, a blank line between them; values not finite are gaps."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves.values():
        groups.setdefault(curve.name, []).append(curve)
    lines: list[Line] = []
    for name, found in groups.items():
        lines += [()] if lines else []
        shown = [series(curve.loop or name, None, curve) for curve in found]
        plot = Plot(log_y=log_y, braille=braille, x_name="step", remark=lost(found))
        lines += chart(name, shown, columns, rows, plot)
    return lines
