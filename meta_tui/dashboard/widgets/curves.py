"""Live curves of the selected stage or cell, under what is known of it."""

from collections.abc import Sequence

from textual.content import Content

from meta_tui.curves import Curves
from meta_tui.dashboard.widgets.lines import Lines
from meta_tui.render.charts import grouped
from meta_tui.render.linechart import Series, linechart
from meta_tui.render.spans import SERIES, Line, Span, Style, crop, line
from meta_tui.view import CellView
from pipelines.text import width

_LEAST_ROWS, _MOST_ROWS = 6, 14


class CurvesPane(Lines):
    """Charts that share the height of the pane; more than fit are reached by scrolling."""

    def __init__(self) -> None:
        super().__init__(id="curves")
        self.border_title = "curves"

    def update_curves(
        self,
        head: Sequence[Line],
        curves: Sequence[tuple[CellView, Curves]],
        *,
        log_y: bool,
        first: int = 0,
    ) -> None:
        """Show lines of text and below them a chart for each series, with one legend for all.

        `first` is the ordinal of the first cell that there could be: a cell's colour is its place
        after it, and stays when other cells come and go.
        """
        columns = self.scrollable_content_region.width
        charts = _by_series(curves, first)
        told = _telling([cell for cell, found in curves if found])
        self.border_title = Content(f"curves by {', '.join(told)}" if told else "curves")
        if not charts:
            self.show([*head, (), line(Span(_nothing(curves), "dim"))])
            return
        height = self.scrollable_content_region.height
        top = [*head, *_legend(charts, columns, max(2, height // 4))]
        room = height - len(top)
        rows = min(
            _MOST_ROWS,
            max(_LEAST_ROWS, room // min(len(charts), max(1, room // (_LEAST_ROWS + 1))) - 1),
        )
        drawn: list[Line] = list(top)
        for name, series in charts.items():
            drawn.append(())
            drawn += linechart(name, series, columns, rows, log_y=log_y, x_name="step", named=False)
        self.show(drawn)


def _nothing(curves: Sequence[tuple[CellView, Curves]]) -> str:
    """Why there are no curves; nothing before a cell has begun."""
    cells = [cell for cell, _ in curves if cell.key]
    if not cells:
        return ""
    if all(cell.state.over for cell in cells):
        return "its table: press 2" if cells[0].type == "compare" else "it reports no curves"
    return "no curves yet"


def _by_series(curves: Sequence[tuple[CellView, Curves]], first: int) -> dict[str, list[Series]]:
    """Series name -> a curve for each cell that has it, `loss` first."""
    charts: dict[str, list[Series]] = {}
    told = _telling([cell for cell, found in curves if found])
    styles: dict[str, Style] = {}
    for cell, found in curves:
        label = _label(cell, told)
        for name, series in grouped(found).items():
            for one in series:
                parts = [label, one.label if len(series) > 1 else ""]
                named = " ".join(filter(None, parts)) or one.label
                if named not in styles:
                    styles[named] = _free(styles, cell.ordinal - first)
                charts.setdefault(name, []).append(Series(named, one.x, one.y, styles[named]))
    return dict(sorted(charts.items(), key=lambda item: item[0] != "loss"))


def _free(taken: dict[str, Style], wanted: int) -> Style:
    """The colour of a place, or the next that nobody has while there is one."""
    order = [SERIES[(wanted + step) % len(SERIES)] for step in range(len(SERIES))]
    return next((style for style in order if style not in taken.values()), order[0])


def _legend(charts: dict[str, list[Series]], columns: int, most: int) -> list[Line]:
    """The name of each curve, in at most so many lines; none where one curve is alone."""
    styles = {one.label: one.style or "" for series in charts.values() for one in series}
    if all(len(series) == 1 for series in charts.values()):
        return []
    size = min(columns, max(width(label) for label in styles) + 4)
    across = max(1, columns // max(1, size))
    entries = [
        (Span("━ ", style), Span(f"{label}{' ' * (size - width(label) - 2)}"))
        for label, style in styles.items()
    ]
    if len(entries) > across * most:
        kept = max(1, across * most - 1)
        entries[kept:] = [(Span(""), Span(f"and {len(entries) - kept} more", "dim"))]
    return [
        crop(tuple(span for entry in entries[at : at + across] for span in entry), columns)
        for at in range(0, len(entries), across)
    ]


def _label(cell: CellView, told: Sequence[str]) -> str:
    """`seed=3`, or of several axes their labels alone."""
    labels = {axis: cell.axes[axis] for axis in told if axis in cell.axes}
    if len(labels) == 1:
        return "".join(f"{axis}={label}" for axis, label in labels.items())
    return ", ".join(labels.values())


def _telling(cells: Sequence[CellView]) -> list[str]:
    """The axes in which the cells differ: only these tell one curve from another."""
    axes = dict.fromkeys(axis for cell in cells for axis in cell.axes)
    return [axis for axis in axes if len({cell.axes.get(axis) for cell in cells}) > 1]
