"""Stage `sample`: images from a generator, from random codes or along paths of codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self, cast, get_args

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from engine import learning
from engine.library.artifacts import Dataset, Gallery, Generator, Samples
from engine.library.datasets import parts
from engine.library.generative.generator_session import Diverged, judged, scene
from engine.library.generative.latent_walks import (
    PLANE,
    Interpolation,
    Manifold,
    Reconstruction,
    Traversal,
)
from engine.library.generative.random_samplers import Covariance, Draw, Matched, Mixture, Prior
from engine.library.methods.heads import said, sized
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage
from pipelines.core.text import safe_text

AnyWay = (
    Prior | Matched | Covariance | Mixture | Reconstruction | Interpolation | Traversal | Manifold
)
Name = Literal[
    "prior", "matched", "covariance", "mixture",
    "reconstruction", "interpolation", "traversal", "manifold",
]  # fmt: skip
Label = int | str
"""Of a class; of a folder it is a name."""


def way(value: Name | AnyWay) -> AnyWay:
    """A way to draw that may be named only, so that both ways of saying it have one key."""
    if not isinstance(value, str):
        return value
    return cast(
        "AnyWay",
        next(kind() for kind in get_args(AnyWay) if kind.model_fields["kind"].default == value),
    )


How = Annotated[
    Name | Annotated[AnyWay, Field(discriminator="kind")],
    AfterValidator(way),
]


class Sample(Params):
    how: How = Prior()
    """Sampler: random codes by `prior`, `matched`, `covariance` or `mixture`; or `reconstruction`,
    `interpolation`, `traversal`, `manifold`. A mapping with `kind` sets its parameters."""
    count: Annotated[PositiveInt, Field(le=100_000)] = 2000
    """Number of random images, and maximum number of reconstructions. Not supported by the other
    samplers, whose parameters determine the number."""
    classes: Annotated[tuple[Label, ...] | None, Field(min_length=1)] = None
    """Classes to condition on, in equal numbers; by default all classes of the generator. For an
    image folder, names of subfolders."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        # A folder may be named `3`.
        if self.classes is not None and len(set(map(str, self.classes))) < len(self.classes):
            raise ValueError("`classes` names a class twice; name each once")
        return self


@dataclass(frozen=True, slots=True)
class Drawn:
    """The outputs of `sample`."""

    samples: Samples
    gallery: Gallery


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Sample = look.params
    how, generator = way(params.how), look.one("generator") or Facts()
    data, kind = look.one("data"), generator.protocol.get("kind")
    points, known = kind == "autoencoder", data or Facts()
    if isinstance(how, Manifold) and generator.z not in (None, PLANE):
        message = f"`manifold` needs codes of two dimensions, and these have {generator.z}"
        look.error("how", message, "use a generator with `z: 2`, or `exclude` the others")
    if "count" in params.model_fields_set and not how.counted and "how" not in look.axes:
        message = f"`count` is not supported for `{how.kind}`: its parameters determine the number"
        look.error("count", message, "leave it out; it is allowed with an axis `how`")
    part = _part(how, known, points=points)
    if data is None and not how.optional(points=points):
        look.error("from.data", *_lacking(how, points=points))
    elif data is not None:
        _fitting(look, generator, data, part)
        _enough(look, how, data.sizes.get(part), part)
    labels = tuple(generator.classes)
    if kind is not None:
        labels, faults = _asked(params, generator.classes, known)
        for fault in faults:
            look.error(*fault)
    sources = generator.sources | {seen for seen in known.sources if seen[1] == part}
    samples = Facts(
        collection=generator.collection, shape=generator.shape, classes=labels, names=known.names,
        sources=sources, count=params.count if isinstance(how, Draw) else None,
    )  # fmt: skip
    return {"samples": samples, "gallery": Facts(sources=sources)}


def _enough(look: Look, how: AnyWay, count: int | None, part: str) -> None:
    """Report fewer images of a part than a way to draw needs."""
    needs = {"mixture": getattr(how, "components", 1), "interpolation": 2}.get(how.kind, 1)
    if count is not None and 0 < count < needs:
        told = f"`{how.kind}` needs {needs} {part} images, and there are {count}"
        look.error("how", told, "connect more images, or take fewer `components`")


def _part(how: AnyWay, data: Facts, *, points: bool) -> str:
    """The part of the data that is used; "" for none."""
    wanted = how.part(points=points)
    return (
        wanted
        if wanted != "judged"
        else judged([part for part, n in (data.sizes or data.examples).items() if n])
    )


