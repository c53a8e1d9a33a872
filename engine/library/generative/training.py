"""Training of one stage: what an autoencoder and a VAE have in common."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.artifacts import Dataset, Gallery, Generator, Model, Scores
from engine.library.generative import likelihoods, notes, training_gallery
from engine.library.generative.coders import Coder, MlpCoder
from engine.library.generative.likelihoods import Likelihood
from engine.library.methods.example_counts import loaded
from engine.library.optimizers import Training
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

EPOCHS = 12
"""Where a file gives neither steps nor epochs."""
LOOKS = 5
"""How often it is validated on the way."""
_NAMES = {"autoencoder": "An autoencoder", "vae": "A VAE"}
_DIVERGED = (
    "diverged: the loss was infinite or undefined, or a thousand times its start; take a lower "
    "`lr`, or say `clip: 10`"
)
_LISTED = 8
"""Dimensions whose KL a note names."""
SHOTS = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
"""Shares of the steps after which snapshots are made: training changes most when it begins."""


class Fitting(Training):
    """Parameters of autoencoders and VAEs."""

    epochs: PositiveFloat | None = None
    """Passes over the data; 12 by default. Instead of `steps`."""
    batch: PositiveInt = 128
    """Batch size."""
    net: Coder = MlpCoder()
    """Architecture of encoder and decoder."""
    z: Annotated[PositiveInt, Field(le=10_000)]
    """Dimensions of the latent code."""
    likelihood: Likelihood = "bernoulli"
    """Likelihood of pixels from 0 to 1: `bernoulli`, `logistic`, or {kind: gaussian, sigma: a
    number, optimal or learned}."""
    sigma_lr: PositiveFloat | None = None
    """Peak learning rate of the learned scale of a Gaussian or logistic likelihood; `lr` by
    default."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The outputs of `autoencoder` and `vae`."""

    generator: Generator
    encoder: Model
    scores: Scores
    gallery: Gallery


@dataclass(frozen=True, slots=True)
class Way:
    """What the two differ in.

    Attributes:
        kind: which of them.
        objective: what is made small.
        binarise: see `learning.generative.models.binarize`.
        conditional: whether the classes are told.
        told: more for the reader of a `Generator`.
    """

    kind: Literal["autoencoder", "vae"]
    objective: "learning.generative.training.objective.Objective"
    binarise: str = "none"
    conditional: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)


def trained(run: Run, params: Fitting, data: Dataset, way: Way) -> Trained:
    """Train a pair from random weights, judge it, and draw what it makes.

    Raises:
        StageError: the net does not fit the images.
    """
    task = loaded(run, data, needs=("train",))
    likelihood, portable = likelihoods.fields(params.likelihood), learning.training.weights.portable
    design = learning.generative.models.autoencoder.Design(
        params.net.model_dump(), task.shape, params.z, data.name,
        classes=len(data.classes) if way.conditional else 0, spread=way.kind == "vae",
    )  # fmt: skip
    try:
        pair = learning.generative.models.generator.begin(design, likelihood, run.seed("init"))
    except ValueError as error:
        raise StageError(f"{data.task}: {error}") from error
    trainer = _trainer(run, params, way, pair.to(run.device), task)
    steps, count = trainer.plan.recipe.steps, len(task.parts["train"])
    for step in run.steps("train", steps, trainer):
        trainer.step(step)
    trainer.finish()
    nats = notes.likelihood(likelihood["kind"], way.binarise)
    told = {
        **way.told, "binarise": way.binarise, "steps": steps, "examples": count, "note": nats,
        "epochs": round(steps * params.batch / count, 2),
    }  # fmt: skip
    generator = Generator(
        way.kind, design.net, params.z, likelihood, data.name, task.shape,
        data.classes if way.conditional else (), told, portable(pair.state_dict()),
    )  # fmt: skip
    net = learning.generative.models.autoencoder.encoder(design)
    encoder = Model(net, task.shape, {}, portable(pair.coder.backbone()))
    scores, kl = _scores(trainer, task, way.binarise, nats)
    scene = training_gallery.Scene(
        f"{_NAMES[way.kind]} with z = {params.z}", data, way.conditional, kl, trainer.diverged
    )
    return Trained(
        generator, encoder, scores, training_gallery.gallery(trainer.snapshots, scene, steps)
    )


