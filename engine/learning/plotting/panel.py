"""One panel of a chart: curves over a pair of axes. See `charts`, which puts panels on a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from engine.learning.plotting import drawing
from engine.learning.plotting.ticks import Axis, labels

BLACK, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#1b1b1b", "#0072b2", "#d55e00", "#009e73", "#b8589b", "#e69f00", "#56b4e9",
)  # fmt: skip
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""Okabe and Ito's colours, which colour-blind people can tell apart."""
DASHES: tuple[tuple[float, ...], ...] = ((), (7, 3), (2, 2.5), (9, 3, 2, 3))
"""Whole, dashed, dotted, mixed: curves differ in more than colour."""
OPACITY = 0.18
"""Of bands."""

PAPER, TEXT, SOFT = "#ffffff", "#262626", "#5f5f5c"
TITLE, HEAD, LABEL, SMALL = 17.0, 12.0, 11.0, 9.5
"""Sizes of letters, in points."""
_GROUND, _GRID, _EDGE = "#f8f8f6", "#e4e4e0", "#b9b9b4"
_TICK = 4.0
_APART = (58.0, 34.0)
"""Points between ticks, about: across and down."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a curve looks.

    Attributes:
        colour: `#rrggbb`.
        width: of its line, in points; 0 for none.
        dash: see `ink.Stroke`.
        marker: sign at each of its points; "" for none.
        radius: of the signs, in points.
    """

    colour: str = BLUE
    width: float = 2.0
    dash: tuple[float, ...] = ()
    marker: drawing.Marker = ""
    radius: float = 3.2


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y) in order.

    Attributes:
        x: numbers.
        y: numbers; the line is broken where one is nan.
        label: in the legend, once a chart; "" for none.
        style: how it looks.
        low: lower edge of a band around it; () for none.
        high: its upper edge.
    """

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""
    style: Style = field(default_factory=Style)
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes:
        curves: drawn in this order.
        title: over it.
        note: small, over its right end.
        x_label: under it.
        y_label: at its left.
        x_range: least and greatest x; what the curves need where it is None.
        y_range: the same for y.
        log_x: logarithmic x.
        log_y: logarithmic y.
    """

    curves: tuple[Curve, ...]
    title: str = ""
    note: str = ""
    x_label: str = ""
    y_label: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a panel, and which of them have numbers.

    Attributes:
        x: from left to right.
        y: from below.
        left: the y axis has numbers and its label.
        bottom: the x axis has.
    """

    x: Axis
    y: Axis
    left: bool = True
    bottom: bool = True

    def x_ticks(self, width: float) -> list[float]:
        """Ticks for so many points."""
        return self.x.ticks(max(2, round(width / _APART[0])))

    def y_ticks(self, height: float) -> list[float]:
        """Ticks for so many points."""
        return self.y.ticks(max(2, round(height / _APART[1])))


def above(panel: Panel, width: float) -> float:
    """Points that its title and its note take: a line, or two where one is too short for both."""
    title = 1.4 * HEAD if panel.title else 0.0
    note = 1.6 * SMALL if panel.note else 0.0
    return title + note if title and _crowded(panel, width) else max(title, note)


def _crowded(panel: Panel, width: float) -> bool:
    both = drawing.text_width(panel.title, HEAD) + drawing.text_width(panel.note, SMALL)
    return bool(panel.note) and both + 2 * HEAD > width


def left_of(panel: Panel, axes: Axes, height: float) -> float:
    """Points that the numbers and the label of its y axis take."""
    if not axes.left:
        return 0.0
    said = labels(axes.y_ticks(height))
    numbers = max((drawing.text_width(text, SMALL) for text in said), default=0.0)
    return numbers + _TICK + 4 + (1.6 * LABEL if panel.y_label else 0.0)


def below(panel: Panel, axes: Axes) -> float:
    """Points that the numbers and the label of its x axis take."""
    if not axes.bottom:
        return 0.0
    return _TICK + 1.5 * SMALL + (1.5 * LABEL if panel.x_label else 0.0)


def draw(
    page: Image.Image,
    at: drawing.Point,
    size: tuple[float, float],
    panel: Panel,
    axes: Axes,
    left: float,
) -> None:
    """Draw a panel on a page.

    Args:
        page: to draw on.
        at: the upper left corner of its plotted part, in points.
        size: of its plotted part, in points.
        panel: what to draw.
        axes: over which.
        left: points at the left of `at` that are free for numbers and label.
    """
    width, height = size
    surface = drawing.Surface(width, height, _GROUND)
    grid = drawing.Stroke(_GRID, 0.8)
    for tick in axes.x_ticks(width):
        surface.line([_at(axes, size, tick, None, 1.0), _at(axes, size, tick, None, 0.0)], grid)
    for tick in axes.y_ticks(height):
        surface.line([_at(axes, size, None, tick, 0.0), _at(axes, size, None, tick, 1.0)], grid)
    for curve in panel.curves:
        _curve(surface, size, axes, curve)
    edge = drawing.Stroke(_EDGE, 1.6)
    surface.line([(0, 0), (0, height), (width, height)], edge)
    page.paste(surface.image(), (round(at[0] * drawing.SCALE), round(at[1] * drawing.SCALE)))
    _text(page, at, size, panel, axes, left)
    _numbers(page, at, size, axes)


def _text(
    page: Image.Image,
    at: drawing.Point,
    size: tuple[float, float],
    panel: Panel,
    axes: Axes,
    left: float,
) -> None:
    """Title, note and the labels of the axes; see `draw`."""
    width, height = size
    if panel.title:
        up = 5 + 1.6 * SMALL if _crowded(panel, width) else 5
        drawing.write(page, (at[0], at[1] - up), drawing.cut(panel.title, HEAD, width), HEAD, TEXT)
    if panel.note:
        drawing.write(page, (at[0] + width, at[1] - 5), panel.note, SMALL, SOFT, anchor="rs")
    if panel.y_label and axes.left:
        place = at[0] - left + 0.6 * LABEL, at[1] + height / 2
        drawing.write_upwards(page, place, panel.y_label, LABEL, TEXT)
    if panel.x_label and axes.bottom:
        place = at[0] + width / 2, at[1] + height + _TICK + 1.5 * SMALL + LABEL
        drawing.write(page, place, panel.x_label, LABEL, TEXT, anchor="ms")


def _curve(surface: drawing.Surface, size: tuple[float, float], axes: Axes, curve: Curve) -> None:
    style = curve.style
    if len(curve.low):
        edge = [*zip(curve.x, curve.low, strict=True)]
        edge += reversed([*zip(curve.x, curve.high, strict=True)])
        surface.area([_at(axes, size, x, y) for x, y in edge], style.colour, OPACITY)
    points = [_at(axes, size, x, y) for x, y in zip(curve.x, curve.y, strict=True)]
    if style.width:
        surface.line(points, drawing.Stroke(style.colour, style.width, style.dash))
    for point in points:
        surface.marker(point, style.marker, style.radius, style.colour, PAPER)


def _at(
    axes: Axes,
    size: tuple[float, float],
    x: float | None,
    y: float | None,
    share: float = 0.0,
) -> drawing.Point:
    """Points right and down of a value; of a share of the other axis where one is None."""
    across = share if x is None else axes.x.place(x)
    up = share if y is None else axes.y.place(y)
    return across * size[0], (1 - up) * size[1]


def _numbers(page: Image.Image, at: drawing.Point, size: tuple[float, float], axes: Axes) -> None:
    width, height = size
    if axes.left:
        ticks = axes.y_ticks(height)
        for tick, text in zip(ticks, labels(ticks), strict=True):
            place = at[0] - _TICK, at[1] + (1 - axes.y.place(tick)) * height
            drawing.write(page, place, text, SMALL, SOFT, anchor="rm")
    if axes.bottom:
        ticks = axes.x_ticks(width)
        for tick, text in zip(ticks, labels(ticks), strict=True):
            place = at[0] + axes.x.place(tick) * width, at[1] + height + _TICK + SMALL
            drawing.write(page, place, text, SMALL, SOFT, anchor="ms")
