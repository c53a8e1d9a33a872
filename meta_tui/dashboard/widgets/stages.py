"""The list of stages and, in those that are opened, of their cells."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from meta_tui.dashboard.widgets.lines import Lines
from meta_tui.render.stagelist import Item, items, stagelist
from meta_tui.summary import StageView
from meta_tui.view import State


class StageList(Lines):
    """Keeps a cursor on a stage or a cell, and tells when it moves.

    Until the cursor is moved by hand it follows what runs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="stages.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="stages.up"),
        Binding("g,home", "move(-1000000)", "First", show=False, id="stages.first"),
        Binding("G,end", "move(1000000)", "Last", show=False, id="stages.last"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="stages.page_down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="stages.page_up"),
        Binding("enter,space,right,l", "open", "Cells", show=False, id="stages.open"),
        Binding("escape,left,h", "close", "Close", show=False, id="stages.close"),
        Binding("f", "follow", "Follow", show=False, id="stages.follow"),
    ]

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, item: Item) -> None:
            super().__init__()
            self.item = item

    def __init__(self) -> None:
        super().__init__(id="stages")
        self.border_title = "stages"
        self._stages: Sequence[StageView] = ()
        self._opened: set[str] = set()
        self._items: list[Item] = []
        self._now = 0.0
        self.following = True
        self.item: Item | None = None

    def update_stages(self, stages: Sequence[StageView], now: float) -> None:
        """Show the stages as they stand."""
        self._stages, self._now = stages, now
        if self.following:
            running = next((s.name for s in stages if s.counts.get(State.RUNNING)), None)
            chosen = Item(running) if running else self.item
            self.item = _longest(stages) or chosen or (Item(stages[0].name) if stages else None)
        self._draw()

    def _draw(self) -> None:
        before = self._items[self.marked] if self._items and self.marked is not None else None
        self._items = items(self._stages, self._opened)
        marked = self._items.index(self.item) if self.item in self._items else None
        columns = max(20, self.scrollable_content_region.width)
        self.show(stagelist(self._stages, self._opened, self._now, columns), marked)
        if marked is not None and self._items[marked] != before:
            self.scroll_to(y=max(0, marked - self.size.height // 2), animate=False)
            self.post_message(self.Moved(self._items[marked]))

    def on_resize(self) -> None:
        """The lines are cut to the new width."""
        self._draw()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if self._items:
            place = (self.marked or 0) + by
            self.item = self._items[min(len(self._items) - 1, max(0, place))]
            self.following = False
            self._draw()

    def action_open(self) -> None:
        """Show the cells of the stage under the cursor, or hide them."""
        several = {stage.name for stage in self._stages if len(stage.cells) > 1}
        if self.item is None or self.item.stage not in several:
            return
        self.following = False
        self._opened ^= {self.item.stage}
        if self.item.stage not in self._opened:
            self.item = Item(self.item.stage)
        self._draw()

    def action_close(self) -> None:
        """Hide the cells of the stage under the cursor."""
        if self.item is not None and self.item.stage in self._opened:
            self.action_open()

    def action_follow(self) -> None:
        """Let the cursor go with what runs."""
        self.following = True
        self.update_stages(self._stages, self._now)

    def on_click(self, event: Click) -> None:
        """Put the cursor on the line that was clicked."""
        offset = event.get_content_offset(self)
        row = offset.y + self.scroll_offset.y if offset is not None else len(self._items)
        if row < len(self._items):
            self.item = self._items[row]
            self.following = False
            self._draw()


def _longest(stages: Sequence[StageView]) -> Item | None:
    """The stage with the most to see of a run that is over: it took longest, or has most cells."""
    if not stages or any(stage.over < len(stage.cells) for stage in stages):
        return None
    return Item(max(stages, key=lambda stage: (stage.seconds, len(stage.cells))).name)
