"""A sheet as bars: for each metric all rows on one scale, as wide as the screen."""

from engine.library.artifacts import Row
from meta_tui.model.table_notes import column as intervals_of
from meta_tui.model.table_view import NAMES, Column, Sheet
from meta_tui.render.tables.cells import texts
from meta_tui.render.tables.contrasts import real
from meta_tui.render.tables.intervals import interval_bar, ruler, scale
from meta_tui.render.text.spans import Line, Span, Style, crop, fit, line, right
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text, width

_GAP = "  "
_LEAST = 20


def bars(sheet: Sheet, columns: int, signs: Signs = UNICODE) -> tuple[list[Line], list[str]]:
    """A block for each metric; and for each line the label of its row, empty for a head."""
    lines: list[Line] = []
    places: list[str] = []
    labels = _labels(sheet, columns // 3)
    for name in sheet.metrics:
        drawn = _block(sheet, name, labels, columns, signs)
        lines += [*([()] if lines else []), *(crop(row, columns) for row, _ in drawn)]
        places += [*([""] if places else []), *(label for _, label in drawn)]
    return lines, places


def _labels(sheet: Sheet, most: int) -> dict[str, str]:
    """The names of the rows, in columns of one width."""
    names = [column for column in sheet.columns if column.kind in NAMES]
    every = {row.label: [texts(sheet, column)(row) for column in names] for row in sheet.rows}
    sizes = [
        max((width(parts[at]) for parts in every.values()), default=0) for at in range(len(names))
    ]
    joined = {
        label: _GAP.join(fit(part, size) for part, size in zip(parts, sizes, strict=True)).rstrip()
        for label, parts in every.items()
    }
    size = min(most, max((width(text) for text in joined.values()), default=0))
    return {label: fit(text, size) for label, text in joined.items()}


def _block(
    sheet: Sheet, name: str, labels: dict[str, str], columns: int, signs: Signs
) -> list[tuple[Line, str]]:
    value = texts(sheet, Column("mean", name))
    delta = texts(sheet, Column("difference", name))
    label = max((width(text) for text in labels.values()), default=0)
    sizes = [max((width(text(row)) for row in sheet.rows), default=0) for text in (value, delta)]
    if columns - label - sum(sizes) - 3 * len(_GAP) < _LEAST and sizes[1]:
        # Of the difference only its star is left: this view is for the bars.
        full = delta
        delta, sizes[1] = lambda row: full(row)[-1:].strip("e"), 1
    beside = label + sum(size + len(_GAP) for size in sizes if size)
    bar = max(1, columns - beside - len(_GAP))
    ends = scale(intervals_of(sheet.table.rows, name))
    title = Span(fit(safe_text(name), beside), "strong")
    drawn: list[tuple[Line, str]] = [
        (line(title, Span(_GAP + ruler(*ends, bar), "dim")) if ends else line(title), "")
    ]
    for row in sheet.rows:
        spans = [
            Span(labels[row.label], _named(sheet, row)),
            Span(_GAP + right(value(row), sizes[0])),
        ]
        if sizes[1]:
            pair = sheet.contrast(row, name)
            style: Style = "accent" if pair and real(pair) else "dim"
            spans.append(Span(_GAP + right(delta(row), sizes[1]), style))
        rail = interval_bar(row.values.get(name), *ends, bar, signs) if ends else ()
        drawn.append(((*spans, Span(_GAP), *rail), row.label))
    return drawn


def _named(sheet: Sheet, row: Row) -> Style:
    return "accent" if row.label == sheet.table.baseline else ""
