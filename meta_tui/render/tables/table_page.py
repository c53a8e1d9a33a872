"""A table as its reader asks for it: a grid, bars, or one of its plots, in so much room."""

from collections.abc import Sequence
from dataclasses import dataclass

from meta_tui.model.table_cursor import Reading
from meta_tui.model.table_notes import remarks
from meta_tui.model.table_view import Column, Sheet
from meta_tui.render.charts.plot_data import MATRIX, Data, plots
from meta_tui.render.charts.xy_plot import plane
from meta_tui.render.tables.bars import bars
from meta_tui.render.tables.grid import grid
from meta_tui.render.tables.matrix import matrix
from meta_tui.render.text.spans import Line, Span, line, wrap
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text

_LEAST = 10
"""Lines of a plot, however little room there is."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is drawn.

    Attributes:
        head: stays while the lines scroll.
        lines: rows, headings, remarks, or a picture.
        places: label of the row of each line; empty, or not there, for what is no row.
        spots: (first, behind the last, column) of each column that is on the screen.
        told: what was asked for, in a line.
    """

    head: tuple[Line, ...]
    lines: tuple[Line, ...]
    places: tuple[str, ...]
    spots: tuple[tuple[int, int, Column], ...]
    told: str


def tablepage(reading: Reading, columns: int, rows: int, signs: Signs = UNICODE) -> Page:
    """The page; scrolls the reading to its marked column."""
    if reading.view == "plot":
        return _plotted(reading, columns, rows, signs)
    told = _asked(reading)
    if reading.view == "bars":
        lines, places = bars(reading.sheet, columns, signs)
        return Page((), (*lines, *_under(reading.sheet, columns)), tuple(places), (), told)
    drawn = grid(reading.sheet, columns, reading.first, reading.marked, signs)
    while reading.reveal(drawn.shown):
        drawn = grid(reading.sheet, columns, reading.first, reading.marked, signs)
    lines = [*drawn.lines, *_under(reading.sheet, columns)]
    return Page(drawn.head, tuple(lines), drawn.places, drawn.spots, told)


def _under(sheet: Sheet, columns: int) -> list[Line]:
    """What must be known of the numbers."""
    lines: list[Line] = [()]
    for remark in remarks(sheet.table):
        lines += [line(Span(part, "dim")) for part in wrap(safe_text(remark), columns)]
    return lines


def _asked(reading: Reading) -> str:
    """Baseline, group, filter, and what is left out."""
    order, sheet = reading.order, reading.sheet
    parts = []
    if sheet.table.baseline:
        chosen = " (chosen here)" if reading.baseline else ""
        parts.append(f"baseline {sheet.table.baseline}{chosen}")
    if order.group:
        parts.append(f"by {order.group}")
    if order.words.strip():
        count = f"{len(sheet.rows)} of {len(sheet.table.rows)} rows"
        parts.append(f"/{order.words.strip()}: {count}")
    if order.differing:
        parts.append(f"same in all: {', '.join(sheet.same)}" if sheet.same else "all differ")
    return safe_text(" · ".join(parts))


def all_plots(reading: Reading) -> Sequence[Data]:
    """The plots of the table, then those of the curves that were read beside it."""
    found = plots(reading.table)
    seen = {(plot.get("kind"), plot.get("y")) for plot in found}
    more = (plot for plot in reading.curves if (plot.get("kind"), plot.get("y")) not in seen)
    return [*found, *more]


def _plotted(reading: Reading, columns: int, rows: int, signs: Signs) -> Page:
    found = all_plots(reading)
    if not found:
        lines = [line(Span("no plot: `compare` has a parameter for one", "dim"))]
        return Page((), tuple(lines), (), (), "")
    reading.plot %= len(found)
    chosen = found[reading.plot]
    if chosen.get("kind") == MATRIX:
        lines = matrix(reading.table, columns, signs)
    else:
        shown = _filtered(chosen, reading.sheet)
        lines = plane(shown, columns, signs, most=max(_LEAST, rows))
    words = reading.order.words.strip()
    told = [f"plot {reading.plot + 1}/{len(found)}, ←→"] if len(found) > 1 else []
    told += [f"/{words}"] if words else []
    return Page((), tuple(lines), (), (), safe_text(" · ".join(told)))


def _filtered(plot: Data, sheet: Sheet) -> Data:
    """The plot without the series of rows that are left out."""
    left_out = {row.label for row in sheet.table.rows} - {row.label for row in sheet.rows}
    kept = [item for item in plot.get("series", ()) if item.get("label") not in left_out]
    return {**plot, "series": kept}
