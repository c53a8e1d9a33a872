"""`meta ui`: the dashboard on all runs of the store, or on the faults of a file."""

from pathlib import Path
from typing import Annotated

import typer

from engine.planning.run_request import home
from meta_tui.cli import options
from meta_tui.cli.open_dashboard import look, settings
from meta_tui.cli.output import ascii_only, interactive
from meta_tui.cli.run_options import request
from pipelines.core.errors import UsageError


def ui(
    file: Annotated[
        Path | None,
        typer.Argument(help="A pipeline file: show its faults while it is written."),
    ] = None,
    *,
    overrides: options.Set = None,
    stages: options.Stages = None,
    ascii_signs: options.Ascii = False,
) -> None:
    ascii_only(wanted=ascii_signs)
    if not interactive():
        raise UsageError("`meta ui` needs a terminal; `meta status` and `meta check` print lines")
    asked = request(file, overrides=overrides, stages=stages) if file is not None else None
    raise typer.Exit(look(home(), settings(), asked))
