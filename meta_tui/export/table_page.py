"""A sheet as text in columns, before a format escapes it."""

from dataclasses import dataclass

from meta_tui.model.table_notes import remarks
from meta_tui.model.table_view import Column, Kind, Sheet
from meta_tui.render.tables.cells import STAR, heading, texts
from meta_tui.render.tables.contrasts import real
from pipelines.core.text import safe_text

_LEFT: tuple[Kind, ...] = ("stage", "axis", "chosen", "mark", "verdict")


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column: the metric that it belongs to, or empty; its own; where text lies."""

    metric: str
    text: str
    left: bool


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader of the file sees."""

    heads: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def page(sheet: Sheet, *, verdicts: bool) -> Page:
    """The sheet's rows in the order and the columns in which they are shown.

    Args:
        sheet: what to write.
        verdicts: with a column of what may be said of each difference.
    """
    left_out = {"bar"} if verdicts else {"bar", "verdict"}
    columns = [column for column in sheet.columns if column.kind not in left_out]
    cells = [texts(sheet, column) for column in columns]
    rows = tuple(tuple(cell(row).strip() for cell in cells) for row in sheet.rows)
    return Page(tuple(_head(sheet, column) for column in columns), rows, notes(sheet))


def notes(sheet: Sheet) -> tuple[str, ...]:
    """What must be known of the numbers: what intervals span, what was left out, what a star is."""
    told = [safe_text(remark) for remark in remarks(sheet.table)]
    if any(map(real, sheet.differences.values())):
        told.insert(0, f"{STAR} distinguishable from the baseline at 5 % (Holm)")
    left_out = len(sheet.table.rows) - len(sheet.rows)
    if left_out:
        compared = "; p is corrected for all rows" if sheet.differences else ""
        are = "is" if left_out == 1 else "are"
        told.append(f"{left_out} of {len(sheet.table.rows)} rows {are} left out{compared}")
    return tuple(told)


def _head(sheet: Sheet, column: Column) -> Heading:
    metric = column.name if column.kind not in ("stage", "axis", "chosen", "mark") else ""
    text = heading(sheet, column)
    if column.kind == "difference":
        text = f"Δ {sheet.table.baseline}"
    return Heading(safe_text(metric), safe_text(text), column.kind in _LEFT)
