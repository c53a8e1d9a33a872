"""Live curves of a cell: columns of points that grow at the end, and go back when the cell does."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from math import isfinite

from engine.events import MetricBatch
from pipelines.text import safe_text


@dataclass(slots=True)
class Curve:
    """One series of one loop: steps rising, values finite."""

    loop: str
    name: str
    steps: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def cut(self, step: float) -> None:
        """Drop the points at `step` and beyond."""
        first = bisect_left(self.steps, step)
        del self.steps[first:]
        del self.values[first:]

    def add(self, step: float, value: float) -> None:
        """One more point; a second value of the last step takes its place."""
        if self.steps and self.steps[-1] >= step:
            self.cut(step)
        self.steps.append(step)
        self.values.append(value)


Curves = dict[tuple[str, str], Curve]
"""(loop, series) -> curve, in the order of their first points."""


def extend(curves: Curves, batch: MetricBatch, before: int) -> None:
    """Add a batch. `before` is the step that the batch's loop had reached.

    A cell that goes on from a checkpoint tells its curve again from there: what lies beyond the
    first point that comes again is dropped, in every series of that loop. A batch without points
    that is behind `before` drops what lies beyond its own step.
    """
    loop = safe_text(batch.loop, limit=100)
    for (owner, _), curve in curves.items():
        if owner != loop or not curve.steps:
            continue
        if batch.steps and curve.steps[-1] > batch.steps[0]:
            curve.cut(batch.steps[0])
        elif not batch.steps and batch.step < before:
            curve.cut(batch.step + 1)
    for name, column in batch.values.items():
        key = (loop, safe_text(name, limit=100))
        curve = curves.setdefault(key, Curve(*key))
        for step, value in zip(batch.steps, column, strict=False):
            if value is not None and isfinite(value):
                curve.add(step, value)
