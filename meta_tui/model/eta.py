"""Estimate the remaining time of a run from its pace so far and the durations of earlier runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from meta_tui.model.run_view import CellView, RunView, State

_LIGHT = frozenset({"compare", "select"})
"""Stage types that only read numbers; their duration is negligible."""
_LEFT = frozenset({State.WAITING, State.RUNNING})
"""States of unfinished cells; a set because thousands of cells are tested each second."""
_PACE_FROM = 0.05
"""Fraction of steps after which a cell's pace is used: loading slows the first steps."""
_TRUSTED_FROM = 0.25
"""Fraction of steps after which only the pace counts, not the duration in an earlier run."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Estimated seconds until a run ends; `least` if it is only a lower bound."""

    seconds: float
    least: bool = False


def remaining(
    view: RunView, now: float, past: Mapping[str, float] | None = None
) -> Remaining | None:
    """Return the estimated remaining time of a run; None if no unfinished cell has an estimate.

    A running cell is extrapolated from its pace so far. A waiting cell takes as long as in an
    earlier run, scaled by how its stage compares with that run; without one, the mean of its
    stage. The work left is divided by the largest number of cells that ran at once so far, and
    takes at least as long as the longest chain of dependent cells.

    Args:
        view: the run.
        now: seconds since the epoch.
        past: cell name -> seconds in an earlier run.
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
    """Return the estimated seconds left of each unfinished cell of a stage, by ordinal."""
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
    """Return the total seconds of a cell in this run; None until it is done or shows a pace.

    Early in the cell the pace is averaged with the duration `before`, since loading slows it.
    """
    if cell.state is State.DONE:
        return cell.seconds
    completed = cell.step - cell.resumed
    if cell.state is not State.RUNNING or not cell.total or completed < cell.total * _PACE_FROM:
        return None
    spent = cell.spent(now)
    took = spent + spent / completed * max(0, cell.total - cell.step)
    trust = min(1.0, completed / cell.total / _TRUSTED_FROM)
    return took if before is None else trust * took + (1 - trust) * before


def _longest(cells: Sequence[CellView], left: Mapping[int, float | None]) -> float:
    """Return the seconds of the longest chain of dependent cells."""
    ends: dict[int, float] = {}
    for cell in cells:
        if cell.state in _LEFT:
            before = (ends.get(need, 0.0) for need in cell.needs if need < cell.ordinal)
            ends[cell.ordinal] = max(before, default=0.0) + (left.get(cell.ordinal) or 0.0)
    return max(ends.values(), default=0.0)
