"""A table's plot as text: lines over steps, or a frontier of points."""

from collections.abc import Mapping
from dataclasses import replace
from math import log10
from typing import Any

from meta_tui.render.frame import Frame, Series
from meta_tui.render.linechart import linechart
from meta_tui.render.numbers import number
from meta_tui.render.signs import UNICODE, Signs
from meta_tui.render.spans import SERIES, Line, Span, crop, fit, line, right
from pipelines.text import safe_text

_ROWS = 14
_LABEL = 8
_SPOKEN = {"adaptation_step": "adaptation steps"}
_MARKS = "ox+*#%@&"


def scatter(plot: Mapping[str, Any], columns: int, signs: Signs = UNICODE) -> list[Line]:
    """The plot of a table, with the names of its axes and a legend of one line a series."""
    x_name = safe_text(str(plot.get("x", "")))
    title = f"{safe_text(str(plot.get('y', '')))} over {_SPOKEN.get(x_name, x_name)}"
    series = [_series(item) for item in plot.get("series", ())]
    series = [curve for curve in series if len(curve.x)]
    if not series:
        return [line(Span(title, "strong")), line(Span("  no points", "dim"))]
    if plot.get("kind") == "line":
        return _lines(title, series, columns, signs, log_x=bool(plot.get("log_x")))
    return _points(title, series, columns)


def _lines(
    title: str, series: list[Series], columns: int, signs: Signs, *, log_x: bool
) -> list[Line]:
    lost = log_x and any(x <= 0 for curve in series for x in curve.x)
    if log_x:
        title += " (logarithmic)"
        series = [shown for curve in series if (shown := _logarithmic(curve)).x]
    ordered = [_ordered(curve) for curve in series]
    chart = linechart(title, ordered[: len(SERIES)], columns, _ROWS, braille=signs.braille)
    hidden = len(ordered) - len(SERIES)
    told = [f"  and {hidden} more"] if hidden > 0 else []
    told += ["  points at 0 and below are not on a logarithmic axis"] if lost else []
    return [*chart, *(crop(line(Span(text, "dim")), columns) for text in told)]


def _logarithmic(curve: Series) -> Series:
    """The curve over the logarithms of its x, where they have one."""
    pairs = [(log10(x), y) for x, y in zip(curve.x, curve.y, strict=True) if x > 0]
    return Series(curve.label, [x for x, _ in pairs], [y for _, y in pairs], scale="power")


def _series(item: Mapping[str, Any]) -> Series:
    pairs = [
        (float(point[0]), float(point[1]))
        for point in item.get("points", ())
        if len(point) >= 2 and None not in point[:2]  # noqa: PLR2004
    ]
    label = safe_text(str(item.get("label", "")))
    return Series(label, [x for x, _ in pairs], [y for _, y in pairs])


def _ordered(curve: Series) -> Series:
    pairs = sorted(zip(curve.x, curve.y, strict=True))
    return replace(curve, x=[x for x, _ in pairs], y=[y for _, y in pairs])


def _points(title: str, series: list[Series], columns: int) -> list[Line]:
    """Points by the sign of their series; the latest drawn wins a place."""
    across, down = columns - _LABEL - 1, _ROWS
    plane = Frame(
        min(min(curve.x) for curve in series),
        max(max(curve.x) for curve in series),
        min(min(curve.y) for curve in series),
        max(max(curve.y) for curve in series),
        log=False,
    )
    grid = [[Span(" ")] * across for _ in range(down)]
    for index, curve in enumerate(series):
        mark = Span(_MARKS[index % len(_MARKS)], SERIES[index % len(SERIES)])
        for x, y in zip(curve.x, curve.y, strict=True):
            grid[plane.down(y, down)][plane.across(x, across)] = mark
    lines: list[Line] = [crop(line(Span(title, "strong")), columns)]
    for row, cells in enumerate(grid):
        label = plane.label(1.0) if row == 0 else plane.label(0.0) if row == down - 1 else ""
        lines.append((Span(right(label, _LABEL) + "│", "dim"), *cells))
    first, last = number(plane.left, 3), number(plane.right, 3)
    foot = " " * (_LABEL + 1) + first + right(last, max(0, across - len(first)))
    lines.append(line(Span(foot, "dim")))
    for index, curve in enumerate(series):
        mark = Span(f"  {_MARKS[index % len(_MARKS)]} ", SERIES[index % len(SERIES)])
        lines.append((mark, Span(fit(curve.label, min(columns - 4, len(curve.label))))))
    return lines
