"""A question before something happens, or a word on what did not: over the screen shown."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from meta_tui.dashboard.widgets.bar import Bar
from meta_tui.dashboard.widgets.lines import Lines
from meta_tui.render.spans import Line, Span, line, wrap
from pipelines.text import width

_WIDEST, _FRAME = 72, 8


class AskScreen(ModalScreen[bool]):
    """Says what will happen, and waits for a yes; without a word for yes it only tells."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Yes", id="question.yes"),
        Binding("escape,n,q", "answer(False)", "No", id="question.no"),
    ]

    def __init__(self, title: str, told: Sequence[str], yes: str = "") -> None:
        super().__init__()
        self._title, self._told, self._yes = title, told, yes

    def compose(self) -> ComposeResult:
        """Text, and below it the two keys."""
        with Vertical(id="ask") as box:
            box.border_title = Content(self._title)
            yield Lines(id="asked")
            yield Bar(id="answers")

    def on_mount(self) -> None:
        """Fill the box, and let the keys scroll a text that is long."""
        self._fit()
        self.query_one(Lines).focus()

    def on_resize(self) -> None:
        """Wrap the text for the new size."""
        self._fit()

    def _fit(self) -> None:
        columns = max(20, min(_WIDEST, self.app.size.width - _FRAME))
        rows: list[Line] = []
        for part in self._told:
            # What fits stays as it is: the mark under a faulty word must not move.
            parts = [part] if width(part) <= columns else wrap(part, columns, "")
            rows += [line(text) for text in parts]
        pane = self.query_one(Lines)
        pane.styles.height = min(len(rows), max(1, self.app.size.height - _FRAME))
        self.query_one("#ask").styles.width = columns + 6
        pane.show(rows)
        keys = [Span("enter ", "accent"), Span(f"{self._yes}   ")] if self._yes else []
        self.query_one("#answers", Bar).show(
            [(), line(*keys, Span("esc ", "accent"), "back" if self._yes else "close")]
        )

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 (an action's argument)
        """Leave with the answer."""
        self.dismiss(yes and bool(self._yes))
