"""The picture of what learners fit to functions: a column for each learner, a row for each task."""

import math
from collections.abc import Mapping, Sequence

from engine import learning
from engine.library.artifacts import Picture, TaskFamily

_SIZE = (230.0, 145.0)
"""Of the plotted part of a panel, in points."""
_BEYOND = 0.6
"""Fits are shown so far above and below the true function, in parts of its height."""
_HUNDRED = 99.5
_GREY = "#9a9a96"

Points = tuple[list[float], list[float]]


def fits(
    name: str,
    tasks: TaskFamily,
    scene: "learning.metalearning.loop.function_fits.Scene",
    columns: Mapping[str, "learning.metalearning.loop.function_fits.Fits"],
    steps: Sequence[int],
) -> Picture:
    """The picture of some learners.

    Args:
        name: of the picture.
        tasks: the family.
        scene: the tasks that are shown.
        columns: title of a learner -> what it fits.
        steps: adaptation steps, in order, after which fits are shown.
    """
    heights = _heights(scene, columns)
    rows = tuple(_row(scene, columns, steps, heights, n) for n in range(len(scene.batch)))
    points = f"{tasks.shots[0]} support points" if tasks.shots[0] > 1 else "1 support point"
    errors = "mean squared error on its queries"
    chart = learning.plotting.line_charts.Chart(
        rows,
        title="Fits before and after adaptation",
        subtitle=f"{tasks.task}, {points} a task. Over each panel: {errors} ({_moments(columns)})",
        size=_SIZE,
        shared=True,
    )
    truth = "grey the true function" if scene.truth is not None else "grey the queries"
    caption = (
        f"What {_listed(list(columns))} fit to {len(rows)} tasks of {tasks.task} from {points} "
        f"({_moments(columns)}): {truth}, triangles the support points; over each panel the "
        f"{errors}."
    )
    return Picture(name, caption, learning.plotting.line_charts.png(chart))


def _row(
    scene: "learning.metalearning.loop.function_fits.Scene",
    columns: Mapping[str, "learning.metalearning.loop.function_fits.Fits"],
    steps: Sequence[int],
    heights: tuple[float, float],
    task: int,
) -> tuple["learning.plotting.line_charts.Panel", ...]:
    """The panels of a task."""
    support, queries = (
        learning.metalearning.loop.function_fits.points(part)[task]
        for part in (scene.batch.support, scene.batch.query)
    )
    grid = scene.x.double().tolist()
    known = scene.truth[task].double().tolist() if scene.truth is not None else []
    told = _truth(grid, known, queries)
    panels = []
    for name, found in columns.items():
        curves = [
            learning.plotting.line_charts.Curve(
                grid, curve[task], _label(step), _style(step, steps)
            )
            for step, curve in found.curves.items()
        ]
        numbers = [_number(errors[task]) for errors in found.errors.values()]
        panel = learning.plotting.line_charts.Panel(
            (told, *curves, _support(support)),
            title="" if task else name,
            note=" → ".join(numbers),
            x_label="x",
            y_label=f"task {task}",
            y_range=heights,
        )
        panels.append(panel)
    return tuple(panels)


def _truth(
    grid: list[float], known: list[float], queries: Points
) -> "learning.plotting.line_charts.Curve":
    """The true function or, where it is not known, the queries."""
    if known:
        wide = learning.plotting.line_charts.Style(_GREY, 4.5)
        return learning.plotting.line_charts.Curve(grid, known, "true function", wide)
    dots = learning.plotting.line_charts.Style(_GREY, 0.0, marker="dot", radius=3.0)
    return learning.plotting.line_charts.Curve(*queries, "queries", dots)


def _support(points: Points) -> "learning.plotting.line_charts.Curve":
    style = learning.plotting.line_charts.Style(
        learning.plotting.line_charts.BLACK, 0.0, marker="triangle", radius=3.8
    )
    return learning.plotting.line_charts.Curve(*points, "support points", style)


def _style(step: int | None, steps: Sequence[int]) -> "learning.plotting.line_charts.Style":
    """The last step is a whole blue line and the start a dotted one, whatever lies between."""
    if step is None:
        return learning.plotting.line_charts.Style(learning.plotting.line_charts.GREEN, 2.2)
    if step == steps[-1]:
        return learning.plotting.line_charts.Style(learning.plotting.line_charts.BLUE, 2.2)
    if step == 0:
        return learning.plotting.line_charts.Style(
            learning.plotting.line_charts.PURPLE, 2.0, learning.plotting.line_charts.DASHES[2]
        )
    between = (
        learning.plotting.line_charts.ORANGE,
        learning.plotting.line_charts.VERMILION,
        learning.plotting.line_charts.SKY,
    )
    place = [found for found in steps if found].index(step)
    dash = learning.plotting.line_charts.DASHES[1 if place % 2 == 0 else 3]
    return learning.plotting.line_charts.Style(between[place % len(between)], 2.0, dash)


def _label(step: int | None) -> str:
    if step is None:
        return "closed form"
    return {0: "before", 1: "1 step"}.get(step, f"{step} steps")


def _moments(columns: Mapping[str, "learning.metalearning.loop.function_fits.Fits"]) -> str:
    """`before → 1 → 10 steps`, as far as there are steps."""
    every = dict.fromkeys(step for found in columns.values() for step in found.curves)
    steps = sorted(step for step in every if step is not None)
    words = ["before" if step == 0 else str(step) for step in steps]
    told = " → ".join(words) + (" step" if steps[-1:] == [1] else " steps") if any(steps) else ""
    if steps == [0]:
        told = "before"
    closed = "in closed form" if None in every else ""
    return ", or ".join(filter(None, [told, closed]))


def _number(value: float) -> str:
    """Two digits, as `0.050`, `4.1` and `130`."""
    if not math.isfinite(value):
        return "diverged"
    return f"{value:#.2g}".rstrip(".") if value < _HUNDRED else f"{value:.4g}"


def _heights(
    scene: "learning.metalearning.loop.function_fits.Scene",
    columns: Mapping[str, "learning.metalearning.loop.function_fits.Fits"],
) -> tuple[float, float]:
    """Least and greatest y: all that is true, and of the fits what is not far from it.

    The same for all tasks: a fit that is off by 1 looks so in each of them.
    """
    parts = learning.metalearning.loop.function_fits.points(scene.batch.pooled)
    shown = [y for _, part in parts for y in part]
    if scene.truth is not None:
        shown += scene.truth.double().flatten().tolist()
    curves = (curve for found in columns.values() for curve in found.curves.values())
    finite = [y for curve in curves for task in curve for y in task if math.isfinite(y)]
    low, high = min(shown), max(shown)
    room = _BEYOND * (high - low) or 1.0
    least = max(min([low, *finite]), low - room)
    most = min(max([high, *finite]), high + room)
    edge = 0.05 * (most - least) or room
    return least - edge, most + edge


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
