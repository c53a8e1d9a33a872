"""What the cells of a comparison learned over steps, as plots beside its table.

Apart from `results`: no screen needs it before it is asked for, and what makes such plots takes a
while to load.
"""

from collections.abc import Mapping
from typing import Any

from engine.library.artifacts import Scores
from engine.library.comparison import plots, rows
from engine.store import Store
from meta_tui.model.run_reducer import CellView, RunView
from meta_tui.readers.results import artifact
from pipelines.core.facts import Source


def learning_curves(cell: CellView, view: RunView, store: Store) -> list[Mapping[str, Any]]:
    """A plot for each curve of the scores that a `compare` cell was given, with bands over seeds.

    Like `Table.plot`, of the rows that the table has; for a table that was asked for no curve.
    """
    learned: dict[str, list[tuple[Source, Scores]]] = {}
    for need in (view.cells[ordinal] for ordinal in cell.needs):
        found = artifact(need, store) if need.key else None
        if isinstance(found, Scores) and found.curves:
            source = Source(need.stage, need.axes)
            learned.setdefault(_counted(need, view), []).append((source, found))
    drawn: list[Mapping[str, Any]] = []
    for x, lot in learned.items():
        groups = rows.groups([source for source, _ in lot], [scores for _, scores in lot])
        names = dict.fromkeys(name for _, scores in lot for name in scores.curves)
        drawn += [plots.points(plots.Line(kind="line", x=x, y=name), groups) for name in names]
    return [plot for plot in drawn if any(len(item["points"]) > 1 for item in plot["series"])]


def _counted(cell: CellView, view: RunView) -> str:
    """What the steps of a cell's curves count; a choice passes on the curves that it was given."""
    while cell.type == "select" and cell.needs:
        cell = view.cells[cell.needs[0]]
    return {"meta_train": "tasks", "meta_evaluate": "adaptation_step"}.get(cell.type, plots.STEP)
