"""Charts of curves: a title with values, the curves in braille, labels, a cursor, a legend."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from meta_tui.render.charts.trace import trace
from meta_tui.render.charts.viewport import WHOLE, Frame, Series, Window, frame, x_label
from meta_tui.render.text.dot_canvas import Canvas
from meta_tui.render.text.numbers import ABSENT, number
from meta_tui.render.text.spans import SERIES, Line, Span, Style, crop, line, right
from pipelines.core.text import width

LABEL = 7
"""Columns of the labels at the left of a chart."""


@dataclass(frozen=True, slots=True)
class Plot:
    """How a chart is drawn."""

    log_y: bool = False
    braille: bool = True
    x_name: str = ""
    named: bool = True
    """Several curves get a legend of their own."""
    window: Window = WHOLE
    cursor: float | None = None
    """An x: a line is drawn there, and the title tells the values there, not the last ones."""
    under: Sequence[Series] = ()
    """Drawn faintly below the curves."""
    remark: str = ""
    """Told after the title."""
    chosen: bool | None = None
    """Marked as the one that keys are for, or room left for the mark."""


def linechart(
    title: str,
    series: Sequence[Series],
    columns: int,
    rows: int,
    *,
    log_y: bool = False,
    braille: bool = True,
    x_name: str = "",
    named: bool = True,
) -> list[Line]:
    """A chart of exactly so many rows: title, curves, x labels; a legend of several if `named`."""
    plot = Plot(log_y=log_y, braille=braille, x_name=x_name, named=named)
    return chart(title, series, columns, rows, plot)


def chart(title: str, series: Sequence[Series], columns: int, rows: int, plot: Plot) -> list[Line]:
    """As `linechart`, with all that can be asked of a chart."""
    plane = frame([*plot.under, *series], log_y=plot.log_y, window=plot.window)
    legend = _legend(series, columns)[: rows // 4] if plot.named and len(series) > 1 else []
    height = rows - 2 - len(legend)
    head = crop(_head(title, series, plane, plot), columns)
    if plane is None or height < 1 or columns < LABEL + 4:
        told = _nothing(series)
        empty = plane is None and rows > 1
        body = [crop(line(Span(f"  {told}", "dim")), columns)] if empty else []
        return _exactly([head, *body], rows)
    canvas = Canvas(columns - LABEL - 1, height, plot.braille)
    cursor = _cursor(canvas, plane, plot.cursor)
    for curve in plot.under:
        trace(canvas, plane, curve, "dim")
    for index, curve in enumerate(series):
        trace(canvas, plane, curve, _style(curve, index))
    labels = _labels(plane, height)
    body = [
        (Span(right(label, LABEL), "dim"), Span("│", "dim"), *drawn)
        for label, drawn in zip(labels, canvas.lines(), strict=True)
    ]
    foot = _foot(plane, columns, plot.x_name)
    if cursor is not None and plot.cursor is not None:
        foot = _pointed(plane, columns, cursor, plot.cursor)
    return _exactly([head, *body, foot, *legend], rows)


def _nothing(series: Sequence[Series]) -> str:
    """Why there is nothing to draw."""
    if any(len(curve.x) for curve in series):
        return "no points here"
    lost = any(curve.gaps and len(curve.gaps.lost) for curve in series)
    return "no finite value" if lost else "no points yet"


def value_at(curve: Series, x: float, reach: float = 0.0) -> float | None:
    """The value of the last point up to x, where the curve goes on from it.

    None more than `reach` before the first point, or as much after the last; or after the last by
    more than lies between it and the one before, for a curve of few points may yet go on. None in
    a gap too.
    """
    place = bisect_left(curve.x, x)
    if place == len(curve.x) or curve.x[place] > x:
        place -= 1
    if place < 0:
        return curve.y[0] if len(curve.x) and curve.x[0] - x <= reach else None
    if curve.gaps is not None and curve.gaps.before(place + 1) and x - curve.x[place] > reach:
        return None
    last = place == len(curve.x) - 1
    gap = curve.x[place] - curve.x[place - 1] if last and place else 0.0
    return None if last and x - curve.x[place] > max(reach, gap) else curve.y[place]


def _exactly(lines: list[Line], rows: int) -> list[Line]:
    return [*lines, *[()] * rows][: max(0, rows)]


def _head(title: str, series: Sequence[Series], plane: Frame | None, plot: Plot) -> Line:
    """The title, the scale, the values at the cursor or at the end, and what is not drawn."""
    mark = "" if plot.chosen is None else "▸ " if plot.chosen else "  "
    scale = " (log)" if plane and plane.log else ""
    told = [plot.remark] if plot.remark else []
    if plot.log_y and any(_unloggable(curve, plot.window) for curve in series):
        told.append("values <= 0 left out" if scale else "no value above 0: not log")
    at_cursor = plane is not None and plot.cursor is not None
    values = _there(series, plane, plot.cursor) if at_cursor else [_latest(series)]
    remarks = Span(f"  {'; '.join(told)}" if told else "", "dim")
    return line(Span(mark, "accent"), Span(f"{title}{scale}", "strong"), *values, remarks)


def _unloggable(curve: Series, window: Window) -> bool:
    start, end = curve.inside(window)
    return start < end and curve.extremes.span(start, end)[0] <= 0


def _there(series: Sequence[Series], plane: Frame | None, x: float | None) -> list[Span | str]:
    """The value of each curve at the cursor, in its colour."""
    if plane is None or x is None:
        return []
    reach = (plane.right - plane.left) / 100
    found = [value_at(curve, x, reach) for curve in series]
    spans = [
        Span(f" {ABSENT if value is None else number(value)}", _style(series[index], index))
        for index, value in enumerate(found)
    ]
    return [f"  at {x_label(x, plane.scale)}:", *spans]


def _latest(series: Sequence[Series]) -> str:
    last = [curve.y[-1] for curve in series if len(curve.y)]
    if not last:
        return ""
    if len(last) == 1:
        return f"  {number(last[0])}"
    return f"  last {number(min(last), 3)} to {number(max(last), 3)}"


def _style(curve: Series, index: int) -> Style:
    return SERIES[index % len(SERIES)] if curve.style is None else curve.style


def _legend(series: Sequence[Series], columns: int) -> list[Line]:
    """The name and last value of each curve, in as many lines as they need."""
    lines: list[Line] = []
    used = columns
    for index, curve in enumerate(series):
        last = f" {number(curve.y[-1], 3)}" if len(curve.y) else ""
        entry = (Span(" ━ ", _style(curve, index)), Span(f"{curve.label}{last} "))
        size = sum(width(span.text) for span in entry)
        if used + size > columns:
            lines.append(())
            used = 0
        lines[-1] += entry
        used += size
    return [crop(row, columns) for row in lines]


def _labels(plane: Frame, height: int) -> list[str]:
    labels = [""] * height
    if plane.high <= plane.low:
        labels[round(0.5 * (height - 1))] = plane.label(0.0)
        return labels
    labels[-1] = plane.label(0.0)
    if height > 1:
        labels[0] = plane.label(1.0)
    if height > 6:  # noqa: PLR2004
        middle = height // 2
        labels[middle] = plane.label(1 - middle / (height - 1))
    return labels


def _foot(plane: Frame, columns: int, name: str) -> Line:
    first, last = plane.ends()
    room = max(0, columns - LABEL - 1 - len(first))
    between = f"{name:^{room}}" if width(name) + 2 * width(last) + 2 <= room else " " * room
    drawn = between[: max(0, room - len(last))] + right(last, min(room, len(last)))
    return line(Span(" " * (LABEL + 1) + first + drawn, "dim"))


def _pointed(plane: Frame, columns: int, column: int, x: float) -> Line:
    """The x labels with that of the cursor under its line, over whatever stands there."""
    text = x_label(x, plane.scale)
    room = columns - LABEL - 1
    at = min(max(0, column - len(text) // 2), max(0, room - len(text)))
    first, last = plane.ends()
    left = first if len(first) < at else ""
    free = room - at - len(text)
    after = right(last, free) if len(last) < free else ""
    before = " " * (LABEL + 1) + left + " " * (at - len(left))
    return line(Span(before, "dim"), Span(text, "accent"), Span(after, "dim"))


def _cursor(canvas: Canvas, plane: Frame, x: float | None) -> int | None:
    """Draw the line of the cursor; its column of characters, where it is in the frame."""
    if x is None or not plane.left <= x <= plane.right:
        return None
    column = plane.across(x, canvas.across)
    for row in range(0, canvas.down, 2):
        canvas.dot(column, row, "dim")
    return column * canvas.columns // canvas.across
