"""Algorithms that fit a task's head in closed form on the features, or nearly so."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.algorithms.algorithm import Algorithm

LARGEST = 2000
"""Unknowns of one task's Newton system, at most: its cost grows with their cube."""


class Ridge(Algorithm):
    """Ridge regression on the features, differentiated through (arXiv 1805.08136)."""

    kind: Literal["ridge"] = "ridge"
    l2: PositiveFloat = 0.1
    """Initial value of the learned penalty."""
    scale: PositiveFloat = 10.0
    """Initial value of the learned scale of the logits."""

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        del seed
        return learning.metalearning.algorithms.ridge.Ridge(l2=self.l2, scale=self.scale)


class Newton(Algorithm):
    """Logistic regression by a few Newton steps, differentiated through (arXiv 1805.08136)."""

    kind: Literal["newton"] = "newton"
    steps: PositiveInt = 3
    """Number of Newton steps, from zero weights."""
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Maximum fraction of each Newton step that is taken."""
    l2: PositiveFloat = 0.1
    """Initial value of the learned penalty."""
    scale: PositiveFloat = 1.0
    """Initial value of the learned scale of the logits."""

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        del seed
        return learning.metalearning.algorithms.newton.Newton(
            steps=self.steps, damping=self.damping, l2=self.l2, scale=self.scale, largest=LARGEST
        )


class Protonet(Algorithm):
    """Nearest class mean in learned features (arXiv 1703.05175)."""

    kind: Literal["protonet"] = "protonet"

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        del seed
        return learning.metalearning.algorithms.protonet.Protonet()
