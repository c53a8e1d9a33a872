"""A table's matrix as text: a number for each row and task, with a shade to see it by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.library.artifacts import Table
from meta_tui.render.tables.row_labels import names
from meta_tui.render.text.numbers import ABSENT, metric
from meta_tui.render.text.spans import Line, Span, crop, fit, line, right
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text, width

_GAP = 2
_SHADE = 2
_HEAD_MOST = 14
_LABEL_LEAST = 12


@dataclass(frozen=True, slots=True)
class _Row:
    """A row's label and its value at each place where it has one; None where it was lost."""

    label: str
    values: Mapping[int, float | None]

    def text(self, place: int) -> str:
        """A number, a dash where all runs were lost, `n/a` where the task was not judged."""
        if place not in self.values:
            return "n/a"
        value = self.values[place]
        return ABSENT if value is None else metric(value)


def matrix(shown: Table, columns: int, signs: Signs = UNICODE) -> list[Line]:
    """Rows by tasks; tasks that do not fit beside each other follow below."""
    plot = shown.plot
    tasks = [safe_text(str(task)) for task in plot.get("columns", ())]
    rows = _rows(shown)
    title = crop(line(Span(f"{safe_text(str(plot.get('y', '')))} by task", "strong")), columns)
    values = [value for row in rows for value in row.values.values() if value is not None]
    if not values:
        return [title, line(Span("  no values", "dim"))]
    ends = min(values), max(values)
    numbers = max(width(row.text(at)) for row in rows for at in range(len(tasks)))
    heads = max(min(_HEAD_MOST, width(task)) for task in tasks)
    size = max(heads, numbers + 1 + _SHADE)
    label = max(_LABEL_LEAST, min(max(width(row.label) for row in rows), columns // 2))
    beside = max(1, (columns - label) // (size + _GAP))
    lines = [title]
    for first in range(0, len(tasks), beside):
        places = range(first, min(first + beside, len(tasks)))
        head = "".join(" " * _GAP + right(tasks[place], size) for place in places)
        lines.append(line(Span(" " * label + head, "strong")))
        for row in rows:
            spans = [part for at in places for part in _cell(row, at, size, ends, signs)]
            lines.append(line(fit(row.label, label), *spans))
    return [crop(row, columns) for row in [*lines, _legend(ends, signs)]]


def _rows(shown: Table) -> Sequence[_Row]:
    """The rows that the plot has, under the labels that they have in the table."""
    _, texts = names(shown)
    short = {row.label: text for row, text in zip(shown.rows, texts, strict=True)}
    return [
        _Row(
            short.get(label, safe_text(str(label))),
            {int(point[0]): point[1] for point in item.get("points", ())},
        )
        for item in shown.plot.get("series", ())
        for label in [item.get("label", "")]
    ]


def _cell(
    row: _Row, place: int, size: int, ends: tuple[float, float], signs: Signs
) -> tuple[Span, Span]:
    value = row.values.get(place)
    text = " " * _GAP + right(row.text(place), size - 1 - _SHADE) + " "
    if value is None:
        return Span(text, "dim"), Span(" " * _SHADE)
    low, high = ends
    share = (value - low) / (high - low) if high > low else 1.0
    shade = signs.shades[round(share * (len(signs.shades) - 1))]
    return Span(text), Span(shade * _SHADE, "accent")


def _legend(ends: tuple[float, float], signs: Signs) -> Line:
    """What the shades stand for."""
    low, high = ends
    shades = Span("".join(shade * _SHADE for shade in signs.shades), "accent")
    return line(Span(f"  {metric(low)} ", "dim"), shades, Span(f" {metric(high)}", "dim"))
