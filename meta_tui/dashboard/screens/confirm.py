"""A question before something happens, or a word on what did not: over the screen shown."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.render.text.spans import Line, Span, line, wrap
from pipelines.core.text import width

_WIDEST, _FRAME = 72, 8
_KEYS, _NO = ("question.yes", "question.other"), "question.no"


class AskScreen(ModalScreen[int]):
    """Says what will happen, and waits for an answer: its number, or -1 for none of them.

    There are two answers at most, each a word; without one it only tells.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(0)", "Yes", id="question.yes"),
        Binding("a", "answer(1)", "The other answer", id="question.other"),
        Binding("escape,n,q", "answer(-1)", "No", id="question.no"),
    ]

    def __init__(self, title: str, told: Sequence[str], answers: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._told, self._answers = title, told, answers

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
        keys: list[Span] = []
        for name, word in zip(_KEYS, self._answers, strict=False):
            keys += [Span(f"{self._key(name)} ", "accent"), Span(f"{word}   ")]
        no = "back" if keys else "close"
        self.query_one("#answers", Bar).show(
            [(), line(*keys, Span(f"{self._key(_NO)} ", "accent"), no)]
        )

    def _key(self, name: str) -> str:
        """The key of a command: a person may have chosen another."""
        found = (it.binding for it in self.active_bindings.values() if it.binding.id == name)
        return next(map(self.app.get_key_display, found), "")

    def action_answer(self, number: int) -> None:
        """Leave with the answer; where there are not so many it is none."""
        known = number < len(self._answers)
        if known or number == 0:
            self.dismiss(number if known else -1)
