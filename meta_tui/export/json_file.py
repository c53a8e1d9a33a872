"""A sheet as JSON: all that its table has, values by seed among them."""

import json
from dataclasses import asdict, replace

from meta_tui.export.table_page import notes
from meta_tui.model.table_view import Sheet


def values(sheet: Sheet, name: str) -> str:
    """The text of the file: the fields of `Table`, of the rows and metrics that are shown."""
    table, shown = sheet.table, {row.label for row in sheet.rows}
    kept = replace(
        table,
        metrics=sheet.metrics,
        rows=sheet.rows,
        contrasts=tuple(
            pair
            for pair in table.contrasts
            if pair.left in shown and {pair.right} <= shown | {table.baseline}
        ),
        notes=notes(sheet),
    )
    text = json.dumps({"name": name, **asdict(kept)}, indent=2, allow_nan=False)
    return text + "\n"
