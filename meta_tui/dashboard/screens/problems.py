"""The faults of a file, shown anew whenever it is saved."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from engine.planning.run_request import Request
from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.readers.file_check import Checked, Watched, check
from meta_tui.render.runs.problem_list import faultlist, told
from meta_tui.render.text.spans import Line, Span, crop, line
from pipelines.core.text import safe_text


class ProblemsScreen(RunScreenBase):
    """Looks at the file once a second, and checks it beside the screen."""

    KEYS: ClassVar[tuple[str, ...]] = ("q leave", "? help", "r start", "4 runs")

    class FileChecked(Message):
        """The file was checked."""

        def __init__(self, found: Checked) -> None:
            super().__init__()
            self.found = found

    def __init__(self, source: Source, request: Request) -> None:
        super().__init__(source)
        self._request = request
        self._watched = Watched(request, source.now)
        self._found: Checked | None = None
        self._busy = False

    def body(self) -> ComposeResult:
        """One pane."""
        with Vertical(id="body"):
            yield Lines(id="problems")

    def on_mount(self) -> None:
        """Check the file."""
        super().on_mount()
        self.query_one("#problems").focus()
        self.look()

    def look(self) -> bool:
        """Check the file again where it was saved."""
        # What is saved while it is checked is seen when that is done.
        if not self._busy and self._watched.saved():
            self._busy = True
            self.run_worker(self._check, thread=True)
        return False

    def _check(self) -> None:
        self.post_message(self.FileChecked(check(self._request)))

    def on_problems_screen_file_checked(self, message: FileChecked) -> None:
        """Show what the check told."""
        self._found, self._busy = message.found, False
        self.redraw()

    def heading(self, columns: int) -> Line:
        """How many faults there are."""
        found = self._found
        summary = Span(told(found), "bad" if found.faults else "good") if found else Span("…")
        return crop(line("meta · ", summary), columns)

    def redraw(self) -> None:
        """Show what the last check told."""
        super().redraw()
        file = safe_text(str(self._request.file))
        found = self._found
        pane = self.query_one("#problems", Lines)
        pane.border_title = Content(file)
        pane.border_subtitle = "checked when it is saved"
        room = max(20, pane.scrollable_content_region.width)
        pane.show(faultlist(found, file, room) if found else [line(Span("checking", "dim"))])
