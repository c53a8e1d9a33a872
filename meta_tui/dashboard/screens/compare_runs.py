"""Two runs beside each other, over the list of runs: what differs, and curves of both."""

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message

from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.curves_view import CurvesPane
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.readers.run_diff import RunDiff, compared
from meta_tui.readers.run_header import Entry
from meta_tui.render.charts.chart_view import Look
from meta_tui.render.runs.run_diff import rundiff
from meta_tui.render.text.spans import Line, Span, crop, line


class CompareScreen(RunScreenBase):
    """What differs at the left, curves at the right."""

    KEYS: ClassVar[tuple[str, ...]] = (
        "q leave", "? help", "esc back", "t next stage", "tab pane", "y log-y", "s smooth",
        "z zoom",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back to the runs", show=False, id="compare.back"),
        Binding("t", "turn(1)", "Curves of the next stage", show=False, id="compare.next"),
        Binding("T", "turn(-1)", "Of the stage before", show=False, id="compare.before"),
        Binding("y", "log_y", "Logarithmic scale", show=False, id="compare.log_y"),
        Binding("s", "smooth", "Smooth the curves more", show=False, id="compare.smooth"),
        Binding("z", "zoom", "One pane alone", show=False, id="compare.zoom"),
    ]

    class RunsRead(Message):
        """Both runs were read."""

        def __init__(self, diff: RunDiff) -> None:
            super().__init__()
            self.diff = diff

    def __init__(self, source: Source, old: Entry, new: Entry) -> None:
        super().__init__(source)
        self._old, self._new = old, new
        self._diff: RunDiff | None = None
        self._place = 0

    def body(self) -> ComposeResult:
        """Text, and the same panes of curves as on screen 1."""
        with Horizontal(id="body"):
            yield Lines(id="diff")
            yield CurvesPane()

    def on_mount(self) -> None:
        """Read both runs beside the screen."""
        super().on_mount()
        self.query_one("#diff").focus()
        self.run_worker(self._read, thread=True)

    def _read(self) -> None:
        self.post_message(self.RunsRead(compared(self._old, self._new, self.source.store)))

    def on_compare_screen_runs_read(self, message: RunsRead) -> None:
        """Show what was read."""
        self._diff = message.diff
        self.redraw()

    def heading(self, columns: int) -> Line:
        """Which runs are compared."""
        return crop(line(f"meta · {self._old.folder.id} against {self._new.folder.id}"), columns)

    def redraw(self) -> None:
        """Show the comparison."""
        super().redraw()
        pane, curves = self.query_one("#diff", Lines), self.query_one(CurvesPane)
        pane.border_title = "runs"
        if self._diff is None:
            pane.show([line(Span("reading both runs", "dim"))])
            return
        pane.show(rundiff(self._diff, max(20, pane.scrollable_content_region.width)))
        stages = list(self._diff.learned)
        if not stages:
            curves.update_curves([line(Span("neither reports curves", "dim"))], [])
            return
        place = self._place % len(stages)
        shown = self._diff.learned[stages[place]]
        names = dict.fromkeys(cell.name for cell, _ in shown)
        head = [line(Span(" and ".join(names), "strong"))]
        head += [line(Span(f"stage {place + 1}/{len(stages)}, t: next", "dim"))]
        curves.braille = self.source.signs.braille
        curves.update_curves(head, shown)

    def action_turn(self, by: int) -> None:
        """Show the curves of another stage."""
        self._place += by
        self.redraw()

    def action_log_y(self) -> None:
        """Switch between a linear and a logarithmic scale."""
        self.query_one(CurvesPane).change(lambda look: replace(look, log_y=not look.log_y))

    def action_smooth(self) -> None:
        """Smooth the curves more, and at last not at all."""
        self.query_one(CurvesPane).change(Look.smoother)

    def action_zoom(self) -> None:
        """Give the pane with the focus the whole screen, and take it back."""
        curves = self.query_one(CurvesPane)
        alone = curves if curves.has_focus else self.query_one("#diff")
        whole = not self.has_class("zoomed")
        self.set_class(whole, "zoomed")
        for pane in self.query("#diff, #curves"):
            pane.set_class(whole and pane is alone, "zoom")
