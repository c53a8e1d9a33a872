"""Stage `classifier_samples`: images from a classifier by activation maximization."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from engine import learning
from engine.library.artifacts import Dataset, Gallery, Model, Samples, Scores
from engine.library.generative import inversion_gallery
from engine.library.methods.heads import said, same_shape
from engine.library.methods.ladder import network
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage

LOOKS = 5
"""How often the images are looked at on the way."""
METRIC = "attacked_confidence"
HOW = "classifier backwards"

Fault = tuple[str, str, str]
"""Place, message, hint."""


class Regularisers(Params):
    """Regularisation of the images; all off by default."""

    l2: NonNegativeFloat = 0.0
    """Weight of the sum of squared pixels."""
    tv: NonNegativeFloat = 0.0
    """Weight of the total variation, the sum of differences of neighbouring pixels."""
    blur: Annotated[NonNegativeFloat, Field(le=10)] = 0.0
    """Standard deviation, in pixels, of a Gaussian blur every `blur_every` steps."""
    blur_every: PositiveInt = 4
    """Steps between blurs."""
    jitter: NonNegativeInt = 0
    """Maximum random shift, in pixels, of each image before each step."""


class ClassifierSamples(Params):
    task: str | None = None
    """Head to maximise, if several have the dataset's classes; by default the one named as the
    dataset's task."""
    classes: Annotated[tuple[int | str, ...] | None, Field(min_length=1)] = None
    """Target classes; all by default. For an image folder, names of subfolders."""
    count: PositiveInt = 1000
    """Number of images, divided equally among the classes."""
    steps: PositiveInt = 100
    """Optimisation steps."""
    lr: PositiveFloat = 0.05
    """Learning rate of Adam, for pixels from 0 to 1."""
    objective: Literal["logit", "log_probability"] = "logit"
    """Objective to maximise: the logit of the target class, or its log-probability."""
    start: Literal["noise", "grey"] = "noise"
    """Initial images: uniform noise, or grey with a little noise."""
    regularise: Regularisers = Regularisers()
    """Regularisation of the objective and of the images."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        # A folder may be named `3`.
        if self.classes is not None and len(set(map(str, self.classes))) < len(self.classes):
            raise ValueError("`classes` names a class twice; name each once")
        return self


@dataclass(frozen=True, slots=True)
class Climbed:
    """The outputs of `classifier_samples`."""

    samples: Samples
    gallery: Gallery
    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    params: ClassifierSamples = look.params
    model, data = look.one("model") or Facts(), look.one("data") or Facts()
    same_shape(look, model, ("data",))
    for fault in (*_head_faults(params, model, data), *_class_faults(params, data)):
        look.error(*fault)
    asked, _ = _asked(params.classes, data)
    samples = Facts(
        task=data.task,
        collection=data.collection,
        shape=data.shape,
        count=params.count,
        classes=asked,
        names=data.names,
        sources=model.sources,
    )
    metrics = {f"{data.task}/{METRIC}": tuple(_marks(params.steps))}
    scores = Facts(metrics=metrics, sources=model.sources)
    return {"samples": samples, "gallery": Facts(), "scores": scores}


def _head_faults(params: ClassifierSamples, model: Facts, data: Facts) -> Iterator[Fault]:
    """Yield errors if no head, or more than one, can be maximised; none if heads are unknown."""
    if model.headless:
        message = "the model has no head to maximise"
        yield "from.model", message, "adapt it first, with `linear_probe` or `finetune`"
    if not (model.heads and data.classes):
        return
    has = ", ".join(f"{name} {said(found, data.names)}" for name, found in model.heads.items())
    fitting, task, own = _fitting(model, data), params.task, said(data.classes, data.names)
    if task is not None and task not in model.heads:
        yield "task", f"the model has no head {task}; it has {has}", "name one of these"
    elif task is not None and task not in fitting:
        told = f"the head {task} does not have the classes of {data.task}, {own}; the model has"
        yield "task", f"{told} {has}", "connect the data that this head was trained on"
    elif not fitting:
        told = f"the model has no head for {data.task}, classes {own}; it has {has}"
        yield "from.data", told, "connect the data that it was trained on"
    elif task is None and data.task not in fitting and len(fitting) > 1:
        message = f"several heads have the classes of {data.task}: {', '.join(fitting)}"
        yield "from.data", message, f"choose one: `task: {fitting[0]}`"


def _class_faults(params: ClassifierSamples, data: Facts) -> Iterator[Fault]:
    """Classes that are not there, or too few images for them."""
    asked, unknown = _asked(params.classes, data)
    if not data.classes:
        return
    if unknown:
        known = said(data.classes, data.names)
        yield "classes", f"{data.task} has no class {unknown[0]}", f"it has {known}"
    elif params.count < len(asked):
        told = f"{params.count} images cannot show {len(asked)} classes"
        yield "count", told, f"ask for {len(asked)} or more"


def _fitting(model: Facts, data: Facts) -> list[str]:
    """Heads that answer the dataset's classes."""
    return [name for name, found in model.heads.items() if tuple(found) == tuple(data.classes)]


