"""Screen 2: the tables of the run's comparisons, to sort, group, filter, compare and plot."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from meta_tui.dashboard.screens.base import SCREENS, STOP, RunScreenBase
from meta_tui.dashboard.screens.export import ExportScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.prompt import Ask
from meta_tui.dashboard.widgets.table_view import SheetHead, SheetPane, SheetRows
from meta_tui.model.run_reducer import CellView
from meta_tui.model.table_cursor import Reading
from meta_tui.readers.empty_states import no_table
from meta_tui.readers.results import Missing
from meta_tui.render.tables.row_details import rowdetail
from meta_tui.render.tables.table_page import Page, tablepage
from meta_tui.render.text.spans import Span, line, wrap
from pipelines.core.text import safe_text

_CHANGES: Mapping[str, Callable[[Reading], None]] = {
    "baseline": Reading.choose_baseline,
    "sort": Reading.sort,
    "group": Reading.group,
    "differ": Reading.differ,
}

_ROWS = ("b baseline", "o sort", "/ filter", "e export", "a group", "- differing")
_VIEW_KEYS: Mapping[str, tuple[str, ...]] = {
    "table": ("p bars, plot", *_ROWS, "←→ column", "enter row", "1 run"),
    "bars": ("p plot, table", *_ROWS, "←→ column", "enter row", "1 run"),
    "plot": ("p table, bars", "←→ plot", "/ filter", "e export", "1 run"),
}
"""What the keys do in each view of a table, most needed first."""


class ResultsScreen(RunScreenBase):
    """What came out."""

    KEYS: ClassVar[tuple[str, ...]] = ("q leave", "? help", STOP)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn(1)", "Next table", show=False, id="results.next"),
        Binding("shift+tab", "turn(-1)", "Table before", show=False, id="results.before"),
        Binding("right,l", "column(1)", "Next column or plot", show=False, id="results.right"),
        Binding("left,h", "column(-1)", "Column or plot before", show=False, id="results.left"),
        Binding("p", "view", "Table, bars, plot", show=False, id="results.view"),
        Binding(
            "b", "change('baseline')", "Compare with this row", show=False, id="results.baseline"
        ),
        Binding("o", "change('sort')", "Sort by the column", show=False, id="results.sort"),
        Binding("a", "change('group')", "Group by an axis", show=False, id="results.group"),
        Binding(
            "minus", "change('differ')", "Only differing columns", show=False, id="results.differ"
        ),
        Binding("slash", "filter", "Filter rows", show=False, id="results.filter"),
        Binding("e", "export", "Write the table into a file", show=False, id="results.export"),
        Binding("enter", "detail", "More of the row", show=False, id="results.detail"),
        Binding("escape", "back", "Less of it; no filter", show=False, id="results.back"),
        Binding("z", "zoom", "Table alone", show=False, id="results.zoom"),
    ]

    class CurvesRead(Message):
        """What a table's cells learned was read."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._place = 0
        self._readings: dict[int, Reading] = {}
        self._page: Page | None = None

    def body(self) -> ComposeResult:
        """A table, what is known of its marked row, and a line to filter by."""
        with Vertical(id="body"):
            yield SheetPane()
            yield Lines(id="sheet-detail")
            yield Ask("words of rows: head=zero !probe", id="sheet-ask")

    def keys(self) -> Sequence[str]:
        """Those of a table, where there is one."""
        away = [key for key in SCREENS if not key.startswith("2")]
        reading = self._reading()
        return (*self.KEYS, *(_VIEW_KEYS[reading.view] if reading else away))

    def redraw(self) -> None:
        """Show the table that is chosen."""
        super().redraw()
        pane = self.query_one(SheetPane)
        reading = self._reading()
        self.set_class(reading is None or reading.view == "plot", "rowless")
        if reading is None:
            self._tell(pane)
            return
        rows = [row.label for row in reading.sheet.rows]
        if reading.row not in rows:
            reading.row = rows[0] if rows else ""
        self._page = page = tablepage(reading, pane.room, pane.tall, self.source.signs)
        pane.border_title = Content(self._title())
        pane.border_subtitle = Content(page.told)
        pane.offer(page.head, page.lines, page.places, reading.row)
        self._show_detail(reading)

    def _show_detail(self, reading: Reading) -> None:
        pane = self.query_one("#sheet-detail", Lines)
        row = next((row for row in reading.sheet.rows if row.label == reading.row), None)
        pane.border_title = "row"
        columns = max(20, pane.scrollable_content_region.width)
        pane.show(rowdetail(reading.sheet, row, columns) if row else [line(Span("no row", "dim"))])

    def _tell(self, pane: SheetPane) -> None:
        """Why there is no table."""
        pane.border_title, pane.border_subtitle = "results", ""
        tables = self.source.tables()
        found = tables[self._place % len(tables)][1] if tables else None
        lost = found.reason if isinstance(found, Missing) else ""
        told = wrap(lost or no_table(self.source.view), pane.room)
        if tables:
            pane.border_title = Content(self._title())
        pane.offer([], [line(Span(part, "warn" if lost else "dim")) for part in told], [""], "")

    def _reading(self) -> Reading | None:
        """The table that is chosen; None where there is none to read."""
        tables = self.source.tables()
        if not tables:
            return None
        cell, found = tables[self._place % len(tables)]
        if isinstance(found, Missing):
            return None
        known = self._readings.get(cell.ordinal)
        if known is None or known.table is not found:
            known = self._readings[cell.ordinal] = Reading(found)
        return known

    def _title(self) -> str:
        """The table's name; of several, its place among them."""
        tables = self.source.tables()
        place = self._place % len(tables)
        name = tables[place][0].name
        return f"{name}  {place + 1}/{len(tables)}, tab: next" if len(tables) > 1 else name

    def on_sheet_rows_moved(self, message: SheetRows.Moved) -> None:
        """Another row is marked."""
        reading = self._reading()
        if reading is not None:
            reading.row = message.row
            self._show_detail(reading)

    def on_sheet_head_pressed(self, message: SheetHead.Pressed) -> None:
        """Sort by the column that was clicked."""
        reading = self._reading()
        spots = self._page.spots if self._page else ()
        hit = next((column for start, end, column in spots if start <= message.column < end), None)
        if reading is not None and hit is not None:
            reading.column = hit
            reading.sort(hit)
            self.redraw()

    def on_ask_told(self, message: Ask.Told) -> None:
        """Filter while words are typed."""
        reading = self._reading()
        if reading is not None:
            reading.filter(message.words)
            self.redraw()

    def on_ask_left(self) -> None:
        """Back to the rows."""
        self.query_one(SheetRows).focus()

    def action_turn(self, by: int) -> None:
        """Show another table."""
        tables = self.source.tables()
        if tables:
            self._place = (self._place + by) % len(tables)
            reading = self._reading()
            self.query_one(Ask).put(reading.order.words if reading else "")
            self.redraw()

    def action_column(self, by: int) -> None:
        """Mark another column, or show another plot."""
        reading = self._reading()
        if reading is not None and reading.view == "plot":
            reading.turn_plot(by)
            self.redraw()
        elif reading is not None:
            reading.move(by)
            self.redraw()

    def action_view(self) -> None:
        """Table, bars, plot."""
        reading = self._reading()
        if reading is not None:
            reading.turn()
            self.redraw()
            if reading.view == "plot" and not reading.curves:
                cell = self.source.tables()[self._place % len(self.source.tables())][0]
                self.run_worker(partial(self._read_curves, cell, reading), thread=True)

    def _read_curves(self, cell: CellView, reading: Reading) -> None:
        """Read what many cells learned, which takes a while, beside the screen."""
        learned = import_module("meta_tui.readers.learning_curves")
        reading.curves = learned.learning_curves(cell, self.source.view, self.source.store)
        self.post_message(self.CurvesRead())

    def on_results_screen_curves_read(self) -> None:
        """Show the curves."""
        self.redraw()

    async def action_change(self, what: str) -> None:
        """Another baseline, order, group or choice of columns."""
        reading = self._reading()
        if reading is not None:
            if what == "baseline" and not reading.prepared:
                # Painting goes on meanwhile; keys wait their turn: they are for what comes of it.
                told = f"comparing with {safe_text(reading.row)} ..."
                self.query_one(SheetPane).border_subtitle = Content(told)
                await asyncio.to_thread(reading.prepare, reading.row)
            _CHANGES[what](reading)
            self.redraw()

    def action_filter(self) -> None:
        """Type words that rows must have."""
        if self._reading() is not None:
            self.query_one(Ask).open()

    def action_export(self) -> None:
        """Ask for a format, and write the table as it is shown into the folder of the command."""
        reading, view = self._reading(), self.source.view
        if reading is not None:
            tables = self.source.tables()
            name = tables[self._place % len(tables)][0].name
            name = f"{view.name}-{view.run}-{name}"
            self.app.push_screen(ExportScreen(reading.sheet, name, Path.cwd()))

    def action_detail(self) -> None:
        """Give what is known of the row more room."""
        self.add_class("detailed")

    def action_back(self) -> None:
        """Give it less; then show all rows."""
        if self.has_class("detailed"):
            self.remove_class("detailed")
        else:
            self.query_one(Ask).action_leave()

    def action_zoom(self) -> None:
        """The table alone, or with its row."""
        self.toggle_class("zoomed")
