"""Live curves of a cell: columns of points that grow at the end, and go back when the cell does."""

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
    """A running mean of values, each weighing `weight` of the one after it.

    Debiased as in Adam (arXiv:1412.6980, section 3): the first value is itself, not a share of it.
    """

    weight: float
    values: "array[float]" = field(default_factory=_doubles, init=False)
    extremes: Extremes = field(init=False)

    def __post_init__(self) -> None:
        self.extremes = Extremes(self.values)

    def cut(self, length: int) -> None:
        """The values that are smoothed now end there."""
        del self.values[length:]
        self.extremes.cut(length)

    def grow(self, source: Sequence[float]) -> None:
        """Go on to the end of the values that are smoothed."""
        count, weight = len(self.values), self.weight
        left = weight**count
        mean = self.values[-1] * (1 - left) if count else 0.0
        for value in source[count:]:
            mean = weight * mean + (1 - weight) * value
            left *= weight
            self.values.append(mean / (1 - left))


@dataclass(slots=True)
class Curve:
    """One series of one loop: steps rising, values finite."""

    loop: str
    name: str
    steps: "array[float]" = field(default_factory=_doubles)
    values: "array[float]" = field(default_factory=_doubles)
    times: "array[float]" = field(default_factory=_doubles)
    """Seconds of the cell at each point, never falling; empty where they were not recorded."""
    lost: "array[float]" = field(default_factory=_doubles)
    """Steps, rising, whose value was not finite."""
    ahead: float = 0.0
    """Seconds before its cell's present clock began, when the newest point came."""
    changes: int = field(default=0, init=False, compare=False)
    """How often it has changed: what was drawn of it is kept while it does not."""
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
        """One more point; a second value of the last step takes its place."""
        self.changes += 1
        if self.steps and self.steps[-1] >= step:
            self.cut(step)
        if seconds is not None and len(self.times) == len(self.steps):
            self.times.append(max(seconds, self.times[-1]) if self.times else seconds)
        self.steps.append(step)
        self.values.append(value)

    def grow(self, steps: Sequence[float], values: Sequence[float], times: Sequence[float]) -> None:
        """Points beyond the last, as `add` takes them one by one: finite, their steps rising."""
        self.changes += 1
        if len(self.times) == len(self.steps):
            since = self.times[-1] if self.times else times[0]
            self.times.extend(max(since, seconds) for seconds in accumulate(times, max))
        self.steps.extend(steps)
        self.values.extend(values)

    def lose(self, step: float) -> None:
        """The value of a step was not finite: it is told, and not drawn."""
        self.changes += 1
        if not self.lost or step > self.lost[-1]:
            self.lost.append(step)

    def smoothed(self, weight: float) -> Smooth:
        """The curve with some weight on what was before; kept, and gone on with when it grows."""
        found = self._smooth.setdefault(weight, Smooth(weight))
        found.grow(self.values)
        return found


Curves = dict[tuple[str, str], Curve]
"""(loop, series) -> curve, in the order of their first points."""


def extend(curves: Curves, batch: MetricBatch, before: int) -> None:
    """Add a batch. `before` is the step that the batch's loop had reached.

    A cell that goes on from a checkpoint tells its curve again from there: what lies beyond the
    first point that comes again is dropped, in every series of that loop. A batch without points
    that is behind `before` drops what lies beyond its own step.

    Raises:
        ValueError: its time is no number.
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
    """The values of a column that can be drawn."""
    return [value for value in column if value is not None and isfinite(value)]


def _goes_on(curve: Curve, steps: Sequence[float], values: Sequence[float]) -> bool:
    """Every step has a value, and lies beyond the curve: the usual case, which is taken whole."""
    beyond = not curve.steps or curve.steps[-1] < steps[0] if steps else False
    return beyond and len(values) == len(steps)


def _one_by_one(
    curve: Curve, batch: MetricBatch, times: Sequence[float], column: Sequence[float | None]
) -> None:
    for step, seconds, value in zip(batch.steps, times, column, strict=False):
        if value is not None and isfinite(value) and isfinite(step):
            curve.add(step, value, seconds)
        elif value is not None or len(batch.values) == 1:
            # Of several series, None may as well say that this one has no point there.
            curve.lose(step)


def published(data: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]) -> Curves:
    """The curves of a result: loop -> series -> (step, value) pairs. They have no times."""
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
    """Seconds of each point of a batch, and what its cell had spent before its present clock.

    Points lie evenly between the batch before and their own. A point that is told again keeps its
    time. The clock of a cell that goes on begins anew, and is set on from there: the axis is of
    time spent on what is shown, without what was lost.
    """
    timed = [curve for curve in curves.values() if curve.times]
    latest = max(timed, key=lambda curve: curve.times[-1], default=None)
    last, ahead = (latest.times[-1], latest.ahead) if latest else (0.0, 0.0)
    ahead = max(ahead, last - batch.seconds)
    end = ahead + batch.seconds
    count = len(batch.steps)
    times = [last + (end - last) * (place + 1) / count for place in range(count)]
    own = (curve for curve in timed if curve.loop == loop)
    told = max(own, key=lambda curve: (curve.steps[-1], len(curve.steps)), default=None)
    if told is not None and count and batch.steps[0] < told.steps[-1]:
        for place, step in enumerate(batch.steps):
            if step <= told.steps[-1]:
                times[place] = told.times[bisect_left(told.steps, step)]
        ahead = times[-1] - batch.seconds
    return times, ahead
