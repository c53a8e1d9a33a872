"""From what a person types to the cells of a run."""

from meta_tui.model.run_reducer import CellView, RunView
from pipelines.core.errors import UsageError
from pipelines.core.near import closest
from pipelines.core.text import listed, safe_text


def cells_named(view: RunView, name: str) -> list[CellView]:
    """The cells of a name: a cell, a stage, or a pick `stage@axis=label`.

    Raises:
        UsageError: there is none; says what there is.
    """
    exact = [cell for cell in view.cells if cell.name == name]
    if exact:
        return exact
    stage, *picks = name.split("@")
    wanted = dict(pick.partition("=")[::2] for pick in picks)
    found = [
        cell
        for cell in view.cells
        if cell.stage == stage
        and all(cell.axes.get(axis) == label for axis, label in wanted.items())
    ]
    if found:
        return found
    stages = list(dict.fromkeys(cell.stage for cell in view.cells))
    close = closest(name, [*stages, *(cell.name for cell in view.cells)])
    hint = f"did you mean {close}?" if close else f"the stages are {listed(stages)}"
    raise UsageError(f"run {view.run} has no cell {safe_text(name)}; {hint}")
