"""Opens the dashboard: for a person, or for a picture of it."""

import asyncio
import gc
import os
from pathlib import Path
from typing import NamedTuple

from engine.planning.run_request import Request
from engine.rundir import run_folder
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.config import Config
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.leaving import restoring
from meta_tui.dashboard.state import keymap
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.viewed import Viewed
from meta_tui.model.run_reducer import RunView
from meta_tui.render.text.svg import portable
from pipelines.core.errors import UsageError
from pipelines.core.text import shown

_SEARCH_AFTER, _SEARCHES = 5_000, 3
"""New objects before the next search, and searches before one that goes further back: some
milliseconds each. Of ten times as many a search took up to 0.18 s."""


class Left(NamedTuple):
    """What was shown when the person left; `code` is not 0 after a fault of the dashboard."""

    folder: RunFolder
    view: RunView
    code: int


def check(config: Config) -> None:
    """Whether a person's settings can be, before anything is started.

    Raises:
        PipelineError: what cannot be, at its place.
    """
    keymap.checked(config, Dashboard)


def check_press(keys: str) -> None:
    """Whether every key to press before a picture can be pressed.

    Raises:
        UsageError: a name that no key has.
    """
    for key in keys.split():
        if not keymap.exists(key):
            raise UsageError(f"--press: no key `{shown(key)}`; write {keymap.NAMES_OF_KEYS}")


class _Alone(Dashboard):
    """In a process of its own."""

    def on_ready(self) -> None:
        """From the first paint on, search for garbage often and little: keys wait meanwhile.

        What is loaded by then stays, and is not gone through each time.
        """
        gc.freeze()
        gc.set_threshold(_SEARCH_AFTER, _SEARCHES, _SEARCHES)


class _Served(_Alone):
    """Behind a page of the web server, and no longer there than it."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._server = os.getppid()

    def tick(self) -> None:
        """Look for news, and whether there is still a server."""
        if os.getppid() == self._server:
            super().tick()
        else:
            self.exit()


def served(folder: RunFolder, store: Path, config: Config) -> None:
    """Show a run to the web server at the other end of our pipes."""
    _Served(Source(folder, Viewed(store, readonly=True), config=config)).run()


def follow(folder: RunFolder, store: Path, config: Config) -> Left:
    """Show a run until the person leaves."""
    return _shown(_Alone(Source(folder, Viewed(store, readonly=True), config=config)))


def _shown(app: Dashboard) -> Left:
    with restoring(app):
        app.run()
    source = app.source
    while source.feed.poll():
        pass
    return Left(source.folder, source.view, app.ended_by or app.return_code or 0)


def latest(root: Path, store: Store, config: Config | None = None) -> Source:
    """The latest run of a store; of one that has none, a folder without an id that is not there."""
    every = run_folder.every(root)
    folder = every[-1] if every else RunFolder(root / "runs" / "-")
    return Source(folder, store, config=config or Config())


def overview(root: Path, config: Config, asked: Request | None) -> Left:
    """Show the runs of a store, or what is wrong with the file that is asked for."""
    source = latest(root, Viewed(root, readonly=True), config)
    source.asked = asked
    return _shown(_Alone(source, first="runs" if asked is None else "problems"))


def picture(
    folder: RunFolder,
    store: Store,
    config: Config,
    target: Path,
    size: tuple[int, int],
    keys: str,
) -> None:
    """Write an SVG of the dashboard on a run, after some keys were pressed.

    Args:
        folder: of the run; all of it is read first.
        store: with its results.
        config: settings of the dashboard.
        target: the file to write.
        size: columns and rows.
        keys: names of keys, as Textual calls them, with blanks between.
    """
    source = Source(folder, store, config=config)
    while source.feed.poll():
        pass
    shown = asyncio.run(_drawn(Dashboard(source, timers=False), size, keys.split()))
    target.write_text(shown, encoding="utf-8")


async def _drawn(app: Dashboard, size: tuple[int, int], keys: list[str]) -> str:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        app.poll()
        await pilot.pause()
        return portable(app.export_screenshot(title=f"meta watch {app.source.folder.id}"))
