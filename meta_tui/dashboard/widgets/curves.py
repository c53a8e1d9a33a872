"""Live curves of the selected stage or cell, under what is known of it."""

from collections.abc import Sequence

from meta_tui.curves import Curves
from meta_tui.dashboard.widgets.lines import Lines
from meta_tui.render.charts import grouped
from meta_tui.render.linechart import Series, linechart
from meta_tui.render.spans import Line, Span, line
from meta_tui.view import CellView

_LEAST_ROWS, _MOST_ROWS = 8, 14


class CurvesPane(Lines):
    """Charts that share the height of the pane; more than fit are reached by scrolling."""

    def __init__(self) -> None:
        super().__init__(id="curves")
        self.border_title = "curves"

    def update_curves(
        self, head: Sequence[Line], curves: Sequence[tuple[CellView, Curves]], *, log_y: bool
    ) -> None:
        """Show lines of text and below them a chart for each series."""
        columns = self.scrollable_content_region.width
        room = self.scrollable_content_region.height - len(head)
        charts = _by_series(curves)
        if not charts:
            said = "no curves yet" if any(cell.key for cell, _ in curves) else ""
            self.show([*head, (), line(Span(said, "dim"))])
            return
        rows = min(
            _MOST_ROWS,
            max(_LEAST_ROWS, room // min(len(charts), max(1, room // (_LEAST_ROWS + 1))) - 1),
        )
        drawn: list[Line] = list(head)
        for name, series in charts.items():
            drawn += [(), *linechart(name, series, columns, rows, log_y=log_y)]
        self.show(drawn)


def _by_series(curves: Sequence[tuple[CellView, Curves]]) -> dict[str, list[Series]]:
    """Series name -> a curve for each cell that has it, `loss` first."""
    charts: dict[str, list[Series]] = {}
    told = _telling([cell for cell, found in curves if found])
    for cell, found in curves:
        label = "@".join(f"{axis}={cell.axes[axis]}" for axis in told if axis in cell.axes)
        for name, series in grouped(found).items():
            for one in series:
                parts = [label, one.label if len(series) > 1 else ""]
                named = " ".join(filter(None, parts)) or one.label
                charts.setdefault(name, []).append(Series(named, one.x, one.y))
    return dict(sorted(charts.items(), key=lambda item: item[0] != "loss"))


def _telling(cells: Sequence[CellView]) -> list[str]:
    """The axes in which the cells differ: only these tell one curve from another."""
    axes = dict.fromkeys(axis for cell in cells for axis in cell.axes)
    return [axis for axis in axes if len({cell.axes.get(axis) for cell in cells}) > 1]
