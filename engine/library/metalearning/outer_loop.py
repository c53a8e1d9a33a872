"""Parameters of the outer loop of meta-training: budget, optimiser, early stopping."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.algorithms import Algorithm
from engine.library.optimizers import Adam, AdamW, Sgd, Share
from pipelines.core.stage import Params


class Budget(Params):
    """Length of meta-training."""

    tasks: PositiveInt
    """Number of tasks. Task i is the same for every `meta_batch`."""


class Rate(Params):
    """Learning rate of the outer loop and its schedule."""

    lr: PositiveFloat = 0.001
    """Peak learning rate. For Reptile with `kind: sgd`, the step size toward the adapted weights, 1
    for all the way."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """Learning rate after the warm-up: constant, or cosine or linear decay to 0."""
    warmup: Share = 0.0
    """Fraction of the steps in which the learning rate rises linearly from 0."""
    clip: PositiveFloat | None = None
    """Maximum norm of the meta-gradient; larger ones are scaled down."""

    def recipe(self, steps: int) -> "learning.training.trainer.Recipe":
        """Return these parameters for the training loop."""
        return learning.training.trainer.Recipe(
            steps=steps,
            lr=self.lr,
            optimizer=self.model_dump(exclude={"lr", "schedule", "warmup", "clip"}),
            warmup=self.warmup,
            schedule=self.schedule,
            clip=self.clip,
        )


class OuterSgd(Sgd, Rate):
    """Gradient descent on the mean over tasks."""


class OuterAdam(Adam, Rate):
    """Adam on the mean over tasks."""


class OuterAdamW(AdamW, Rate):
    """AdamW on the mean over tasks."""


Outer = Annotated[OuterSgd | OuterAdam | OuterAdamW, Field(discriminator="kind")]


class Patience(Params):
    """Early stopping by the validation tasks."""

    every: PositiveInt
    """Tasks between evaluations, rounded up to whole meta-batches."""
    patience: PositiveInt = 5
    """Evaluations without improvement after which training stops."""
    by: Literal["loss", "accuracy"] = "loss"
    """Metric to monitor."""
    restore: Literal["best", "last"] = "best"
    """Weights to keep: of the best evaluation, or the last ones."""


def usual(algorithm: Algorithm) -> Outer:
    """Return the default outer optimiser: SGD with linear decay for Reptile, else Adam."""
    if algorithm.kind == "reptile":
        return OuterSgd(lr=1.0, schedule="linear")
    return OuterAdam()
