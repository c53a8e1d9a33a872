"""Optimisers and the length of a training as values.

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
    """Share of the last update that the next one keeps."""
    weight_decay: NonNegativeFloat = 0.0
    """Pull of every weight toward 0, as a part of the gradient."""


class Adam(Params):
    """Adam (arXiv 1412.6980)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    weight_decay: NonNegativeFloat = 0.0
    """Pull of every weight toward 0, as a part of the gradient."""


class AdamW(Params):
    """Adam with decoupled weight decay (arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    weight_decay: NonNegativeFloat = 0.01
    """Pull of every weight toward 0, beside the gradient."""


Optimizer = Annotated[Sgd | Adam | AdamW, Field(discriminator="kind")]


class Training(Params):
    """How long and how a net is trained; stage types and methods extend it."""

    steps: PositiveInt | None = None
    """Updates in all; instead of `epochs`."""
    epochs: PositiveFloat | None = None
    """Passes over the new data; instead of `steps`."""
    batch: PositiveInt = 64
    """Images of one step, replayed ones included."""
    lr: PositiveFloat = 0.001
    """Highest learning rate."""
    optimizer: Optimizer = Adam()
    """Rule that turns gradients into updates."""
    warmup: Share = 0.0
    """Share of the steps in which the learning rate rises from 0."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """What the learning rate does after the warm-up: stay, or fall to 0 by a cosine or a line."""
    clip: PositiveFloat | None = None
    """Longest gradient: a longer one is scaled down to this norm."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give `steps` or `epochs`, not both")
        return self

    def total(self, examples: int, new: Fraction | int, otherwise: int) -> int:
        """Steps in all.

        Args:
            examples: new training images.
            new: of these in one batch, on average.
            otherwise: steps where neither `steps` nor `epochs` is given.
        """
        if self.epochs is not None:
            return max(
                1, math.ceil(learning.training.exact_counts.exact(self.epochs) * examples / new)
            )
        return self.steps or otherwise

    def recipe(self, steps: int, **more: Any) -> "learning.training.trainer.Recipe":
        """The same for the training loop."""
        return learning.training.trainer.Recipe(
            steps=steps,
            lr=self.lr,
            optimizer=self.optimizer.model_dump(),
            warmup=self.warmup,
            schedule=self.schedule,
            clip=self.clip,
            **more,
        )
