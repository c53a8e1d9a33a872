"""The log of the selected cell: what it printed, and how it failed."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import Log

from meta_tui.render.spans import crop, line, plain

_MOST_LINES = 10_000
_MOST_COLUMNS = 10_000


class LogPane(Log, can_focus=True):
    """The tail of one log. Textual's `Log` draws plain text only: no markup, no colours."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="log.down"),
        Binding("k", "scroll_up", "Up", show=False, id="log.up"),
        Binding("g", "scroll_home", "Top", show=False, id="log.home"),
        Binding("G", "scroll_end", "Bottom", show=False, id="log.end"),
    ]

    def __init__(self) -> None:
        super().__init__(highlight=False, max_lines=_MOST_LINES, id="log")
        self.border_title = "log"
        self.of_run = False
        """It shows the history of the run, not what a cell printed."""
        self._written = 0

    def begin(self, title: str, *, of_run: bool) -> None:
        """Show another log, from its start."""
        if of_run and self.of_run:
            return
        self.of_run, self._written = of_run, 0
        self.clear()
        self.border_title = Content(f"log {title}" if title else "history of the run")

    def follow(self, lines: Sequence[str]) -> None:
        """Add new lines; of the run's history, which is given whole, those not shown yet."""
        new = lines[self._written :] if self.of_run else lines
        if new:
            if self.of_run:
                columns = self.scrollable_content_region.width or _MOST_COLUMNS
                new = [plain([crop(line(text), columns)]) for text in new]
            self.write_lines(new)
            self._written += len(new)

    def on_resize(self, _: Resize) -> None:
        """The history is cut to the width, and so again to a new one."""
        if self.of_run:
            self._written = 0
            self.clear()
