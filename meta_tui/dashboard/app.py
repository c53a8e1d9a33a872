"""The dashboard: a reader of one run's folder, in its own process."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from engine.runs import RunFolder
from engine.store import Store
from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.screens.help import HelpScreen
from meta_tui.dashboard.screens.results import ResultsScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.source import Source
from meta_tui.render.svg import portable
from meta_tui.view import RunView

_POLL_SECONDS = 0.25
_WIDTHS = ((0, "-tiny"), (60, "-narrow"), (100, "-normal"), (160, "-wide"))
_HEIGHTS = ((0, "-flat"), (18, "-tall"))
_UNSEEN = 4
"""Without the focus of the terminal, one poll in so many is made."""


class Dashboard(App[None]):
    """Polls the source, shows the screen that is asked for."""

    CSS_PATH = "app.tcss"
    TITLE = "meta"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Leave", id="app.leave"),
        Binding("ctrl+c", "stop", "Stop the run", priority=True, id="app.stop"),
        Binding("question_mark", "help", "Help", id="app.help"),
        Binding("1", "screen('run')", "Run", id="app.run"),
        Binding("2", "screen('results')", "Results", id="app.results"),
        Binding("3", "screen('gallery')", "Gallery", id="app.gallery"),
    ]

    def __init__(self, source: Source, *, timers: bool = True) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = list(_WIDTHS)
        self.VERTICAL_BREAKPOINTS = list(_HEIGHTS)
        self.source = source
        self._polling = timers
        self._skipped = 0
        self._drawn = 0.0
        self.add_mode("run", lambda: RunScreen(source))
        self.add_mode("results", lambda: ResultsScreen(source))
        self.add_mode("gallery", lambda: _gallery(source))

    def on_mount(self) -> None:
        """Show the run, and begin to read."""
        self.source.poll()
        over = self.source.view.over and self.source.tables()
        self.switch_mode("results" if over else "run")
        if self._polling:
            self.set_interval(_POLL_SECONDS, self.tick)

    def tick(self) -> None:
        """Look for news unless nobody looks at us."""
        self._skipped = 0 if self.app_focus else (self._skipped + 1) % _UNSEEN
        if self._skipped == 0:
            self.poll()

    def poll(self) -> None:
        """Read what is new and show it; a running clock is shown again every second."""
        was_over = self.source.view.over
        changed = self.source.poll()
        over = self.source.view.over
        now = self.source.now()
        if changed or (not over and now - self._drawn >= 1.0):
            self._drawn = now
            self._redraw()
        if over and self.source.stops:
            self.exit()
        elif over and not was_over and self.source.tables():
            self.switch_mode("results")
        elif self.source.stops and not self.source.alive:
            self.exit()

    def _redraw(self) -> None:
        if isinstance(self.screen, RunScreenBase):
            self.screen.redraw()

    def action_screen(self, name: str) -> None:
        """Show another screen."""
        if not isinstance(self.screen, HelpScreen):
            self.switch_mode(name)

    def action_stop(self) -> None:
        """Ask the run to stop; where there is nothing to stop, leave."""
        if self.source.view.over or not self.source.alive:
            self.exit()
            return
        self.source.stop()
        self._redraw()

    def action_help(self) -> None:
        """Show the keys."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())


def _gallery(source: Source) -> RunScreenBase:
    """Screen 3, loaded when it is first shown: decoding pictures costs every start else."""
    found: RunScreenBase = import_module("meta_tui.dashboard.screens.gallery").GalleryScreen(source)
    return found


def follow(folder: RunFolder, store: Path) -> RunView:
    """Show a run until the person leaves; returns what was known of it then."""
    source = Source(folder, Store(store, readonly=True))
    Dashboard(source).run()
    while source.feed.poll():
        pass
    return source.view


def picture(folder: RunFolder, store: Path, target: Path, size: tuple[int, int], keys: str) -> None:
    """Write an SVG of the dashboard on a run, after some keys were pressed.

    Args:
        folder: the run.
        store: where its results are.
        target: the file to write.
        size: columns and rows.
        keys: names of keys, as Textual calls them, with blanks between.
    """
    source = Source(folder, Store(store, readonly=True))
    while source.feed.poll():
        pass
    target.write_text(asyncio.run(_drawn(Dashboard(source), size, keys.split())), encoding="utf-8")


async def _drawn(app: Dashboard, size: tuple[int, int], keys: list[str]) -> str:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        app.poll()
        await pilot.pause()
        return portable(app.export_screenshot(title=f"meta watch {app.source.folder.id}"))
