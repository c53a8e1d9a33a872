"""What stands in each cell of a sheet, as text, and in the head over it."""

from collections.abc import Callable

from engine.library.artifacts import Row
from meta_tui.model.table_notes import column as intervals_of
from meta_tui.model.table_notes import common, marks
from meta_tui.model.table_view import Column, Sheet, choices
from meta_tui.render.tables.contrasts import difference, real, short
from meta_tui.render.tables.table import cell_text
from meta_tui.render.text.numbers import chance
from pipelines.core.text import safe_text

STAR = "*"
"""Beside a difference that is real, as its verdict says in words."""
_HEADS = {"mark": "", "difference": "Δ baseline", "p": "p Holm"}


def heading(sheet: Sheet, column: Column) -> str:
    """The head over a column."""
    if column.kind == "stage":
        return "stage" if any(other.name == "method" for other in sheet.columns) else "method"
    if column.kind == "axis":
        return safe_text(column.name)
    if column.kind == "mean":
        spread = any(found.half for found in intervals_of(sheet.table.rows, column.name))
        return "mean ± 95 %" if spread else "mean"
    return _HEADS.get(column.kind, column.kind)


def texts(sheet: Sheet, column: Column) -> Callable[[Row], str]:
    """The text of each row in a column; bars have none."""
    if column.kind == "mark":
        rows = sheet.table.rows
        found = dict(zip((row.label for row in rows), marks(rows), strict=True))
        return lambda row: safe_text(found[row.label])
    if column.kind == "mean":
        usual = common(intervals_of(sheet.table.rows, column.name))
        return lambda row: cell_text(row.values.get(column.name), usual)
    simple: dict[str, Callable[[Row], str]] = {
        "stage": lambda row: row.stage,
        "axis": lambda row: row.axes.get(column.name, ""),
        "chosen": choices,
    }
    if column.kind in simple:
        return lambda row: safe_text(simple[column.kind](row))
    compared = any(metric == column.name for _, metric in sheet.differences)
    return lambda row: _compared(sheet, row, column) if compared else ""


def _compared(sheet: Sheet, row: Row, column: Column) -> str:
    if row.label == sheet.table.baseline:
        return "baseline" if column.kind == "difference" else ""
    pair = sheet.contrast(row, column.name)
    if pair is None:
        return ""
    if column.kind == "difference":
        return f"{difference(pair)} {STAR if real(pair) else ' '}"
    return chance(pair.p) if column.kind == "p" else short(pair)
