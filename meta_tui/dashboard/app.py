"""The dashboard app: shows one run by polling its folder, in a process of its own."""

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
"""While the terminal has no focus, only every n-th poll is made."""
_BETWEEN = "between"
"""Empty mode shown while switching to the screens of another run."""
_ON_A_RUN = frozenset({"retry", "stop", "help", "command_palette"})
"""Actions that are disabled while switching to another run."""
FAULT = "\nThe dashboard crashed. Your run is unaffected. Please report this traceback.\n"


class Dashboard(Asking):
    """Polls the run and shows the current screen."""

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
        Binding("5", "screen('problems')", "Errors in the file", id="app.problems"),
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
        """First screen; empty chooses by the state of the run."""
        self._skipped = 0
        self._catching = False
        """Whether an extra poll is scheduled because there is much to read."""
        self._drawn = 0.0
        self.ended_by = 0
        """Exit code of the signal that ended it, if one did."""
        self._leaving = False
        """Exit when the run has ended: ctrl+c stopped it."""
        self._moving = asyncio.Lock()
        """Locked while switching to another run."""
        self._asked_for = ""
        """Screen requested while switching."""
        self._starting = False
        """Whether a run is being started."""
        self._look(source.config)
        self._add_modes()

    def _look(self, config: Config) -> None:
        """Apply the user's settings: keys, theme and filters."""
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
        """Return the filters of every line; without colours, ours replace Textual's grey filter."""
        own = [each for each in super().get_line_filters() if not self.no_color]
        return [*own, *self._line_filters]

    def delay_update(self, delay: float = 0.05) -> None:
        """Delay a change of screens for less than Textual does, to answer keys sooner."""
        super().delay_update(min(delay, _HIDDEN_SECONDS))

    def on_mount(self) -> None:
        """Show the first screen and start polling."""
        self.source.begin()
        self.switch_mode(self._begin or self._first())
        if self._polling:
            self.set_interval(_POLL_SECONDS, self.tick)

    def _first(self) -> str:
        """Return the first screen: results of a finished run with tables, else the run."""
        return "results" if self.source.view.over and self.source.tables() else "run"

    def tick(self) -> None:
        """Poll; less often while the terminal has no focus."""
        self._skipped = 0 if self.app_focus else (self._skipped + 1) % _UNSEEN
        if self._skipped == 0:
            self._catch_up()

    def _catch_up(self) -> None:
        """Poll until everything is read, yielding to the event loop between polls."""
        self.poll()
        if self.source.behind and not self._catching:
            self._catching = True
            self.set_timer(_SOON_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._catching = False
        self._catch_up()

    def poll(self) -> None:
        """Read and show what is new; redraw the clock every second."""
        if self._moving.locked() or not self.is_running:
            return  # While it ends there may be no screen any more.
        was_over = self.source.view.over
        changed = self.source.poll()
        screen = self._mounted_screen
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
        screen = self._mounted_screen
        if screen is not None:
            screen.redraw()

    @property
    def _mounted_screen(self) -> RunScreenBase | None:
        """The current run screen; None until it is mounted, when it draws itself."""
        screen = self.screen
        return screen if isinstance(screen, RunScreenBase) and screen.is_mounted else None

    def _fatal_error(self) -> None:
        """Print the traceback of a crash, without the values of local variables.

        Only the first error is printed. Errors after a signal ended the dashboard are ignored.
        """
        if not self.ended_by and not self._exit_renderables:
            self.bell()
            text = safe_text(traceback.format_exc(), lines=True)
            self._exit_renderables.append(Text(f"{text}{FAULT}"))
        self._close_messages_no_wait()

    @property
    def _follows(self) -> bool:
        """Whether to switch from this screen to the results when the run ends."""
        return not self.modal and self.current_mode not in {"runs", "problems"}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether an action is available, as Textual asks before it shows a key."""
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
        """Switch to another run of the same store.

        A screen that is requested meanwhile is shown at the end.

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
            target = self._asked_for or mode
            await self.switch_mode(target if target in SCREENS else self._first())
            await self.remove_mode(_BETWEEN)

    def on_run_chosen(self, message: RunChosen) -> None:
        """Switch to the run chosen in the list of runs."""
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
        """Show the keys that are available here."""
        if not self.modal:
            self.push_screen(HelpScreen(entries(self, self.screen.active_bindings)))

    def action_interrupt(self) -> None:
        """Stop the run and exit when it has stopped; exit at once if it is not running."""
        if self.source.view.over or not self.source.alive:
            self.exit()
            return
        self._leaving = True
        self._stop()

    def _stop(self) -> None:
        self.source.stop()
        self._redraw()

    def action_stop(self) -> None:
        """Ask whether to stop the chosen cell or the run."""
        self.ask(stop(self.source, self.chosen, self._stop))

    @property
    def _file(self) -> Request | None:
        """Request for the file that is being edited, if its screen is shown."""
        return self.source.asked if self.current_mode == "problems" else None

    def action_retry(self) -> None:
        """Ask whether to retry failed cells, or to start the run or the file."""
        if self._starting:
            self.tell("A run is being started", "It is shown as soon as it has started.")
        elif self._file is not None:
            self.ask(start(self._file, partial(self._start, self._file)))
        else:
            self.ask(retry(self.source, self.chosen, partial(self._start, again=True)))

    def _start(self, request: Request | None, *, again: bool = False) -> None:
        self._starting = True
        self.run_worker(self._started(request, again=again))

    async def _started(self, request: Request | None, *, again: bool) -> None:
        """Start a run of a request, or restart this run, and show it."""
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
