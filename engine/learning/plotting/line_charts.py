"""Line charts in small multiples, drawn as PNG for a page at two pixels a point.

A chart is a value: panels in rows, curves in panels. `png(chart)` draws it; the same chart gives
the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from PIL import Image

from engine.learning.plotting import drawing
from engine.learning.plotting import panel as panels
from engine.learning.plotting.panel import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    VERMILION,
    Axes,
    Curve,
    Panel,
    Style,
)
from engine.learning.plotting.ticks import Axis, fitted

__all__ = [
    "BLACK", "BLUE", "DASHES", "GREEN", "ORANGE", "PALETTE", "PURPLE", "SKY", "VERMILION",
    "Chart", "Curve", "Panel", "Style", "draw", "png",
]  # fmt: skip

_MARGIN, _GAP, _LINE = 16.0, 14.0, 1.35
_SAMPLE, _BESIDE, _APART = 26.0, 6.0, 18.0
"""Of the legend: length of a line, room before its label, and between entries."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels in rows, with one legend for all.

    Attributes:
        rows: of panels, all of the same number.
        title: over all.
        subtitle: under the title.
        size: points across and down of the plotted part of a panel.
        shared: panels of a row have one y axis, those of a column one x axis, and their numbers
            and labels stand at the left and at the bottom alone.
    """

    rows: tuple[tuple[Panel, ...], ...]
    title: str = ""
    subtitle: str = ""
    size: tuple[float, float] = (230.0, 160.0)
    shared: bool = False


def png(chart: Chart) -> bytes:
    """The chart as PNG."""
    return drawing.packed(draw(chart))


def draw(chart: Chart) -> Image.Image:
    """The chart as an image.

    Raises:
        ValueError: its rows have different numbers of panels, or there is none.
    """
    if not chart.rows or not chart.rows[0] or len({len(row) for row in chart.rows}) > 1:
        raise ValueError("a chart has rows of the same number of panels, at least one")
    # 1. Room: left of each column and under each row, for numbers and labels.
    axes = _axes(chart)
    across, down = chart.size
    pairs = [[*zip(*both, strict=True)] for both in zip(chart.rows, axes, strict=True)]
    lefts = [max(panels.left_of(p, a, down) for p, a in col) for col in zip(*pairs, strict=True)]
    bottoms = [max(panels.below(panel, its) for panel, its in row) for row in pairs]
    tops = [max(panels.above(panel, across) for panel in row) for row in chart.rows]
    width = sum(lefts) + len(lefts) * across + _GAP * (len(lefts) - 1)
    heads = _Heads(chart, width)
    height = heads.height + sum(tops) + sum(bottoms) + len(tops) * down + _GAP * (len(tops) - 1)
    size = [round((length + 2 * _MARGIN) * drawing.SCALE) for length in (width, height)]
    page = Image.new("RGB", (size[0], size[1]), panels.PAPER)
    # 2. What stands over all panels, then the panels.
    heads.write(page)
    y = _MARGIN + heads.height
    for row, line in enumerate(pairs):
        x, y = _MARGIN, y + tops[row]
        for column, (panel, its) in enumerate(line):
            x += lefts[column]
            panels.draw(page, (x, y), chart.size, panel, its, lefts[column])
            x += across + _GAP
        y += down + bottoms[row] + _GAP
    return page


def _axes(chart: Chart) -> list[list[Axes]]:
    """The axes of each panel."""
    if not chart.shared:
        return [[Axes(x_axis([panel]), y_axis([panel])) for panel in row] for row in chart.rows]
    xs = [x_axis(column) for column in zip(*chart.rows, strict=True)]
    ys = [y_axis(row) for row in chart.rows]
    last = len(ys) - 1
    return [
        [Axes(x, y, left=column == 0, bottom=row == last) for column, x in enumerate(xs)]
        for row, y in enumerate(ys)
    ]


def x_axis(shown: Sequence[Panel]) -> Axis:
    """An x axis that serves all of them."""
    given = next((panel.x_range for panel in shown if panel.x_range), None)
    log = any(panel.log_x for panel in shown)
    if given:
        return Axis(*given, log=log)
    return fitted([x for panel in shown for curve in panel.curves for x in curve.x], log=log)


def y_axis(shown: Sequence[Panel]) -> Axis:
    """A y axis that serves all of them."""
    given = next((panel.y_range for panel in shown if panel.y_range), None)
    log = any(panel.log_y for panel in shown)
    if given:
        return Axis(*given, log=log)
    curves = [curve for panel in shown for curve in panel.curves]
    return fitted([y for c in curves for part in (c.y, c.low, c.high) for y in part], log=log)


class _Heads:
    """Title, subtitle and legend: their lines, and the room that they take."""

    def __init__(self, chart: Chart, width: float) -> None:
        self._title = drawing.wrapped(chart.title, panels.TITLE, width)
        self._subtitle = drawing.wrapped(chart.subtitle, panels.LABEL, width)
        self._legend = _legend(chart, width)
        self.height = (
            _LINE * panels.TITLE * len(self._title)
            + _LINE * panels.LABEL * len(self._subtitle)
            + 1.6 * panels.LABEL * len(self._legend)
            + (10 if self._title or self._subtitle or self._legend else 0)
        )

    def write(self, page: Image.Image) -> None:
        """Write them at the top of a page."""
        y = _MARGIN
        for line in self._title:
            drawing.write(page, (_MARGIN, y + panels.TITLE), line, panels.TITLE, panels.TEXT)
            y += _LINE * panels.TITLE
        for line in self._subtitle:
            drawing.write(page, (_MARGIN, y + panels.LABEL), line, panels.LABEL, panels.SOFT)
            y += _LINE * panels.LABEL
        y += 5
        for entries in self._legend:
            for x, curve in entries:
                _sample(page, (_MARGIN + x, y), curve)
            y += 1.6 * panels.LABEL


def _legend(chart: Chart, width: float) -> list[list[tuple[float, Curve]]]:
    """Lines of the legend: where each entry begins, and a curve with its label and look."""
    entries: dict[str, Curve] = {}
    for panel in chain.from_iterable(chart.rows):
        for curve in panel.curves:
            if curve.label:
                entries.setdefault(curve.label, curve)
    lines: list[list[tuple[float, Curve]]] = []
    x = width
    for label, curve in entries.items():
        size = _length(curve) + _BESIDE + drawing.text_width(label, panels.LABEL)
        if not lines or x + size > width:
            lines.append([])
            x = 0.0
        lines[-1].append((x, curve))
        x += size + _APART
    return lines


def _length(curve: Curve) -> float:
    return _SAMPLE if curve.style.width else 2 * curve.style.radius + 3


def _sample(page: Image.Image, at: drawing.Point, curve: Curve) -> None:
    """An entry of the legend."""
    style, length, middle = curve.style, _length(curve), 0.7 * panels.LABEL
    surface = drawing.Surface(length, 2 * middle, panels.PAPER)
    if len(curve.low):
        top, foot = middle - 4, middle + 4
        band = [(0.0, top), (length, top), (length, foot), (0.0, foot)]
        surface.area(band, style.colour, panels.OPACITY)
    if style.width:
        ends = [(1.5, middle), (length - 1.5, middle)]
        surface.line(ends, drawing.Stroke(style.colour, style.width, style.dash))
    surface.marker((length / 2, middle), style.marker, style.radius, style.colour, panels.PAPER)
    page.paste(surface.image(), (round(at[0] * drawing.SCALE), round(at[1] * drawing.SCALE)))
    place = at[0] + length + _BESIDE, at[1] + middle
    drawing.write(page, place, curve.label, panels.LABEL, panels.TEXT, anchor="lm")
