"""A table's plot as text: lines with bands, or the frontier of two metrics with crossed intervals.

Lines and intervals are dots of a canvas; on a frontier a letter stands at each point, so that
series are told apart without colours too.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from meta_tui.model.table_view import falls
from meta_tui.render.charts.plot_data import FRONTIER, Data, Path, Spot, paths
from meta_tui.render.charts.viewport import Frame, Scale, x_label
from meta_tui.render.text.dot_canvas import Canvas
from meta_tui.render.text.spans import SERIES, Line, Span, Style, crop, fit, line, right
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text, width

_ROWS, _LEAST, _LABEL = 14, 6, 8
_SPOKEN = {"adaptation_step": "adaptation steps"}
_MARKS = "ox+#%@&abcdefghijklmnpqrstuvwyz"
_DOTTED = 4
"""Dots from one dot of a dotted line to the next."""


def plane(
    plot: Data, columns: int, signs: Signs = UNICODE, rows: int = _ROWS, most: int | None = None
) -> list[Line]:
    """The plot with a title, so many rows of picture, its scale, and a legend.

    Args:
        plot: see `Table.plot`.
        columns: of the screen.
        signs: to draw with.
        rows: of the picture alone.
        most: lines in all, where there are no more; the legend gives way first.
    """
    every, lost = paths(plot)
    title = crop(line(Span(_title(plot), "strong")), columns)
    if not every:
        return [title, line(Span("  no points", "dim"))]
    frontier = plot.get("kind") == FRONTIER
    shown = every[: len(_MARKS) if frontier else len(SERIES)]
    told = [f"and {len(every) - len(shown)} more"] if len(every) > len(shown) else []
    told += ["points at 0 and below are not on a logarithmic axis"] if lost else []
    under = [crop(line(Span(f"  {text}", "dim")), columns) for text in told]
    legend = _legend(shown, columns, frontier=frontier)
    if most is not None:
        legend = legend[: max(1, most - _LEAST - 2 - len(under))]
        rows = max(_LEAST, most - 2 - len(legend) - len(under))
    whole = _frame(shown, log_x=bool(plot.get("log_x")))
    canvas = Canvas(max(1, columns - _LABEL - 1), rows, signs.braille)
    body = _crossed(canvas, whole, shown) if frontier else _banded(canvas, whole, shown)
    picture = [
        (Span(right(label, _LABEL) + "│", "dim"), *row)
        for label, row in zip(_labels(whole, rows), body, strict=True)
    ]
    return [title, *picture, _foot(whole, columns), *legend, *under]


def _title(plot: Data) -> str:
    x, y = (str(plot.get(name, "")) for name in ("x", "y"))
    title = f"{safe_text(y)} over {safe_text(_SPOKEN.get(x, x))}"
    if plot.get("log_x"):
        title += " (logarithmic)"
    if plot.get("along"):
        title += f" along {safe_text(str(plot['along']))}"
    if plot.get("kind") == FRONTIER:
        title += (
            f"  ({'lower' if falls(y) else 'upper'} {'left' if falls(x) else 'right'} is better)"
        )
    return title


def _frame(shown: Sequence[Path], *, log_x: bool) -> Frame:
    """The plane that shows every spot with its intervals."""
    spots = [spot for path in shown for spot in path.spots]
    xs = [x for spot in spots for x in (spot.x, *(spot.x_ends or ()))]
    ys = [y for spot in spots for y in (spot.y, *(spot.y_ends or ()))]
    scale: Scale = "power" if log_x else "number"
    return Frame(min(xs), max(xs), min(ys), max(ys), log=False, scale=scale)


def _style(at: int) -> Style:
    return SERIES[at % len(SERIES)]


def _banded(canvas: Canvas, whole: Frame, shown: Sequence[Path]) -> list[Line]:
    """Dotted edges of all bands, and over them the lines; of several each ends with its letter."""
    for at, path in enumerate(shown):
        banded = [spot for spot in path.spots if spot.y_ends]
        for one, other in pairwise(banded):
            for side in (0, 1):
                ends = [(spot.x, spot.y_ends[side]) for spot in (one, other) if spot.y_ends]
                _segment(canvas, whole, ends[0], ends[1], _style(at), step=_DOTTED)
        for spot in banded:
            _upright(canvas, whole, spot, _style(at))
    for at, path in enumerate(shown):
        for one, other in pairwise(path.spots):
            _segment(canvas, whole, (one.x, one.y), (other.x, other.y), _style(at))
    several = len(shown) > 1
    last = {at: path.spots[-1:] for at, path in enumerate(shown) if several or len(path.spots) == 1}
    return _marked(canvas, whole, last)


def _crossed(canvas: Canvas, whole: Frame, shown: Sequence[Path]) -> list[Line]:
    """Each spot with its intervals both ways; spots of one path are joined by dots."""
    for at, path in enumerate(shown):
        for one, other in pairwise(path.spots):
            _segment(canvas, whole, (one.x, one.y), (other.x, other.y), _style(at), step=_DOTTED)
        for spot in path.spots:
            _upright(canvas, whole, spot, _style(at))
            if spot.x_ends:
                low, high = spot.x_ends
                _segment(canvas, whole, (low, spot.y), (high, spot.y), _style(at))
    return _marked(canvas, whole, {at: path.spots for at, path in enumerate(shown)})


def _segment(
    canvas: Canvas,
    whole: Frame,
    start: tuple[float, float],
    end: tuple[float, float],
    style: Style,
    step: int = 1,
) -> None:
    """A straight line, of which one dot in `step` is drawn."""
    x0, x1 = (whole.across(x, canvas.across) for x in (start[0], end[0]))
    y0, y1 = (whole.down(y, canvas.down) for y in (start[1], end[1]))
    count = max(abs(x1 - x0), abs(y1 - y0))
    for dot in range(0, count + 1, step):
        share = dot / count if count else 0.0
        canvas.dot(x0 + round((x1 - x0) * share), y0 + round((y1 - y0) * share), style)


def _upright(canvas: Canvas, whole: Frame, spot: Spot, style: Style) -> None:
    """The interval of a spot in y."""
    if spot.y_ends:
        low, high = (whole.down(y, canvas.down) for y in spot.y_ends)
        canvas.upright(whole.across(spot.x, canvas.across), high, low, style)


def _marked(canvas: Canvas, whole: Frame, marked: Mapping[int, Sequence[Spot]]) -> list[Line]:
    """The canvas with a letter at each of these spots, and its name beside it where there is room.

    Of two spots at one place the later is seen.
    """
    letters = [
        [Span(letter, span.style) for span in row for letter in span.text] for row in canvas.lines()
    ]
    taken = set()
    for at, spots in marked.items():
        for spot in spots:
            place = whole.down(spot.y, canvas.rows), whole.across(spot.x, canvas.columns)
            letters[place[0]][place[1]] = Span(_MARKS[at], _style(at))
            taken.add(place)
    for spots in marked.values():
        for spot in spots:
            row, column = whole.down(spot.y, canvas.rows), whole.across(spot.x, canvas.columns)
            places = [(row, column + 1 + step) for step in range(width(spot.name))]
            if spot.name and places[-1][1] < canvas.columns and not taken & set(places):
                taken.update(places)
                for (_, beside), letter in zip(places, spot.name, strict=False):
                    letters[row][beside] = Span(letter, "dim")
    return [tuple(row) for row in letters]


def _labels(whole: Frame, rows: int) -> list[str]:
    labels = [""] * rows
    labels[-1] = whole.label(0.0)
    if whole.high > whole.low:
        labels[0] = whole.label(1.0)
        if rows > _LEAST:
            labels[rows // 2] = whole.label(1 - (rows // 2) / (rows - 1))
    return labels


def _foot(whole: Frame, columns: int) -> Line:
    """The first and the last x, and the one in their middle."""
    first, last = whole.ends()
    across = columns - _LABEL - 1
    if whole.right > whole.left:
        between = x_label(whole.at(0.5, 2), whole.scale)
        row = fit(first, max(0, (across - width(between)) // 2)) + between
        row = fit(row, max(0, across - width(last))) + last
    else:
        row = first
    return crop(line(Span(" " * (_LABEL + 1) + row, "dim")), columns)


def _legend(shown: Sequence[Path], columns: int, *, frontier: bool) -> list[Line]:
    """The name of each path behind its letter or a stroke of its line, as many as fit a line."""
    size = min(columns, max(width(path.label) for path in shown) + 5)
    across = max(1, columns // size)
    entries = []
    for at, path in enumerate(shown):
        mark = _MARKS[at] if len(shown) > 1 or frontier or len(path.spots) == 1 else "━"
        entries.append((Span(f"  {mark} ", _style(at)), Span(fit(path.label, size - 4))))
    return [
        tuple(span for entry in entries[at : at + across] for span in entry)
        for at in range(0, len(entries), across)
    ]
