"""Reptile: move toward the weights adapted to each task."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from engine import learning
from engine.library.algorithms.algorithm import Stepwise
from engine.library.optimizers import Share


class Reptile(Stepwise):
    """Move toward the weights adapted to each task (arXiv 1803.02999).

    Unlike MAML it pools support and query, and its outer learning rate is a step size toward the
    adapted weights, which by default decays from 1 to 0.
    """

    kind: Literal["reptile"] = "reptile"
    inner_lr: PositiveFloat = 0.001
    """Learning rate of the inner loop."""
    inner_batch: PositiveInt = 10
    """Batch size of the inner loop."""
    shots: PositiveInt | None = None
    """Training examples per class, support and query together; by default those of the tasks."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Optimiser of the inner loop; Adam has beta1 = 0, and its state carries over between tasks."""
    beta2: Share = 0.999
    """Beta2 of Adam."""

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
