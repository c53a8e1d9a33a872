"""Reptile: move toward where training on each task ends."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from engine import learning
from engine.library.algorithms.algorithm import Stepwise
from engine.library.optimizers import Share


class Reptile(Stepwise):
    """Move toward where training on each task ends (arXiv 1803.02999).

    Not MAML's use of a task: support and query are pooled, and its outer rate is a share of the
    way. By default that share falls from 1 to 0.
    """

    kind: Literal["reptile"] = "reptile"
    inner_lr: PositiveFloat = 0.001
    """Rate of the inner optimiser."""
    inner_batch: PositiveInt = 10
    """Examples of one inner step."""
    shots: PositiveInt | None = None
    """Examples of each class to train on, support and query together; those of the tasks by
    default."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Of the inner loop; Adam with beta1 = 0, whose state goes on from task to task."""
    beta2: Share = 0.999
    """Of Adam."""

    @property
    def pooled_shots(self) -> int | None:
        """See `Algorithm`."""
        return self.shots

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        return learning.metalearning.algorithms.reptile.Reptile(
            steps=self.steps,
            lr=self.inner_lr,
            inner_batch=self.inner_batch,
            optimizer=self.optimizer,
            beta2=self.beta2,
            head=self.head,
            seed=seed,
        )
