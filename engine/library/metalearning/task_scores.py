"""From the scores of many tasks to figures: the headline, what is said beside it, by ways."""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

from engine.library.artifacts import Learner, Model, Scores, TaskFamily
from engine.library.metalearning import draw_checks
from engine.library.metalearning.adaptation import algorithm_of
from engine.library.methods.method import FewShot
from pipelines.core.facts import Facts
from pipelines.core.text import numbered

if TYPE_CHECKING:
    from engine.learning.metalearning.loop.evaluation import Judging
    from engine.learning.metalearning.nets.stacked import Net

_Value = TypeVar("_Value")
TRANSDUCTIVE = {"query", "joint"}
FEWEST_OF_WAYS = 2
"""Tasks with as many classes from which a mean of their own is told."""


def by_ways(tasks: Facts) -> list[str]:
    """Names of the metrics of tasks with one number of classes, where it varies."""
    if not tasks.ways or tasks.ways[0] == tasks.ways[1]:
        return []
    ways = range(tasks.ways[0], tasks.ways[1] + 1)
    return [f"{name}@ways={count}" for name in tasks.metrics for count in ways]


def headline(
    wanted: int | str | None,
    source: Learner | Model,
    method: FewShot | None,
    found: Mapping[str, "Judging"],
) -> tuple[int, list[str]]:
    """The step that gives the figure, and how it came to be that one."""
    marks = found["test"].marks("loss")
    if marks == [0]:
        told = [f"no steps, so `headline: {wanted}` does nothing"] if wanted else []
        return 0, told
    if wanted == "chosen_on_validate":
        tasks = found["validate"]
        metric = "accuracy" if tasks.marks("accuracy") else "loss"
        sign = -1 if metric == "accuracy" else 1
        # Of equals the fewest steps.
        mark = min(marks, key=lambda step: (sign * _mean(tasks.values(metric, step)), step))
        return mark, [f"headline at step {mark}, chosen on validation tasks"]
    if isinstance(wanted, int):
        return wanted, [f"headline at step {wanted}"]
    steps = None
    if method is None and isinstance(source, Learner):
        steps = algorithm_of(source.algorithm).trained_steps
    if steps in marks:
        return steps, [f"headline at step {steps}, as trained"]
    return marks[-1], [f"headline at step {marks[-1]}"]


def notes(net: "Net", family: TaskFamily, bn_stats: str) -> list[str]:
    """What a reader of the figures must know of how they came about."""
    if not net.batch_normed:
        return ["not transductive"]
    if bn_stats not in TRANSDUCTIVE:
        return [f"not transductive: batch norm by {bn_stats} statistics"]
    low, high = family.queries
    each = "a class" if family.ways[1] else "a task"
    count = str(low) if low == high else f"{low} to {high}"
    return [f"transductive: batch norm by {bn_stats} statistics, {count} queries {each}"]


def diverged(
    source: Learner | Model,
    families: Mapping[str, TaskFamily | None],
    found: Mapping[str, "Judging"],
    mark: int,
) -> list[str]:
    """Why the figures are of something that diverged, in words; nothing where they are not.

    Args:
        source: who is judged.
        families: `test`, and `validate` or None.
        found: their judging, under the same names.
        mark: step of the headline.
    """
    learned = isinstance(source, Learner)
    told = []
    if isinstance(source, Learner) and source.trained.get("diverged"):
        told.append("the learner diverged when it was trained")
    for name, judging in found.items():
        family = families[name]
        if family is not None:
            told += exploded(family.task, judging, mark, start=not learned)
    return told


def lost_points(
    source: Learner | Model,
    families: Mapping[str, TaskFamily | None],
    found: Mapping[str, "Judging"],
    mark: int,
) -> list[str]:
    """Points of the curve that diverged where the headline did not, in words; see `diverged`."""
    start = not isinstance(source, Learner)
    return [
        reason
        for name, judging in found.items()
        if (family := families[name]) is not None
        for step in judging.marks("loss")
        if step != mark
        for reason in exploded(family.task, judging, step, start=start)
    ]


def exploded(task: str, judging: "Judging", mark: int, *, start: bool) -> list[str]:
    """On how many tasks an adaptation diverged, in words; nothing where on none.

    One is enough: a mean over tasks of which one exploded says nothing of the others.

    Args:
        task: label of the tasks.
        judging: on them.
        mark: steps of adaptation.
        start: see `Judging.exploded`.
    """
    count = judging.exploded(mark, start=start)
    if not count:
        return []
    losses = judging.values("loss", mark)
    after = f"after {numbered(mark, 'steps')} " if mark else ""
    told = f"diverged {after}on {count} of {numbered(len(losses), 'tasks')} of {task}"
    loss, constant = _mean(losses), judging.constant
    if isfinite(loss):
        told += f": a mean loss of {loss:.3g}"
        told += f", and a constant answer has {constant:.3g}" if constant else ""
    return [told]


def scores(
    tasks: TaskFamily,
    validate: TaskFamily | None,
    found: Mapping[str, "Judging"],
    mark: int,
    told: list[str],
    digest: str,
    *,
    failed: bool = False,
) -> Scores:
    """The figures of the headline, the value of each task, and the curves."""
    each: dict[str, tuple[float, ...]] = {}
    points: dict[str, tuple[float, ...]] = {}
    parts: dict[str, tuple[tuple[float, ...], ...]] = {}
    curves: dict[str, tuple[tuple[int, float], ...]] = {}
    families = {"validate": validate, "test": tasks}
    known = {name: family for name, family in families.items() if family is not None}
    for name, family in known.items():
        judging = found[name]
        for metric in filter(judging.marks, ("accuracy", "loss")):
            marks, label = judging.marks(metric), f"{family.task}/{metric}"
            each |= _split(label, judging.values(metric, mark), judging.ways, family)
            parts |= _split(label, judging.by_class(metric, mark), judging.ways, family)
            if len(marks) > 1:
                values = {step: judging.values(metric, step) for step in marks}
                curves[label] = tuple((step, _mean(v)) for step, v in values.items())
            if len(marks) > 1 and name == "test":
                points |= {f"{label}@step={m}": tuple(v) for m, v in values.items()}
                by_class = {m: tuple(judging.by_class(metric, m)) for m in marks}
                parts |= {f"{label}@step={m}": v for m, v in by_class.items()}
    # Where one task's loss is no number, an accuracy beside it says nothing.
    lost = failed or not all(map(isfinite, each[f"{tasks.task}/loss"]))
    each = {name: values for name, values in each.items() if all(map(isfinite, values))}
    metrics = {name: _mean(values) for name, values in each.items()}
    curves = {n: tuple(point for point in c if isfinite(point[1])) for n, c in curves.items()}
    each |= {n: values for n, values in points.items() if all(map(isfinite, values))}
    units = draw_checks.units(known, found)
    return Scores(
        metrics=metrics,
        curves=curves,
        status="diverged" if lost else "ok",
        notes=(*told, *draw_checks.notes(units.get(tasks.task))),
        family=digest,
        each=each,
        by_class={name: values for name, values in parts.items() if name in each and values},
        units=units,
    )


def _split(
    label: str, values: list[_Value], ways: list[int], family: TaskFamily
) -> dict[str, tuple[_Value, ...]]:
    found = {label: tuple(values)}
    low, high = family.ways
    for count in range(low, high + 1) if low < high else ():
        own = tuple(v for v, way in zip(values, ways, strict=True) if way == count)
        if len(own) >= FEWEST_OF_WAYS:
            found[f"{label}@ways={count}"] = own
    return found


def _mean(values: tuple[float, ...] | list[float]) -> float:
    return sum(values) / len(values)
