"""A list with a cursor on one of its lines."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.render.text.spans import Line


class Choices(Lines):
    """Keeps a cursor on one of its lines, and tells when it moves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="choices.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="choices.up"),
        Binding("g,home", "move(-1000000)", "First", show=False, id="choices.first"),
        Binding("G,end", "move(1000000)", "Last", show=False, id="choices.last"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="choices.page_down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="choices.page_up"),
    ]

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def offer(self, rows: Sequence[Line]) -> None:
        """Show these lines; the cursor stays where it is while there is such a line."""
        place = min(self.marked or 0, len(rows) - 1) if rows else None
        self.show(rows, place)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if self.rows:
            self._choose(min(len(self.rows) - 1, max(0, (self.marked or 0) + by)))

    def on_click(self, event: Click) -> None:
        """Put the cursor on the line that was clicked."""
        offset = event.get_content_offset(self)
        row = offset.y + self.scroll_offset.y if offset is not None else len(self.rows)
        if row < len(self.rows):
            self._choose(row)

    def _choose(self, place: int) -> None:
        if place != self.marked:
            self.show(self.rows, place)
            self.scroll_to(y=max(0, place - self.size.height // 2), animate=False)
            self.post_message(self.Moved(place))
