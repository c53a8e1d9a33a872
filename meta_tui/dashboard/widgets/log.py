"""The log of the selected cell: what it printed, and how it failed."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Log

_MOST_LINES = 10_000


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

    def begin(self, title: str, lines: Sequence[str]) -> None:
        """Show another log, or no log, from its start."""
        self.clear()
        self.border_title = Content(f"log {title}".strip())
        self.write_lines(lines)
