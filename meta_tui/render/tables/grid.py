"""A sheet as a grid: names of the rows stand still at the left, numbers scroll beside them.

Every metric has its columns under its name: the mean with its interval, a bar on the scale that
all rows share, and where there is a baseline the difference to it, p and what may be said of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.library.artifacts import Row
from meta_tui.model.table_notes import column as intervals_of
from meta_tui.model.table_view import NAMES, Column, Sheet
from meta_tui.render.tables.cells import heading, texts
from meta_tui.render.tables.contrasts import real
from meta_tui.render.tables.intervals import interval_bar, ruler, scale
from meta_tui.render.text.spans import Line, Span, Style, crop, fit, line, right
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text, width

_GAP = 2
_BARS = ((160, 24), (100, 18), (0, 12))
"""Columns of a bar on a screen of so many."""
_NAME_LEAST, _NUMBERS = 5, 32
"""Columns of a name, and of numbers beside the names, however long those are."""
_Draw = Callable[[Row, int], Line]
"""A row and a size -> its cell, in exactly so many columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is drawn.

    Attributes:
        head: two lines that stay while rows scroll.
        lines: headings and rows.
        places: for each line the label of its row; empty for a heading.
        spots: (first, behind the last, column) of each column that is on the screen.
    """

    head: tuple[Line, ...]
    lines: tuple[Line, ...]
    places: tuple[str, ...]
    spots: tuple[tuple[int, int, Column], ...]

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that are on the screen."""
        return tuple(column for _, _, column in self.spots)


@dataclass(frozen=True, slots=True)
class _Part:
    """A column in the making."""

    column: Column
    head: str
    size: int
    draw: _Draw


class _Text(NamedTuple):
    """A text and its width, which is measured once."""

    text: str
    size: int

    def padded(self, columns: int, *, left: bool = True) -> str:
        """The text in exactly so many columns, at their left or right."""
        if self.size > columns:
            return fit(self.text, columns)
        blank = " " * (columns - self.size)
        return self.text + blank if left else blank + self.text


