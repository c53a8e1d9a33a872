"""The detail of one cell, over screen 1: parameters, inputs, result, what happened, its log."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from meta_tui.dashboard.screens.base import STOP, RunScreenBase
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.log_panel import LogBox
from meta_tui.dashboard.widgets.log_view import LogPane, Question
from meta_tui.model.run_reducer import CellView, State
from meta_tui.readers.cell_details import CellDoc, Cells, celldoc, stored
from meta_tui.readers.cell_history import Happened
from meta_tui.readers.log_reader import LogTail
from meta_tui.readers.results import Missing
from meta_tui.render.graph.items import Item
from meta_tui.render.runs.cell_details import celldetail

_LOG_SECONDS = 0.05


class StageScreen(RunScreenBase):
    """Tells of one cell; sideways are the other cells of its stage."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", STOP, "esc back", "←→ cell", "tab pane", "/ search",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back to the run", show=False, id="detail.back"),
        Binding("right,l", "turn(1)", "Next cell of the stage", show=False, id="detail.next"),
        Binding("left,h", "turn(-1)", "Cell before", show=False, id="detail.before"),
        Binding("slash", "ask('search')", "Search the log", show=False, id="detail.search"),
        Binding(
            "ampersand", "ask('filter')", "Only log lines with", show=False, id="detail.filter"
        ),
    ]

    class CellsRead(Message):
        """What the run stored of its cells was read."""

        def __init__(self, cells: Cells | Missing) -> None:
            super().__init__()
            self.cells = cells

    def __init__(self, source: Source, cell: int) -> None:
        super().__init__(source)
        self._cells: Cells | Missing | None = None
        self._doc: tuple[object, CellDoc] | None = None
        self._begin(cell)

    def _begin(self, cell: int) -> None:
        """Read of a cell, by readers of our own: screen 1 goes on with its log."""
        self._cell = cell
        self._happened = Happened(self.source.folder, cell)
        self._log = LogTail(self.source.folder.log(cell), self.source.feed.clock)
        self._begun = self._failed = False

    def body(self) -> ComposeResult:
        """What is known of the cell, and below it its log."""
        with Vertical(id="body"):
            yield Lines(id="detail")
            yield LogBox()

    def on_mount(self) -> None:
        """Show what is known, and read the rest beside the screen."""
        super().on_mount()
        self.query_one("#detail", Lines).focus()
        self.run_worker(self._read, thread=True)

    def _read(self) -> None:
        self.post_message(self.CellsRead(stored(self.source.folder)))

    def on_stage_screen_cells_read(self, message: CellsRead) -> None:
        """Show parameters with their defaults."""
        self._cells = message.cells
        self.redraw()

    @property
    def chosen(self) -> tuple[CellView, ...]:
        """The cell that is told of."""
        return self.source.view.cells[self._cell : self._cell + 1]

    def goto(self, item: Item) -> None:
        """Tell of another cell."""
        cell = next((c for c in self.source.view.cells if c.stage == item.stage), None)
        self._show(cell.ordinal if item.cell is None and cell else item.cell)

    def look(self) -> bool:
        """The log has more to read."""
        return self._log.behind or self.source.view.cells[self._cell].state is State.RUNNING

    def redraw(self) -> None:
        """Show the source as it stands."""
        super().redraw()
        source, cells = self.source, self.source.view.cells
        if self._cell >= len(cells):
            return
        cell, pane = cells[self._cell], self.query_one("#detail", Lines)
        self._happened.read()
        others = self._others()
        place = others.index(cell.ordinal) + 1
        many = len(others) > 1
        pane.border_title = Content(f"{cell.stage} {place}/{len(others)}" if many else cell.stage)
        columns = max(20, pane.scrollable_content_region.width)
        told = self._happened.told
        pane.show(
            celldetail(
                source.view, cell, self._doc_of(cell), told, source.time, columns, source.signs
            )
        )
        self._update_log(cell)

    def _doc_of(self, cell: CellView) -> CellDoc:
        """What the store tells, read anew only where it may tell something else."""
        wanted = (cell.ordinal, cell.key, cell.state, self._cells)
        if self._doc is None or self._doc[0] != wanted:
            source = self.source
            self._doc = wanted, celldoc(cell, source.view, source.store, self._cells)
        return self._doc[1]

    def _update_log(self, cell: CellView) -> None:
        """Show what the cell printed, at its end how it failed."""
        pane, log = self.query_one(LogPane), self._log
        if not self._begun:
            pane.begin(cell.name, of_run=False)
        self._failed &= cell.state is State.FAILED  # Another attempt may fail too.
        printed = log.read(_LOG_SECONDS)
        if cell.state is State.FAILED and not log.behind and not self._failed:
            self._failed = True
            printed += cell.traceback or (cell.error,)
        self._begun = True
        pane.follow(printed, log.unfinished)
        # A log without a word leaves its room to what there is to tell.
        running = cell.state is State.RUNNING
        self.query_one(LogBox).display = bool(pane.lines or log.unfinished or running)

    def _others(self) -> list[int]:
        """The cells of the stage."""
        cells = self.source.view.cells
        stage = cells[self._cell].stage
        return [cell.ordinal for cell in cells if cell.stage == stage]

    def action_turn(self, by: int) -> None:
        """Tell of the next cell of the stage, or the one before."""
        others = self._others()
        place = others.index(self._cell) + by
        self._show(others[min(len(others) - 1, max(0, place))])

    def action_ask(self, question: Question) -> None:
        """Search the log, or show only some of its lines."""
        self.query_one(LogBox).ask(question)

    def _show(self, cell: int | None) -> None:
        if cell is not None and cell != self._cell:
            self._begin(cell)
            self.redraw()
