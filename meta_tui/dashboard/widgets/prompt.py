"""A line to type in, under a pane: hidden until it is asked for."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Ask(Input):
    """What is typed is told at once; enter keeps it, escape takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Take back", show=False, id="ask.leave"),
    ]

    class Told(Message):
        """Other words than before."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """The line is closed."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(placeholder=placeholder, compact=True, id=id)
        self.display = False

    def open(self) -> None:
        """Show the line, and type into it."""
        self.display = True
        self.focus()

    def put(self, words: str) -> None:
        """Show these words, of something else than before, without typing."""
        with self.prevent(Input.Changed):
            self.value = words
        self.display = bool(words.strip())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell the words."""
        event.stop()
        self.post_message(self.Told(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the words."""
        event.stop()
        self.display = bool(self.value.strip())
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Take the words back."""
        self.value = ""
        self.display = False
        self.post_message(self.Left())
