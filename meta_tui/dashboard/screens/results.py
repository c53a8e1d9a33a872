"""Screen 2: the tables of the run's comparisons."""

from typing import ClassVar

from textual.app import ComposeResult

from meta_tui.dashboard.screens.base import STOP, RunScreenBase
from meta_tui.dashboard.widgets.lines import Lines
from meta_tui.render.spans import Line, Span, line
from meta_tui.render.table import table
from meta_tui.results import Missing


class ResultsScreen(RunScreenBase):
    """What came out."""

    KEYS: ClassVar[tuple[str, ...]] = ("q leave", "? help", STOP, "1 run", "3 gallery", "↑↓ scroll")

    def body(self) -> ComposeResult:
        """One pane with all tables."""
        yield Lines(id="results")

    def redraw(self) -> None:
        """Show the tables that are there."""
        super().redraw()
        pane = self.query_one("#results", Lines)
        pane.border_title = "results"
        columns = max(40, pane.scrollable_content_region.width)
        rows: list[Line] = []
        for cell, found in self.source.tables():
            rows += [()] if rows else []
            rows.append(line(Span(cell.name, "strong")))
            if isinstance(found, Missing):
                rows.append(line(Span(found.reason, "warn")))
            else:
                rows += table(found, columns)
        pane.show(rows or [line(Span(self._nothing(), "dim"))])

    def _nothing(self) -> str:
        if not any(cell.type == "compare" for cell in self.source.view.cells):
            return "this pipeline has no `compare` stage: it makes no table"
        return "no table yet: it comes when a `compare` stage is done"
