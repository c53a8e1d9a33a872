"""`meta status` and `meta logs`: what the folder of a run tells."""

import time
from typing import Annotated

import typer

from engine.planning.run_request import home
from engine.rundir import run_folder
from engine.rundir.run_folder import RunFolder
from meta_tui.cli import options
from meta_tui.cli.output import say, say_json, say_lines, signs
from meta_tui.model.run_reducer import CellView, RunView, State
from meta_tui.readers.cell_names import cells_named
from meta_tui.readers.run_reader import Feed
from meta_tui.render.runs.plain_log import status as status_lines
from meta_tui.terminal import warn
from pipelines.core.errors import UsageError

_NAMED = 6


def whole(folder: RunFolder) -> RunView:
    """All that the events of a run tell so far.

    Raises:
        EnvironmentFault: they cannot be read.
    """
    feed = Feed(folder)
    feed.poll(float("inf"))
    feed.check()
    if feed.dropped:
        lines = f"{feed.dropped} damaged line{'s' * (feed.dropped > 1)}"
        warn(f"warning: {lines} of the journal of run {folder.id} left out")
    return feed.view


def status(run: options.RunArgument = "", as_json: options.Json = False) -> None:
    folder = run_folder.find(home(), run)
    view = whole(folder)
    if as_json:
        say_json(_described(view, alive=folder.alive()))
    else:
        say_lines(status_lines(view, time.time(), alive=folder.alive(), signs=signs()))


def _described(view: RunView, *, alive: bool) -> dict[str, object]:
    return {
        "run": view.run,
        "name": view.name,
        "alive": alive,
        "code": view.code,
        "seconds": round(view.elapsed(time.time()), 3),
        "cells": [_cell(cell) for cell in view.cells],
    }


def _cell(cell: CellView) -> dict[str, object]:
    return {
        "cell": cell.name,
        "state": cell.state.value,
        "why": cell.error or cell.why,
        "key": cell.key or None,
        "step": cell.step,
        "total": cell.total,
        "seconds": cell.seconds,
        "scores": dict(cell.scores),
    }


def logs(
    cell: Annotated[str, typer.Argument(help="The cell, or a stage that has one.")],
    run: options.Run = "",
) -> None:
    folder = run_folder.find(home(), run)
    found = cells_named(whole(folder), cell)
    if len(found) > 1:
        # Who asks for the log of a stage most often wants to know how it failed.
        found.sort(key=lambda item: item.state is not State.FAILED)
        names = ", ".join(item.name for item in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UsageError(f"{cell} has {len(found)} cells; name one of {names}{more}")
    feed = Feed(folder)
    shown = False
    while lines := feed.poll_log(found[0].ordinal):
        say_lines(lines)
        shown = True
    say_lines(found[0].traceback)
    if not shown and not found[0].traceback:
        say(f"{found[0].name} printed nothing in run {folder.id}: it is {found[0].state.value}")
