"""A curve as dots: the minimum and maximum of each column of dots, so that no spike is lost.

Columns are found by bisection in the rising steps, and their extremes in sums that the curves keep
(see `extremes`): a redraw of a hundred thousand points takes about a millisecond, without numpy.
"""

from bisect import bisect_left
from math import inf

from meta_tui.render.charts.viewport import Frame, Series
from meta_tui.render.text.dot_canvas import Canvas
from meta_tui.render.text.spans import Style

Dot = tuple[int, int]


def trace(canvas: Canvas, plane: Frame, curve: Series, style: Style) -> None:
    """Draw a curve with its gaps; a value that has no logarithm leaves one on such an axis."""
    x, y, span, down = curve.x, curve.y, curve.extremes.span, plane.rows(canvas.down)
    across, gap = canvas.across, -inf if not plane.log else 0.0
    start, count = bisect_left(x, plane.left), len(x)
    before = _crossing(canvas, plane, curve, start, plane.left)
    while start < count and x[start] <= plane.right:
        column = plane.across(x[start], across)
        end = max(start + 1, bisect_left(x, plane.at(column + 0.5, across), start))
        first, last = y[start], y[end - 1]
        low, high = (first, first) if end == start + 1 else span(start, end)
        if low <= gap:
            low = curve.extremes.positive(start, end)
        top, bottom = (down(high), down(low)) if low < inf else (1, 0)
        if before is not None and first > gap and not _gap(curve, start):
            top, bottom = _joined(canvas, before, (column, down(first)), (top, bottom), style)
        canvas.upright(column, top, bottom, style)
        before, start = (column, down(last)) if last > gap else None, end
    after = _crossing(canvas, plane, curve, start, plane.right)
    if before is not None and after is not None:
        canvas.segment(before, after, style)


def _gap(curve: Series, place: int) -> bool:
    """Whether the curve breaks off before the point of that place."""
    return curve.gaps is not None and curve.gaps.before(place)


def _joined(canvas: Canvas, start: Dot, end: Dot, rows: Dot, style: Style) -> Dot:
    """Draw from one column to the next; the rows that are left to draw in the next one."""
    (x0, y0), (x1, y1), (top, bottom) = start, end, rows
    if x1 - x0 != 1:
        canvas.segment(start, end, style)
        return rows
    # Half of the way is upright in the one column, half in the other.
    if y1 > y0 + 1:
        middle = y0 + (y1 - y0) // 2
        canvas.upright(x0, y0, middle, style)
        return min(top, middle + 1), bottom
    if y1 < y0 - 1:
        middle = y0 - (y0 - y1) // 2
        canvas.upright(x0, middle, y0, style)
        return top, max(bottom, middle - 1)
    return rows


def _crossing(canvas: Canvas, plane: Frame, curve: Series, place: int, x: float) -> Dot | None:
    """Where a curve crosses an edge of the frame on its way to the point of that place."""
    if not 0 < place < len(curve.x) or curve.x[place] == x or _gap(curve, place):
        return None
    y0, y1 = curve.y[place - 1], curve.y[place]
    if plane.log and min(y0, y1) <= 0:
        return None
    x0, x1 = curve.x[place - 1], curve.x[place]
    share, down = (x - x0) / (x1 - x0), plane.rows(canvas.down)
    row0, row1 = down(y0), down(y1)
    return plane.across(x, canvas.across), round(row0 + (row1 - row0) * share)
