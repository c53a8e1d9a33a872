"""Asks in which format to write a table, and says where it lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen

from meta_tui import export
from meta_tui.dashboard.widgets.select_list import Choices
from meta_tui.dashboard.widgets.status_bar import Bar
from meta_tui.model.table_view import Sheet
from meta_tui.render.text.spans import Line, Span, line, wrap
from pipelines.core.errors import MetaError
from pipelines.core.text import safe_text

_COLUMNS = 56
_KEYS: Mapping[str, str] = {"1": ".csv", "2": ".md", "3": ".tex", "4": ".json"}


class ExportScreen(ModalScreen[None]):
    """A list of formats; then the path, until the next key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False, id="export.close"),
        Binding("enter", "write('')", "Write", show=False, id="export.write"),
        *(
            Binding(key, f"write('{suffix}')", export.FORMATS[suffix][0], show=False,
                    id=f"export.{suffix[1:]}")
            for key, suffix in _KEYS.items()
        ),
    ]  # fmt: skip

    def __init__(self, sheet: Sheet, name: str, folder: Path) -> None:
        super().__init__()
        self._sheet, self._stem, self._folder = sheet, name, folder
        self._over = False

    def compose(self) -> ComposeResult:
        """What is asked, and the formats."""
        with Vertical(id="export"):
            yield Bar(id="told")
            yield Choices(id="formats")

    def on_mount(self) -> None:
        """Ask."""
        count = len(self._sheet.rows)
        asked = f"Write {self._stem} ({count} row{'s' * (count != 1)}) into {self._folder}"
        self.query_one("#told", Bar).show(_wrapped(asked))
        offered = self.query_one("#formats", Choices)
        offered.offer(
            [
                line(Span(f"{key}  ", "accent"), f"{export.FORMATS[suffix][0]} ({suffix})")
                for key, suffix in _KEYS.items()
            ]
        )
        offered.focus()

    def action_write(self, suffix: str) -> None:
        """Write the file in this format, or in that under the cursor; say where, or why not."""
        offered = self.query_one("#formats", Choices)
        chosen = suffix or list(_KEYS.values())[offered.marked or 0]
        try:
            path = export.save_beside(self._sheet, self._stem, self._folder, chosen)
            told = _wrapped(f"wrote {path}")
        except MetaError as error:
            told = _wrapped(str(error), bad=True)
        self._over = True
        offered.display = False
        self.query_one("#told", Bar).show([*told, (), line(Span("any key closes this", "dim"))])

    def on_key(self, event: Key) -> None:
        """After the answer, any key closes."""
        if self._over:
            event.stop()
            event.prevent_default()
            self.dismiss()


def _wrapped(text: str, *, bad: bool = False) -> list[Line]:
    return [line(Span(part, "bad" if bad else "")) for part in wrap(safe_text(text), _COLUMNS, "")]
