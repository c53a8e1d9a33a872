"""A scrolling pane of lines: one widget however many lines there are."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from meta_tui.dashboard.widgets.base_pane import Pane
from meta_tui.dashboard.widgets.palette import strip
from meta_tui.render.text.spans import Line
from pipelines.core.text import width


class Lines(Pane, can_focus=True, inherit_bindings=False):
    """Shows lines of spans; draws only those on the screen.

    Its keys are its own, so that help tells all of them, and that its screen hears `left` and
    `right`: lines are made for the width of the pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False, id="lines.down"),
        Binding("up,k", "scroll_up", "Up", show=False, id="lines.up"),
        Binding("home,g", "scroll_home", "Top", show=False, id="lines.home"),
        Binding("end,G", "scroll_end", "Bottom", show=False, id="lines.end"),
        Binding("pagedown", "page_down", "Page down", show=False, id="lines.page_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="lines.page_up"),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self.rows: list[Line] = []
        """What it shows."""
        self.marked: int | None = None
        """Row of the cursor, where the pane has one."""

    class Resized(Message):
        """What is shown was made for another width."""

    def on_resize(self) -> None:
        """Tell who fills the pane."""
        self.post_message(self.Resized())

    def show(self, rows: Sequence[Line], marked: int | None = None) -> None:
        """Show these lines; only those that are not shown already are drawn."""
        before, was = self.rows, self.marked
        self.rows, self.marked = list(rows), marked
        changed = {
            at for at, (old, new) in enumerate(zip_longest(before, self.rows)) if old != new
        }  # fmt: skip
        if marked != was:
            changed |= {row for row in (was, marked) if row is not None}
        if not changed:
            return
        widest = max((sum(width(span.text) for span in row) for row in self.rows), default=0)
        size = Size(widest, len(self.rows))
        if size == self.virtual_size:
            self.paint(changed)
        else:
            self.virtual_size = size
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        left, top = self.scroll_offset
        index = top + y
        under = self.under
        if index >= len(self.rows):
            return Strip.blank(self.size.width, under)
        if index == self.marked:
            under = self.get_component_rich_style("lines--cursor")
        row = strip(self.rows[index], under)
        return row.crop_extend(left, left + self.size.width, under)

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor"}
