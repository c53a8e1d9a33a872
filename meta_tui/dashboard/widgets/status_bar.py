"""The lines at the top and the bottom of every screen."""

from collections.abc import Sequence

from textual.widgets import Static

from meta_tui.dashboard.widgets.palette import content
from meta_tui.render.text.spans import Line


class Bar(Static):
    """One or more lines of spans; drawn again only when they change."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__("", markup=False, id=id)
        self._shown: list[Line] | None = None

    def show(self, rows: Sequence[Line]) -> None:
        """Show these lines."""
        if list(rows) != self._shown:
            self._shown = list(rows)
            # Of a fixed size: nothing else moves because other words stand in it.
            self.update(content(rows), layout=self.styles.auto_dimensions)
