"""Live metric curves of a cell, which grow as it reports and rewind when it resumes."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import isfinite
from operator import lt
from typing import Any

from engine.rundir.events import MetricBatch
from meta_tui.model.range_extremes import Extremes
from pipelines.core.text import safe_text


def _doubles() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Smooth:
    """Exponential moving average of a curve, with decay `weight`.

    Bias-corrected as in Adam (arXiv:1412.6980, section 3).
    """

    weight: float
    values: "array[float]" = field(default_factory=_doubles, init=False)
    extremes: Extremes = field(init=False)

    def __post_init__(self) -> None:
        self.extremes = Extremes(self.values)

    def cut(self, length: int) -> None:
        """Drop the averages from index `length` on."""
        del self.values[length:]
        self.extremes.cut(length)

    def grow(self, source: Sequence[float]) -> None:
        """Append the averages of the values of `source` not averaged yet."""
        count, weight = len(self.values), self.weight
        left = weight**count
        mean = self.values[-1] * (1 - left) if count else 0.0
        for value in source[count:]:
            mean = weight * mean + (1 - weight) * value
            left *= weight
            self.values.append(mean / (1 - left))


@dataclass(slots=True)
class Curve:
    """One metric of one loop: steps increase, values are finite."""

    loop: str
    name: str
    steps: "array[float]" = field(default_factory=_doubles)
    values: "array[float]" = field(default_factory=_doubles)
    times: "array[float]" = field(default_factory=_doubles)
    """Elapsed seconds of the cell at each point, non-decreasing; empty if not recorded."""
    lost: "array[float]" = field(default_factory=_doubles)
    """Steps whose value was not finite, in increasing order."""
    ahead: float = 0.0
    """Seconds spent before the cell last resumed, at the time of the newest point."""
    changes: int = field(default=0, init=False, compare=False)
    """Number of changes so far; invalidates cached drawings of the curve."""
    extremes: Extremes = field(init=False, compare=False)
    _smooth: dict[float, Smooth] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        self.extremes = Extremes(self.values)

    def cut(self, step: float) -> None:
        """Drop the points at `step` and beyond."""
        self.changes += 1
        first = bisect_left(self.steps, step)
        for column in (self.steps, self.values, self.times):
            del column[first:]
        del self.lost[bisect_left(self.lost, step) :]
        self.extremes.cut(first)
        for smooth in self._smooth.values():
            smooth.cut(first)

    def add(self, step: float, value: float, seconds: float | None = None) -> None:
        """Append a point; a second value of the same step replaces the first."""
        self.changes += 1
        if self.steps and self.steps[-1] >= step:
            self.cut(step)
        if seconds is not None and len(self.times) == len(self.steps):
            self.times.append(max(seconds, self.times[-1]) if self.times else seconds)
        self.steps.append(step)
        self.values.append(value)

    def grow(self, steps: Sequence[float], values: Sequence[float], times: Sequence[float]) -> None:
        """Append points after the last one: finite values, increasing steps."""
        self.changes += 1
        if len(self.times) == len(self.steps):
            since = self.times[-1] if self.times else times[0]
            self.times.extend(max(since, seconds) for seconds in accumulate(times, max))
        self.steps.extend(steps)
        self.values.extend(values)

    def lose(self, step: float) -> None:
        """Record a step whose value was not finite."""
        self.changes += 1
        if not self.lost or step > self.lost[-1]:
            self.lost.append(step)

    def smoothed(self, weight: float) -> Smooth:
        """Return the moving average of the curve with decay `weight`; cached and extended."""
        smooth = self._smooth.setdefault(weight, Smooth(weight))
        smooth.grow(self.values)
        return smooth


Curves = dict[tuple[str, str], Curve]
"""(loop, metric) -> curve, in the order of their first points."""


def extend(curves: Curves, batch: MetricBatch, before: int) -> None:
    """Append a batch of points. `before` is the step that the batch's loop had reached.

    A cell that resumes from a checkpoint reports its curve again from there: every curve of that
    loop is cut at the first repeated point. A batch without points and with a step below `before`
    cuts them after its own step.

    Raises:
        ValueError: the time of the batch is not finite.
    """
    if not isfinite(batch.seconds):
        raise ValueError(f"a batch at {batch.seconds} seconds")
    loop = safe_text(batch.loop, limit=100)
    own = [curve for (owner, _), curve in curves.items() if owner == loop]
    if not batch.steps and batch.step < before:
        for curve in own:
            curve.cut(batch.step + 1)
    times, ahead = _times(curves, loop, batch)
    for curve in own:
        if batch.steps and max([*curve.steps[-1:], *curve.lost[-1:], -1]) > batch.steps[0]:
            curve.cut(batch.steps[0])
    rising = all(map(isfinite, batch.steps)) and all(map(lt, batch.steps, batch.steps[1:]))
    for name, column in batch.values.items():
        key = (loop, safe_text(name, limit=100))
        if key not in curves:
            curves[key] = Curve(*key)
        curve = curves[key]
        curve.ahead = ahead
        if rising and _goes_on(curve, batch.steps, values := _finite(column)):
            curve.grow(batch.steps, values, times)
        else:
            _one_by_one(curve, batch, times, column)


def _finite(column: Sequence[float | None]) -> list[float]:
    """Return the finite values of a column."""
    return [value for value in column if value is not None and isfinite(value)]


def _goes_on(curve: Curve, steps: Sequence[float], values: Sequence[float]) -> bool:
    """Return whether every step has a value and lies beyond the curve, so all append at once."""
    beyond = not curve.steps or curve.steps[-1] < steps[0] if steps else False
    return beyond and len(values) == len(steps)


def _one_by_one(
    curve: Curve, batch: MetricBatch, times: Sequence[float], column: Sequence[float | None]
) -> None:
    for step, seconds, value in zip(batch.steps, times, column, strict=False):
        if value is not None and isfinite(value) and isfinite(step):
            curve.add(step, value, seconds)
        elif value is not None or len(batch.values) == 1:
            # With several series, None may only mean that this one has no point at the step.
            curve.lose(step)


def published(data: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]) -> Curves:
    """Return the curves of a stored result: loop -> metric -> (step, value) pairs, no times."""
    loaded: Curves = {}
    for loop, series in data.items():
        for name, points in series.items():
            key = (safe_text(loop, limit=100), safe_text(name, limit=100))
            curve = loaded[key] = Curve(*key)
            for step, value in points:
                if value is not None and isfinite(value):
                    curve.add(step, value)
                else:
                    curve.lose(step)
    return loaded


def _times(curves: Curves, loop: str, batch: MetricBatch) -> tuple[list[float], float]:
    """Return the seconds of each point of a batch, and those spent before the cell resumed.

    Points are spaced evenly between the previous batch and this one. A repeated point keeps its
    time. The clock of a resumed cell starts at 0 and is offset, so that the axis is the time spent
    on the points that are shown, without work that was lost.
    """
    timed = [curve for curve in curves.values() if curve.times]
    latest = max(timed, key=lambda curve: curve.times[-1], default=None)
    last, ahead = (latest.times[-1], latest.ahead) if latest else (0.0, 0.0)
    ahead = max(ahead, last - batch.seconds)
    end = ahead + batch.seconds
    count = len(batch.steps)
    times = [last + (end - last) * (index + 1) / count for index in range(count)]
    own = (curve for curve in timed if curve.loop == loop)
    longest = max(own, key=lambda curve: (curve.steps[-1], len(curve.steps)), default=None)
    if longest is not None and count and batch.steps[0] < longest.steps[-1]:
        for index, step in enumerate(batch.steps):
            if step <= longest.steps[-1]:
                times[index] = longest.times[bisect_left(longest.steps, step)]
        ahead = times[-1] - batch.seconds
    return times, ahead
