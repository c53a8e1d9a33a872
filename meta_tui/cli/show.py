"""`meta show`: results of a run as text, and its pictures."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.library.artifacts import Scores, Table
from engine.planning.run_request import home
from engine.rundir import run_folder
from engine.store import Store
from meta_tui.cli import gallery, options
from meta_tui.cli.export import export_table
from meta_tui.cli.output import ascii_only, columns, say, say_json, say_lines, signs
from meta_tui.cli.print_tables import say_tables
from meta_tui.cli.runs import whole as read_whole
from meta_tui.model.run_reducer import CellView, RunView
from meta_tui.readers.cell_names import cells_named
from meta_tui.readers.results import Missing, artifact, curves, damage, pictures, tables
from meta_tui.render.charts.sizes import charts
from meta_tui.render.runs.scores import numbers
from meta_tui.render.tables.table import text
from meta_tui.render.text.spans import plain
from pipelines.core.errors import StageError, UsageError

_CURVES_OF = 6
"""Curves are drawn when at most so many cells were asked for."""


def show(
    cell: Annotated[
        str, typer.Argument(metavar="[CELL]", help="A cell, stage or pick; the tables by default.")
    ] = "",
    *,
    run: options.Run = "",
    no_drawings: Annotated[
        bool, typer.Option("--plain", help="Captions and paths of pictures, no drawings.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FOLDER", help="Copy the pictures there, as PNG."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write a table: .csv, .md, .tex or .json."),
    ] = None,
    as_json: options.Json = False,
    ascii_signs: options.Ascii = False,
) -> None:
    ascii_only(wanted=ascii_signs)
    view = read_whole(run_folder.find(home(), run))
    kept = Store(home(), readonly=True)
    if save is not None:
        _save(cells_named(view, cell) if cell else view.cells, kept, save)
        return
    if export is not None:
        cells = cells_named(view, cell) if cell else view.cells
        export_table([item for item in cells if item.type == "compare"] or cells, kept, export)
        return
    if cell:
        found = cells_named(view, cell)
        shown = _show_cells(found, kept, as_json=as_json, no_drawings=no_drawings)
    else:
        shown = _show_tables(view, kept, as_json=as_json)
    if not shown:
        raise typer.Exit(StageError.exit_code)


def _show_tables(view: RunView, kept: Store, *, as_json: bool) -> bool:
    """Show the tables of a run; whether nothing was damaged."""
    if as_json:
        found = list(tables(view, kept))
        for cell, table in found:
            say_json({"cell": cell.name, "result": asdict(table)})
        return not any(isinstance(table, Missing) and table.damaged for _, table in found)
    if not any(cell.type == "compare" and cell.key for cell in view.cells):
        say(f"run {view.run} has no table yet; `meta show STAGE` shows other results")
    return say_tables(view, kept)


def _show_cells(
    cells: Sequence[CellView], kept: Store, *, as_json: bool, no_drawings: bool
) -> bool:
    """Show what cells made; whether nothing was damaged."""
    few, whole = len(cells) <= _CURVES_OF, True
    for cell in cells:
        if as_json:
            whole &= _say_described(cell, kept)
        else:
            whole &= _show_cell(cell, kept, curved=few, drawn=few and not no_drawings)
    return whole


def _damage(cell: CellView, kept: Store, *read: object) -> list[Missing]:
    """What is damaged of a cell: of what was read of it, else of the rest."""
    found = [item for item in (*read, damage(cell, kept)) if isinstance(item, Missing)]
    damaged = [item for item in found if item.damaged]
    return list(dict.fromkeys(damaged))


def _say_described(cell: CellView, kept: Store) -> bool:
    found, shown = artifact(cell, kept), pictures(cell, kept)
    described: dict[str, Any] = {"cell": cell.name, "result": found and asdict(found)}
    if shown and not isinstance(shown, Missing):
        described["pictures"] = gallery.described(shown)
    lost = _damage(cell, kept, found, shown)
    if lost:
        described["damaged"] = [item.reason for item in lost]
    say_json(described)
    return not lost


def _show_cell(cell: CellView, kept: Store, *, curved: bool, drawn: bool) -> bool:
    found, shown = artifact(cell, kept), pictures(cell, kept)
    plotted = curves(cell, kept) if curved and cell.key else {}
    say(f"{cell.name}  {cell.state.value}")
    if isinstance(found, Table):
        say(text(found, columns(), signs()))
    elif isinstance(found, Scores):
        say_lines(numbers(found))
    if isinstance(shown, tuple):
        gallery.say_pictures(shown, drawn=drawn)
    lost = _damage(cell, kept, found, shown, plotted)
    others = [item for item in (found, shown) if isinstance(item, Missing)]
    say_lines(f"  {item.reason}" for item in dict.fromkeys([*others, *lost]))
    if not isinstance(plotted, Missing):
        say_lines([plain(charts(plotted, columns(), braille=signs().braille))])
    return not lost


def _save(cells: Sequence[CellView], kept: Store, folder: Path) -> None:
    """Copy the pictures of some cells into a folder."""
    count = 0
    for cell in cells:
        shown = pictures(cell, kept)
        for path in gallery.save(cell, shown, folder) if isinstance(shown, tuple) else ():
            say(str(path))
            count += 1
    if not count:
        raise UsageError("no pictures there: a stage with a gallery, as `fits`, makes some")
