"""`meta show --export`: one table of a run into a file."""

from collections.abc import Sequence
from pathlib import Path

from engine.library.artifacts import Table
from engine.store import Store
from meta_tui import export
from meta_tui.cli.output import say
from meta_tui.model.run_reducer import CellView
from meta_tui.model.table_view import Order, arranged
from meta_tui.readers.results import Missing, artifact
from pipelines.core.errors import UsageError


def export_table(cells: Sequence[CellView], kept: Store, path: Path) -> None:
    """Write the one table that some cells have, and say where it lies.

    Raises:
        UsageError: they have none, or several; or the file is there already.
    """
    found = [(cell, artifact(cell, kept)) for cell in cells if cell.key]
    tables = [(cell, table) for cell, table in found if isinstance(table, Table)]
    if len(tables) > 1:
        names = ", ".join(cell.name for cell, _ in tables)
        raise UsageError(f"several tables: say which of {names} to export")
    if not tables:
        lost = next((told.reason for _, told in found if isinstance(told, Missing)), "")
        raise UsageError(lost or "no table there to export: `compare` makes one")
    cell, table = tables[0]
    say(str(export.save(arranged(table, Order()), cell.name, path)))
