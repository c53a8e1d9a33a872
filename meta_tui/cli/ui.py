"""`meta ui`: the dashboard on all runs of the store, or on the faults of a file."""

import typer

from engine.request import home
from meta_tui.cli import options
from meta_tui.cli.output import ascii_only, interactive
from meta_tui.cli.screen import look, settings
from pipelines.errors import UsageError


def ui(ascii_signs: options.Ascii = False) -> None:
    if ascii_signs:
        ascii_only()
    if not interactive():
        raise UsageError("`meta ui` needs a terminal; `meta status` and `meta check` print lines")
    raise typer.Exit(look(home(), settings()))
