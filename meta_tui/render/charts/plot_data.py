"""A table's plot as spots, before it is drawn; and the plots that its own numbers give unasked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import Any

from engine.library.artifacts import Row, Table
from engine.library.comparison.metric_ref import Measure
from pipelines.core.text import safe_text

LINE, FRONTIER, MATRIX = "line", "frontier", "accuracy_matrix"
"""Kinds of plots."""
_BAND, _SPREAD = 4, 4
Ends = tuple[float, float]
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """A point, the ends of its intervals where it has such, and its name."""

    x: float
    y: float
    x_ends: Ends | None = None
    y_ends: Ends | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """Spots of one label, in their order."""

    label: str
    spots: tuple[Spot, ...]


def paths(plot: Data) -> tuple[list[Path], int]:
    """The paths that have spots, and how many spots were left out for having no logarithm."""
    log_x, lost = bool(plot.get("log_x")), 0
    found: list[Path] = []
    for item in plot.get("series", ()):
        spots = _spots(item, frontier=plot.get("kind") == FRONTIER)
        if log_x:
            lost += sum(spot.x <= 0 for spot in spots)
            spots = [
                Spot(log10(spot.x), spot.y, None, spot.y_ends, spot.name)
                for spot in spots
                if spot.x > 0
            ]
        if plot.get("kind") != FRONTIER:
            spots.sort(key=lambda spot: spot.x)
        if spots:
            found.append(Path(safe_text(str(item.get("label", ""))), tuple(spots)))
    return found, lost


def _spots(item: Data, *, frontier: bool) -> list[Spot]:
    points = item.get("points", ())
    spreads, names = item.get("spreads", ()), item.get("names", ())
    spots = []
    for at, point in enumerate(points):
        if not _finite(point[:2], 2):
            continue
        x, y = point[:2]
        spread = spreads[at] if frontier and at < len(spreads) else (None,) * _SPREAD
        y_ends = _ends(spread[2:]) if frontier else _ends(point[2:_BAND])
        name = safe_text(str(names[at])) if at < len(names) else ""
        spots.append(Spot(float(x), float(y), _ends(spread[:2]), y_ends, name))
    return spots


def _ends(pair: Sequence[float | None]) -> Ends | None:
    if not _finite(pair, 2):
        return None
    low, high = pair
    return (float(low or 0), float(high or 0))


def _finite(values: Sequence[float | None], count: int) -> bool:
    return len(values) == count and all(value is not None and isfinite(value) for value in values)


def plots(table: Table) -> list[Data]:
    """The plot that the pipeline asked for, then what the table's own numbers give."""
    asked = [table.plot] if table.plot else []
    given = [*_curves(table), *_frontiers(table)]
    seen = {_named(plot) for plot in asked}
    return [*asked, *(plot for plot in given if _named(plot) not in seen)]


def _named(plot: Data) -> tuple[str, str, str]:
    return str(plot.get("kind")), str(plot.get("x")), str(plot.get("y"))


def _frontiers(table: Table) -> list[Data]:
    """Learning against forgetting: the first accuracy over every metric of forgetting."""
    ends = {name: name.rpartition("/")[2] for name in table.metrics}
    accuracy = next((name for name in table.metrics if ends[name] == "accuracy"), None)
    forgotten = [name for name in table.metrics if ends[name].endswith("forgetting")]
    if accuracy is None:
        return []
    found = [_frontier(table.rows, name, accuracy) for name in forgotten]
    return [plot for plot in found if plot["series"]]


def _frontier(rows: Sequence[Row], x: str, y: str) -> Data:
    series = []
    for row in rows:
        here, there = row.values.get(x), row.values.get(y)
        if here and there and here.mean is not None and there.mean is not None:
            spread = [here.low, here.high, there.low, there.high]
            points = [[here.mean, there.mean]]
            series.append({"label": row.label, "points": points, "spreads": [spread]})
    return {"kind": FRONTIER, "x": x, "y": y, "series": series}


def _curves(table: Table) -> list[Data]:
    """A curve for each metric of which the table shows several steps."""
    steps: dict[str, list[tuple[int, str]]] = {}
    for name in table.metrics:
        measure = Measure.parse(name)
        if measure is not None and measure.step is not None:
            steps.setdefault(measure.name, []).append((measure.step, name))
    return [
        _curve(table.rows, name, sorted(found)) for name, found in steps.items() if len(found) > 1
    ]


def _curve(rows: Sequence[Row], name: str, steps: Sequence[tuple[int, str]]) -> Data:
    series = []
    for row in rows:
        points = []
        for step, column in steps:
            found = row.values.get(column)
            if found is not None and found.mean is not None:
                band = [] if found.low is None else [found.low, found.high]
                points.append([step, found.mean, *band])
        series.append({"label": row.label, "points": points})
    return {"kind": LINE, "x": "step", "y": name, "series": series}
