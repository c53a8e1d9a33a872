"""Stage `likelihood`: importance-weighted bound on the likelihood of images under a VAE."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from engine import learning
from engine.library.artifacts import Dataset, Generator, Scores
from engine.library.datasets import builtin, parts
from engine.library.generative import notes
from engine.library.methods.example_counts import loaded
from engine.library.methods.heads import sized
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage
from pipelines.core.text import listed

Draws = Annotated[int, Field(ge=1, le=100_000)]


class Likelihood(Params):
    k: Annotated[tuple[Draws, ...], Field(min_length=1)] = (1, 50, 5000)
    """Code samples per image, for each bound: 1 gives the ELBO, and more a tighter bound on
    log p(x). The bounds share the samples of the largest; 10 000 images with 5000 samples take
    minutes on one core for an MLP, and hours for convolutions."""
    images: PositiveInt | None = None
    """Number of images to evaluate, always the same ones; all by default."""
    part: Literal["test", "val"] = "test"
    """Part to evaluate; to choose by likelihood, use `val`, with metrics like `task/val_nll_50`."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """The output of `likelihood`."""

    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Likelihood = look.params
    data, generator = look.one("data") or Facts(), look.one("generator") or Facts()
    if generator.protocol.get("kind") == "autoencoder":
        told = "an autoencoder has no density of images, and so no likelihood"
        look.error("from.generator", told, "take a `vae`, or judge its samples")
    if parts.there(data, params.part) is False:
        hint = "give a dataset with this part, or name another: `part: val`"
        look.error("from.data", f"{data.task} has no {params.part} examples", hint)
    _alike(look, data, generator)
    most = data.sizes.get(params.part)
    if params.images is not None and most is not None and params.images > most:
        told = f"{data.task} has {most} {params.part} images at most"
        look.error("images", told, "take fewer, or leave it out to judge by all")
    # Of a stage that tells nothing of its generator, both may come.
    logistic = generator.protocol.get("likelihood", "logistic") == "logistic"
    metrics = _names(data.task, params, logistic=logistic)
    return {"scores": Facts(metrics=dict.fromkeys(metrics, ()), sources=generator.sources)}


def _alike(look: Look, data: Facts, generator: Facts) -> None:
    """Report images that the generator does not score."""
    if generator.shape and data.shape and generator.shape != data.shape:
        told = f"{data.task} has images of {sized(data.shape)}, and the generator makes"
        look.error("from.data", f"{told} {sized(generator.shape)}", "judge it on such images")
    found, scored = builtin.levels(data.collection), builtin.levels(generator.collection)
    if generator.protocol.get("likelihood") == "logistic" and data.collection and found != scored:
        told = f"pixels of {data.task} have {found} levels, and the generator scores {scored}"
        look.error("from.data", told, f"judge it on {generator.collection}")
    lacking = set(data.classes) - set(generator.classes)
    if generator.classes and lacking:
        told = f"the generator was not trained on the classes {listed(sorted(lacking))}"
        look.error("from.data", told, "judge it on classes that it was trained on")


def _names(task: str, params: Likelihood, *, logistic: bool) -> list[str]:
    prefix = f"{task}/" if params.part == "test" else f"{task}/{params.part}_"
    kinds = ["nll", "bits_per_dim"] if logistic else ["nll"]
    return [f"{prefix}{kind}_{k}" for kind in kinds for k in sorted(set(params.k))]


@stage(facts=_facts)
def likelihood(run: Run, params: Likelihood, *, generator: Generator, data: Dataset) -> Bounded:
    """Compute the bound -L_k of a VAE on -log p(x) (arXiv 1509.00519), in nats per image.

    Images are binarised as in training of the generator, with a fixed seed; the noise of the codes
    is fixed, too. The notes say which nats can be compared.
    """
    _fits(generator, data, params.part)
    task = loaded(run, data)
    examples = task.parts[params.part]
    count = len(examples)
    if params.images is not None and params.images > count:
        raise StageError(f"{data.task} has {count} {params.part} images, not {params.images}")
    places = learning.generative.training.iwae_bound.places(examples.y, params.images)
    whole = learning.generative.models.generator.pixels(examples)
    # Of the whole part, for what is drawn for an image depends on its place.
    images = learning.generative.models.binarize.fixed(whole, _binarise(generator))[places]
    y = None
    if generator.classes:
        labels = examples.y[places]
        y = learning.generative.training.iwae_bound.renumbered(
            labels, data.classes, generator.classes
        )
    pair = learning.generative.models.generator.restore(generator, run.device)
    bound = learning.generative.training.iwae_bound.Bound(
        pair, images, y, draws=params.k, places=places
    )
    most = max(params.k)
    for step in run.steps("bound", bound.steps, bound):
        bound.step(step)
        run.report(step, **{f"nll_{most}": -bound.mean(most)})
    found = {k: -bound.mean(k) for k in params.k}
    told = _notes(generator, params, binary=learning.generative.training.iwae_bound.binary(images))
    if generator.data != data.name:
        told.append(f"trained on {generator.data}, judged on {data.name}")
    error = learning.evaluation.statistics.standard_error(bound.values(most).tolist())
    if error is not None and math.isfinite(error):
        told.append(f"nll_{most} has a standard error of {error:.2f} over {len(images)} images")
    return Bounded(_scores(params, generator, data, found, told))


def _fits(generator: Generator, data: Dataset, part: str) -> None:
    """Refuse what cannot be judged; a file that says enough is refused before anything runs."""
    if generator.kind != "vae":
        raise StageError(f"an {generator.kind} has no density of images; take a `vae`")
    if generator.shape != data.shape:
        told = "the generator makes images of {}x{}x{}, and those of {} are {}x{}x{}"
        raise StageError(told.format(*generator.shape, data.task, *data.shape))
    lacking = set(data.classes) - set(generator.classes)
    if generator.classes and lacking:
        raise StageError(
            f"{data.task}: the generator was not trained on the classes {listed(sorted(lacking))}"
        )
    if part not in data.parts or not len(data.parts[part]):
        other = "val" if part == "test" else "test"
        raise StageError(f"{data.task} has no {part} images; if it has others: `part: {other}`")
    levels = learning.generative.models.generator.levels
    if generator.likelihood["kind"] == "logistic" and levels(generator.data) != levels(data.name):
        raise StageError(
            f"pixels of {data.name} have {levels(data.name)} levels, and the generator scores "
            f"{levels(generator.data)}; judge it on {generator.data}"
        )


def _binarise(generator: Generator) -> str:
    return str(generator.trained.get("binarise", "none"))


def _scores(
    params: Likelihood,
    generator: Generator,
    data: Dataset,
    found: Mapping[int, float],
    told: list[str],
) -> Scores:
    logistic = generator.likelihood["kind"] == "logistic"
    bits = math.prod(data.shape) * math.log(2)
    ordered = [found[k] for k in sorted(found)]
    values = [*ordered, *(value / bits for value in ordered)] if logistic else ordered
    named = dict(zip(_names(data.task, params, logistic=logistic), values, strict=True))
    finite = {name: value for name, value in named.items() if math.isfinite(value)}
    whole = len(finite) == len(named)
    return Scores(finite, status="ok" if whole else "diverged", notes=tuple(told))


def _notes(generator: Generator, params: Likelihood, *, binary: bool) -> list[str]:
    """What the nats are: of which bound, which training, and which images."""
    binarise, kind = _binarise(generator), generator.likelihood["kind"]
    images = {
        "dynamic": f"one fixed seeded binarisation of the {params.part} images",
        "threshold": f"the {params.part} images cut at one half",
        "none": f"the {params.part} images as stored",
    }[binarise]
    bound = f"importance-weighted bound L_{max(params.k)} of {_trained(generator)}"
    told = [f"{bound}, nats per image of {images}"]
    if not (kind == "bernoulli" and binarise == "none" and binary):
        told.append(notes.likelihood(kind, binarise))
    if generator.classes:
        told.append("likelihood of an image given its class")
    return told


def _trained(generator: Generator) -> str:
    """`an ELBO-trained VAE`, with what was changed about the ELBO."""
    objective = generator.trained.get("objective", {"kind": "elbo"})
    if objective["kind"] == "iwae":
        return f"an IWAE-{objective['k']}-trained VAE"
    changed = {"beta": 1.0, "kl_warmup": 0.0, "free_bits": 0.0}
    other = [
        f"{name} {generator.trained[name]:g}"
        for name, value in changed.items()
        if generator.trained.get(name, value) != value
    ]
    return f"an ELBO-trained VAE ({', '.join(other)})" if other else "an ELBO-trained VAE"
