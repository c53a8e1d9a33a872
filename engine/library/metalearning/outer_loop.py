"""The outer loop of meta-training as values: budget, optimiser, early stopping."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.algorithms import Algorithm
from engine.library.optimizers import Adam, AdamW, Sgd, Share
from pipelines.core.stage import Params


class Budget(Params):
    """How much is learned from."""

    tasks: PositiveInt
    """Tasks in all. Task number i is the same one whatever `meta_batch` is."""


class Rate(Params):
    """How far an outer step goes."""

    lr: PositiveFloat = 0.001
    """Highest rate. Of Reptile with `kind: sgd` it is the share of the way."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """What the rate does after the warm-up: stay, or fall to 0 by a cosine or a line."""
    warmup: Share = 0.0
    """Share of the steps in which the rate rises from 0."""
    clip: PositiveFloat | None = None
    """Longest meta-gradient: a longer one is scaled down to this norm."""

    def recipe(self, steps: int) -> "learning.training.trainer.Recipe":
        """The same for the loop."""
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
    """Tasks between looks, rounded up to whole meta-batches."""
    patience: PositiveInt = 5
    """Looks without a better value that end the training."""
    by: Literal["loss", "accuracy"] = "loss"
    """What has to get better."""
    restore: Literal["best", "last"] = "best"
    """Weights to keep."""


def usual(algorithm: Algorithm) -> Outer:
    """The outer optimiser where a file names none: Reptile's own, else Adam along a cosine."""
    if algorithm.kind == "reptile":
        return OuterSgd(lr=1.0, schedule="linear")
    return OuterAdam()
