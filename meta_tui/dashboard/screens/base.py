"""What every screen has: a heading, a line of keys, and a word for a terminal that is too small."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from engine.rundir.run_folder import RunFolder
from meta_tui.dashboard.state.keymap import rebound
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.model.run_reducer import CellView
from meta_tui.render.graph.items import Item
from meta_tui.render.runs.progress import heading
from meta_tui.render.text.spans import Line, Span, crop, line

SCREENS = ("1 run", "2 results", "3 gallery", "4 runs")
"""Told where a screen has nothing of its own to do."""
STOP = "^c stop"
AGAIN = "r again"
"""Told in its place where nothing runs."""
TOO_SMALL = "too small: make the terminal 60x18"


class RunChosen(Message):
    """Another run is to be shown."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder


class RunScreenBase(Screen[None]):
    """A screen on one run. `redraw` shows the source as it stands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next pane", show=False, id="pane.next"),
        Binding("shift+tab", "app.focus_previous", "Pane before", show=False, id="pane.before"),
    ]
    KEYS: ClassVar[tuple[str, ...]] = ()
    """What the last line tells, most needed first: a narrow screen leaves out the end."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self._due = False

    def compose(self) -> ComposeResult:
        """Heading, body, keys."""
        yield Bar(id="heading")
        yield from self.body()
        yield Bar(id="keys")
        small = Bar(id="small")
        small.show([line(TOO_SMALL)])
        yield small

    def body(self) -> ComposeResult:
        """The widgets between the heading and the keys."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show what is known."""
        self.redraw()

    def on_screen_resume(self) -> None:
        """Show what has changed while another screen was shown."""
        self._redraw_soon()

    def on_lines_resized(self) -> None:
        """A pane got its size, which it has not yet when its screen is made."""
        self._redraw_soon()

    def _redraw_soon(self) -> None:
        """Once for all that asks for it at the same time: several panes get their sizes at once."""
        if not self._due:
            self._due = True
            self.call_later(self._redraw_now)

    def _redraw_now(self) -> None:
        self._due = False
        if self.is_attached:
            self.redraw()

    def redraw(self) -> None:
        """Show the source as it stands."""
        self.show_heading()
        self.tell_keys(self.columns)

    def show_clock(self) -> None:
        """Show that time goes on while nothing else does: most screens tell it in the heading."""
        self.show_heading()

    def show_heading(self) -> None:
        """Show the first line."""
        self.query_one("#heading", Bar).show([self.heading(self.columns)])

    @property
    def columns(self) -> int:
        """Those that a line of the screen has."""
        return max(20, self.size.width - 2)

    def heading(self, columns: int) -> Line:
        """The first line: where the run stands, or what matters more."""
        source = self.source
        lost = source.feed.dropped
        told = f" · {lost} damaged line{'s' * (lost != 1)}" if lost else ""
        row = heading(
            source.view, source.time, columns - len(told),
            left=source.left, usage=source.usage.text, alive=source.alive,
        )  # fmt: skip
        row = (*crop(row, columns - len(told)), Span(told, "warn"))
        return self._told(columns) or row

    def tell_keys(self, columns: int) -> None:
        """Show the keys that are needed most, as far as there is room."""
        ended = self.source.view.over or not self.source.alive
        keys = [self._bound(AGAIN if ended and key == STOP else key) for key in self.keys()]
        while len(keys) > 1 and sum(map(len, keys)) + 2 * len(keys) - 2 > columns:
            keys = keys[:-1]
        self.query_one("#keys", Bar).show([line(Span("  ".join(keys), "dim"))])

    def keys(self) -> Sequence[str]:
        """What the last line tells now."""
        return self.KEYS

    def look(self) -> bool:
        """Read what only this screen shows; whether there may be anything new."""
        return False

    @property
    def chosen(self) -> Sequence[CellView]:
        """The cells that the cursor is on: those that a key may be meant for."""
        return ()

    def goto(self, item: Item) -> None:
        """Put the cursor on a stage or a cell, where the screen has one."""

    def _bound(self, told: str) -> str:
        """`z zoom` with the key that zooms here: a person may have chosen another."""
        usual, _, word = told.partition(" ")
        chosen = rebound(self, self.source.config.keys, usual)
        return f"{chosen} {word}" if chosen else told

    def _told(self, columns: int) -> Line | None:
        """What matters more than the heading."""
        source = self.source
        if source.gone:
            text = f"run {source.folder.id}: its folder was deleted; q leaves"
        elif source.feed.fault:
            text = f"run {source.folder.id}: its journal cannot be read on: {source.feed.fault}"
        elif source.stops and not source.view.over:
            again = "ctrl+c again kills" if source.stops == 1 else "killing"
            text = f"run {source.folder.id}: stopping after a checkpoint; {again}"
        elif not source.alive and not source.view.over:
            text = f"run {source.folder.id} lost its runner; r goes on from its checkpoints"
        else:
            return None
        return crop(line(Span(text, "warn")), columns)