def _asked(
    wanted: Sequence[int | str] | None, data: Facts
) -> tuple[tuple[int, ...], list[int | str]]:
    """Labels of the classes that are asked for, and those that are not there."""
    if wanted is None:
        return tuple(data.classes), []
    known = {str(data.names.get(label, label)): label for label in data.classes}
    found = dict.fromkeys(known[str(item)] for item in wanted if str(item) in known)
    return tuple(found), [item for item in wanted if str(item) not in known]


def _marks(steps: int) -> list[int]:
    return sorted({round(steps * look / LOOKS) for look in range(LOOKS + 1)})


@stage(draws=True, facts=_facts)
def classifier_samples(
    run: Run, params: ClassifierSamples, *, model: Model, data: Dataset
) -> Climbed:
    """Optimise images until a classifier is confident of a class (activation maximization).

    The classifier becomes confident of images that show nothing recognisable: it discriminates
    classes and does not model images. Inspect the gallery, and score the samples with a separate
    `judge`. `data` is the dataset that the model was trained on; only its classes and pixel scaling
    are used, no images.
    """
    known = _known(model, data)
    for _, message, hint in (*_head_faults(params, *known), *_class_faults(params, known[1])):
        raise StageError(f"{message}; {hint}")
    fitting = _fitting(*known)
    head = params.task or (data.task if data.task in fitting else fitting[0])
    labels, _ = _asked(params.classes, known[1])
    # One class after the other, so that the first so many have equal shares too.
    given = [labels[place % len(labels)] for place in range(params.count)]
    ascent = learning.generative.sampling.activation_maximization.Ascent(
        learning.generative.sampling.activation_maximization.Attacked(
            network(model, data, run.device), head, learning.data.device_data.SCALINGS[data.name]
        ),
        [data.classes.index(label) for label in given],
        shape=data.shape,
        climb=_climb(params),
        seed=run.seed("noise"),
        marks=_marks(params.steps),
        report=run.report,
    )
    if not isfinite(ascent.curve[0][1]):
        return _lost(run, data)
    for step in run.steps("ascent", params.steps, ascent):
        ascent.step(step)
    name, curve = f"{data.task}/{METRIC}", tuple(ascent.curve)
    titles = [str(known[1].names.get(label, label)) for label in labels]
    return Climbed(
        Samples(data.name, data.shape, HOW, ascent.seen[-1], tuple(given)),
        Gallery((inversion_gallery.ends(ascent, titles), inversion_gallery.ways(ascent, titles))),
        Scores({name: curve[-1][1]}, {name: curve}),
    )


def _known(model: Model, data: Dataset) -> tuple[Facts, Facts]:
    """What `_facts` is told of them where that is known before anything runs."""
    heads = {name: head.classes for name, head in model.heads.items()}
    names = dict(zip(data.classes, data.names, strict=False))
    return Facts(heads=heads, headless=not heads), Facts(
        task=data.task, classes=data.classes, names=names
    )


def _lost(run: Run, data: Dataset) -> Climbed:
    """Of a model that diverged: no images, which is a result."""
    told = "the model's outputs are not numbers: it diverged when it was trained"
    run.note(told)
    none = learning.generative.training.snapshots.none(data.shape)
    scores = Scores({}, status="diverged", notes=(told,))
    return Climbed(Samples(data.name, data.shape, told, none), Gallery(()), scores)


def _climb(
    params: ClassifierSamples,
) -> "learning.generative.sampling.activation_maximization.Climb":
    return learning.generative.sampling.activation_maximization.Climb(
        steps=params.steps,
        lr=params.lr,
        objective=params.objective,
        start=params.start,
        **params.regularise.model_dump(),
    )
