"""Screen 1: stages, curves of the selected one, its log."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.source import Source
from meta_tui.dashboard.widgets.curves import CurvesPane
from meta_tui.dashboard.widgets.log import LogPane
from meta_tui.dashboard.widgets.stages import StageList
from meta_tui.render.details import cell_details, stage_details
from meta_tui.render.spans import Line
from meta_tui.render.stagelist import Item
from meta_tui.view import CellView, State


class RunScreen(RunScreenBase):
    """The run while it goes on."""

    KEYS: ClassVar[str] = (
        "? help  ↑↓ choose  enter cells  tab pane  y log-y  2 results  ^c stop  q leave"
    )

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._item: Item | None = None
        self._logged: tuple[int, State] | None = None

    def body(self) -> ComposeResult:
        """Stages at the left, curves at the right, the log below."""
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                yield StageList()
                yield CurvesPane()
            yield LogPane()

    def redraw(self) -> None:
        """Show the source as it stands."""
        super().redraw()
        self.query_one(StageList).update_stages(self.source.stages, self.source.time)
        self._redraw_selected()

    def on_stage_list_moved(self, message: StageList.Moved) -> None:
        """Another stage or cell is selected."""
        self._item = message.item
        self._redraw_selected()

    def _redraw_selected(self) -> None:
        if self._item is None:
            return
        pane = self.query_one(CurvesPane)
        columns = max(20, pane.scrollable_content_region.width)
        cells = self._selected()
        # Drawn before the details, which tell the progress that reading the metrics brings.
        curves = self.source.curves(cells)
        pane.update_curves(self._head(columns), curves, log_y=self.source.log_y)
        self._update_log(cells)

    def _selected(self) -> tuple[CellView, ...]:
        item = self._item
        if item is None:
            return ()
        if item.cell is not None:
            return (self.source.view.cells[item.cell],)
        stage = next((s for s in self.source.stages if s.name == item.stage), None)
        return stage.cells if stage else ()

    def _head(self, columns: int) -> list[Line]:
        cells = self._selected()
        view, now = self.source.view, self.source.time
        if len(cells) == 1:
            return cell_details(view, cells[0], now, columns)
        stage = next(
            (s for s in self.source.stages if self._item and s.name == self._item.stage), None
        )
        return stage_details(stage, columns) if stage else []

    def _update_log(self, cells: tuple[CellView, ...]) -> None:
        """Show the log of the selected cell; of a stage, that of the cell that matters most."""
        order = (State.FAILED, State.RUNNING, State.STOPPED, State.DONE)
        ranked = sorted(cells, key=lambda c: order.index(c.state) if c.state in order else 9)
        if not ranked:
            return
        cell = ranked[0]
        pane = self.query_one(LogPane)
        key = (cell.ordinal, cell.state)
        if self._logged is None or self._logged[0] != cell.ordinal:
            self.source.feed.rewind_log(cell.ordinal)
            pane.begin(cell.name, ())
        lines = self.source.feed.poll_log(cell.ordinal)
        if lines:
            pane.write_lines(lines)
        if cell.state is State.FAILED and key != self._logged:
            pane.write_lines(cell.traceback or [cell.error])
        self._logged = key
