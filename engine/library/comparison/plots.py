"""Points of a comparison's plot: lines with bands, the frontier of two metrics, a matrix."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.library.artifacts import Interval, Scores
from engine.library.comparison.intervals import over_seeds
from engine.library.comparison.metric_ref import Measure
from engine.library.comparison.rows import Group
from pipelines.core.facts import Source
from pipelines.core.stage import Params

STEP = "step"
OF_CURVE = (STEP, "adaptation_step", "tasks")
"""What the steps of a curve may count; the picture says which."""


class Line(Params):
    """A metric over the steps of its curve, or over an axis."""

    kind: Literal["line"]
    x: str = STEP
    """What the steps of the curve count, `step`, `adaptation_step` or `tasks`; or an axis whose
    labels are numbers."""
    y: str
    """Metric."""
    band: Literal["seed"] | None = "seed"
    """What the band around each line spans: the 95 % interval over seeds, or no band."""
    log_x: bool = False
    """The x axis is logarithmic."""


class Frontier(Params):
    """One metric against another, a point for each row."""

    kind: Literal["frontier"]
    x: str
    """Metric."""
    y: str
    """Metric."""
    along: str | None = None
    """Axis whose values are the points of one line; by default each row is a line of one point."""


class Matrix(Params):
    """Accuracy of every row on every task."""

    kind: Literal["accuracy_matrix"]


Plot = Annotated[Line | Frontier | Matrix, Field(discriminator="kind")]


def texts(plot: Plot | None) -> list[str]:
    """The metrics that a plot names."""
    if isinstance(plot, Frontier):
        return [plot.x, plot.y]
    return [plot.y] if isinstance(plot, Line) else []


def points(plot: Plot | None, rows: Sequence[Group]) -> Mapping[str, Any]:
    """See `Table.plot`; a point is [x, y], or [x, y, low, high] where a band is drawn.

    Each point of a frontier has its `spreads`, [x low, x high, y low, y high], None where there
    is no interval, and in `names` its label along the axis.
    """
    if plot is None:
        return {}
    if isinstance(plot, Line):
        return _line(plot, rows)
    return _frontier(plot, rows) if isinstance(plot, Frontier) else _matrix(rows)


def over_axis(plot: Line, rows: Iterable[Group | Source]) -> bool:
    """Whether its x is an axis: one that a row has comes before the steps of a curve."""
    return plot.x not in OF_CURVE or any(plot.x in row.axes for row in rows)


def _line(plot: Line, rows: Sequence[Group]) -> Mapping[str, Any]:
    if not over_axis(plot, rows):
        series = [_over_steps(plot, row) for row in rows]
    else:
        series = [_over_axis(plot, label, lot) for label, lot in _lots(rows, plot.x).items()]
    return {"kind": "line", "x": plot.x, "y": plot.y, "log_x": plot.log_x, "series": series}


def _over_steps(plot: Line, row: Group) -> Mapping[str, Any]:
    by_step: dict[int, dict[str, float]] = {}
    for seed, scores in row.cells.items():
        if scores.status == "ok":
            for step, value in scores.curves.get(plot.y, ()):
                by_step.setdefault(step, {})[seed] = value
    spots = [_point(plot, step, over_seeds(found)) for step, found in sorted(by_step.items())]
    return {"label": row.label, "points": spots}


def _over_axis(plot: Line, label: str, lot: Sequence[Group]) -> Mapping[str, Any]:
    measure = Measure.parse(plot.y)
    spots = [
        _point(plot, x, row.interval(measure))
        for row in lot
        if measure and (x := row.number(plot.x)) is not None
    ]
    return {"label": label, "points": sorted(spots, key=lambda spot: spot[0] or 0.0)}


def _point(plot: Line, x: float, found: Interval) -> list[float | None]:
    if plot.band and found.over == "seeds" and found.low is not None:
        return [x, found.mean, found.low, found.high]
    return [x, found.mean]


def _frontier(plot: Frontier, rows: Sequence[Group]) -> Mapping[str, Any]:
    first, second = Measure.parse(plot.x), Measure.parse(plot.y)
    series = []
    for label, lot in _lots(rows, plot.along).items():
        spots = [
            (row.axes.get(plot.along or "", ""), row.interval(first), row.interval(second))
            for row in _ascending(lot, plot.along or "")
            if first and second
        ]
        kept = [spot for spot in spots if spot[1].mean is not None and spot[2].mean is not None]
        if kept:
            series.append(
                {
                    "label": label,
                    "points": [[x.mean, y.mean] for _, x, y in kept],
                    "spreads": [[x.low, x.high, y.low, y.high] for _, x, y in kept],
                    "names": [name for name, _, _ in kept],
                }
            )
    return {"kind": "frontier", "x": plot.x, "y": plot.y, "along": plot.along, "series": series}


def _ascending(rows: Sequence[Group], axis: str) -> list[Group]:
    """By the numbers along an axis; as they come where some are none."""
    numbers = {row.label: row.number(axis) for row in rows}
    if None in numbers.values():
        return list(rows)
    return sorted(rows, key=lambda row: numbers[row.label] or 0.0)


def _matrix(rows: Sequence[Group]) -> Mapping[str, Any]:
    every: list[Scores] = [scores for row in rows for scores in row.cells.values()]
    names = dict.fromkeys(name for scores in every for name in scores.metrics)
    tasks = [name.removesuffix("/accuracy") for name in names if name.endswith("/accuracy")]
    series = []
    for row in rows:
        every_found = [row.values(Measure(task, f"{task}/accuracy")) for task in tasks]
        # A task that a row was not judged on is absent; one on which all diverged is None.
        spots = [
            [place, over_seeds(found).mean]
            for place, found in enumerate(every_found)
            if found or row.diverged
        ]
        series.append({"label": row.label, "points": spots})
    return {
        "kind": "accuracy_matrix",
        "x": "task",
        "y": "accuracy",
        "columns": tasks,
        "series": series,
    }


def _lots(rows: Sequence[Group], axis: str | None) -> Mapping[str, list[Group]]:
    """Rows that differ only in an axis, under their common label."""
    found: dict[str, list[Group]] = {}
    for row in rows:
        axes = {name: label for name, label in row.axes.items() if name != axis}
        found.setdefault(str(Source(row.stage, axes)), []).append(row)
    return found
