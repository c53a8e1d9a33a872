"""Charts beside and under each other: as many as there is room for, the chosen one among them."""

from collections.abc import Sequence
from dataclasses import dataclass

from meta_tui.render.charts.chart_set import Chart
from meta_tui.render.charts.chart_view import Look
from meta_tui.render.charts.line_chart import LABEL, Plot, chart
from meta_tui.render.charts.viewport import WHOLE, frame
from meta_tui.render.text.spans import Line, Span
from pipelines.core.text import width

_LEAST, _ENOUGH, _NARROWEST, _GAP = 6, 8, 36, 2


@dataclass(frozen=True, slots=True)
class Box:
    """Where a chart is drawn."""

    place: int
    left: int
    top: int
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The charts that are shown, and where."""

    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]

    def at(self, column: int, row: int) -> Box | None:
        """The chart that is drawn there."""
        for box in self.boxes:
            if 0 <= column - box.left < box.columns and 0 <= row - box.top < box.rows:
                return box
        return None


def chartgrid(
    charts: Sequence[Chart],
    chosen: int,
    look: Look,
    columns: int,
    rows: int,
    *,
    braille: bool = True,
) -> Grid:
    """The charts in so many columns and at most so many rows; those around the chosen one.

    A chart over another axis than the look's is shown whole, without a cursor.
    """
    places = [chosen] if look.alone else list(range(len(charts)))
    across, height = _shape(len(places), columns, rows)
    down, whole = max(1, (rows + 1) // (height + 1)), -(-len(places) // across)
    top = min(places.index(chosen) // across // down * down, max(0, whole - down))
    size = (columns - _GAP * (across - 1)) // across
    several = len(charts) > 1
    lines: list[Line] = []
    boxes: list[Box] = []
    for start in range(top * across, min((top + down) * across, len(places)), across):
        lines += [()] if lines else []
        row = places[start : start + across]
        drawn: list[Sequence[Line]] = []
        for place in row:
            marked = place == chosen if several else None
            plot = _plot(charts[place], look, braille=braille, chosen=marked)
            drawn.append(chart(charts[place].name, charts[place].series, size, height, plot))
        boxes += [
            Box(place, index * (size + _GAP), len(lines), size, height)
            for index, place in enumerate(row)
        ]
        lines += _beside(drawn, size)
    return Grid(tuple(lines), tuple(boxes))


def x_at(shown: Chart, look: Look, box: Box, column: int) -> float | None:
    """The x of a column of the screen in a chart."""
    if shown.axis != look.axis:
        return None
    plane = frame([*shown.under, *shown.series], log_y=look.log_y, window=look.window)
    inside, size = column - box.left - LABEL - 1, box.columns - LABEL - 1
    return plane.at(inside, size) if plane and 0 <= inside < size else None


def _shape(count: int, columns: int, rows: int) -> tuple[int, int]:
    """How many charts stand beside each other, and the rows of each."""
    most = max(1, min(count, (columns + _GAP) // (_NARROWEST + _GAP)))
    for across in range(1, most + 1):
        height = (rows + 1) // -(-count // across) - 1
        if height >= _ENOUGH:
            return across, height
    down = max(1, min(-(-count // most), (rows + 1) // (_LEAST + 1)))
    return most, (rows + 1) // down - 1


def _plot(shown: Chart, look: Look, *, braille: bool, chosen: bool | None) -> Plot:
    fits = shown.axis == look.axis
    return Plot(
        log_y=look.log_y,
        braille=braille,
        x_name="time" if shown.axis == "time" else "step",
        named=False,
        window=look.window if fits else WHOLE,
        cursor=look.cursor if fits else None,
        under=shown.under,
        remark=shown.remark,
        chosen=chosen,
    )


def _beside(drawn: Sequence[Sequence[Line]], size: int) -> list[Line]:
    """Charts of one height, side by side in columns of one width."""
    lines: list[Line] = []
    for parts in zip(*drawn, strict=True):
        spans: list[Span] = []
        for index, part in enumerate(parts):
            spans += [Span(" " * _GAP)] if index else []
            spans += part
            left = size - sum(width(span.text) for span in part)
            spans += [Span(" " * left)] if left > 0 and index < len(parts) - 1 else []
        lines.append(tuple(spans))
    return lines
