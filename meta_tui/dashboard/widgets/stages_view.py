"""The stages of a run as a graph, a list or a table, and in those that are opened their cells."""

from collections.abc import Sequence
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.model.run_reducer import State
from meta_tui.model.stage_summary import StageView
from meta_tui.render.graph.items import Item, Rect, step
from meta_tui.render.graph.stage_list import items
from meta_tui.render.graph.stages_pane import Drawing
from meta_tui.render.text.symbols import UNICODE


class StageList(Lines):
    """Keeps a cursor on a stage or a cell, and tells when it moves.

    Until the cursor is moved by hand it follows what runs. A graph is shown where it fits, and a
    list elsewhere; `whole` is set while the pane has the whole screen for the graph.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="stages.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="stages.up"),
        Binding("left,h", "aside(-1)", "Left; close", show=False, id="stages.left"),
        Binding("right,l", "aside(1)", "Right; cells", show=False, id="stages.right"),
        Binding("g,home", "end(0)", "First", show=False, id="stages.first"),
        Binding("G,end", "end(-1)", "Last", show=False, id="stages.last"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="stages.page_down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="stages.page_up"),
        Binding("enter", "enter", "Cells; details", show=False, id="stages.enter"),
        Binding("space", "open", "Cells", show=False, id="stages.open"),
        Binding("escape", "close", "Close", show=False, id="stages.close"),
        Binding("f", "follow", "Follow what runs", show=False, id="stages.follow"),
    ]

    class Moved(Message):
        """The cursor is on another stage or cell."""

        def __init__(self, item: Item) -> None:
            super().__init__()
            self.item = item

    class Entered(Message):
        """A person wants to know more of what has no cells to be opened."""

        def __init__(self, item: Item) -> None:
            super().__init__()
            self.item = item

    def __init__(self) -> None:
        super().__init__(id="stages")
        self.border_title = "stages"
        self.following = True
        self.item: Item | None = None
        self.whole = False
        self.signs = UNICODE
        self._stages: Sequence[StageView] = ()
        self._drawing = Drawing()
        self.places: dict[Item, Rect] = {}
        """Where each stage is drawn, and each cell that is shown."""
        self._opened: set[str] = set()
        self._now = 0.0
        self._told: Item | None = None

    def update_stages(self, stages: Sequence[StageView], now: float) -> None:
        """Show the stages as they stand."""
        self._stages, self._now = stages, now
        if self.following:
            running = next((s.name for s in stages if s.counts.get(State.RUNNING)), None)
            chosen = Item(running) if running else self.item
            self.item = _longest(stages) or chosen or (Item(stages[0].name) if stages else None)
        self._draw()

    def _draw(self) -> None:
        region = self.scrollable_content_region
        drawing = self._drawing
        drawing.signs = self.signs
        drawing.fit(self._stages, self._opened, (region.width, region.height), whole=self.whole)
        sheet = drawing.sheet(self._stages, self._opened, self._now, self.item)
        self.places = dict(sheet.places)
        place = self.places.get(self.item) if self.item else None
        self.show(sheet.rows, place.top if place and not drawing.is_graph else None)
        if place is not None and self.item is not None and self.item != self._told:
            self._told = self.item
            self._reveal(place)
            self.post_message(self.Moved(self.item))

    def _reveal(self, place: Rect) -> None:
        """Scroll to what the cursor is on, unless all of it is on the screen."""
        left, top = self.scroll_offset
        if not left <= place.left <= place.left + place.columns <= left + self.size.width:
            left = max(0, place.left + (place.columns - self.size.width) // 2)
        if not top <= place.top <= place.top + place.rows <= top + self.size.height:
            top = max(0, place.top + (place.rows - self.size.height) // 2)
        self.scroll_to(left, top, animate=False)

    def on_resize(self) -> None:
        """What is drawn is made for the new size."""
        self._draw()
        if self.item in self.places:
            self._reveal(self.places[self.item])

    def choose(self, item: Item) -> None:
        """Put the cursor on a stage, or on a cell, for which its stage is opened."""
        if item.cell is not None and self._several(item.stage):
            self._opened.add(item.stage)
        self.item, self.following = item, False
        self._draw()

    def action_move(self, by: int) -> None:
        """Move the cursor up or down; in a box that is opened from cell to cell."""
        if self.item is None:
            return
        every = items(self._stages, self._opened)
        at = every.index(self.item) + by if self.item in every else 0
        within = 0 <= at < len(every) and every[at].stage == self.item.stage
        if not self._drawing.is_graph or within:
            self.choose(every[min(len(every) - 1, max(0, at))])
        elif self.item in self.places:
            self.choose(step(self.places, self.item, 0, 1 if by > 0 else -1))

    def action_aside(self, by: int) -> None:
        """Move the cursor to a side; in a list show the cells of its stage, or hide them."""
        if not self._drawing.is_graph:
            if self.item is not None and (self.item.stage in self._opened) == (by < 0):
                self.action_open()
        elif self.item in self.places:
            self.choose(step(self.places, self.item, by, 0))

    def action_end(self, place: int) -> None:
        """Move the cursor to the first or the last."""
        every = items(self._stages, self._opened)
        if every:
            self.choose(every[place])

    def action_open(self) -> None:
        """Show the cells of the stage under the cursor, or hide them."""
        if self.item is None or not self._several(self.item.stage):
            return
        self.following = False
        self._opened ^= {self.item.stage}
        if self.item.stage not in self._opened:
            self.item = Item(self.item.stage)
        self._draw()

    def action_enter(self) -> None:
        """Open the stage under the cursor, or tell that more is wanted of what has no cells."""
        if self.item is None:
            return
        if self.item.cell is None and self._several(self.item.stage):
            self.action_open()
        else:
            self.post_message(self.Entered(self.item))

    def action_close(self) -> None:
        """Hide the cells of the stage under the cursor; else the key is for the screen."""
        if self.item is None or self.item.stage not in self._opened:
            raise SkipAction
        self.action_open()

    def action_follow(self) -> None:
        """Let the cursor go with what runs."""
        self.following = True
        self.update_stages(self._stages, self._now)

    def on_click(self, event: Click) -> None:
        """Put the cursor on what was clicked; a second click enters it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        x, y = offset.x + self.scroll_offset.x, offset.y + self.scroll_offset.y
        found = [item for item, rect in self.places.items() if rect.holds(x, y)]
        if found:
            self.choose(found[-1])
            if event.chain > 1:
                self.action_enter()

    def _several(self, stage: str) -> bool:
        return any(s.name == stage and len(s.cells) > 1 for s in self._stages)


def _longest(stages: Sequence[StageView]) -> Item | None:
    """The stage with the most to see of a run that is over: it took longest, or has most cells."""
    if not stages or any(stage.over < len(stage.cells) for stage in stages):
        return None
    return Item(max(stages, key=lambda stage: (stage.seconds, len(stage.cells))).name)
