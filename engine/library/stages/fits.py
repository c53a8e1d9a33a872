"""Stage `fits`: plots of functions fitted by learners before and after adaptation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from engine import learning
from engine.library.artifacts import Gallery, Learner, Model, TaskFamily
from engine.library.metalearning import fit_figure, leak_checks
from engine.library.metalearning.adaptation import algorithm_of, ready, stream
from engine.library.methods import AnyFewShot
from engine.library.nets import shapes
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look, Source
from pipelines.core.stage import Params, stage

_POINTS = 200
"""Points of a curve."""
_WIDE = 5
"""Learners side by side; more of them make another picture."""
_SEED = "seed"


class Fits(Params):
    method: AnyFewShot | None = None
    """Adaptation method of models, and of learners by `joint`; other learners use their own
    algorithm."""
    steps: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=5)] = (0, 1, 10)
    """Adaptation steps after which fits are shown; 0 is before adaptation."""
    count: Annotated[PositiveInt, Field(le=10)] = 3
    """Number of tasks to show, from the first; `meta_evaluate` uses the same tasks."""

    @model_validator(mode="after")
    def _adapted(self) -> Self:
        if max(self.steps) == 0:
            raise ValueError("`steps` show nothing after adaptation; add one, as 10")
        return self


@dataclass(frozen=True, slots=True)
class Fitted:
    """The output of `fits`."""

    gallery: Gallery


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Fits = look.params
    tasks, learners = look.one("tasks") or Facts(), look.inputs.get("learner", ())
    inputs, count = tasks.protocol.get("inputs"), tasks.protocol.get("count")
    if tasks.ways and tasks.ways[1]:
        hint = "connect tasks of regression, as `kind: sinusoid`"
        look.error("from.tasks", f"{tasks.task} has classes, and functions are drawn here", hint)
    elif inputs not in (None, 1):
        message = f"{tasks.task} has {inputs} inputs, and only functions of one can be plotted"
        look.error("from.tasks", message, "set `inputs: 1`, or use only `meta_evaluate`")
    elif (targets := tasks.protocol.get("targets")) not in (None, 1):
        message = f"{tasks.task} has {targets} targets, and only one can be plotted"
        look.error("from.tasks", message, "set `targets: [y]`, or use only `meta_evaluate`")
    if count is not None and params.count > count:
        look.error("count", f"{params.count} tasks, and {tasks.task} has {count}")
    for found, source in zip(learners, look.sources.get("learner", ()), strict=False):
        shapes.takes(look, "learner", tasks, found, str(source))
        leak_checks.units_of(look, "tasks", found, tasks)
        if found.protocol and found.ways and found.ways[1]:
            told = f"{source} was trained on tasks with classes, and functions are drawn here"
            look.error("from.learner", told, "connect learners of regression")
    # A learner without steps is closed in form; one of 0 steps has never adapted.
    idle = [found for found in learners if found.protocol.get("steps", 0) == 0]
    if all(found.known for found in learners):
        _method(look, params, idle)
    return {"gallery": Facts()}


def _method(look: Look, params: Fits, idle: Sequence[Facts]) -> None:
    if params.method is None:
        if idle:
            message = "a model, or a learner by `joint`, needs a `method` to adapt"
            look.error("method", message, "set `method: {kind: finetune, lr: 0.01}`")
        return
    if not idle:
        message = "`method` is not used: all connected learners adapt by their own algorithm"
        look.error("method", message, "leave it out")
    for name, message, hint in params.method.few_shot_faults(classified=False):
        look.error(f"method.{name}", message, hint)


@stage(facts=_facts)
def fits(
    run: Run, params: Fits, *, learner: tuple[Learner | Model, ...], tasks: TaskFamily
) -> Fitted:
    """Plot the functions that learners fit to a few tasks, before and after adaptation.

    One column per learner and one row per task, with the true function and the support points. Of
    several seeds, the first is shown.
    """
    steps = tuple(sorted(set(params.steps)))
    family = stream(run, tasks)
    try:
        scene = learning.metalearning.loop.function_fits.scene(family, range(params.count), _POINTS)
    except ValueError as error:
        raise StageError(f"{tasks.task}: {error}") from error
    columns: dict[str, learning.metalearning.loop.function_fits.Fits] = {}
    for place, title in titles(run.sources["learner"]).items():
        found = learner[place]
        own = found.trained["bn_stats"] if isinstance(found, Learner) else None
        method = None if _adapts(found) else params.method
        who = ready(run, found, method, scene.batch, own or "support")
        name = f"{title} + {method.kind}" if method else title
        columns[name] = learning.metalearning.loop.function_fits.fits(who, scene, steps)
    names = list(columns)
    parts = [names[first : first + _WIDE] for first in range(0, len(names), _WIDE)]
    pictures = [
        fit_figure.fits(
            "fits" if len(parts) == 1 else f"fits-{place}",
            tasks,
            scene,
            {name: columns[name] for name in part},
            steps,
        )
        for place, part in enumerate(parts, 1)
    ]
    return Fitted(Gallery(tuple(pictures)))


def _adapts(found: Learner | Model) -> bool:
    """Whether it has a way of its own to adapt."""
    return isinstance(found, Learner) and algorithm_of(found.algorithm).trained_steps != 0


def titles(sources: Sequence[Source]) -> dict[int, str]:
    """Place -> title of those that are shown: the first of each that differ only in their seed.

    A title is the labels of the axes, or the stage where it has none; and if these are not
    distinct, the whole name.
    """
    names: dict[str, int] = {}
    short = {}
    for place, source in enumerate(sources):
        axes = {axis: label for axis, label in source.axes.items() if axis != _SEED}
        if names.setdefault(str(Source(source.stage, axes)), place) == place:
            short[place] = " ".join(axes.values()) or source.stage
    if len(set(short.values())) == len(short):
        return short
    return {place: name for name, place in names.items()}
