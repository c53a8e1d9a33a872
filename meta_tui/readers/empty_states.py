"""Why a screen has nothing to show yet, or will never have, in a sentence."""

from meta_tui.model.run_reducer import CellView, RunView, State


def no_table(view: RunView) -> str:
    """Why there is no table."""
    compared = [cell for cell in view.cells if cell.type == "compare"]
    if not compared:
        return "this pipeline has no `compare` stage: it makes no table"
    return "; ".join(_untabled(cell, view) for cell in compared)


def _untabled(cell: CellView, view: RunView) -> str:
    match cell.state:
        case State.SKIPPED:
            return f"no table: {cell.name} was skipped, for {cell.why}"
        case State.FAILED:
            return f"no table: {cell.name} failed: {cell.error}"
        case State.STOPPED:
            return f"no table: {cell.name} was stopped"
        case State.RUNNING:
            return f"no table yet: {cell.name} is being computed"
        case _ if view.over:
            return f"no table: the run ended before {cell.name} began"
    left = sum(not view.cells[need].state.over for need in cell.needs if need < len(view.cells))
    which = f"{left} of the {len(cell.needs)}" if left < len(cell.needs) else f"the {left}"
    return f"no table yet: {cell.name} waits for {which} cells that it compares"


def no_pictures(view: RunView) -> str:
    """Why there is no picture."""
    if view.over:
        return "no cell of this run made pictures"
    return "no pictures yet: they come when a stage that makes some is done"
