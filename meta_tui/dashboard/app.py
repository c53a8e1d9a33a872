"""The dashboard: a reader of one run's folder, in its own process."""

import asyncio
import os
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.filter import LineFilter
from textual.screen import Screen

from engine.planning.run_request import Request
from engine.rundir.run_folder import RunFolder
from meta_tui.config import Config
from meta_tui.dashboard.commands import Commands
from meta_tui.dashboard.dialogs import Asking
from meta_tui.dashboard.screen_registry import SCREENS
from meta_tui.dashboard.screens.base import RunChosen, RunScreenBase
from meta_tui.dashboard.screens.help import HelpScreen
from meta_tui.dashboard.state.confirmations import retry, start, stop
from meta_tui.dashboard.state.keymap import checked, entries
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.stylesheet import ParsedOnce
from meta_tui.dashboard.themes import THEMES, filters
from pipelines.core.errors import MetaError
from pipelines.core.text import safe_text

_POLL_SECONDS, _SOON_SECONDS = 0.25, 0.02
_HIDDEN_SECONDS = 0.01
_WIDTHS = ((0, "-tiny"), (60, "-narrow"), (100, "-normal"), (160, "-wide"))
_HEIGHTS = ((0, "-flat"), (18, "-tall"))
_UNSEEN = 4
"""Without the focus of the terminal, one poll in so many is made."""
_BETWEEN = "between"
"""A mode with nothing in it, shown while the screens of one run make way for those of another."""
_ON_A_RUN = frozenset({"retry", "stop", "help", "command_palette"})
"""Commands that wait until the screens of a run are there."""
FAULT = "\nThe dashboard crashed. Your run is unaffected. Please report this traceback.\n"


