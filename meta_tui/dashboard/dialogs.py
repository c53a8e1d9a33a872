"""An application that asks before it acts, and tells what did not happen."""

from collections.abc import Sequence

from textual.app import App
from textual.screen import ModalScreen

from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.screens.confirm import AskScreen
from meta_tui.dashboard.state.confirmations import Question
from meta_tui.model.run_reducer import CellView
from pipelines.core.errors import MetaError
from pipelines.core.text import safe_text


class Asking(App[None]):
    """Puts questions over the screen that is shown, one at a time."""

    @property
    def modal(self) -> bool:
        """Whether a question or a list lies over the screen."""
        return isinstance(self.screen, ModalScreen)

    @property
    def chosen(self) -> Sequence[CellView]:
        """The cells that the cursor of the screen is on."""
        return self.screen.chosen if isinstance(self.screen, RunScreenBase) else ()

    def ask(self, question: Question) -> None:
        """Put a question over the screen; do what was answered, or tell why it cannot be done."""

        def answered(number: int | None) -> None:
            if number is None or number < 0:
                return
            try:
                question.answers[number].do()
            except (MetaError, OSError) as error:
                self.tell("Request not sent", error)

        if not self.modal:
            words = [answer.word for answer in question.answers]
            self.push_screen(AskScreen(question.title, question.told, words), answered)

    def tell(self, title: str, error: object) -> None:
        """Tell over the screen what did not happen, and why."""
        self.ask(Question(title, tuple(safe_text(str(error), lines=True).splitlines())))
