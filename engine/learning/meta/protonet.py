"""Nearest prototype, learned end to end: prototypical networks (arXiv 1703.05175).

Eq. 1-2: a class is the mean of its support features, and logits are minus the squared distance to
it. Without the query's own norm, which no softmax sees, that is a linear head 2 c, -|c|^2 (their
section 2.4).
"""

from dataclasses import dataclass

from torch import Tensor

from engine.learning.meta import heads
from engine.learning.meta.batches import TaskBatch, Weights, targets
from engine.learning.meta.closed import Closed, classes_only


@dataclass(frozen=True, slots=True)
class Protonet(Closed):
    """Nearest class mean."""

    def start(self, theta: Weights, seed: int) -> Weights:
        """Nothing; see `Algorithm`."""
        del theta, seed
        return {}

    def fit(self, theta: Weights, z: Tensor, batch: TaskBatch) -> Weights:
        """See `Closed`.

        Raises:
            ValueError: tasks of regression.
        """
        del theta
        classes_only("protonet", batch)
        one_hot = targets(batch.support, batch.outputs).to(z.dtype)  # (T, n, C)
        # A class without examples is masked from the answers; 1 keeps its mean finite.
        means = one_hot.mT @ z / one_hot.sum(1).clamp_min(1)[..., None]
        return {heads.WEIGHT: 2 * means, heads.BIAS: -means.square().sum(2)}
