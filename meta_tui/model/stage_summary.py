"""Summary of a run by stage: cells by state, and one state per stage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meta_tui.model.run_reducer import CellView, RunView, State

_BY_URGENCY = (
    State.FAILED, State.RUNNING, State.STOPPED, State.WAITING, State.SKIPPED, State.DONE,
    State.CACHED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage of the pipeline with all its cells."""

    name: str
    type: str
    cells: tuple[CellView, ...]
    counts: Mapping[State, int]
    needs: tuple[str, ...] = ()
    """Names of the stages whose results its cells read."""
    running: tuple[CellView, ...] = ()
    """Its running cells."""
    seconds: float = 0.0
    """Total duration of its finished cells."""

    @property
    def state(self) -> State:
        """The most urgent state of its cells: one failed cell makes a failed stage."""
        return next((state for state in _BY_URGENCY if self.counts.get(state)), State.WAITING)

    @property
    def word(self) -> str:
        """The word for its state; `2 failed` if it has several cells."""
        word = self.state.value
        several = self.state is State.FAILED and len(self.cells) > 1
        return f"{self.counts[State.FAILED]} {word}" if several else word

    @property
    def done(self) -> int:
        """Number of cells that have a result."""
        return sum(count for state, count in self.counts.items() if state.done)

    @property
    def over(self) -> int:
        """Number of cells that have finished."""
        return sum(count for state, count in self.counts.items() if state.over)

    def spent(self, now: float) -> float:
        """Return the total seconds of its cells so far, running ones included."""
        return self.seconds + sum(cell.spent(now) for cell in self.running)

    @property
    def fraction(self) -> float:
        """Progress, 0 to 1: cells that are done and the fractions of running ones."""
        running = sum(cell.fraction or 0.0 for cell in self.running)
        return (self.done + running) / len(self.cells) if self.cells else 0.0


def stages(view: RunView) -> tuple[StageView, ...]:
    """Return the stages in the order of their first cells."""
    groups: dict[str, list[CellView]] = {}
    for cell in view.cells:
        groups.setdefault(cell.stage, []).append(cell)
    return tuple(_stage(view, name, cells) for name, cells in groups.items())


def _stage(view: RunView, name: str, cells: Sequence[CellView]) -> StageView:
    counts = _counts(cells)
    running = (cell for cell in cells if cell.state is State.RUNNING)
    return StageView(
        name, cells[0].type, tuple(cells), counts, _needs(view, cells),
        tuple(running) if counts.get(State.RUNNING) else (), sum(cell.seconds for cell in cells),
    )  # fmt: skip


def _needs(view: RunView, cells: Iterable[CellView]) -> tuple[str, ...]:
    """Return the stages that some cells depend on, in the order of the file."""
    needed = sorted({need for cell in cells for need in cell.needs})
    known = (need for need in needed if 0 <= need < len(view.cells))
    return tuple(dict.fromkeys(view.cells[need].stage for need in known))


def _counts(cells: Iterable[CellView]) -> dict[State, int]:
    counts: dict[State, int] = {}
    for cell in cells:
        counts[cell.state] = counts.get(cell.state, 0) + 1
    return counts


def counts_line(counts: Mapping[State, int]) -> str:
    """Return the counts as text without zeros: `3 done, 1 running, 2 waiting`."""
    order = (
        State.DONE, State.CACHED, State.RUNNING, State.WAITING, State.FAILED, State.SKIPPED,
        State.STOPPED,
    )  # fmt: skip
    return ", ".join(f"{counts[state]} {state.value}" for state in order if counts.get(state))


def run_counts(view: RunView) -> dict[State, int]:
    """Return the number of cells of the run by state."""
    return _counts(view.cells)


def run_fraction(view: RunView) -> float:
    """Return the progress of the run, 0 to 1, in cells and fractions of cells."""
    running = (c.fraction or 0.0 for c in view.cells if c.state is State.RUNNING)
    done = sum(cell.state.done for cell in view.cells)
    return (done + sum(running)) / len(view.cells) if view.cells else 0.0
