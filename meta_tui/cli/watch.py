"""`meta watch`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from engine import runs
from engine.request import home
from engine.runs import RunFolder
from engine.store import Store
from meta_tui import dashboard
from meta_tui.cli import options
from meta_tui.cli.final import say_tables
from meta_tui.cli.output import interactive, say, say_lines, signs
from meta_tui.cli.screen import LOST, follow
from meta_tui.feed import Feed
from meta_tui.plain import lines
from pipelines.errors import UsageError

_POLL_SECONDS = 0.25


def watch(
    run: options.RunArgument = "",
    plain: options.Plain = False,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="SVG", help="Write a picture and leave.")
    ] = None,
    press: Annotated[
        str, typer.Option("--press", metavar="KEYS", help="Keys to press before the picture.")
    ] = "",
    size: Annotated[str, typer.Option("--size", help="Columns x rows of the picture.")] = "120x40",
) -> None:
    folder = runs.find(home(), run)
    if screenshot is not None:
        columns, _, rows = size.partition("x")
        if not (columns.isdecimal() and rows.isdecimal()):
            raise UsageError(f"--size {size}: write it as 120x40")
        dashboard.app.picture(folder, home(), screenshot, (int(columns), int(rows)), press)
        say(f"wrote {screenshot}")
    elif plain or not interactive():
        raise typer.Exit(_lines(folder))
    else:
        raise typer.Exit(follow(folder, home()))


def _lines(folder: RunFolder) -> int:
    """Print a run's events until it is over or its runner is gone."""
    drawn = signs()
    feed = Feed(folder, listen=lambda view, event: say_lines(lines(view, event, drawn)))
    while True:
        # Asked before reading: what a runner wrote before it went is read after.
        alive = folder.alive()
        while feed.poll():
            pass
        if feed.view.code is not None:
            say_tables(feed.view, Store(home(), readonly=True))
            return feed.view.code
        if not alive:
            say(f"run {folder.id} lost its runner; `meta run` goes on from its checkpoints")
            return LOST
        time.sleep(_POLL_SECONDS)
