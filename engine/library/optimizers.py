"""Parameters of optimisers and of the length of training.

The code is in `engine.learning.training.trainer`.
"""

import math
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from engine import learning
from pipelines.core.stage import Params

Share = Annotated[float, Field(ge=0, lt=1)]


class Sgd(Params):
    """Stochastic gradient descent."""

    kind: Literal["sgd"] = "sgd"
    momentum: Share = 0.0
    """Momentum factor."""
    weight_decay: NonNegativeFloat = 0.0
    """L2 penalty, added to the gradient."""


class Adam(Params):
    """Adam (arXiv 1412.6980)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    weight_decay: NonNegativeFloat = 0.0
    """L2 penalty, added to the gradient."""


class AdamW(Params):
    """Adam with decoupled weight decay (arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled weight decay, applied directly to the weights."""


Optimizer = Annotated[Sgd | Adam | AdamW, Field(discriminator="kind")]


class Training(Params):
    """Training parameters, which stage types and methods extend."""

    steps: PositiveInt | None = None
    """Number of updates; instead of `epochs`."""
    epochs: PositiveFloat | None = None
    """Passes over the new data; instead of `steps`."""
    batch: PositiveInt = 64
    """Batch size, including replayed images."""
    lr: PositiveFloat = 0.001
    """Peak learning rate."""
    optimizer: Optimizer = Adam()
    """Optimiser."""
    warmup: Share = 0.0
    """Fraction of the steps in which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """Learning rate after the warm-up: constant, or cosine or linear decay to 0."""
    clip: PositiveFloat | None = None
    """Maximum gradient norm; larger gradients are scaled down."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give `steps` or `epochs`, not both")
        return self

    def total(self, examples: int, new: Fraction | int, otherwise: int) -> int:
        """Return the number of steps.

        Args:
            examples: number of new training images.
            new: number of these in one batch, on average.
            otherwise: number of steps if neither `steps` nor `epochs` is given.
        """
        if self.epochs is not None:
            return max(
                1, math.ceil(learning.training.exact_counts.exact(self.epochs) * examples / new)
            )
        return self.steps or otherwise

    def recipe(self, steps: int, **more: Any) -> "learning.training.trainer.Recipe":
        """Return these parameters for the training loop."""
        return learning.training.trainer.Recipe(
            steps=steps,
            lr=self.lr,
            optimizer=self.optimizer.model_dump(),
            warmup=self.warmup,
            schedule=self.schedule,
            clip=self.clip,
            **more,
        )
