"""A log with the line in which its search and its filter are typed."""

from textual.app import ComposeResult
from textual.containers import Vertical

from meta_tui.dashboard.widgets.log_view import LogPane, Question
from meta_tui.dashboard.widgets.prompt import Ask

_PROMPTS: dict[Question, str] = {
    "search": "search the log; enter keeps, n and N go on, esc leaves",
    "filter": "only lines with; enter keeps, esc shows all",
}


class LogBox(Vertical):
    """Passes what is typed to the log."""

    def __init__(self) -> None:
        super().__init__(id="logbox")
        self._question: Question = "search"

    def compose(self) -> ComposeResult:
        """The log, and the line below it."""
        yield LogPane()
        yield Ask("", id="log-ask")

    def ask(self, question: Question) -> None:
        """Let words be typed."""
        ask, pane = self.query_one(Ask), self.query_one(LogPane)
        self._question = question
        ask.placeholder = _PROMPTS[question]
        ask.value = pane.ask(question)
        ask.open()

    def on_log_pane_asked(self, message: LogPane.Asked) -> None:
        """A key of the log asks for words."""
        message.stop()
        self.ask(message.question)

    def on_ask_told(self, message: Ask.Told) -> None:
        """Other words."""
        message.stop()
        self.query_one(LogPane).answer(self._question, message.words)

    def on_ask_left(self, message: Ask.Left) -> None:
        """The words are kept, or taken back: the log says which it has."""
        message.stop()
        self.query_one(Ask).display = False
        self.query_one(LogPane).focus()
