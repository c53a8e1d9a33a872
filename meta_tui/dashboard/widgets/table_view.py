"""A table that a reader works with: a head that stays, rows with a cursor, remarks under them."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click
from textual.message import Message

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.render.text.spans import Line


class SheetRows(Lines):
    """Lines of which some are rows: the cursor goes from row to row, and on through the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False, id="sheet.down"),
        Binding("up,k", "move(-1)", "Row before", show=False, id="sheet.up"),
        Binding("g,home", "move(-1000000)", "First row", show=False, id="sheet.first"),
        Binding("G,end", "move(1000000)", "Last row, then the notes", show=False, id="sheet.last"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="sheet.page_down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="sheet.page_up"),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, row: str) -> None:
            super().__init__()
            self.row = row

    def __init__(self) -> None:
        super().__init__(id="sheet-rows")
        self._places: Sequence[str] = ()

    def offer(self, lines: Sequence[Line], places: Sequence[str], row: str) -> None:
        """Show these lines.

        Args:
            lines: to show.
            places: label of the row that each line is of; empty for a heading or a remark.
            row: label of the row under the cursor.
        """
        before = self.marked
        if before is None or before >= len(places) or places[before] != row:
            before = next((at for at, label in enumerate(places) if label and label == row), None)
        self._places = places
        self.show(lines, before)

    def action_move(self, by: int) -> None:
        """Move the cursor by rows; beyond the last, scroll to what stands under them."""
        rows = [at for at, label in enumerate(self._places) if label]
        if not rows:
            self.scroll_relative(y=by, animate=False)
            return
        here = rows.index(self.marked) if self.marked in rows else 0
        there = min(len(rows) - 1, max(0, here + by))
        if there == here:
            self.scroll_relative(y=by, animate=False)
            return
        self.show(self.rows, rows[there])
        self.scroll_to(y=max(0, rows[there] - self.size.height // 2), animate=False)
        self.post_message(self.Moved(self._places[rows[there]]))

    def on_click(self, event: Click) -> None:
        """Put the cursor on the row that was clicked."""
        offset = event.get_content_offset(self)
        at = offset.y + self.scroll_offset.y if offset is not None else len(self._places)
        if at < len(self._places) and self._places[at]:
            self.show(self.rows, at)
            self.post_message(self.Moved(self._places[at]))


class SheetHead(Bar):
    """The lines over the rows; a click on one tells its column."""

    class Pressed(Message):
        """The head was clicked."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def on_click(self, event: Click) -> None:
        """Tell where."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self.post_message(self.Pressed(offset.x))


class SheetPane(Vertical):
    """The head over the rows."""

    def __init__(self) -> None:
        super().__init__(id="results")

    def compose(self) -> ComposeResult:
        """A head and the rows."""
        yield SheetHead(id="sheet-head")
        yield SheetRows()

    @property
    def room(self) -> int:
        """Columns for lines."""
        return max(20, self.query_one(SheetRows).scrollable_content_region.width)

    @property
    def tall(self) -> int:
        """Lines that are seen at once, the head among them."""
        return self.query_one(SheetRows).size.height + self.query_one(SheetHead).size.height

    def offer(
        self, head: Sequence[Line], lines: Sequence[Line], places: Sequence[str], row: str
    ) -> None:
        """Show a table; see `SheetRows.offer`."""
        bar = self.query_one(SheetHead)
        bar.display = bool(head)
        bar.show(head)
        self.query_one(SheetRows).offer(lines, places, row)
