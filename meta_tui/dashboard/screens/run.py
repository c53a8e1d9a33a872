"""Screen 1: stages, curves of the selected one, its log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from meta_tui.dashboard.screens.base import SCREENS, STOP, RunScreenBase
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.curves_view import CurvesPane
from meta_tui.dashboard.widgets.log_panel import LogBox
from meta_tui.dashboard.widgets.log_view import LogPane, Question
from meta_tui.dashboard.widgets.stages_view import StageList
from meta_tui.model.run_reducer import CellView, State
from meta_tui.render.charts.chart_view import Look
from meta_tui.render.graph.items import Item
from meta_tui.render.runs.selection_header import cell_details, stage_details
from meta_tui.render.text.spans import Line

_PANE_KEYS: Mapping[str, tuple[str, ...]] = {
    "curves": (
        "←→ values", "+ zoom in", "- zoom out", "n next metric", "y log-y", "s smooth", "x time",
        "enter one metric", "tab pane", "z alone",
    ),
    "log": ("/ search", "& filter", "f follow", "n next found", "G end", "tab pane", "z alone"),
}  # fmt: skip
"""What the keys do in a pane, most needed first."""


class RunScreen(RunScreenBase):
    """The run while it goes on."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", STOP, "d graph", *SCREENS[1:], "↑↓ choose", "enter cells", "tab pane",
        "/ search", "y log-y", "s smooth", "z zoom",
    )  # fmt: skip

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "log_y", "Curves on a logarithmic scale", show=False, id="run.log_y"),
        Binding("s", "smooth", "Smooth the curves more", show=False, id="run.smooth"),
        Binding("x", "axis", "Curves over steps or time", show=False, id="run.axis"),
        Binding("z", "zoom", "One pane alone", show=False, id="run.zoom"),
        Binding("slash", "ask('search')", "Search the log", show=False, id="run.search"),
        Binding("ampersand", "ask('filter')", "Only log lines with", show=False, id="run.filter"),
        Binding("d", "dag", "The graph alone", show=False, id="run.dag"),
        Binding("F", "failed", "Next failed cell", show=False, id="run.failed"),
        Binding("escape", "back", "All panes", show=False, id="run.back"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._item: Item | None = None
        self._moved = False
        self._logged: int | None = None
        self._failed = False

    def body(self) -> ComposeResult:
        """Stages at the left, curves at the right, the log below."""
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                yield StageList()
                yield CurvesPane()
            yield LogBox()

    def on_unmount(self) -> None:
        """Leave no process behind that was asked about the device."""
        self.source.usage.close()

    def redraw(self) -> None:
        """Show the source as it stands."""
        super().redraw()
        self._redraw_stages()
        self._redraw_selected()

    def show_clock(self) -> None:
        """Stages and cells that run tell their times too."""
        self.redraw()

    def _redraw_stages(self) -> None:
        stages = self.query_one(StageList)
        stages.signs = self.source.signs
        stages.update_stages(self.source.stages, self.source.time)

    def goto(self, item: Item) -> None:
        """Put the cursor on a stage or a cell."""
        self.query_one(StageList).choose(item)

    def on_stage_list_moved(self, message: StageList.Moved) -> None:
        """Another stage or cell is selected."""
        self._item = message.item
        if not self._moved:
            # The cursor is seen first: what it is on takes longer to read and to draw.
            self._moved = True
            self.call_after_refresh(self._show_moved)

    def _show_moved(self) -> None:
        self._moved = False
        self._redraw_selected()

    def on_stage_list_entered(self, message: StageList.Entered) -> None:
        """Tell all that is known of a cell; of a stage, of its only one."""
        item, cells = message.item, self.source.view.cells
        found = (cell.ordinal for cell in cells if cell.stage == item.stage)
        cell = next(found, None) if item.cell is None else item.cell
        if cell is not None:
            self.app.push_screen(_detail(self.source, cell))

    def action_log_y(self) -> None:
        """Switch the curves between a linear and a logarithmic scale."""
        self.query_one(CurvesPane).change(lambda look: replace(look, log_y=not look.log_y))

    def action_smooth(self) -> None:
        """Smooth the curves more, and at last not at all."""
        self.query_one(CurvesPane).change(Look.smoother)

    def action_axis(self) -> None:
        """Draw the curves over steps, or over time."""
        self.query_one(CurvesPane).change(Look.turned)

    def action_ask(self, question: Question) -> None:
        """Search the log, or show only some of its lines."""
        if not self.has_class("zoomed-log"):
            self._alone(None)
        self.query_one(LogBox).ask(question)

    def action_zoom(self) -> None:
        """Give the pane with the focus the whole screen, and take it back."""
        focused = next((pane for pane in self._panes() if pane.has_focus), None)
        self._alone(None if self.has_class("zoomed") else focused)

    def action_dag(self) -> None:
        """Give the graph the whole screen, and take it back."""
        stages = self.query_one(StageList)
        whole = not stages.whole
        self._alone(stages if whole else None, whole=whole)
        stages.focus()

    def action_failed(self) -> None:
        """Go to the next cell that failed; after the last to the first."""
        failed = [cell for cell in self.source.view.cells if cell.state is State.FAILED]
        here = self.chosen[0].ordinal if len(self.chosen) == 1 else -1
        found = next((cell for cell in failed if cell.ordinal > here), next(iter(failed), None))
        if found is not None:
            several = sum(cell.stage == found.stage for cell in self.source.view.cells) > 1
            self.goto(Item(found.stage, found.ordinal if several else None))
            self.query_one(StageList).focus()

    def keys(self) -> Sequence[str]:
        """Those of the pane with the focus; where a cell failed, how to go to it."""
        failed = ("F failed",) if self.source.view.count(State.FAILED) else ()
        told = (*self.KEYS[:3], *failed)
        focused = next((name for name in _PANE_KEYS if self.query(f"#{name}:focus")), "")
        if not self.has_class("zoomed"):
            return (*told, *_PANE_KEYS.get(focused, self.KEYS[3:]))
        back = "d all panes" if self.query_one(StageList).whole else "z all panes"
        return (*told, back, *_PANE_KEYS.get(focused, ("↑↓ choose", "enter cells")))

    def on_descendant_focus(self) -> None:
        """Keys mean something else in another pane."""
        self.tell_keys(self.columns)

    def action_back(self) -> None:
        """Show all panes."""
        self._alone(None)

    def _panes(self) -> Iterable[Widget]:
        return self.query("#stages, #curves, #log")

    def _alone(self, alone: Widget | None, *, whole: bool = False) -> None:
        """Show one pane alone, or all; `whole` lets stages be a graph whatever its size."""
        for pane in self._panes():
            pane.set_class(pane is alone, "zoom")
        self.set_class(alone is not None, "zoomed")
        self.set_class(bool(self.query("#log.zoom")), "zoomed-log")
        self.tell_keys(self.columns)
        stages = self.query_one(StageList)
        if stages.whole != whole:
            stages.whole = whole
            # Laid out once, for the size that the pane will have then.
            self.call_after_refresh(self._redraw_stages)

    def _redraw_selected(self) -> None:
        if self._item is None:
            return
        pane = self.query_one(CurvesPane)
        columns = max(20, pane.scrollable_content_region.width)
        cells = self.chosen
        # Drawn before the details, which tell the progress that reading the metrics brings.
        curves = self.source.curves(cells)
        first = min((cell.ordinal for cell in cells), default=0)
        pane.braille = self.source.signs.braille
        shown = sum(bool(found) for _, found in curves)
        pane.update_curves(self._head(columns, shown), curves, first=first)
        self._update_log(cells)

    @property
    def chosen(self) -> tuple[CellView, ...]:
        """The cell under the cursor, or those of the stage."""
        item = self._item
        if item is None:
            return ()
        if item.cell is not None:
            return (self.source.view.cells[item.cell],)
        stage = next((s for s in self.source.stages if s.name == item.stage), None)
        return stage.cells if stage else ()

    def _head(self, columns: int, shown: int) -> list[Line]:
        cells, source = self.chosen, self.source
        if len(cells) == 1:
            return cell_details(source.view, cells[0], source.time, columns, source.signs)
        stage = next((s for s in source.stages if self._item and s.name == self._item.stage), None)
        return stage_details(stage, columns, source.signs, shown) if stage else []

    def _update_log(self, cells: tuple[CellView, ...]) -> None:
        """Show what the selected cell printed; of a stage, the cell that matters most.

        While it has printed nothing, the history of the run is shown in its place.
        """
        ranked = sorted(cells, key=_urgency)
        if not ranked:
            return
        cell, pane, feed = ranked[0], self.query_one(LogPane), self.source.feed
        if self._logged != cell.ordinal:
            feed.rewind_log(cell.ordinal)
        printed = feed.poll_log(cell.ordinal)
        # How it failed stands at the end of what it printed.
        ended = cell.state is State.FAILED and not feed.log(cell.ordinal).behind
        failed = ended and (self._logged, self._failed) != (cell.ordinal, True)
        printed += (cell.traceback or (cell.error,)) if failed else ()
        if self._logged != cell.ordinal or (printed and pane.of_run):
            pane.begin(cell.name if printed else "", of_run=not printed)
        self._logged, self._failed = cell.ordinal, ended
        if pane.of_run:
            pane.follow(self.source.history)
        else:
            pane.follow(printed, feed.log(cell.ordinal).unfinished)


def _detail(source: Source, cell: int) -> RunScreenBase:
    """The detail of a cell, loaded when it is first asked for."""
    found: RunScreenBase = import_module("meta_tui.dashboard.screens.cell").StageScreen(
        source, cell
    )
    return found


def _urgency(cell: CellView) -> int:
    order = (State.FAILED, State.RUNNING, State.STOPPED, State.DONE)
    return order.index(cell.state) if cell.state in order else len(order)
