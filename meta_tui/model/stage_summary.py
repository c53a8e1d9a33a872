"""A run by stages: counts, and one state per stage. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meta_tui.model.run_reducer import CellView, RunView, State

_BY_URGENCY = (
    State.FAILED, State.RUNNING, State.STOPPED, State.WAITING, State.SKIPPED, State.DONE,
    State.CACHED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StageView:
    """A block of the file with all its cells."""

    name: str
    type: str
    cells: tuple[CellView, ...]
    counts: Mapping[State, int]
    needs: tuple[str, ...] = ()
    """Stages whose results its cells read."""
    running: tuple[CellView, ...] = ()
    """Those of its cells that run."""
    seconds: float = 0.0
    """What its finished cells took together."""

    @property
    def state(self) -> State:
        """The most urgent of its cells' states: one failed cell makes a failed stage."""
        return next((state for state in _BY_URGENCY if self.counts.get(state)), State.WAITING)

    @property
    def word(self) -> str:
        """The word for its state; of several cells with the number that failed, for not all did."""
        told = self.state.value
        several = self.state is State.FAILED and len(self.cells) > 1
        return f"{self.counts[State.FAILED]} {told}" if several else told

    @property
    def done(self) -> int:
        """Cells that have their result."""
        return sum(count for state, count in self.counts.items() if state.done)

    @property
    def over(self) -> int:
        """Cells to which nothing more will happen."""
        return sum(count for state, count in self.counts.items() if state.over)

    def spent(self, now: float) -> float:
        """What its cells took together so far, those that run included."""
        return self.seconds + sum(cell.spent(now) for cell in self.running)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1: cells that are done and the parts of those that run."""
        running = sum(cell.fraction or 0.0 for cell in self.running)
        return (self.done + running) / len(self.cells) if self.cells else 0.0


def stages(view: RunView) -> tuple[StageView, ...]:
    """The stages in the order of their first cells."""
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
    """Stages of the cells that some cells need, in the order of the file."""
    needed = sorted({need for cell in cells for need in cell.needs})
    known = (need for need in needed if 0 <= need < len(view.cells))
    return tuple(dict.fromkeys(view.cells[need].stage for need in known))


def _counts(cells: Iterable[CellView]) -> dict[State, int]:
    counts: dict[State, int] = {}
    for cell in cells:
        counts[cell.state] = counts.get(cell.state, 0) + 1
    return counts


def counts_line(counts: Mapping[State, int]) -> str:
    """`3 done, 1 running, 2 waiting`, only what there is."""
    order = (
        State.DONE, State.CACHED, State.RUNNING, State.WAITING, State.FAILED, State.SKIPPED,
        State.STOPPED,
    )  # fmt: skip
    return ", ".join(f"{counts[state]} {state.value}" for state in order if counts.get(state))


def run_counts(view: RunView) -> dict[State, int]:
    """Cells of the whole run by state."""
    return _counts(view.cells)


def run_fraction(view: RunView) -> float:
    """How far the run is, 0 to 1, in cells and parts of them."""
    running = (c.fraction or 0.0 for c in view.cells if c.state is State.RUNNING)
    done = sum(cell.state.done for cell in view.cells)
    return (done + sum(running)) / len(view.cells) if view.cells else 0.0
