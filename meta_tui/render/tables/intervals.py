"""Bars that show where a mean lies and how far its interval reaches, all rows on one scale."""

from collections.abc import Sequence

from engine.library.artifacts import Interval
from meta_tui.render.text.numbers import metric
from meta_tui.render.text.spans import Line, Span, line
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import width


def scale(intervals: Sequence[Interval | None]) -> tuple[float, float] | None:
    """Lowest and highest end of any interval; None where there is no value at all."""
    ends = [
        end
        for interval in intervals
        if interval is not None
        for end in (interval.low, interval.mean, interval.high)
        if end is not None
    ]
    return (min(ends), max(ends)) if ends else None


def interval_bar(
    interval: Interval | None, low: float, high: float, columns: int, signs: Signs = UNICODE
) -> Line:
    """`····━━●━━·······`: the mean as a point, the interval as a bar, the scale as a rail.

    Without an interval (n < 2) there is the point alone, never a bar made up.
    """
    rail = [signs.rail] * columns
    if interval is None or interval.mean is None:
        return (Span(" " * columns),)

    def place(value: float) -> int:
        share = (value - low) / (high - low) if high > low else 0.5
        return min(columns - 1, max(0, round(share * (columns - 1))))

    start = end = point = place(interval.mean)
    if interval.low is not None and interval.high is not None:
        start, end = place(interval.low), place(interval.high)
    return line(
        Span("".join(rail[:start]), "dim"),
        Span(signs.bar * (point - start), "accent"),
        Span(signs.point, "accent"),
        Span(signs.bar * (end - point), "accent"),
        Span("".join(rail[end + 1 :]), "dim"),
    )


def ruler(low: float, high: float, columns: int, name: str = "") -> str:
    """The two ends of the scale over the bars, what it measures between: `0.50  name  1.00`."""
    first, last = metric(low), metric(high)
    room = max(1, columns - len(first) - len(last))
    between = f"{name:^{room}}" if width(name) + 2 <= room else " " * room
    return first + between + last
