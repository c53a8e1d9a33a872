"""Live curves of the selected stage or cell, under what is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.render.charts.chart_grid import Grid, chartgrid, x_at
from meta_tui.render.charts.chart_set import Chart, Shown, axis_of, charts, legend, telling
from meta_tui.render.charts.chart_view import Axis, Look
from meta_tui.render.charts.viewport import WHOLE, Scale, Series, x_label
from meta_tui.render.text.spans import Line, Span, line

_LEAST = 6
"""Lines that a chart is left before what is known of the cells and their names."""


class CurvesPane(Lines):
    """Charts that fill the pane; of more than fit, those around the chosen one.

    How they are looked at is the pane's own, and stays while what is shown changes; zoom and
    cursor end with the stage that they were made on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,j,down", "choose(1)", "Next metric", show=False, id="curves.next"),
        Binding("p,k,up", "choose(-1)", "Metric before", show=False, id="curves.before"),
        Binding("g,home", "choose(-1000000)", "First metric", show=False, id="curves.first"),
        Binding("G,end", "choose(1000000)", "Last metric", show=False, id="curves.last"),
        Binding("right,l", "cursor(1)", "Values to the right", show=False, id="curves.right"),
        Binding("left,h", "cursor(-1)", "Values to the left", show=False, id="curves.left"),
        Binding("shift+right,L", "cursor(10)", "Far right", show=False, id="curves.far_right"),
        Binding("shift+left,H", "cursor(-10)", "Far left", show=False, id="curves.far_left"),
        Binding("plus,equals_sign", "closer(True)", "Zoom in", show=False, id="curves.closer"),
        Binding("minus", "closer(False)", "Zoom out", show=False, id="curves.wider"),
        Binding("right_square_bracket", "pan(1)", "Later", show=False, id="curves.later"),
        Binding("left_square_bracket", "pan(-1)", "Earlier", show=False, id="curves.earlier"),
        Binding("0", "whole", "All steps", show=False, id="curves.whole"),
        Binding("enter", "alone", "One metric", show=False, id="curves.alone"),
        Binding("escape", "back", "Back", show=False, id="curves.back"),
    ]

    def __init__(self) -> None:
        super().__init__(id="curves")
        self.border_title = "curves"
        self.look = Look()
        self.braille = True
        self._head: Sequence[Line] = ()
        self._shown: Shown = ()
        self._first = 0
        self._stage = ""
        self._axis: Axis = "step"
        self._chosen = ""
        self._charts: list[Chart] = []
        self._grid = Grid((), ())
        self._made: tuple[object, Grid] | None = None
        """What was drawn last, and of what."""
        self._top = 0

    def update_curves(self, head: Sequence[Line], curves: Shown, *, first: int = 0) -> None:
        """Show lines of text and below them a chart for each series, with one legend for all.

        `first` is the ordinal of the first cell that there could be (see `curveset.charts`).
        """
        self._head, self._shown, self._first = head, curves, first
        stage = next((cell.stage for cell, _ in curves), "")
        if stage != self._stage:
            self._stage = stage
            self.look = replace(self.look, window=WHOLE, cursor=None, alone=False)
        self._draw()

    def change(self, how: Callable[[Look], Look]) -> None:
        """Look at the curves in another way."""
        self.look = how(self.look)
        self._draw()

    def action_choose(self, by: int) -> None:
        """Keys are for the next chart, or the one before."""
        if self._charts:
            place = min(len(self._charts) - 1, max(0, self._place() + by))
            self._chosen = self._charts[place].name
            self._draw()

    def action_cursor(self, by: int) -> None:
        """Move the line under which values are told."""
        self.change(lambda look: look.moved(self._series(), by))

    def action_closer(self, closer: bool) -> None:  # noqa: FBT001 (Textual calls it by place)
        """Show half of the steps, or twice as many."""
        self.change(lambda look: look.zoomed(self._series(), closer=closer))

    def action_pan(self, by: int) -> None:
        """Show earlier or later steps."""
        self.change(lambda look: look.panned(self._series(), by))

    def action_whole(self) -> None:
        """Show all steps."""
        self.change(lambda look: replace(look, window=WHOLE))

    def action_alone(self) -> None:
        """Show the chosen chart alone."""
        self.change(lambda look: replace(look, alone=len(self._charts) > 1))

    def action_back(self) -> None:
        """Leave the chart alone, the cursor, or the zoom."""
        if self.look == self.look.left_behind():
            raise SkipAction
        self.change(Look.left_behind)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The next chart: the pane has no more lines than it shows."""
        event.stop()
        self.action_choose(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The chart before."""
        event.stop()
        self.action_choose(-1)

    def on_click(self, event: Click) -> None:
        """Choose the chart that was clicked, and put the cursor there."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        box = self._grid.at(offset.x, offset.y - self._top)
        if box is None:
            return
        shown = self._charts[box.place]
        self._chosen = shown.name
        x = x_at(shown, self._drawn_look(), box, offset.x)
        self.change(lambda look: look if x is None else look.pointed(self._series(), x))

    def _place(self) -> int:
        names = [chart.name for chart in self._charts]
        return names.index(self._chosen) if self._chosen in names else 0

    def _series(self) -> Sequence[Series]:
        """The curves that keys are for; of all charts where the chosen one has another axis."""
        chosen = self._charts[self._place()] if self._charts else None
        return chosen.series if chosen and chosen.axis == self._axis else ()

    def _drawn_look(self) -> Look:
        return replace(self.look, axis=self._axis)

    def _draw(self) -> None:
        region = self.scrollable_content_region
        axis = axis_of(self._shown, self.look.axis)
        if axis != self._axis:
            self._axis = axis
            self.look = replace(self.look, window=WHOLE, cursor=None)
        self._charts = charts(self._shown, self._first, self.look.axis, self.look.weight)
        told = telling(self._shown)
        self.entitle(f"curves by {', '.join(told)}" if told else "curves", self._told())
        if not self._charts:
            self._grid = Grid((), ())
            self.show([*self._head, (), line(Span(_nothing(self._shown), "dim"))])
            return
        head = list(self._head[: max(1, region.height - _LEAST)])
        room = region.height - len(head) - 1
        names = legend(self._charts, region.width, max(1, min(room // 4, room - _LEAST)))
        top: list[Line] = [*head, *names, ()]
        self._top, rows = len(top), max(3, region.height - len(top))
        self._grid = self._gridded(region.width, rows)
        self.show([*top, *self._grid.lines])

    def _gridded(self, columns: int, rows: int) -> Grid:
        """The charts; what was drawn last while it would be the same."""
        curves = [
            (cell.ordinal, curve, curve.changes)
            for cell, found in self._shown
            for curve in found.values()
        ]
        look, place = self._drawn_look(), self._place()
        # The axis that was asked for counts too: a chart tells that it does not have it.
        wanted = curves, self._first, place, look, self.look, columns, rows, self.braille
        if self._made is None or self._made[0] != wanted:
            found = chartgrid(self._charts, place, look, columns, rows, braille=self.braille)
            self._made = wanted, found
        return self._made[1]

    def _told(self) -> str:
        """What keys have changed, in a few words."""
        look, parts = self.look, []
        if len(self._charts) > 1:
            parts.append(f"{self._place() + 1}/{len(self._charts)}")
        if look.log_y:
            parts.append("log-y")
        if look.weight:
            parts.append(f"EMA {look.weight:g}, raw dim")
        if look.axis == "time":
            parts.append("by time" if self._axis == "time" else "no times recorded")
        if look.window != WHOLE:
            scale: Scale = "time" if self._axis == "time" else "number"
            first, last = ("" if abs(x) == float("inf") else x_label(x, scale) for x in look.window)
            parts.append(f"zoom {first}..{last}")
        return " · ".join(parts)


def _nothing(curves: Shown) -> str:
    """Why there are no curves; nothing before a cell has begun."""
    cells = [cell for cell, _ in curves if cell.key]
    if not cells:
        return ""
    if all(cell.state.over for cell in cells):
        return "its table: press 2" if cells[0].type == "compare" else "it reports no curves"
    return "no curves yet"
