"""`meta show`: results of a run as text."""

from dataclasses import asdict
from typing import Annotated

import typer

from engine import runs
from engine.artifacts import Scores, Table
from engine.request import home
from engine.store import Store
from meta_tui.cli import options
from meta_tui.cli.final import say_tables
from meta_tui.cli.output import columns, say, say_json, say_lines, signs
from meta_tui.cli.runs import whole
from meta_tui.naming import cells_named
from meta_tui.render.charts import charts
from meta_tui.render.scores import numbers
from meta_tui.render.spans import plain
from meta_tui.render.table import text
from meta_tui.results import Missing, artifact, curves, tables
from meta_tui.view import CellView, RunView

_CURVES_OF = 6
"""Curves are drawn when at most so many cells were asked for."""


def show(
    cell: Annotated[
        str, typer.Argument(metavar="[CELL]", help="A cell, stage or pick; the tables by default.")
    ] = "",
    run: options.Run = "",
    as_json: options.Json = False,
) -> None:
    view = whole(runs.find(home(), run))
    kept = Store(home(), readonly=True)
    if not cell:
        _show_tables(view, kept, as_json=as_json)
        return
    found = cells_named(view, cell)
    for item in found:
        _show_cell(item, kept, as_json=as_json, drawn=len(found) <= _CURVES_OF)


def _show_tables(view: RunView, kept: Store, *, as_json: bool) -> None:
    if as_json:
        for cell, found in tables(view, kept):
            say_json({"cell": cell.name, "result": asdict(found)})
        return
    if not any(cell.type == "compare" and cell.key for cell in view.cells):
        say(f"run {view.run} has no table yet; `meta show STAGE` shows other results")
    say_tables(view, kept)


def _show_cell(cell: CellView, kept: Store, *, as_json: bool, drawn: bool) -> None:
    found = artifact(cell, kept)
    if as_json:
        say_json({"cell": cell.name, "result": None if found is None else asdict(found)})
        return
    say(f"{cell.name}  {cell.state.value}")
    if isinstance(found, Missing):
        say(f"  {found.reason}")
    elif isinstance(found, Table):
        say(text(found, columns(), signs()))
    elif isinstance(found, Scores):
        say_lines(numbers(found))
    if drawn and cell.key:
        say_lines([plain(charts(curves(cell, kept), columns(), braille=signs().braille))])
