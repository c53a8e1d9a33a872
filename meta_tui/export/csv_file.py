"""A sheet as CSV (RFC 4180): every number in full, an interval in columns of its own."""

import csv
import io
from collections.abc import Iterable, Sequence

from engine.library.artifacts import Interval, Row
from meta_tui.model.table_view import Sheet, axes, choices
from pipelines.core.text import safe_text

Cell = str | float | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with; the last four are the full-width forms of the first."""
_SPREAD = ("", " low", " high", " n", " over", " dropped", " draws", " least", " most")


def commas(sheet: Sheet, name: str) -> str:
    """The text of the file. The table's name is that of the file."""
    del name
    named = [axis for axis in axes(sheet.table) if _shown(sheet, axis)]
    compared = {metric for _, metric in sheet.differences}
    heads: list[Cell] = ["stage", *named, "chosen"]
    for metric in sheet.metrics:
        heads += [metric + part for part in _SPREAD]
        if metric in compared:
            difference = f"{metric} - {sheet.table.baseline}"
            heads += [*(difference + part for part in _SPREAD), f"{difference} p (Holm)"]
            heads.append(f"{difference} verdict")
    heads.append("notes")
    lines = [heads, *(_row(sheet, row, named, compared) for row in sheet.rows)]
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in line] for line in lines)
    return text.getvalue()


def _shown(sheet: Sheet, axis: str) -> bool:
    return any(column.kind == "axis" and column.name == axis for column in sheet.columns)


def _row(sheet: Sheet, row: Row, named: Sequence[str], compared: Iterable[str]) -> list[Cell]:
    cells: list[Cell] = [row.stage, *(row.axes.get(axis, "") for axis in named), choices(row)]
    for metric in sheet.metrics:
        cells += _spread(row.values.get(metric))
        if metric in compared:
            pair = sheet.contrast(row, metric)
            cells += _spread(pair.difference if pair else None)
            cells += [pair.p, pair.verdict] if pair else [None, None]
    return [*cells, "; ".join(row.notes)]


def _spread(found: Interval | None) -> list[Cell]:
    if found is None:
        return [None] * len(_SPREAD)
    n = [found.n, found.over, found.dropped, found.draws or None]
    return [found.mean, found.low, found.high, *n, found.least, found.most]


def _harmless(cell: Cell) -> Cell:
    """Text that a spreadsheet would compute, behind the mark by which it does not."""
    if not isinstance(cell, str):
        return cell
    text = safe_text(cell)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
