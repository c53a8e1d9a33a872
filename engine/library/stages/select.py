"""Choose one value of an axis by validation, and pass on what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine import learning
from engine.library.artifacts import Choice, Scores
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look, Source
from pipelines.core.stage import Params, stage
from pipelines.core.text import suggestion

Candidates = Sequence[tuple[Source, Scores]]


class Select(Params):
    over: str
    """Axis of the candidates to choose along."""
    by: str
    """Validation metric, `task/val_loss` or `task/val_accuracy`, or one that was measured on tasks
    given for validation, `val/accuracy`."""
    goal: Literal["min", "max"] = "min"
    """Whether small or large values are good."""
    pool: tuple[str, ...] = ()
    """Axes over whose values the metric is averaged, so that one choice serves them all: `[seed]`.
    By default each cell chooses for itself."""
    tie: Literal["smallest_within_1se", "best"] = "smallest_within_1se"
    """The smallest value within one standard error of the best, or the best."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What `select` tells; all other outputs are those of the chosen candidate."""

    scores: Scores
    choice: Choice


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Select = look.params
    inputs = look.inputs.get("candidates", ())
    if not all(facts.known for facts in inputs):
        return {}
    by = [facts.validated.get(params.by, frozenset()) for facts in inputs]
    look.chosen = frozenset().union(*by)
    known = {name for facts in inputs for name in facts.metrics}
    if not _validates(params.by, inputs):
        choices = sorted(name for name in known if _validates(name, inputs))
        look.error(
            "by",
            f"`{params.by}` is no validation metric: a choice by test scores would flatter them",
            suggestion(params.by, choices, "validation metrics"),
        )
    elif known and params.by not in known:
        look.error("by", f"nobody measures `{params.by}`", suggestion(params.by, sorted(known)))
    return {}


def _validates(name: str, inputs: Sequence[Facts]) -> bool:
    """Whether it is a validation metric by its name, or for every candidate that measures it."""
    if name.rpartition("/")[2].startswith("val_"):
        return True
    measuring = [facts for facts in inputs if name in facts.metrics]
    return bool(measuring) and all(name in facts.validation for facts in measuring)


@stage(mirrors="candidates", facts=_facts)
def select(run: Run, params: Select, *, candidates: tuple[Scores, ...]) -> Chosen:
    """Choose along an axis by a validation metric.

    Only the values of which the fewest candidates of the pool diverged are compared, by their means
    over those that did not. A cell whose own candidate diverged passes that on, and so does one
    whose candidates all diverged: a comparison counts it. A choice at the grid's end is told.
    """
    sources = run.sources["candidates"]
    shared = {axis: label for axis, label in run.axes.items() if axis not in params.pool}
    pooled = [
        (source, scores)
        for source, scores in zip(sources, candidates, strict=True)
        if _agrees(source, shared)
    ]
    order = _ordered(params.over, [source for source, _ in pooled])
    grid = list(dict.fromkeys(source.axes[params.over] for source, _ in pooled))
    values = _values(params, grid, pooled)
    if not values:
        return _diverged(run, params, order[0], candidates, pooled)
    means = {label: sum(found) / len(found) for label, found in values.items()}
    label = _choice(params, order, means, values)
    ends = [item for item in order if item in grid]
    edge = len(grid) > 1 and label in {ends[0], ends[-1]}
    if edge:
        run.note(
            f"{params.over}={label} ends the grid {', '.join(ends)}: a wider one may be better"
        )
    index = _place(run, params, label)
    mine = candidates[index]
    scores = replace(mine, chosen={**mine.chosen, params.over: label})
    return Chosen(scores, Choice(index, params.over, label, means, edge))


def _agrees(source: Source, wanted: Mapping[str, str]) -> bool:
    """Whether a candidate has these labels; it may have more, which a pick took from the rest."""
    return all(source.axes.get(axis, label) == label for axis, label in wanted.items())


def _values(params: Select, grid: Sequence[str], pooled: Candidates) -> dict[str, list[float]]:
    """Label -> the metric over the pool, of the labels of which the fewest candidates lack it."""
    found: dict[str, list[float]] = {label: [] for label in grid}
    lost = dict.fromkeys(grid, 0)
    for source, scores in pooled:
        label, value = source.axes[params.over], scores.metrics.get(params.by)
        if scores.status == "ok" and value is not None:
            found[label].append(value)
        else:
            lost[label] += 1
    fewest = min((lost[label] for label in grid if found[label]), default=0)
    return {label: found[label] for label in grid if found[label] and lost[label] == fewest}


def _diverged(
    run: Run, params: Select, label: str, candidates: Sequence[Scores], pooled: Candidates
) -> Chosen:
    """What is passed on where all diverged: the result at one value, which is not called chosen.

    Raises:
        StageError: some candidate did not diverge and lacks the metric.
    """
    if any(scores.status == "ok" for _, scores in pooled):
        raise StageError(f"no candidate has a value of `{params.by}`: nothing to choose from")
    run.note(f"every candidate diverged: the result at {params.over}={label} is passed on")
    index = _place(run, params, label)
    return Chosen(candidates[index], Choice(index, params.over, label))


def _place(run: Run, params: Select, label: str) -> int:
    """Which of the candidates has this cell's labels and this value."""
    wanted = {**run.axes, params.over: label}
    sources = run.sources["candidates"]
    return next(place for place, source in enumerate(sources) if _agrees(source, wanted))


def _choice(
    params: Select,
    order: Sequence[str],
    means: Mapping[str, float],
    values: Mapping[str, Sequence[float]],
) -> str:
    """The best label, or the first of `order` that is as good.

    Means that differ by the rounding of float32 are equal.
    """
    sign = 1 if params.goal == "min" else -1
    best = min(means.values(), key=lambda mean: sign * mean)
    margin = learning.evaluation.statistics.ROUNDING * abs(best)
    equal = [label for label in order if label in means and abs(means[label] - best) <= margin]
    error = learning.evaluation.statistics.standard_error(values[equal[0]])
    if params.tie == "best" or error is None:
        return equal[0]
    return next(
        label
        for label in order
        if label in means and sign * (means[label] - best) <= max(error, margin)
    )


def _ordered(axis: str, sources: Sequence[Source]) -> list[str]:
    """The labels of an axis: ascending where all values are numbers, else as they were listed."""
    numbers = {source.axes[axis]: source.number(axis) for source in sources}
    if any(number is None for number in numbers.values()):
        return list(numbers)
    return sorted(numbers, key=lambda label: numbers[label] or 0.0)
