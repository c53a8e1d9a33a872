"""The part of the plane that a chart shows, and which points of a curve lie in it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, log10
from typing import Literal

from meta_tui.model.range_extremes import Extremes
from meta_tui.render.text.numbers import duration, number, seconds_short
from meta_tui.render.text.spans import Style

Scale = Literal["number", "power", "time"]
"""What an x is: itself, the logarithm to base 10 of what is labelled, or seconds."""
Window = tuple[float, float]
"""The first and the last x to show; infinite where there is no bound."""
WHOLE: Window = (-inf, inf)
_LONG = 10


@dataclass(frozen=True, slots=True)
class Gaps:
    """Where a curve does not go on from one point to the next: a value between was not finite."""

    steps: Sequence[float]
    """Of its points, rising."""
    lost: Sequence[float]
    """Steps without a point, rising."""

    def before(self, place: int) -> bool:
        """Whether there is one between a point and the one before it."""
        if not 0 < place < len(self.steps):
            return False
        first = bisect_right(self.lost, self.steps[place - 1])
        return bisect_left(self.lost, self.steps[place]) > first


@dataclass(frozen=True, slots=True)
class Series:
    """A curve to draw: `x` rising, `y` finite, of one length."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: Style | None = None
    """Its colour; by its place among the others where it has none."""
    scale: Scale = "number"
    extremes: Extremes = field(compare=False, default_factory=lambda: Extremes(()))
    """Of `y`; made here where the curve's owner keeps none."""
    gaps: Gaps | None = field(compare=False, default=None)

    def __post_init__(self) -> None:
        if self.extremes.values is not self.y:
            object.__setattr__(self, "extremes", Extremes(self.y))

    def inside(self, window: Window) -> tuple[int, int]:
        """Where the points of a window begin and end; those around it where none is in it."""
        start, end = bisect_left(self.x, window[0]), bisect_right(self.x, window[1])
        if start == end and 0 < start < len(self.x):
            return start - 1, end + 1
        return start, end


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that a chart shows."""

    left: float
    right: float
    low: float
    high: float
    log: bool
    scale: Scale = "number"

    def across(self, x: float, dots: int) -> int:
        """Column of dots of an x."""
        span = self.right - self.left
        return round((x - self.left) / span * (dots - 1)) if span > 0 else 0

    def at(self, column: float, dots: int) -> float:
        """The x of a column of dots."""
        return self.left + column * (self.right - self.left) / max(1, dots - 1)

    def down(self, y: float, dots: int) -> int:
        """Row of dots of a y, not far outside; a value without a logarithm lies at the bottom."""
        return self.rows(dots)(y)

    def rows(self, dots: int) -> Callable[[float], int]:
        """`down` for many values."""
        # Halves, because the distance of two large numbers may be none.
        low, span, most = self.low / 2, self.high / 2 - self.low / 2, dots - 1
        if span <= 0:
            return lambda _: round(0.5 * most)
        least, steepness, lowest = -float(most), most / span, self.low

        def linear(y: float) -> int:
            row = most - (y / 2 - low) * steepness
            return round(row) if least <= row <= 2 * most else -most if row < 0 else 2 * most

        def logarithmic(y: float) -> int:
            return linear(log10(y) if y > 0 else lowest)

        return logarithmic if self.log else linear

    def label(self, share: float) -> str:
        """The value at a share of the height, 0 at the bottom."""
        value = self.low * (1 - share) + share * self.high
        return number(10**value if self.log else value, 3)

    def ends(self) -> tuple[str, str]:
        """The first and the last x."""
        return x_label(self.left, self.scale), x_label(self.right, self.scale)


def x_label(x: float, scale: Scale) -> str:
    """An x as it is read."""
    if scale == "time":
        return seconds_short(x) if x < _LONG else duration(x)
    # Six digits: 10 ** log10(5) is not 5 in its last bit.
    text = number(float(f"{10**x:.6g}") if scale == "power" else x)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def frame(series: Sequence[Series], *, log_y: bool = False, window: Window = WHOLE) -> Frame | None:
    """The plane that shows every point of a window; None where there is none.

    With `log_y`, values that are not positive do not count; if all are such, the axis is linear.
    """
    shown = [(curve, *curve.inside(window)) for curve in series]
    shown = [(curve, start, end) for curve, start, end in shown if start < end]
    if not shown:
        return None
    reaches = [_reach(*each) for each in shown]
    left = window[0] if isfinite(window[0]) else min(first for first, _ in reaches)
    right = window[1] if isfinite(window[1]) else max(last for _, last in reaches)
    spans = [curve.extremes.span(start, end) for curve, start, end in shown]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    scale = shown[0][0].scale
    if log_y and high > 0:
        if low <= 0:
            low = min(curve.extremes.positive(start, end) for curve, start, end in shown)
        return Frame(left, right, log10(low), log10(high), log=True, scale=scale)
    return Frame(left, right, low, high, log=False, scale=scale)


def _reach(curve: Series, start: int, end: int) -> tuple[float, float]:
    """The first and the last x of some points, steps whose values were not finite included."""
    first, last = curve.x[start], curve.x[end - 1]
    if curve.gaps is None or not curve.gaps.lost or curve.gaps.steps is not curve.x:
        return first, last
    return min(first, curve.gaps.lost[0]), max(last, curve.gaps.lost[-1])