def grid(
    sheet: Sheet, columns: int, first: int = 0, cursor: Column | None = None, signs: Signs = UNICODE
) -> Grid:
    """The sheet in so many columns of the screen.

    Args:
        sheet: what to draw.
        columns: of the screen.
        first: how many columns of numbers are scrolled away.
        cursor: column whose head is marked.
        signs: to draw with.
    """
    bar = next(size for least, size in _BARS if columns >= least)
    names = [_part(sheet, column, bar, signs) for column in sheet.columns if column.kind in NAMES]
    names = _narrowed(names, max(columns // 2, columns - _NUMBERS))
    numbers = [column for column in sheet.columns if column.kind not in NAMES]
    first = max(0, min(first, len(numbers) - 1))
    used = sum(part.size + _GAP for part in names)
    seen: list[_Part] = []
    for column in numbers[first:]:
        part = _part(sheet, column, bar, signs)
        if seen and used + part.size > columns:
            break
        seen.append(part)
        used += part.size + _GAP
    spots, at = [], 0
    for part in (*names, *seen):
        spots.append((at, at + part.size, part.column))
        at += part.size + _GAP
    more = first > 0, first + len(seen) < len(numbers)
    head = _titles(spots, columns, more, signs), _heads((*names, *seen), cursor)
    lines, places = _lines(sheet, (*names, *seen))
    return Grid(
        tuple(crop(row, columns) for row in head),
        tuple(lines if at - _GAP <= columns else (crop(row, columns) for row in lines)),
        tuple(places),
        tuple(spots),
    )


def _lines(sheet: Sheet, parts: Sequence[_Part]) -> tuple[list[Line], list[str]]:
    """The rows under their headings, and whose line each is."""
    lines: list[Line] = []
    places: list[str] = []
    for group in sheet.groups:
        if group.heading:
            count = f"  {len(group.rows)} row{'s' * (len(group.rows) != 1)}"
            lines.append(line(Span(safe_text(group.heading), "strong"), Span(count, "dim")))
            places.append("")
        for row in group.rows:
            lines.append(_spread([part.draw(row, part.size) for part in parts]))
            places.append(row.label)
    return lines, places


def _spread(cells: Sequence[Line]) -> Line:
    """Cells beside each other."""
    gap = Span(" " * _GAP)
    return tuple(span for cell in cells for span in (*cell, gap))[:-1]


def _titles(
    spots: Sequence[tuple[int, int, Column]], columns: int, more: tuple[bool, bool], signs: Signs
) -> Line:
    """The name of each metric over its columns, and whether there are more at either side."""
    blocks: dict[str, tuple[int, int]] = {}
    for start, end, column in spots:
        if column.kind not in NAMES:
            blocks[column.name] = blocks.get(column.name, (start, end))[0], end
    text = ""
    for name, (start, end) in blocks.items():
        arrow = f"{signs.before} " if more[0] and not text else ""
        text += " " * (start - width(text)) + fit(arrow + safe_text(name), end - start)
    if more[1]:
        text = f"{fit(text.rstrip(), columns - 2)} {signs.after}"
    return line(Span(text, "strong"))


def _heads(parts: Sequence[_Part], cursor: Column | None) -> Line:
    cells: list[Line] = []
    for part in parts:
        style: Style = "accent" if part.column == cursor else "dim"
        aligned = right if part.column.kind in ("mean", "difference", "p") else fit
        cells.append((Span(aligned(part.head, part.size), style),))
    return _spread(cells)


def _narrowed(parts: Sequence[_Part], most: int) -> list[_Part]:
    """Names in at most so many columns: the widest give way first."""
    sizes = [part.size for part in parts]
    while sum(sizes) + _GAP * len(sizes) > most and max(sizes) > _NAME_LEAST:
        sizes[sizes.index(max(sizes))] -= 1
    return [
        _Part(part.column, part.head, size, part.draw)
        for part, size in zip(parts, sizes, strict=True)
    ]


def _part(sheet: Sheet, column: Column, bar: int, signs: Signs) -> _Part:
    """A column with its head, as wide as it needs."""
    arrow = ""
    if sheet.order.sort == column:
        arrow = " " + (signs.falling if sheet.order.falling else signs.rising)
    if column.kind == "bar":
        ends = scale(intervals_of(sheet.table.rows, column.name))
        head = ruler(*ends, bar) if ends else ""
        return _Part(column, head, bar, _bar(column.name, ends, signs))
    head = heading(sheet, column) + arrow
    text = texts(sheet, column)
    # Once a row: of those that are filtered out too, so that no width jumps while words are typed.
    every = {row.label: _Text(found := text(row), width(found)) for row in sheet.table.rows}
    size = max(width(head), *(found.size for found in every.values()), 0)
    if column.kind in NAMES:
        return _Part(column, head, size, _named(sheet, every))
    return _Part(column, head, size, _number(sheet, column, every))


def _named(sheet: Sheet, every: Mapping[str, _Text]) -> _Draw:
    def draw(row: Row, size: int) -> Line:
        style: Style = "accent" if row.label == sheet.table.baseline else ""
        return (Span(every[row.label].padded(size), style),)

    return draw


def _number(sheet: Sheet, column: Column, every: Mapping[str, _Text]) -> _Draw:
    left = column.kind == "verdict"

    def draw(row: Row, size: int) -> Line:
        pair = sheet.contrast(row, column.name)
        style: Style = "" if column.kind == "mean" else "dim"
        if pair is not None and real(pair) and column.kind != "mean":
            style = "accent"
        return (Span(every[row.label].padded(size, left=left), style),)

    return draw


def _bar(name: str, ends: tuple[float, float] | None, signs: Signs) -> _Draw:
    def draw(row: Row, size: int) -> Line:
        interval = row.values.get(name)
        if ends is None or interval is None or interval.mean is None:
            return (Span(" " * size),)
        return interval_bar(interval, *ends, size, signs)

    return draw
