"""How curves are looked at: what the keys of a pane of charts change, as a value."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from meta_tui.render.charts.viewport import WHOLE, Series, Window

Axis = Literal["step", "time"]
WEIGHTS = (0.0, 0.6, 0.9, 0.97)
"""Of what was before, in a smoothed curve."""
_ZOOM, _PAN, _DEEPEST = 2.0, 0.25, 1e-6
_COLUMNS = 64
"""Steps of the cursor across a chart, where points lie closer."""


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at curves. Each method gives another."""

    log_y: bool = False
    weight: float = 0.0
    axis: Axis = "step"
    window: Window = WHOLE
    cursor: float | None = None
    alone: bool = False
    """Only the chosen chart is shown."""

    def smoother(self) -> "Look":
        """With the next of the weights."""
        place = (WEIGHTS.index(self.weight) + 1) % len(WEIGHTS)
        return replace(self, weight=WEIGHTS[place])

    def turned(self) -> "Look":
        """Over time instead of steps, or back; what was shown of the other axis is left."""
        axis: Axis = "time" if self.axis == "step" else "step"
        return replace(self, axis=axis, window=WHOLE, cursor=None)

    def zoomed(self, series: Sequence[Series], *, closer: bool) -> "Look":
        """Half as wide or twice, around the cursor; without one, towards the end.

        A window that reaches the end has no bound there: it goes on with what grows.
        """
        whole = extent(series)
        if whole is None:
            return self
        left, right = _bounded(self.window, whole)
        size = (right - left) / _ZOOM if closer else (right - left) * _ZOOM
        if size < (whole[1] - whole[0]) * _DEEPEST:
            return self
        inside = self.cursor is not None and left <= self.cursor <= right and right > left
        anchor = self.cursor if inside and self.cursor is not None else right
        share = (anchor - left) / (right - left) if inside else 1.0
        return self._at(anchor - share * size, size, whole)

    def panned(self, series: Sequence[Series], by: int) -> "Look":
        """A quarter of the window to the right, or to the left."""
        whole = extent(series)
        if whole is None or self.window == WHOLE:
            return self
        left, right = _bounded(self.window, whole)
        size = right - left
        return self._at(left + by * _PAN * size, size, whole)

    def moved(self, series: Sequence[Series], by: int) -> "Look":
        """The cursor at the next point of a curve that is a column away, within the window."""
        whole = extent(series)
        if whole is None:
            return self
        left, right = _bounded(self.window, whole)
        if self.cursor is None:
            return replace(self, cursor=_nearest(series, right if by < 0 else left, left, right))
        stride = (right - left) / _COLUMNS
        aim = min(right, max(left, self.cursor)) + by * stride * (1 - _DEEPEST)
        found = _next(series, aim, forward=by > 0)
        kept = found if found is not None and left <= found <= right else None
        end = _nearest(series, right if by > 0 else left, left, right)
        return replace(self, cursor=end if kept is None else kept)

    def pointed(self, series: Sequence[Series], x: float) -> "Look":
        """The cursor at the point that is nearest to an x."""
        whole = extent(series)
        if whole is None:
            return self
        return replace(self, cursor=_nearest(series, x, *_bounded(self.window, whole)))

    def left_behind(self) -> "Look":
        """One thing less: the chart alone, then the cursor, then the zoom."""
        if self.alone:
            return replace(self, alone=False)
        if self.cursor is not None:
            return replace(self, cursor=None)
        return replace(self, window=WHOLE)

    def _at(self, left: float, size: float, whole: Window) -> "Look":
        size = min(size, whole[1] - whole[0])
        left = min(max(left, whole[0]), whole[1] - size)
        first = left if left > whole[0] else -inf
        last = left + size if left + size < whole[1] else inf
        return replace(self, window=(first, last))


def extent(series: Sequence[Series]) -> Window | None:
    """The first and the last x of all; None where there is no point."""
    shown = [curve for curve in series if len(curve.x)]
    if not shown:
        return None
    return min(curve.x[0] for curve in shown), max(curve.x[-1] for curve in shown)


def _bounded(window: Window, whole: Window) -> Window:
    left, right = max(window[0], whole[0]), min(window[1], whole[1])
    return (left, right) if left < right else whole


def _next(series: Sequence[Series], x: float, *, forward: bool) -> float | None:
    """The first x of a point at or after an x, or the last at or before it."""
    if forward:
        places = [(curve, bisect_left(curve.x, x)) for curve in series]
        return min((curve.x[at] for curve, at in places if at < len(curve.x)), default=None)
    places = [(curve, bisect_right(curve.x, x) - 1) for curve in series]
    return max((curve.x[at] for curve, at in places if at >= 0), default=None)


def _nearest(series: Sequence[Series], x: float, left: float, right: float) -> float | None:
    """The x of the point of a window that is nearest to an x."""
    near = [_next(series, x, forward=True), _next(series, x, forward=False)]
    inside = [found for found in near if found is not None and left <= found <= right]
    return min(inside, key=lambda found: abs(found - x), default=None)
