"""All curves of a cell, one chart a series, under each other."""

from meta_tui.curves import Curves
from meta_tui.render.frame import Series
from meta_tui.render.linechart import linechart
from meta_tui.render.spans import Line

_ROWS = 8


def grouped(curves: Curves) -> dict[str, list[Series]]:
    """Series name -> the curve of each loop that has it."""
    groups: dict[str, list[Series]] = {}
    for curve in curves.values():
        label = curve.loop or curve.name
        series = Series(label, curve.steps, curve.values, extremes=curve.extremes)
        groups.setdefault(curve.name, []).append(series)
    return groups


def charts(
    curves: Curves, columns: int, rows: int = _ROWS, *, log_y: bool = False, braille: bool = True
) -> list[Line]:
    """Charts of so many rows each, a blank line between them."""
    lines: list[Line] = []
    for name, series in grouped(curves).items():
        lines += [()] if lines else []
        lines += linechart(name, series, columns, rows, log_y=log_y, braille=braille, x_name="step")
    return lines
