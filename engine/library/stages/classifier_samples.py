"""An idea that fails: images made by a classifier run backwards."""

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
    """What keeps images plain while they climb; each is off by default."""

    l2: NonNegativeFloat = 0.0
    """Weight of the sum of squared pixels: pulls toward black."""
    tv: NonNegativeFloat = 0.0
    """Weight of the total variation, the sum of differences of neighbouring pixels."""
    blur: Annotated[NonNegativeFloat, Field(le=10)] = 0.0
    """Standard deviation in pixels of a Gaussian blur now and then."""
    blur_every: PositiveInt = 4
    """Steps between blurs."""
    jitter: NonNegativeInt = 0
    """Each image is shifted by up to so many pixels before each step, another way each time."""


class ClassifierSamples(Params):
    task: str | None = None
    """Head of the model that is attacked, where several answer the dataset's classes; by default
    the one that is named as the dataset's task."""
    classes: Annotated[tuple[int | str, ...] | None, Field(min_length=1)] = None
    """Classes to ask for, all by default; of a folder: names of subfolders."""
    count: PositiveInt = 1000
    """Images in all, in equal shares of the classes."""
    steps: PositiveInt = 100
    """Steps up."""
    lr: PositiveFloat = 0.05
    """Step of Adam, where pixels are from 0 to 1."""
    objective: Literal["logit", "log_probability"] = "logit"
    """What is climbed: the output for the asked class, or the logarithm of its probability."""
    start: Literal["noise", "grey"] = "noise"
    """Where images start: every pixel at random, or all grey with a trace of noise."""
    regularise: Regularisers = Regularisers()
    """What the objective loses, and what is done to images on the way."""

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
    """Why no head, or more than one, can be attacked; nothing where heads are not known."""
    if model.headless:
        told = "the model has no head: a classifier is run backwards"
        yield "from.model", told, "adapt it first, with `linear_probe` or `finetune`"
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
        told = f"several heads have the classes of {data.task}: {', '.join(fitting)}"
        yield "from.data", told, f"say which one is attacked: `task: {fitting[0]}`"


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
    """Run a classifier backwards: move pixels until it is sure of a class.

    It ends sure of images that show nothing: a classifier knows what tells classes apart, not what
    an image is. Look at the gallery, and let somebody else judge the samples. `data` is what the
    model was trained on: it tells the classes and how pixels are scaled; no image is read.
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
