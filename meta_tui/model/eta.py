"""When a run may be over: from the pace of what runs, and from what earlier runs took. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from meta_tui.model.run_view import CellView, RunView, State

_LIGHT = frozenset({"compare", "select"})
"""Types that only read numbers: what they take is not worth telling."""
_LEFT = frozenset({State.WAITING, State.RUNNING})
"""Of a cell to which something will happen yet: asked of a thousand cells each second."""
_PACE_FROM = 0.05
"""Share of its steps from which on a cell shows a pace: the first one waits for what is loaded."""
_TRUSTED_FROM = 0.25
"""Share from which on only its pace counts, and not what it took in an earlier run."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Seconds until a run may be over; `least` where nothing tells what some of it takes."""

    seconds: float
    least: bool = False


def remaining(
    view: RunView, now: float, past: Mapping[str, float] | None = None
) -> Remaining | None:
    """The time until the run may be over; None while nothing tells of anything that is left.

    A running cell goes on at its pace so far. Another one takes what it took in an earlier run, as
    much longer or shorter as its stage does in this one; if there was none, the mean of its
    stage. What is left is shared among as many workers as were busy at once so far, and takes no
    less than the longest chain of cells that need each other.

    Args:
        view: the run.
        now: seconds since the epoch.
        past: name of a cell -> seconds that it took in an earlier run.
    """
    if view.over:
        return Remaining(0.0)
    stages: dict[str, list[CellView]] = {}
    for cell in view.cells:
        stages.setdefault(cell.stage, []).append(cell)
    left: dict[int, float | None] = {}
    for cells in stages.values():
        left |= _left(cells, now, past or {})
    known = [seconds for seconds in left.values() if seconds is not None]
    if not any(known):
        return None
    seconds = max(sum(known) / view.busiest, _longest(view.cells, left))
    return Remaining(seconds, least=len(known) < len(left))


def _left(
    cells: Sequence[CellView], now: float, past: Mapping[str, float]
) -> dict[int, float | None]:
    """Ordinal -> seconds that each cell of a stage that is not over still takes."""
    waiting = [cell for cell in cells if cell.state in _LEFT and cell.type not in _LIGHT]
    if not waiting:
        return {}
    whole = {
        cell.name: seconds
        for cell in cells
        if (seconds := _whole(cell, now, past.get(cell.name))) is not None
    }
    both = whole.keys() & past.keys()
    before = sum(past[name] for name in both)
    slower = sum(whole[name] for name in both) / before if before > 0 else 1.0
    others = list(whole.values()) or [past[cell.name] for cell in cells if cell.name in past]
    usual = fmean(others) if others else None
    left: dict[int, float | None] = {}
    for cell in waiting:
        expected = whole.get(cell.name, usual)
        if cell.name in past and cell.name not in whole:
            expected = past[cell.name] * slower
        spent = cell.spent(now) if cell.state is State.RUNNING else 0.0
        left[cell.ordinal] = None if expected is None else max(0.0, expected - spent)
    return left


def _whole(cell: CellView, now: float, before: float | None) -> float | None:
    """What a cell takes in this run, where it is done or shows a pace.

    Its first steps are held against what it took `before`: they wait for what is loaded.
    """
    if cell.state is State.DONE:
        return cell.seconds
    made = cell.step - cell.resumed
    if cell.state is not State.RUNNING or not cell.total or made < cell.total * _PACE_FROM:
        return None
    spent = cell.spent(now)
    took = spent + spent / made * max(0, cell.total - cell.step)
    trust = min(1.0, made / cell.total / _TRUSTED_FROM)
    return took if before is None else trust * took + (1 - trust) * before


def _longest(cells: Sequence[CellView], left: Mapping[int, float | None]) -> float:
    """The longest chain: each cell after the last of those that it needs."""
    ends: dict[int, float] = {}
    for cell in cells:
        if cell.state in _LEFT:
            before = (ends.get(need, 0.0) for need in cell.needs if need < cell.ordinal)
            ends[cell.ordinal] = max(before, default=0.0) + (left.get(cell.ordinal) or 0.0)
    return max(ends.values(), default=0.0)
