"""`meta watch`."""

import re
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from engine.planning.run_request import home
from engine.rundir import run_folder
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui import dashboard
from meta_tui.cli import options
from meta_tui.cli.event_printer import Pulse
from meta_tui.cli.open_dashboard import LOST, follow, lost, settings
from meta_tui.cli.output import ascii_only, interactive, say, signs
from meta_tui.cli.web import PORT, serve
from meta_tui.config import Config
from meta_tui.readers.run_reader import Feed
from meta_tui.render.runs.plain_log import lines
from pipelines.core.errors import UsageError
from pipelines.core.text import shown

_POLL_SECONDS = 0.25
_SMALLEST, _LARGEST = (20, 5), (400, 200)
"""Columns and rows of a picture."""


def watch(  # noqa: PLR0913 (Typer makes an option of each argument)
    run: options.RunArgument = "",
    *,
    plain: options.Plain = False,
    ascii_signs: options.Ascii = False,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="SVG", help="Write a picture and leave.")
    ] = None,
    press: Annotated[
        str, typer.Option("--press", metavar="KEYS", help="Keys to press before the picture.")
    ] = "",
    size: Annotated[str, typer.Option("--size", help="Columns x rows of the picture.")] = "120x40",
    web: Annotated[
        bool, typer.Option("--web", help="Show it in a browser of this machine.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port for --web.")] = PORT,
    served: Annotated[bool, typer.Option("--served", hidden=True)] = False,
) -> None:
    ascii_only(wanted=ascii_signs)
    folder = run_folder.find(home(), run)
    if screenshot is not None:
        _picture(folder, screenshot, size, press)
    elif served:
        # The server at the other end of our pipes reads frames, no lines.
        dashboard.launch.served(folder, home(), settings())
    elif web:
        serve(folder, port, settings())
    elif plain or not interactive():
        raise typer.Exit(_lines(folder))
    else:
        raise typer.Exit(follow(folder, home(), settings()))


def _picture(folder: RunFolder, target: Path, size: str, press: str) -> None:
    columns, rows = _columns_and_rows(size)
    dashboard.launch.check_press(press)
    # A picture in a document must not depend on who made it, but on what was asked for.
    config = Config(ascii=not signs().braille)
    store = Store(home(), readonly=True)
    dashboard.launch.picture(folder, store, config, target, (columns, rows), press)
    say(f"wrote {target}")


def _columns_and_rows(size: str) -> tuple[int, int]:
    """The size that `--size` tells.

    Raises:
        UsageError: it is not written as 120x40, or is too small or too large to draw.
    """
    found = re.fullmatch("0*([0-9]{1,9})x0*([0-9]{1,9})", size)
    columns, rows = map(int, found.groups()) if found else (0, 0)
    least, most = ("x".join(map(str, bound)) for bound in (_SMALLEST, _LARGEST))
    fits = [a <= n <= b for a, n, b in zip(_SMALLEST, (columns, rows), _LARGEST, strict=True)]
    if not all(fits):
        told = shown(size)
        raise UsageError(f"--size {told}: write columns x rows as 120x40, from {least} to {most}")
    return columns, rows


def _lines(folder: RunFolder) -> int:
    """Print a run's events until it is over or its runner is gone."""
    drawn = signs()
    pulse = Pulse(home())
    feed = Feed(folder, listen=lambda view, event: pulse.tell(lines(view, event, drawn)))
    while True:
        # Asked before reading: what a runner wrote before it went is read after.
        alive = folder.alive()
        while feed.poll():
            pass
        feed.check()
        if feed.view.code is not None:
            import_module("meta_tui.cli.print_tables").say_tables(
                feed.view, Store(home(), readonly=True)
            )
            return feed.view.code
        if not alive:
            say(lost(folder))
            return LOST
        pulse.beat(feed.view)
        time.sleep(_POLL_SECONDS)