class Dashboard(Asking):
    """Polls the source, shows the screen that is asked for."""

    CSS_PATH = "app.tcss"
    TITLE = "meta"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Leave; the run goes on", id="app.leave"),
        Binding("question_mark", "help", "Help: these keys", id="app.help"),
        Binding("colon,ctrl+p", "command_palette", "All commands and stages", id="app.palette"),
        Binding("1", "screen('run')", "Run", id="app.run"),
        Binding("2", "screen('results')", "Results", id="app.results"),
        Binding("3", "screen('gallery')", "Gallery", id="app.gallery"),
        Binding("4", "screen('runs')", "All runs", id="app.runs"),
        Binding("5", "screen('problems')", "Faults of the file", id="app.problems"),
        Binding("r", "retry", "Retry run or cell (asks)", id="app.retry"),
        Binding("X", "stop", "Stop the run or cell (asks)", id="app.stop"),
        Binding(
            "ctrl+c", "interrupt", "Stop and leave; again: kill", priority=True, id="app.interrupt"
        ),
    ]

    def __init__(self, source: Source, *, timers: bool = True, first: str = "") -> None:
        super().__init__()
        self.stylesheet = ParsedOnce(self.get_css_variables())
        self.HORIZONTAL_BREAKPOINTS = list(_WIDTHS)
        self.VERTICAL_BREAKPOINTS = list(_HEIGHTS)
        self.source = source
        self._polling = timers
        self._begin = first
        """Screen to begin with; empty chooses by the run."""
        self._skipped = 0
        self._catching = False
        """There is so much to read that the next piece is read soon."""
        self._drawn = 0.0
        self.ended_by = 0
        """Exit code of the signal that ended it, if one did."""
        self._leaving = False
        """Leave when the run has ended: the person has stopped it to go."""
        self._moving = asyncio.Lock()
        """Held while the screens of one run make way for those of another."""
        self._asked_for = ""
        """The screen that was asked for meanwhile."""
        self._starting = False
        """A run is being started."""
        self._look(source.config)
        self._add_modes()

    def _look(self, config: Config) -> None:
        """Take a person's settings."""
        self.set_keymap(dict(checked(config, Dashboard)))
        self.no_color = config.theme == "mono" or bool(os.environ.get("NO_COLOR"))
        self._line_filters = filters(config, colours=not self.no_color)
        theme = THEMES[config.theme]
        if theme is not None:
            self.register_theme(theme)
            self.theme = theme.name

    def _add_modes(self) -> None:
        for name, screen in SCREENS.items():
            self.add_mode(name, partial(screen, self.source))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through; Textual's own way without colours is greys."""
        own = [found for found in super().get_line_filters() if not self.no_color]
        return [*own, *self._line_filters]

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual keeps a change of screens back so long; a key is answered sooner than that."""
        super().delay_update(min(delay, _HIDDEN_SECONDS))

    def on_mount(self) -> None:
        """Show the run, and begin to read."""
        self.source.begin()
        self.switch_mode(self._begin or self._first())
        if self._polling:
            self.set_interval(_POLL_SECONDS, self.tick)

    def _first(self) -> str:
        """The screen to begin with."""
        return "results" if self.source.view.over and self.source.tables() else "run"

    def tick(self) -> None:
        """Look for news unless nobody looks at us."""
        self._skipped = 0 if self.app_focus else (self._skipped + 1) % _UNSEEN
        if self._skipped == 0:
            self._catch_up()

    def _catch_up(self) -> None:
        """Read and show a piece, and after what was done meanwhile the next, to the end."""
        self.poll()
        if self.source.behind and not self._catching:
            self._catching = True
            self.set_timer(_SOON_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._catching = False
        self._catch_up()

    def poll(self) -> None:
        """Read what is new and show it; a running clock is shown again every second."""
        if self._moving.locked() or not self.is_running:
            return  # While it ends there may be no screen any more.
        was_over = self.source.view.over
        changed = self.source.poll()
        screen = self._made
        if screen is not None:
            changed = screen.look() or changed
        over = self.source.view.over
        now = self.source.now()
        if changed or (not over and now - self._drawn >= 1.0):
            self._drawn = now
            if screen is not None:
                (screen.redraw if changed else screen.show_clock)()
        if self.source.wishes.refused and not self.modal:
            self.tell("The runner refused", self.source.wishes.refused.pop(0))
        if self._leaving and (over or not self.source.alive):
            self.exit()
        elif over and not was_over and self._follows and self.source.tables():
            self.switch_mode("results")

    def _redraw(self) -> None:
        screen = self._made
        if screen is not None:
            screen.redraw()

    @property
    def _made(self) -> RunScreenBase | None:
        """The screen that is shown; one that has not all its panes yet draws itself when it has."""
        screen = self.screen
        return screen if isinstance(screen, RunScreenBase) and screen.is_mounted else None

    def _fatal_error(self) -> None:
        """A fault of ours: where it happened, without the values of all variables.

        The first is told: others follow from it. What a screen lacks that was just being made when
        a signal ended the dashboard is no fault.
        """
        if not self.ended_by and not self._exit_renderables:
            self.bell()
            found = safe_text(traceback.format_exc(), lines=True)
            self._exit_renderables.append(Text(f"{found}{FAULT}"))
        self._close_messages_no_wait()

    @property
    def _follows(self) -> bool:
        """Whether the screen is one that makes way for the tables of a run that ends."""
        return not self.modal and self.current_mode not in {"runs", "problems"}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a command can do something: in a store without a run there is little to show."""
        if self._moving.locked() and action in _ON_A_RUN:
            return False
        if self.source.empty and action == "retry":
            return self._file is not None
        if self.source.empty and action == "stop":
            return False
        if action == "screen" and parameters == ("problems",):
            return self.source.asked is not None
        if self.source.empty and action == "screen" and parameters != ("runs",):
            return False
        return super().check_action(action, parameters)

    async def attach(self, folder: RunFolder, mode: str = "") -> None:
        """Show another run of the same store, in the screens of this one.

        A screen that is asked for meanwhile is shown in the end: there is none to switch to yet.

        Args:
            folder: the run.
            mode: the screen to show; empty chooses by the run.
        """
        async with self._moving:
            self._asked_for = ""
            old = self.source
            self.source = Source(folder, old.store, old.now, old.config, old.asked)
            self._leaving = False
            self.add_mode(_BETWEEN, Screen)
            await self.switch_mode(_BETWEEN)
            for name in SCREENS:
                await self.remove_mode(name)
            self._add_modes()
            self.source.poll()
            shown = self._asked_for or mode
            await self.switch_mode(shown if shown in SCREENS else self._first())
            await self.remove_mode(_BETWEEN)

    def on_run_chosen(self, message: RunChosen) -> None:
        """Show the run that was chosen from the list of all."""
        self.run_worker(self.attach(message.folder))

    def action_screen(self, name: str) -> None:
        """Show another screen."""
        if self._moving.locked():
            self._asked_for = name
        elif not self.modal:
            if name == self.current_mode and len(self.screen_stack) > 1:
                self.screen.dismiss()
            self.switch_mode(name)

    def action_help(self) -> None:
        """Show the keys that do something here."""
        if not self.modal:
            self.push_screen(HelpScreen(entries(self, self.screen.active_bindings)))

    def action_interrupt(self) -> None:
        """Ask the run to stop, and leave when it has; where there is nothing to stop, leave."""
        if self.source.view.over or not self.source.alive:
            self.exit()
            return
        self._leaving = True
        self._stop()

    def _stop(self) -> None:
        self.source.stop()
        self._redraw()

    def action_stop(self) -> None:
        """Stop the cell that is chosen, or the run, if that is what was meant."""
        self.ask(stop(self.source, self.chosen, self._stop))

    @property
    def _file(self) -> Request | None:
        """What the person edits, where the screen is on that and not on a run."""
        return self.source.asked if self.current_mode == "problems" else None

    def action_retry(self) -> None:
        """Try what failed once more, or start the run or the file, if that is what was meant."""
        if self._starting:
            self.tell("A run is being started", "It is shown as soon as it has begun.")
        elif self._file is not None:
            self.ask(start(self._file, partial(self._start, self._file)))
        else:
            self.ask(retry(self.source, self.chosen, partial(self._start, again=True)))

    def _start(self, request: Request | None, *, again: bool = False) -> None:
        self._starting = True
        self.run_worker(self._started(request, again=again))

    async def _started(self, request: Request | None, *, again: bool) -> None:
        """Start what is asked for, or what the run was asked for once more, and show that."""
        launch = import_module("engine.execution.launch")
        try:
            if request is None or again:
                folder = await asyncio.to_thread(launch.again, self.source.folder, request)
            else:
                folder = await asyncio.to_thread(launch.start, request)
        except (MetaError, OSError) as error:
            self.tell("The run did not start", error)
            return
        finally:
            self._starting = False
        await self.attach(folder, self.current_mode if again else "run")
