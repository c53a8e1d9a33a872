"""A run by stages: counts, one state per stage, and when it may be over. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meta_tui.view import CellView, RunView, State

_LIGHT = frozenset({"compare", "select"})
"""Types that only read numbers: what they take is not worth telling."""

_BY_URGENCY = (
    State.FAILED, State.RUNNING, State.STOPPED, State.WAITING, State.SKIPPED, State.DONE,
    State.CACHED,
)  # fmt: skip

_PACE_FROM = 0.05
"""Share of its steps from which on a cell shows a pace: the first one waits for what is loaded."""


@dataclass(frozen=True, slots=True)
class StageView:
    """A block of the file with all its cells."""

    name: str
    type: str
    cells: tuple[CellView, ...]
    counts: Mapping[State, int]

    @property
    def state(self) -> State:
        """The most urgent of its cells' states: one failed cell makes a failed stage."""
        return next((state for state in _BY_URGENCY if self.counts.get(state)), State.WAITING)

    @property
    def over(self) -> int:
        """Cells to which nothing more will happen."""
        return sum(count for state, count in self.counts.items() if state.over)

    @property
    def seconds(self) -> float:
        """What its finished cells took together."""
        return sum(cell.seconds for cell in self.cells)

    def spent(self, now: float) -> float:
        """What its cells took together so far, those that run included."""
        running = (cell.spent(now) for cell in self.cells if cell.state is State.RUNNING)
        return self.seconds + sum(running)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1: cells that are over and the parts of those that run."""
        running = (c.fraction or 0.0 for c in self.cells if c.state is State.RUNNING)
        return (self.over + sum(running)) / len(self.cells) if self.cells else 0.0


def stages(view: RunView) -> tuple[StageView, ...]:
    """The stages in the order of their first cells."""
    groups: dict[str, list[CellView]] = {}
    for cell in view.cells:
        groups.setdefault(cell.stage, []).append(cell)
    return tuple(
        StageView(name, cells[0].type, tuple(cells), _counts(cells))
        for name, cells in groups.items()
    )


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
    done = sum(stage.fraction * len(stage.cells) for stage in stages(view))
    return done / len(view.cells) if view.cells else 0.0


@dataclass(frozen=True, slots=True)
class Remaining:
    """Seconds until a run may be over; `least` where a stage has shown no pace yet."""

    seconds: float
    least: bool = False


def remaining(view: RunView, now: float) -> Remaining | None:
    """The time until the run may be over; None while no stage that is left has shown a pace.

    A running cell goes on at its pace so far; a waiting one takes the mean of its stage's cells
    that finished or run. The sum is shared among as many workers as were busy at once so far.
    """
    if view.over:
        return Remaining(0.0)
    left = [_stage_remaining(stage, now) for stage in stages(view) if stage.type not in _LIGHT]
    known = [seconds for seconds in left if seconds is not None]
    if not any(known):
        return None
    return Remaining(sum(known) / view.busiest, least=len(known) < len(left))


def _stage_remaining(stage: StageView, now: float) -> float | None:
    waiting = stage.counts.get(State.WAITING, 0)
    if not waiting and not stage.counts.get(State.RUNNING):
        return 0.0
    known = [cell.seconds for cell in stage.cells if cell.state is State.DONE]
    left = 0.0
    unknown = waiting
    for cell in stage.cells:
        if cell.state is not State.RUNNING:
            continue
        spent = cell.spent(now)
        made = cell.step - cell.resumed
        if cell.total and made >= cell.total * _PACE_FROM:
            left += spent / made * max(0, cell.total - cell.step)
            known.append(spent / made * cell.total)
        else:
            unknown += 1
            left -= spent
    if not unknown:
        return max(0.0, left)
    if not known:
        return None
    return max(0.0, left + unknown * sum(known) / len(known))