def _trainer(
    run: Run,
    params: Fitting,
    way: Way,
    pair: "learning.generative.models.generator.Pair",
    task: "learning.data.device_data.Task",
) -> "learning.generative.training.trainer.GenerativeTrainer":
    count = len(task.parts["train"])
    steps = params.total(count, params.batch, -(-EPOCHS * count // params.batch))
    seeds = learning.generative.training.trainer.Seeds(
        run.seed("order"), run.seed("augment"), run.seed("noise")
    )
    shots = sorted({round(share * steps) for share in SHOTS})
    return learning.generative.training.trainer.GenerativeTrainer(
        pair,
        learning.generative.training.trainer.Images(task, way.binarise, seeds),
        learning.generative.training.trainer.Plan(
            params.recipe(steps), way.objective, params.batch, params.sigma_lr
        ),
        seeds=seeds,
        watch=learning.training.monitor.Watch(
            lambda: _measured(pair, task, way.binarise, "val").metrics,
            marks(steps),
            report=run.report,
            tell=run.note,
        ),
        snapshots=learning.generative.training.snapshots.Snapshots(
            pair, task, way.binarise, shots, run.seed("noise")
        ),
        report=run.report,
    )


def _measured(
    pair: "learning.generative.models.generator.Pair",
    task: "learning.data.device_data.Task",
    binarise: str,
    part: str,
) -> "learning.generative.training.validation.Assessed":
    """What is measured of a part, with the metrics' full names; nothing where there is no part."""
    if part not in task.parts:
        return learning.generative.training.validation.Assessed({})
    found = learning.generative.training.validation.assess(pair, task.parts[part], binarise)
    prefix = "val_" if part == "val" else ""
    return replace(
        found, metrics={f"{task.name}/{prefix}{name}": x for name, x in found.metrics.items()}
    )


def _scores(
    trainer: "learning.generative.training.trainer.GenerativeTrainer",
    task: "learning.data.device_data.Task",
    binarise: str,
    nats: str,
) -> tuple[Scores, tuple[float, ...]]:
    """The scores, and the KL of each dimension on the part whose images are shown."""
    shown, found = trainer.snapshots.part, dict[str, float]()
    kl: tuple[float, ...] = ()
    for part in {"test", "val", shown}:
        measured = _measured(trainer.pair, task, binarise, part)
        found |= measured.metrics if part != "train" else {}
        kl = measured.kl if part == shown and not trainer.diverged else kl
    told = [nats] if any(name.endswith("neg_elbo") for name in found) else []
    if kl:
        told.append(_dimensions(kl, shown))
    if trainer.diverged:
        told.append(_DIVERGED)
    scores = Scores(
        metrics={name: value for name, value in sorted(found.items()) if math.isfinite(value)},
        curves={name: tuple(curve) for name, curve in trainer.watch.curves.items()},
        status="diverged" if trainer.diverged else "ok",
        notes=tuple(told),
    )
    return scores, kl


def _dimensions(kl: tuple[float, ...], part: str) -> str:
    """A note of the largest KL."""
    largest = sorted(kl, reverse=True)
    some = ", ".join(f"{nats:.2f}" for nats in largest[:_LISTED])
    more = f" … {largest[-1]:.2f}" if len(largest) > _LISTED else ""
    return f"KL of each dimension on the {part} part, in nats: {some}{more}"


def marks(steps: int) -> list[int]:
    """Steps after which it is validated."""
    return sorted({round(steps * look / LOOKS) for look in range(1, LOOKS + 1)} - {0})