def _lacking(how: AnyWay, *, points: bool) -> tuple[str, str]:
    """Why it cannot do without a dataset, and the fix."""
    told = {
        "train": f"`{how.kind}` needs the codes of training images, and no dataset is connected",
        "judged": f"`{how.kind}` starts from images, and no dataset is connected",
    }
    hint = "connect the dataset that the generator was trained on: `from: {data: ...}`"
    return told[how.part(points=points)], hint


def _fitting(look: Look, generator: Facts, data: Facts, part: str) -> None:
    """Report images that are not of the generator's kind, or not there."""
    if generator.collection and data.collection and generator.collection != data.collection:
        told = f"{data.task} is of {data.collection}, and the generator learned"
        look.error("from.data", f"{told} {generator.collection}", "connect what it learned from")
    elif generator.shape and data.shape and generator.shape != data.shape:
        told = f"{data.task} has images of {sized(data.shape)}, and the generator makes"
        look.error("from.data", f"{told} {sized(generator.shape)}", "connect what it learned from")
    elif part and parts.there(data, part) is False:
        look.error("from.data", f"{data.task} has no {part} images")
    elif generator.classes and data.classes and not {*generator.classes} & {*data.classes}:
        told = f"{data.task} has none of the classes of the generator"
        look.error("from.data", told, f"it has the classes {said(generator.classes, data.names)}")


def _asked(
    params: Sample, classes: Sequence[int], data: Facts
) -> tuple[tuple[int, ...], list[tuple[str, str, str]]]:
    """Labels that a generator is asked for; place, message and hint of what it cannot be asked."""
    if not classes:
        told = "the generator is unconditional, so `classes` is not supported"
        hint = "leave it out, or train the generator with `conditional: true`"
        return (), [("classes", told, hint)] if params.classes is not None else []
    named = {str(data.names.get(label, label)): label for label in classes}
    wanted = tuple(map(str, params.classes)) if params.classes is not None else tuple(named)
    labels = tuple(named[item] for item in wanted if item in named)
    hint = f"it has the classes {said(classes, data.names)}"
    if not data.task and any(isinstance(item, str) for item in params.classes or ()):
        hint = "connect what it learned from as `data`: its subfolders name the classes"
    faults = [
        (f"classes.{place}", f"the generator has no class {safe_text(item)}", hint)
        for place, item in enumerate(wanted)
        if item not in named
    ]
    if isinstance(way(params.how), Draw) and params.count < len(labels):
        told = f"{params.count} images cannot show {len(labels)} classes"
        faults.append(("count", told, f"ask for {len(labels)} or more"))
    if not faults and params.classes is not None and data.classes:
        absent = [label for label in labels if label not in data.classes]
        if absent and way(params.how).part(points=True) == "judged":
            told = f"{data.task} has no images of {said(absent, data.names)} to start from"
            faults.append(("classes", told, f"it has {said(data.classes, data.names)}"))
    return labels, faults


@stage(draws=True, facts=_facts)
def sample(run: Run, params: Sample, *, generator: Generator, data: Dataset | None = None) -> Drawn:
    """Sample images from a generator, and show some of them.

    Random codes come from the prior, or from a distribution fitted to the codes of training images
    (for a VAE, samples of q(z|x): the aggregate posterior). The other samplers reconstruct images,
    interpolate between them, traverse one dimension at a time, or cover a plane of codes. `data` is
    the dataset that the generator was trained on; it is optional for `prior`, and for `traversal`
    and `manifold` of a VAE. A generator that diverged gives no images, which evaluations report.
    """
    known = Facts(task=data.task, classes=data.classes, names=_names(data)) if data else Facts()
    labels, faults = _asked(params, generator.classes, known)
    for _, message, hint in faults:
        raise StageError(f"{message}; {hint}")
    found = scene(run, generator, data, labels, params.count)
    try:
        made = way(params.how).make(found)
    except Diverged as diverged:
        run.note(str(diverged))
        none = learning.generative.training.snapshots.none(generator.shape)
        return Drawn(Samples(generator.data, generator.shape, str(diverged), none), Gallery(()))
    for note in made.notes:
        run.note(note)
    samples = Samples(
        generator.data, generator.shape, made.how, made.pixels, found.labels_of(made.y)
    )
    return Drawn(samples, Gallery(made.shown))


def _names(data: Dataset) -> dict[int, str]:
    return dict(zip(data.classes, data.names, strict=False))
